"""“sheriffwatch slack listen” with signed requests: a process with a port of its own, and what strangers send to it."""

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from urllib.parse import urlencode

import httpx
import pytest
import sqlalchemy as sa

from models import Event, Review
from monitor.slack.signature import sign

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]


@pytest.fixture
def listener(room, tmp_path):
    """A client in front of the process; the room's database and Slack are behind it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = tmp_path / "signed.toml"
    settings = (tmp_path / "slack.toml").read_text().replace(f'app_token = "{room.slack.app_token}"', "")
    file.write_text(settings.replace("[slack]", f'[slack]\nlisten = "127.0.0.1:{port}"'))
    with (tmp_path / "listen.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "monitor", "slack", "listen", "--config", str(file)], stdout=log, stderr=log
        )
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client:
            try:
                _wait_for(client, process, tmp_path / "listen.log")
                yield client
            finally:
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 0
    said = (tmp_path / "listen.log").read_text()
    assert "signed requests at http://127.0.0.1" in said
    assert "Traceback" not in said
    assert "very secret" not in said


def _wait_for(client, process, log):
    give_up_at = time.monotonic() + 30
    while True:
        try:
            client.get("/")
            return
        except httpx.ConnectError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < give_up_at, log.read_text()
            time.sleep(0.1)


def send(client, body, *, secret="very secret", at=None, **headers):
    at = int(time.time()) if at is None else at
    signed = {"X-Slack-Request-Timestamp": str(at), "X-Slack-Signature": sign(secret, at, body)} | headers
    return client.post("/slack/interactive", content=body, headers=signed)


def announced(client, body, *, secret="very secret"):
    """The answer to a body of which only the headers are sent: the refusal of a large one waits for no more.

    Sent in full it may be lost: the door shuts while the megabytes still come, and their reset overtakes the answer.
    """
    at = int(time.time())
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port, timeout=10)
    connection.putrequest("POST", "/slack/interactive")
    connection.putheader("Content-Length", str(len(body)))
    connection.putheader("X-Slack-Request-Timestamp", str(at))
    connection.putheader("X-Slack-Signature", sign(secret, at, body))
    connection.endheaders()
    with contextlib.closing(connection), connection.getresponse() as answer:
        return httpx.Response(answer.status)


def test_a_signed_press_is_done_and_shown_and_a_forged_one_leaves_no_trace(room, listener):
    body = urlencode({"payload": json.dumps(room.pressed("triage_confirm"))}).encode()
    now = int(time.time())
    forged = [
        send(listener, body, secret="guessed"),
        send(listener, body, at=now - 301),
        send(listener, body, at=now + 310),
        send(listener, body, **{"X-Slack-Signature": ""}),
        announced(listener, b"payload=" + b"a" * 3_000_000),
        listener.post("/slack/interactive", content=body),
    ]
    assert [answer.status_code for answer in forged] == [401] * len(forged)
    with room.db.read() as session:
        assert session.execute(sa.select(sa.func.count()).select_from(Review)).scalar() == 0
        assert session.execute(sa.select(sa.func.count()).select_from(Event)).scalar() == 0

    started = time.monotonic()
    assert send(listener, body).status_code == 200
    assert time.monotonic() - started < 3
    give_up_at = time.monotonic() + 15
    while "dana: confirmed" not in room.said:
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
    assert send(listener, body).status_code in (200, 401), "signed in another second it is another request"
    with room.db.read() as session:
        assert session.execute(sa.select(sa.func.count()).select_from(Review)).scalar() == 1
