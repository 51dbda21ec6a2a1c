"""``python -m monitor.sample``: the sample server alone, until interrupted."""

import argparse
import shlex
import signal
import sys
import threading

from monitor.sample.server import SampleServer


def main() -> int:
    """Serve until SIGINT or SIGTERM; 1 when the port is taken."""
    parser = argparse.ArgumentParser(prog="python -m monitor.sample", description=__doc__)
    parser.add_argument("--port", type=int, default=8799, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--accounts", type=int, default=0, help="light accounts to add for each platform")
    options = parser.parse_args()
    try:
        server = SampleServer(port=options.port, accounts=options.accounts)
    except OSError as error:
        print(f"Port {options.port} on 127.0.0.1 cannot be used: {error.strerror}. Try --port 0.", file=sys.stderr)
        return 1
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with server:
        print(f"# sample offices at {server.url}; config.toml needs:")
        print(f'[http]\nallow_private = ["127.0.0.1:{server.port}"]\n[sources.bluesky]\nappview = "{server.url}"\n')
        for account in server.accounts()[: len(server.accounts()) if options.accounts == 0 else 8]:
            print(
                f"sheriffwatch account add {account['platform']} {shlex.quote(account['address'])}"
                f" --agency {shlex.quote(account['agency'])} --state {account['state']}"
            )
        sys.stdout.flush()
        stopped.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
