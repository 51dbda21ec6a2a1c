"""At most one message a second and channel, however many send; and the pauses that Slack asks for are kept."""

import asyncio
import itertools
import time
from datetime import timedelta

import pytest

from models.clock import utcnow
from models.db import open_db
from monitor import outbox, pipeline
from monitor.config import load
from tests.slack.conftest import make_match

PACE_S = 0.15


@pytest.fixture
def paced(config, monkeypatch):
    """The real pace is a second; a part of it shows the same sooner."""
    kind = type(config.ready_channels["slack"])
    assert kind.rate_per_s == 1.0
    monkeypatch.setattr(kind, "rate_per_s", 1 / PACE_S)


def deliver(db, config, *, patience_s=0.0, clock=utcnow):
    async def work():
        try:
            return await pipeline.alert(db, config, patience_s=patience_s, clock=clock)
        finally:
            await outbox.close(config.ready_channels)

    return asyncio.run(work())


def gaps(slack):
    return [after - before for before, after in itertools.pairwise(slack.times)]


def test_messages_of_one_channel_keep_their_distance_also_from_one_pass_to_the_next(db, config, slack, paced):
    for number in range(5):
        make_match(db, config, f"They keep coming, group {number} of them.", number=number)
        if number in (1, 4):
            deliver(db, config)
    assert len(slack.messages) == 5
    assert min(gaps(slack)) > PACE_S * 0.99


@pytest.mark.slow
def test_two_senders_together_keep_it_too(db, config, slack, paced, tmp_path):
    for number in range(5):
        make_match(db, config, f"They keep coming, group {number} of them.", number=number)
    other = load(tmp_path / "slack.toml", environment={})
    second = open_db(config.database.url)

    async def work():
        try:
            await asyncio.gather(pipeline.alert(db, config), pipeline.alert(second, other))
        finally:
            await outbox.close(config.ready_channels)
            await outbox.close(other.ready_channels)
            second.close()

    asyncio.run(work())
    assert len(slack.messages) == 5
    assert len({message["metadata"]["event_payload"]["alert_id"] for message in slack.messages}) == 5
    assert min(gaps(slack)) > PACE_S * 0.99


@pytest.mark.slow
def test_the_pause_slack_asks_for_is_kept(db, config, slack, paced):
    make_match(db, config)
    slack.faults.append("rate_limited")
    slack.retry_after = "1"
    assert deliver(db, config).waiting == 1
    started = time.monotonic()
    assert deliver(db, config).waiting == 1, "without patience nobody waits"
    assert deliver(db, config, patience_s=5).sent == 1
    assert time.monotonic() - started > 0.7
    assert len(slack.times) == 2


@pytest.mark.parametrize("minutes_back", [0, 60])
def test_a_clock_that_stands_still_or_was_set_back_holds_no_message(db, config, slack, paced, minutes_back):
    now = utcnow()
    for number in range(3):
        make_match(db, config, f"They keep coming, group {number} of them.", number=number, now=now - timedelta(days=1))
        deliver(db, config, clock=lambda number=number: now - timedelta(minutes=minutes_back * number))
    assert len(slack.messages) == 3
    assert min(gaps(slack)) > PACE_S * 0.9
