"""Errors that only a person can mend: this destination stops, the queue stays, and it is told by another way."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import Account, Alert, AlertState
from models.clock import utcnow
from monitor import incidents
from monitor.alerts.email import Email
from monitor.cli import run
from monitor.config import RouteConfig, load
from tests.alerts.fake_mail import FakeMail
from tests.slack.conftest import make_match, send_all


@pytest.fixture
def slack_settings():
    return '[alerts]\nhealth_to = ["slack:C0HEALTH"]\n'


@pytest.mark.parametrize("word", ["invalid_auth", "channel_not_found", "is_archived", "account_inactive"])
def test_the_destination_stops_the_queue_stays_and_another_channel_is_told_once(db, config, slack, word):
    make_match(db, config)
    slack.faults.append(word)
    assert send_all(db, config).stopped[0].startswith(f"slack: Slack says {word}")
    assert slack.messages == []
    assert incidents.watch(db, config, now=utcnow()) == (1, 0)
    assert incidents.watch(db, config, now=utcnow()) == (0, 0)
    send_all(db, config)
    (told,) = slack.messages
    assert told["channel"] == "C0HEALTH"
    assert word in str(told["blocks"])
    with db.read() as session:
        states = session.execute(sa.select(Alert.kind, Alert.state).order_by(Alert.id)).all()
    assert states == [("match", AlertState.QUEUED), ("health", AlertState.SENT)]


def test_the_command_line_says_so_and_exits_with_1(db, config, slack, tmp_path, capsys):
    make_match(db, config)
    with db.write() as session:  # no account is due, so that none can be the reason
        session.execute(sa.update(Account).values(next_poll_at=utcnow() + timedelta(days=1)))
    slack.always = "invalid_auth"
    file = tmp_path / "slack.toml"
    assert load(file, environment={}).ready_channels
    assert run(["poll", "--once", "--config", str(file)]) == 1
    said = capsys.readouterr().err
    assert "the queue is kept" in said
    assert "invalid_auth" in said
    assert run(["status", "--config", str(file)]) == 1


def test_a_token_that_was_revoked_is_told_by_mail_and_the_matches_come_when_there_is_a_new_one(
    db, config, slack, tmp_path
):
    with FakeMail(tmp_path, tls="none") as mail:
        config.channels["email"] = Email(**mail.settings)
        config.__dict__.pop("ready_channels", None)
        slack.always = "token_revoked"
        config.alerts.routes = [RouteConfig(to=["slack"])]
        for number in range(3):
            make_match(db, config, f"They keep coming, group {number} of them.", number=number)
        send_all(db, config)
        incidents.watch(db, config, now=utcnow())
        send_all(db, config)
        (told,) = mail.taken
        assert "A person must act" in told["Subject"]
        assert "token_revoked" in mail.said(told)
        assert slack.messages == []
        slack.always = ""
        later = utcnow() + timedelta(minutes=16)
        send_all(db, config, now=later)
        matches = [message["text"] for message in slack.messages if message["channel"] == slack.channel]
        assert [text.split("group ")[1][0] for text in matches] == ["0", "1", "2"], "in order, once"
        incidents.watch(db, config, now=later)
        send_all(db, config, now=later)
        assert "Over" in mail.taken[-1]["Subject"]
