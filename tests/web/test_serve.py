import json
import re
import subprocess
import sys
import urllib.error
import urllib.request

import pytest


@pytest.mark.slow
def test_the_api_is_served_and_reads_only_with_a_token(config_file, db):
    def sheriffwatch(*arguments):
        return [sys.executable, "-m", "monitor", *arguments, "--config", str(config_file)]

    subprocess.run(sheriffwatch("user", "add", "ana", "--role", "viewer"), capture_output=True, check=True)
    made = subprocess.run(sheriffwatch("api", "token", "ana"), capture_output=True, text=True, check=True)
    serving = subprocess.Popen(sheriffwatch("api", "serve", "--port", "18765"), stderr=subprocess.PIPE, text=True)
    try:
        url = re.search(r"http://\S+", serving.stderr.readline()).group()

        def ask(token):
            request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
            for _ in range(100):
                try:
                    with urllib.request.urlopen(request, timeout=5) as answer:
                        return answer.status, json.load(answer)
                except urllib.error.HTTPError as refused:
                    with refused:
                        return refused.code, None
                except urllib.error.URLError:
                    import time

                    time.sleep(0.1)
            raise AssertionError("the API did not start")

        assert ask(made.stdout.strip()) == (200, {"items": [], "next": None})
        assert ask("swt_wrong")[0] == 401
    finally:
        serving.terminate()
        serving.wait(timeout=20)
        serving.stderr.close()
