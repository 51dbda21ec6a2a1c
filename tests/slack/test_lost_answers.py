"""Answers that got lost: the message is looked for, however wrong a clock is, before it is sent again."""

import time
from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import Alert, AlertState
from models.clock import utcnow
from monitor.alerts import slack as slack_channel
from tests.slack.conftest import make_match, send_all

LATER = timedelta(minutes=20)


@pytest.mark.parametrize("minutes_off", [-6, -5, 0, 5, 6])
def test_a_message_is_found_again_when_our_clock_is_minutes_off(db, config, slack, minutes_off):
    slack.clock_s = lambda: time.time() + 60 * minutes_off
    make_match(db, config)
    slack.faults.append("drop")
    send_all(db, config)
    assert send_all(db, config, now=utcnow() + LATER).reconciled == 1
    assert len(slack.messages) == 1, "it was not sent again"


def test_where_history_may_not_be_read_the_second_one_says_possible_repeat(db, config, slack):
    slack.scopes -= {"channels:history", "groups:history"}
    make_match(db, config)
    slack.faults.append("drop")
    send_all(db, config)
    send_all(db, config, now=utcnow() + LATER)
    first, second = slack.messages
    assert "Possible repeat" not in str(first)
    assert "Possible repeat" in str(second)


def test_behind_more_messages_than_can_be_looked_through_it_says_possible_repeat(db, config, slack, monkeypatch):
    monkeypatch.setattr(slack_channel, "_MOST_PAGES", 1)
    make_match(db, config)
    slack.faults.append("drop")
    send_all(db, config)
    for number in range(120):
        slack.messages.append({"channel": slack.channel, "ts": f"{time.time() + number:.6f}", "text": "chat"})
    send_all(db, config, now=utcnow() + LATER)
    assert "Possible repeat" in str(slack.messages[-1])
    with db.read() as session:
        assert session.execute(sa.select(Alert.state)).scalars().all() == [AlertState.SENT]


@pytest.mark.parametrize("fault", ["log_in_page", "cut_off", "no_object", "nothing"])
def test_an_answer_that_is_none_of_slacks_is_looked_up_and_the_message_comes_later(db, config, slack, fault):
    make_match(db, config)
    slack.faults.append(fault)
    assert send_all(db, config).stopped == [], "nothing that a person must mend"
    with db.read() as session:
        state, error = session.execute(sa.select(Alert.state, Alert.last_error)).one()
    assert state == AlertState.UNKNOWN
    assert "could not be read" in error
    assert send_all(db, config, now=utcnow() + LATER).sent == 1
    assert len(slack.messages) == 1
