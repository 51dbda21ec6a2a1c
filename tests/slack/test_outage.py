"""Slack away for six hours, with two thousand matches in that time, on a simulated clock."""

import re
from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import Alert, AlertState, Held
from models.clock import utcnow
from monitor import noise
from tests.monitor.made_posts import make_office
from tests.slack.conftest import make_match, send_all
from tests.slack.forms import faults_of, texts_of

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]

MATCHES, STEPS = 2000, 36
FAULTS = ["server_error", "refuse_connection", "taken_server_error", "drop", "rate_limited", "internal_error"]


def live_through(db, config, slack):
    """Six hours in steps of ten minutes, in which Slack takes nothing; then it is back, and stumbles."""
    now = begun = utcnow()
    slack.clock_s = lambda: now.timestamp()
    with db.write() as session:
        offices = [make_office(session, f"Office {n} Sheriff", address=f"office{n}.test") for n in range(20)]
    made = 0
    for step in range(STEPS):
        now = begun + timedelta(minutes=10 * step)
        # The first attempt of an hour is taken although its answer is lost: the hardest case, found again later.
        slack.always = "drop" if step == 0 else FAULTS[step % 2]
        while made < MATCHES * (step + 1) // STEPS:
            text, office = f"They keep coming, group {made} of them.", offices[made % len(offices)]
            make_match(db, config, text, number=made, now=now, office=office)
            made += 1
        noise.release(db, config, now=now)
        send_all(db, config, now=now)
    slack.always = ""
    for attempt in range(60):
        now += timedelta(minutes=6)
        slack.faults.extend(FAULTS[attempt : attempt + 1])
        noise.release(db, config, now=now)
        if send_all(db, config, now=now).waiting == 0 and not slack.faults and nothing_held(db):
            return
    raise AssertionError("the queue is not empty after six hours")


def nothing_held(db):
    with db.read() as session:
        return not session.execute(sa.select(sa.func.count()).where(Held.digest_id.is_(None))).scalar()


def groups_in(message):
    said = "\n".join(texts_of(message["blocks"]))
    return [int(number) for number in re.findall(r"group (\d+) of them", said)]


def test_all_arrive_in_order_and_once(db, config, slack):
    live_through(db, config, slack)
    assert [number for message in slack.messages for number in groups_in(message)] == list(range(MATCHES))
    with db.read() as session:
        states = session.execute(sa.select(Alert.state, sa.func.count()).group_by(Alert.state)).all()
    assert states == [(AlertState.SENT, MATCHES)]


@pytest.mark.parametrize("slack_settings", ["[alerts]\nper_channel_hour = 40"])
def test_with_a_cap_the_flood_is_a_digest_that_names_every_match(db, config, slack):
    live_through(db, config, slack)
    kinds = Counter("digest" if len(groups_in(m)) > 1 else "match" for m in slack.messages)
    assert kinds["match"] <= 7 * 40
    assert kinds["digest"] < 100
    named = [number for message in slack.messages for number in groups_in(message)]
    assert sorted(named) == list(range(MATCHES)), "each match once, by itself or in a digest"
    assert not [message for message in slack.messages if faults_of(message)]
