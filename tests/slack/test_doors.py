"""Socket Mode and signed requests: what comes in, and what is kept out."""

import asyncio
import json
import threading
import time
from contextlib import contextmanager
from urllib.parse import urlencode

import httpx
import pytest
import sqlalchemy as sa

from models import Event, Review
from models.clock import utcnow
from monitor import outbox
from monitor.http import Web
from monitor.slack.desk import Desk
from monitor.slack.http import create_app
from monitor.slack.signature import is_slacks, sign
from monitor.slack.socket import SocketMode
from tests.slack.conftest import DANA

SECRET = "very secret"


def count(room, table):
    with room.db.read() as session:
        return session.execute(sa.select(sa.func.count()).select_from(table)).scalar()


# Socket Mode


@contextmanager
def socket_mode(room):
    """The listener in a thread of its own, as a process would run it."""
    stop = {}
    ready = threading.Event()

    async def work():
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop["set"] = lambda: loop.call_soon_threadsafe(stopping.set)
        slack = room.config.ready_channels["slack"]
        async with Web(room.config.http) as web:
            stop["socket"] = SocketMode(slack, Desk(room.db, room.config, slack, web))
            ready.set()
            await stop["socket"].run(stopping)
        await outbox.close(room.config.ready_channels)

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    assert ready.wait(5)
    try:
        yield stop["socket"]
    finally:
        stop["set"]()
        thread.join(10)
        assert not thread.is_alive()


def wait_until(true, seconds=10):
    give_up_at = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def test_a_press_over_the_socket_is_acknowledged_at_once_and_done(room):
    with socket_mode(room):
        started = time.monotonic()
        answer = room.slack.push("interactive", room.pressed("triage_confirm"))
        assert time.monotonic() - started < 3
        assert "payload" not in answer
        wait_until(lambda: count(room, Review) == 1)


def test_a_command_over_the_socket_is_answered_in_private(room):
    with socket_mode(room):
        answer = room.slack.push("slash_commands", room.command("help"))
    assert answer["payload"]["response_type"] == "ephemeral"
    assert "/sheriffwatch mute" in str(answer["payload"]["blocks"])


def test_when_slack_asks_for_a_new_connection_one_is_made(room):
    with socket_mode(room):
        assert room.slack.push("interactive", room.pressed("triage_confirm")) is not None
        room.slack.hang_up()
        wait_until(lambda: room.slack.connections == 2)
        assert room.slack.push("interactive", room.pressed("triage_undo")) is not None


@pytest.mark.parametrize("frame", [{"type": "interactive", "payload": 7}, {"type": "events_api", "payload": {}}])
def test_a_frame_that_asks_for_nothing_is_acknowledged(room, frame):
    with socket_mode(room):
        assert room.slack.push(frame["type"], frame["payload"]) is not None
    assert count(room, Review) == 0


def test_a_short_break_is_nobodys_trouble_and_a_long_one_is(room, monkeypatch):
    from monitor.slack import socket as socket_module

    room.config.ready_channels["slack"].base_url = "http://127.0.0.1:9/api/"
    with socket_mode(room) as socket:
        wait_until(lambda: socket.error)
        assert socket.trouble == ""
        monkeypatch.setattr(socket_module, "LASTING_S", 0.0)
        assert "could not be reached" in socket.trouble


@pytest.mark.slow
def test_an_answer_without_an_address_is_a_passing_fault(room):
    room.slack.no_socket = True
    with socket_mode(room) as socket:
        wait_until(lambda: "no address" in socket.error)
        room.slack.no_socket = False
        wait_until(lambda: room.slack.connections == 1)
        wait_until(lambda: socket.error == "")


def test_a_wrong_app_token_is_told_once_and_not_hammered(room):
    room.slack.app_token = "xapp-another"
    with socket_mode(room) as socket:
        wait_until(lambda: socket.error)
        time.sleep(0.3)
    assert "invalid_auth" in socket.error
    assert socket.trouble == socket.error, "only a person can mend it, so people are told"
    assert len([method for method, _ in room.slack.calls if method == "apps.connections.open"]) == 1


# Signed requests


@pytest.fixture
def door(room):
    """Posts to the signed door and does the work behind it. Gives the answer."""

    def post(body, headers, path="/slack/interactive", clock_s=None):
        async def work():
            slack = room.config.ready_channels["slack"]
            async with Web(room.config.http) as web:
                app = create_app(slack, Desk(room.db, room.config, slack, web), clock_s=clock_s)
                transport = httpx.ASGITransport(app=app)
                async with httpx.AsyncClient(transport=transport, base_url="http://slack.test") as client:
                    answer = await client.post(path, content=body, headers=headers)
            await outbox.close(room.config.ready_channels)
            return answer

        return asyncio.run(work())

    return post


def signed(body, *, secret=SECRET, at=None):
    at = int(time.time()) if at is None else at
    return [
        ("X-Slack-Request-Timestamp", str(at)),
        ("X-Slack-Signature", sign(secret, at, body)),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ]


def body_of(payload):
    return urlencode({"payload": json.dumps(payload)}).encode()


def test_a_signed_press_is_done(room, door):
    body = body_of(room.pressed("triage_confirm"))
    assert door(body, signed(body)).status_code == 200
    assert count(room, Review) == 1


