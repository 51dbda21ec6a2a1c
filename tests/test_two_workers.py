"""Two workers on one database never do the same job twice."""

import asyncio
import json
import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa

from models import Alert, AlertState, Post
from models.clock import utcnow
from models.db import open_db
from monitor import accounts, outbox
from monitor.accounts import NewAccount
from monitor.alerts import Message
from monitor.http import Web
from monitor.poller import Poller
from monitor.sample import SampleServer


@pytest.fixture
def server():
    with SampleServer(accounts=12) as running:
        yield running


def test_two_pollers_share_the_work_and_poll_no_account_twice(config, server, db):
    async def add_all():
        async with Web(config.http) as web:
            for row in server.accounts():
                wanted = NewAccount(row["platform"], row["address"], row["agency"], row["state"])
                await accounts.add(db, web, config, wanted, now=utcnow(), check=False)

    asyncio.run(add_all())
    polled: list[list[int]] = [[], []]
    config.poll.interval_s = 900

    async def work(number):
        own = open_db(config.database_url)
        async with Web(config.http, per_host=8) as web:
            poller = Poller(own, web, config, on_result=lambda result: polled[number].append(result.account_id))
            await poller.run_due()
            await poller.close()
        own.close()

    workers = [threading.Thread(target=asyncio.run, args=(work(number),)) for number in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    everything = polled[0] + polled[1]
    assert len(everything) == len(set(everything)) == len(server.accounts())
    with db.read() as session:
        ids = session.execute(sa.select(Post.account_id, Post.external_id)).all()
    assert len(ids) == len(set(ids))


def test_two_senders_send_each_alert_once(db):
    from tests.monitor.test_outbox import FindingLetterbox

    with db.write() as session:
        session.add_all(
            Alert(kind="health", channel="box", dedupe_key=f"k{n}", payload={"headline": str(n)}) for n in range(40)
        )
    box = FindingLetterbox(arrived=[], faults=[], knows={})

    async def send():
        own = open_db(db.engine.url.render_as_string(hide_password=False).replace("+psycopg", ""))
        await outbox.deliver(
            own,
            {"box": box},
            lambda _session, alert: Message(id=str(alert.id), kind="health", headline=alert.payload["headline"]),
        )
        own.close()

    senders = [threading.Thread(target=asyncio.run, args=(send(),)) for _ in range(2)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(timeout=60)
    headlines = [message.headline for message in box.arrived]
    assert sorted(headlines, key=int) == [str(n) for n in range(40)]
    with db.read() as session:
        assert set(session.execute(sa.select(Alert.state)).scalars()) == {AlertState.SENT}


@pytest.mark.slow
def test_a_second_run_on_the_same_sqlite_file_is_refused_with_a_sentence(config_file, db):
    if not db.is_sqlite:
        pytest.skip("PostgreSQL takes several workers")
    command = [sys.executable, "-m", "monitor", "run", "--no-web", "--no-slack", "--config", str(config_file)]
    first = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        assert "running" in first.stderr.readline()
        second = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert second.returncode == 1
        assert f"pid {first.pid}" in second.stderr
        assert "Traceback" not in second.stderr
    finally:
        first.terminate()
        assert first.wait(timeout=30) == 0, "SIGTERM ends it in good order"
        first.stderr.close()


@pytest.mark.slow
def test_what_run_left_is_there_for_poll_once(config_file, server, db):
    row = server.accounts()[0]
    add = [sys.executable, "-m", "monitor", "account", "add", row["platform"], row["address"]]
    subprocess.run([*add, "--config", str(config_file)], check=True, capture_output=True)
    run = subprocess.Popen(
        [sys.executable, "-m", "monitor", "run", "--no-web", "--no-slack", "--config", str(config_file)],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            with db.read() as session:
                if session.execute(sa.select(sa.func.count(Post.id))).scalar():
                    break
            threading.Event().wait(0.1)
    finally:
        run.terminate()
        assert run.wait(timeout=30) == 0
    account = [sys.executable, "-m", "monitor", "poll", "--once", "--json", "--account", row["address"]]
    again = subprocess.run([*account, "--config", str(config_file)], capture_output=True, text=True, timeout=60)
    (polled,) = json.loads(again.stdout)
    assert polled["outcome"] in ("ok", "unchanged")
    assert polled["new"] == 0
