"""Health alerts: in a channel of their own, one for each cause, one when it is over, and the page says it too."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import Account
from models.account import Health
from models.clock import utcnow
from monitor import incidents, status
from tests.monitor.made_posts import make_office
from tests.slack.conftest import send_all
from tests.slack.forms import texts_of


@pytest.fixture
def slack_settings():
    return '[alerts]\nhealth_to = ["slack:C0HEALTH"]\n'


@pytest.fixture
def offices(db):
    """Five accounts of one platform and one of another."""
    with db.write() as session:
        made = [make_office(session, f"Office {n} Sheriff", address=f"office{n}.test") for n in range(5)]
        made.append(make_office(session, "Feed County Sheriff", platform="feed", address="https://feed.test/"))
        return [account.id for account in made]


@pytest.fixture
def told(db, config, slack):
    """Watches once more, sends, and gives the headline and the words of what was told since the last time."""

    def look(**more):
        before = len(slack.messages)
        incidents.watch(db, config, now=utcnow(), **more)
        assert incidents.watch(db, config, now=utcnow(), **more) == (0, 0), "again nothing"
        send_all(db, config)
        assert all(message["channel"] == "C0HEALTH" for message in slack.messages)
        return [tuple(texts_of(message["blocks"])) for message in slack.messages[before:]]

    return look


def set_health(db, ids, health, *, errors=3, error="Answers 500."):
    with db.write() as session:
        session.execute(
            sa.update(Account)
            .where(Account.id.in_(ids))
            .values(health=health, error_count=errors if health != Health.OK else 0, last_error=error)
        )


def test_a_failing_account_is_told_once_however_often_it_is_polled_and_once_when_it_is_over(db, offices, told):
    for errors in (1, 2):
        set_health(db, offices[:1], Health.FAILING, errors=errors)
        assert told() == [], "a fault or two are no alarm"
    set_health(db, offices[:1], Health.FAILING)
    ((headline, body),) = told()
    assert headline == "A person must act"
    assert "office0.test (bluesky) is failing: Answers 500." in body
    for errors in range(4, 30):
        set_health(db, offices[:1], Health.FAILING, errors=errors, error=f"Answers 50{errors % 4}.")
        assert told() == []
    set_health(db, offices[:1], Health.OK)
    ((headline, body),) = told()
    assert headline == "Over"
    assert "It lasted from" in body


@pytest.mark.parametrize("health", [Health.BLOCKED, Health.GONE, Health.LOGIN_WALL, Health.MOVED])
def test_what_will_not_mend_itself_is_told_at_once(db, offices, told, health):
    set_health(db, offices[:1], health, errors=1)
    ((headline, _),) = told()
    assert headline == "A person must act"


def test_a_platform_that_is_away_is_one_message_and_not_one_an_account(db, offices, told):
    set_health(db, offices[:5], Health.FAILING)
    ((headline, body),) = told()
    assert headline == "A person must act"
    assert "bluesky: 5 of 5 accounts cannot be read" in body
    set_health(db, offices[:5], Health.OK)
    ((headline, _),) = told()
    assert headline == "Over"


def test_nothing_is_over_while_one_accounts_trouble_turns_out_to_be_its_platforms(db, offices, told):
    set_health(db, offices[:1], Health.FAILING)
    assert len(told()) == 1
    set_health(db, offices[:5], Health.FAILING)
    ((headline, body),) = told()
    assert (headline, body.split(":")[0]) == ("A person must act", "bluesky")
    set_health(db, offices[:5], Health.OK)
    ((headline, _),) = told()
    assert headline == "Over"


def test_nothing_is_over_when_a_failing_account_is_blocked(db, offices, told):
    set_health(db, offices[:1], Health.FAILING)
    told()
    set_health(db, offices[:1], Health.BLOCKED)
    ((headline, body),) = told()
    assert (headline, "is blocked" in body) == ("A person must act", True)


def test_a_paused_account_is_nobodys_alarm(db, offices, told):
    set_health(db, offices[:1], Health.GONE)
    with db.write() as session:
        session.execute(sa.update(Account).values(paused_at=utcnow()))
    assert told() == []


def test_that_nobody_hears_the_buttons_is_told_and_stands_in_the_status(db, config, offices, told):
    ((headline, body),) = told(listening="Slack says token_revoked: the token was revoked")
    assert headline == "A person must act"
    assert "Nobody hears Slack's buttons and commands: Slack says token_revoked" in body
    state = status.gather(db, config, now=utcnow())
    assert not state.healthy
    assert "token_revoked" in state.reasons[-1]
    ((headline, _),) = told()
    assert headline == "Over"
    assert status.gather(db, config, now=utcnow()).healthy


def test_an_account_that_fell_silent_is_told(db, offices, told):
    from models import Post

    now = utcnow()
    with db.write() as session:
        for number in range(12):
            moment = now - timedelta(days=40 + number)
            session.add(Post(account_id=offices[0], external_id=f"q{number}", posted_at=moment, first_seen_at=moment))
        session.execute(
            sa.update(Account).where(Account.id == offices[0]).values(last_new_at=now - timedelta(days=40), health="ok")
        )
    ((headline, body),) = told()
    assert headline == "A person must act"
    assert "has been silent for three times its usual gap" in body