def test_a_signed_command_is_answered(room, door):
    body = urlencode(room.command("help")).encode()
    answer = door(body, signed(body), path="/slack/command")
    assert answer.json()["response_type"] == "ephemeral"


@pytest.mark.parametrize(("age_s", "ours"), [(0, True), (300, True), (301, False), (-300, True), (-301, False)])
def test_a_good_signature_counts_for_five_minutes(age_s, ours):
    headers = [(name.lower().encode(), value.encode()) for name, value in signed(b"x", at=1_800_000_000)]
    assert is_slacks(SECRET, headers, b"x", now_s=1_800_000_000 + age_s) is ours


def forgeries():
    now = int(time.time())
    good = "v0=" + "0" * 64
    yield "no headers", lambda body: (body, [])
    yield "no signature", lambda body: (body, [("X-Slack-Request-Timestamp", str(now))])
    yield "no timestamp", lambda body: (body, [("X-Slack-Signature", good)])
    yield "old timestamp", lambda body: (body, signed(body, at=now - 301))
    yield "future timestamp", lambda body: (body, signed(body, at=now + 310))
    yield "timestamp that is no number", lambda body: (body, _with(signed(body), 0, "abc"))
    yield "timestamp of other digits", lambda body: (body, _with(signed(body), 0, "١٧٦٣".encode()))
    yield "wrong secret", lambda body: (body, signed(body, secret="guessed"))
    yield "one byte changed", lambda body: (body[:-1] + b"X", signed(body))
    yield "other encoding", lambda body: (body.replace(b"%22", b'"'), signed(body))
    yield "body that is no UTF-8", lambda body: (b"\xff\xfe" + body, signed(body))
    yield "signature that is no ASCII", lambda body: (body, _with(signed(body), 1, "v0=é".encode()))
    yield "another version", lambda body: (body, _with(signed(body), 1, "v1=" + "0" * 64))
    yield "empty signature", lambda body: (body, _with(signed(body), 1, ""))
    yield "two signatures", lambda body: (body, [*signed(body), ("X-Slack-Signature", good)])
    yield "ten megabytes", lambda body: (b"payload=" + b"a" * 10_000_000, signed(body))
    yield "not a form", lambda _: (b"[]", signed(b"[]"))


def _with(headers, number, value):
    return [(name, value if n == number else old) for n, (name, old) in enumerate(headers)]


def test_every_forged_request_is_refused_and_leaves_no_trace(room, door):
    events = count(room, Event)
    let_in = []
    for what, forge in forgeries():
        answer = door(*forge(body_of(room.pressed("triage_confirm"))))
        if answer.status_code != 401:
            let_in.append((what, answer.status_code))
    assert let_in == []
    assert count(room, Review) == 0
    assert count(room, Event) == events
    assert room.slack.whispers == []


def test_the_same_signed_request_again_is_refused(room, door):
    body = body_of(room.pressed("triage_confirm"))
    headers = signed(body)
    assert door(body, headers).status_code == 200
    assert door(body, headers).status_code == 401
    assert count(room, Review) == 1


def test_with_a_clock_five_minutes_off_nothing_is_taken_and_the_log_says_why(room, door, capsys):
    body = body_of(room.pressed("triage_confirm"))
    assert door(body, signed(body), clock_s=lambda: time.time() + 301).status_code == 401
    assert "its time is +5 minutes off this computer's clock" in "".join(capsys.readouterr())
    assert door(body, signed(body), clock_s=lambda: time.time() + 299).status_code == 200


@pytest.mark.parametrize("path", ["/slack/other", "/"])
def test_no_other_path_answers(room, door, path):
    assert door(b"", [], path=path).status_code == 404


def test_a_body_that_never_ends_is_given_up(room, monkeypatch):
    from monitor.slack import http

    monkeypatch.setattr(http, "READ_S", 0.2)
    slack = room.config.ready_channels["slack"]

    async def work():
        async with Web(room.config.http) as web:
            app = create_app(slack, Desk(room.db, room.config, slack, web))
            sent = []

            async def receive():
                await asyncio.sleep(0.05)
                return {"type": "http.request", "body": b"a", "more_body": True}

            async def send(message):
                sent.append(message)

            headers = [(name.lower().encode(), value.encode()) for name, value in signed(b"")]
            scope = {
                "type": "http",
                "method": "POST",
                "path": "/slack/command",
                "headers": headers,
                "query_string": b"",
            }
            async with asyncio.timeout(5):
                await app(scope, receive, send)
        return sent[0]["status"]

    assert asyncio.run(work()) == 408


def test_an_event_is_written_for_a_press_of_a_stranger_but_not_for_a_forgery(room, door):
    body = body_of(room.pressed("triage_confirm", user="U0STRANGER"))
    assert door(body, signed(body)).status_code == 200
    with room.db.read() as session:
        kinds = session.execute(sa.select(Event.kind)).scalars().all()
    assert kinds == ["slack.refused"]
    assert DANA not in str(room.slack.whispers)
    assert utcnow()


@pytest.mark.slow
def test_a_connection_that_slack_ends_at_once_again_and_again_is_not_hammered(room):
    with socket_mode(room):
        for number in (1, 2):
            wait_until(lambda number=number: room.slack.connections == number)
            time.sleep(0.05)
            room.slack.hang_up("too_many_websockets")
        time.sleep(0.5)
    assert room.slack.connections == 2, "the third waits"
