import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import Account, Agency, Agreement, Alert, Event, Review, User, UserRole
from models.clock import utcnow
from monitor.slack.commands import COMMANDS, HELP
from tests.slack.conftest import DANA, STRANGER
from tests.slack.forms import faults_of


def ask(room, text, **who):
    (answer,) = room.take(room.command(text, **who))
    assert answer["response_type"] == "ephemeral"
    assert faults_of(answer) == ""
    return "\n".join(block["text"]["text"] for block in answer["blocks"])


def test_help_names_every_command_to_everybody(room):
    said = ask(room, "", user=STRANGER)
    assert all(f"/sheriffwatch {word}" in said for word in COMMANDS if word != "help")
    assert "/sheriffwatch add" in said
    assert said == HELP


def test_only_those_who_are_listed_may_ask_more(room):
    for text in ("status", "search border", "mute example0.test 2d", "add https://a.example"):
        assert STRANGER in ask(room, text, user=STRANGER)
    with room.db.read() as session:
        assert session.execute(sa.select(Account.muted_until)).scalar() is None
        assert session.execute(sa.select(Event.kind)).scalars().all() == ["slack.refused"] * 4


def test_a_command_of_another_workspace_is_refused(room):
    assert "another Slack workspace" in ask(room, "status", team="T0OTHER")


def test_status_says_how_it_goes(room):
    said = ask(room, "status")
    assert "1 accounts" in said
    assert "1 matches wait for review" in said


def test_search_finds_words_and_phrases(room):
    assert "Another criminal illegal alien" in ask(room, 'search "over the border"')
    assert ask(room, "search watermelon") == "No post has these words."
    assert "Give the words" in ask(room, "search")


def test_an_agency_is_shown_with_agreements_accounts_and_matches(room):
    with room.db.write() as session:
        agency = session.execute(sa.select(Agency)).scalar()
        session.add(Agreement(agency_id=agency.id, model="TFM"))
    said = ask(room, "agency example COUNTY")
    for part in ("Example County Sheriff, OH", "TFM", "example0.test (bluesky", "Matches: 1"):
        assert part in said
    assert "No agency" in ask(room, "agency Nowhere")
    assert "No agency" in ask(room, "agency 100%")


def test_explain_says_what_the_classifier_makes_of_a_text(room):
    with room.db.write() as session:  # the bundled classifier, not the version of the tests' tables
        session.execute(sa.text("UPDATE classifier_version SET status = 'retired'"))
    room.config.classifier.version = "bundled"
    said = ask(room, "explain These criminal illegal aliens must go back")
    assert "would alert" in said
    assert "illegal" in said


def test_an_account_is_muted_for_a_while_and_heard_again(room):
    said = ask(room, "mute example0.test 2d")
    assert "no alerts until" in said
    with room.db.read() as session:
        until = session.execute(sa.select(Account.muted_until)).scalar()
    assert timedelta(hours=47) < until - utcnow() <= timedelta(hours=48)
    assert "alerts again" in ask(room, "mute example0.test off")
    with room.db.read() as session:
        assert session.execute(sa.select(Account.muted_until)).scalar() is None
        assert session.execute(sa.select(Event.kind)).scalars().all() == ["account.muted"] * 2


MISTAKES = [
    ("mute nobody 2d", "No account “nobody” is watched"),
    ("mute example0.test soon", "no length of time"),
    ("mute example0.test 0d", "at most a year"),
    ("mute example0.test 9999w", "at most a year"),
    ("mute", "Give the account"),
    ("dance", "no command"),
    ("add example.test", "web address"),
    ("digest tomorrow", "digest now"),
    ('search "unfinished', ""),
]


def test_a_mistake_gets_one_sentence(room):
    for text, sentence in MISTAKES:
        said = ask(room, text)
        assert sentence in said
        assert "Traceback" not in said


