"""kill -9 at random moments of polling and alerting: nothing is lost, nothing is sent twice."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
import sqlalchemy as sa

from models import Alert, AlertState, Flag, Post
from monitor.sample import SampleServer
from tests.slack.fake import FakeSlack

ROUNDS = 50
MATCH = "These criminal illegal aliens keep pouring over our border, number {}. Send them all back!"

pytestmark = pytest.mark.slow


@pytest.fixture
def slack():
    with FakeSlack() as running:
        yield running


@pytest.fixture
def config_file(tmp_path, server: SampleServer, slack, db, database_url):
    file = tmp_path / "config.toml"
    file.write_text(
        f"""
[database]
url = "{database_url}"
[http]
allow_private = ["127.0.0.1:{server.port}"]
[poll]
interval_s = 1
alert_on_backfill = true
deletion_gap_s = 0
[sources.bluesky]
appview = "{server.url}"
[slack]
base_url = "{slack.url}/api/"
bot_token = "{slack.token}"
channel = "{slack.channel}"
"""
    )
    return file


def sheriffwatch(config_file, *arguments):
    return [sys.executable, "-m", "monitor", *arguments, "--config", str(config_file)]


def test_nothing_is_lost_and_nothing_sent_twice_over_fifty_kills(config_file, server, slack, db):
    dice = random.Random(7)
    for office in server.accounts()[:4]:
        add = sheriffwatch(config_file, "account", "add", office["platform"], office["address"])
        subprocess.run(add, check=True, capture_output=True, timeout=60)
    slugs = [office.slug for office in server.world][:4]
    killed = 0
    for number in range(ROUNDS):
        server.publish(dice.choice(slugs), MATCH.format(number))
        victim = subprocess.Popen(
            sheriffwatch(config_file, "poll", "--once"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(dice.uniform(0.6, 2.4))
        if victim.poll() is None:
            victim.send_signal(signal.SIGKILL)
            killed += 1
        victim.wait(timeout=60)
    assert killed > ROUNDS // 5, "the kills must hit"

    finish(config_file, db)
    with db.read() as session:
        ours = session.execute(sa.select(sa.func.count(Post.id))).scalar()
        flagged = session.execute(sa.select(Flag.id)).scalars().all()
        everything = session.execute(sa.select(Alert)).scalars().all()
    alerts = [alert for alert in everything if alert.kind == "match"]
    published = sum(len(office.posts) for office in server.world if office.slug in slugs)
    assert ours >= published - 6, "replies to strangers aside, every post is there"
    assert {alert.state for alert in everything} == {AlertState.SENT}
    assert len(flagged) >= len(alerts) >= ROUNDS
    arrived = Counter(message["metadata"]["event_payload"]["alert_id"] for message in slack.messages)
    assert set(arrived) == {str(alert.id) for alert in everything}
    assert set(arrived.values()) == {1}, "a message came twice"
    if db.is_sqlite:
        with db.engine.connect() as connection:
            assert connection.execute(sa.text("PRAGMA integrity_check")).scalar() == "ok"


def finish(config_file, db):
    """Passes without kills until the outbox is empty; leases and claims of the dead run out after a minute."""
    give_up_at = time.monotonic() + 240
    while time.monotonic() < give_up_at:
        with db.write() as session:
            session.execute(sa.text("UPDATE account SET lease_until = NULL, next_poll_at = '2020-01-01 00:00:00'"))
        subprocess.run(sheriffwatch(config_file, "poll", "--once"), capture_output=True, timeout=120)
        with db.read() as session:
            waiting = session.execute(
                sa.select(sa.func.count(Alert.id)).where(Alert.state.in_(["queued", "sending", "unknown"]))
            ).scalar()
        if not waiting:
            return
        time.sleep(2)
    raise AssertionError("the outbox did not empty")
