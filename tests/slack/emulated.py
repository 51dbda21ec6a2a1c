"""A Slack that others wrote: the npm package ``emulate``, installed once into the user's cache."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

EMULATE, NODE = "emulate@0.12.2", "node@22"
"""Later versions of ``emulate`` are something else; this one needs Node 22."""
SCOPES = ["chat:write", "channels:read", "channels:history", "files:write", "files:read"]
TOKEN, NARROW_TOKEN = "xoxb-all-scopes", "xoxb-reads-only"
_INSTALL_S, _START_S = 300, 30
_AGAIN_S = (2, 10)
"""Pauses before an installation is tried again."""


@dataclass
class Emulator:
    """One that runs: ``url``, and the id of its channel ``alerts``."""

    url: str
    channel: str = ""

    def ask(self, method: str, token: str = TOKEN, **arguments: Any) -> dict[str, Any]:
        """Ask one method as somebody else than the product."""
        request = urllib.request.Request(
            f"{self.url}/api/{method}",
            data=json.dumps(arguments).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return json.load(answer)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What stands in the channel, oldest first."""
        listed = self.ask("conversations.history", channel=self.channel, include_all_metadata=True)["messages"]
        return listed[::-1]


class EmulatorMissingError(Exception):
    """The package is not there and cannot be installed; the text says why."""


def installed() -> Path:
    """The folder that holds the package, which is installed if need be. Raises EmulatorMissingError."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sheriffwatch-tests" / "emulate-0.12.2"
    if (folder / "installed").exists():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise EmulatorMissingError("npm is not installed (apt-get install npm): the Slack emulator is an npm package")
    for pause_s in (0, *_AGAIN_S):
        time.sleep(pause_s)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        done = subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), EMULATE, NODE],
            capture_output=True,
            text=True,
            timeout=_INSTALL_S,
        )
        if done.returncode == 0:
            (folder / "installed").touch()
            return folder
    raise EmulatorMissingError(f"npm cannot install {EMULATE}: {done.stderr.strip()[-200:]}")


def installed_or_skipped() -> Path:
    """As :func:`installed`; where that cannot be, the test is skipped, or fails where the environment says so."""
    try:
        return installed()
    except EmulatorMissingError as error:
        if os.environ.get("SHERIFFWATCH_TESTS_EMULATOR") == "required":
            pytest.fail(str(error))
        pytest.skip(str(error))


@contextmanager
def running(scratch: Path) -> Iterator[Emulator]:
    """An emulator on a loopback port, strict about scopes."""
    packages = installed_or_skipped() / "node_modules"
    seed = {
        "slack": {
            "team": {"name": "Example", "domain": "example"},
            "strict_scopes": True,
            "users": [{"name": "dana", "real_name": "Dana"}],
            "channels": [{"name": "alerts"}],
            "tokens": [
                {"token": TOKEN, "user": "dana", "scopes": SCOPES},
                {"token": NARROW_TOKEN, "user": "dana", "scopes": ["channels:read"]},
            ],
        }
    }
    file = scratch / "seed.json"
    file.write_text(json.dumps(seed))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = [packages / "node" / "bin" / "node", packages / "emulate" / "dist" / "index.js"]
    log = (scratch / "emulate.log").open("wb")
    process = subprocess.Popen(
        [*map(str, program), "start", "--service", "slack", "--port", str(port), "--seed", str(file)],
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=scratch,
    )
    try:
        yield _ready(Emulator(f"http://127.0.0.1:{port}"), process, scratch / "emulate.log")
    finally:
        process.terminate()
        process.wait(10)
        log.close()


def _ready(emulator: Emulator, process: subprocess.Popen[bytes], log: Path) -> Emulator:
    give_up_at = time.monotonic() + _START_S
    while True:
        try:
            channels = emulator.ask("conversations.list")["channels"]
            break
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < give_up_at, log.read_text()
            time.sleep(0.1)
    emulator.channel = next(channel["id"] for channel in channels if channel["name"] == "alerts")
    return emulator


if __name__ == "__main__":
    try:
        print(f"{EMULATE} with {NODE} is installed in {installed()}")
    except EmulatorMissingError as error:
        raise SystemExit(f"{error}; the tests against it will skip") from None