def test_a_digest_is_sent_when_somebody_asks_for_it(room):
    assert "on its way" in ask(room, "digest now")
    digest = room.slack.messages[-1]
    assert "1 flagged" in str(digest["blocks"])
    assert [block["type"] for block in digest["blocks"]].count("image") == 1
    (file,) = room.slack.files.values()
    assert file["body"].startswith(b"\x89PNG")
    with room.db.read() as session:
        assert session.execute(sa.select(Alert.kind).order_by(Alert.id.desc())).scalar() == "digest"


@pytest.mark.slow
def test_a_feed_is_added_by_its_address(room, server):
    room.config.http.allow_private.append(f"127.0.0.1:{server.port}")
    feed = next(office for office in server.accounts() if office["platform"] == "feed")
    said = ask(room, f"add {feed['address']}")
    assert "is watched from now on" in said
    assert "watched already" in ask(room, f"add {feed['address']}")


def test_what_was_typed_comes_back_without_power(room):
    for text in ("mute <!channel> *x*", "search <!here>", "agency <@U0DANA>", "<!channel>"):
        (answer,) = room.take(room.command(text))
        assert "<" not in answer["text"]
        assert all(block["text"]["type"] == "plain_text" for block in answer["blocks"])


def test_a_slow_command_is_answered_later_at_its_own_address(room, monkeypatch):
    from monitor.slack import commands, desk

    monkeypatch.setattr(desk, "ANSWER_S", 0.1)

    def slow(_tools, _rest):
        import time

        time.sleep(0.4)
        return "There you are."

    monkeypatch.setattr(commands, "COMMANDS", {"status": slow})
    assert "Working on it" in ask(room, "status")
    assert room.slack.whispers[-1]["text"] == "There you are."


def test_no_verdict_comes_of_a_command(room):
    ask(room, "status")
    with room.db.read() as session:
        assert session.execute(sa.select(sa.func.count()).select_from(Review)).scalar() == 0


def test_a_retraining_is_for_leads_and_says_when_there_are_too_few_labels(room, monkeypatch):
    from monitor.learning import apart

    begun = []
    monkeypatch.setattr(apart, "begin", lambda db, config, *, by, now: begun.append(by))
    assert "Only leads" in ask(room, "retrain")
    assert begun == []
    room.config.ready_channels["slack"].leads.append(DANA)
    assert "has begun" in ask(room, "retrain")
    assert begun == [f"slack:{DANA}"]
    assert ask(room, "retrain status") == "There was none yet."
    monkeypatch.undo()
    assert "labels" in ask(room, "retrain"), "the sentence says how many are needed"


def test_a_lead_of_the_page_may_retrain_too(room):
    with room.db.write() as session:
        session.add(User(name="Lou", role=UserRole.LEAD, slack_id=STRANGER))
    assert "Only leads" not in ask(room, "retrain", user=STRANGER)


def test_whatever_slack_itself_takes_its_time_for_the_answer_comes_in_time(room, monkeypatch):
    """Who may act can depend on a question to Slack: it must not cost the three seconds."""
    from monitor.slack import desk
    from monitor.slack.people import People

    monkeypatch.setattr(desk, "ANSWER_S", 0.1)
    in_time = People.may_act

    async def late(self, asked):
        await asyncio.sleep(0.3)
        return await in_time(self, asked)

    monkeypatch.setattr(People, "may_act", late)
    assert "Working on it" in ask(room, "status")
    assert "accounts" in room.slack.whispers[-1]["blocks"][0]["text"]["text"]
    assert room.press("triage_confirm") == [{}]
    assert "*Confirmed*" in room.said


def test_words_that_slack_escaped_are_read_as_they_were_typed(room):
    with room.db.write() as session:
        session.execute(sa.text("UPDATE agency SET name = 'R & D Sheriff', name_key = 'r d sheriff'"))
    assert "R & D Sheriff" in ask(room, "agency R &amp; D")
