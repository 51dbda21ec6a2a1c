"""One matter stays one conversation: what happens to a post later is told below its match."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import Alert, Event, Post, PostVersion, Verdict
from models.clock import utcnow
from monitor.review import verdicts
from monitor.review.verdicts import Decision
from tests.monitor.made_posts import add_wording
from tests.slack.conftest import TEXT, make_match, send_all
from tests.slack.forms import faults_of


@pytest.fixture
def told(room, teller):
    """Looks for what is left to say, sends it, and returns the messages below the match."""

    def tell(now=None):
        teller.run(now=now or utcnow())
        send_all(room.db, room.config, now=now)
        assert teller.run(now=now or utcnow()) == 0, "again there is nothing to say"
        return [m for m in room.slack.messages if m.get("thread_ts") == room.message["ts"]]

    return tell


def edit(room, text, at=None):
    with room.db.write() as session:
        post = session.get(Post, room.post_id)
        post.version_count += 1
        version = add_wording(session, post, text)
        version.first_seen_at = at or utcnow() + timedelta(seconds=1)


def style(message):
    parts = next(block for block in message["blocks"] if block["type"] == "rich_text")["elements"][0]["elements"]
    return [(part["text"], *part.get("style", {})) for part in parts]


def test_an_edit_is_told_as_a_difference_of_the_words(room, told):
    edit(room, TEXT.replace("criminal illegal alien", "suspect"))
    (reply,) = told()
    assert ("suspect", "bold") in style(reply)
    assert any("illegal" in text and "strike" in how for text, *how in style(reply) if how)
    assert reply["channel"] == room.slack.channel
    assert faults_of(reply) == ""


@pytest.mark.slow
def test_many_edits_are_told_as_a_number(room, told):
    for number in range(40):
        edit(room, f"{TEXT} Edit number {number}.")
    replies = told()
    assert len(replies) == 11
    assert "30 more edits" in str(replies[-1]["blocks"])


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        ("deleted", "the platform said twice"),
        ("account_gone", "nobody can tell"),
        ("unknown", "may also have been moved"),
    ],
)
def test_a_deletion_is_told_in_the_words_of_its_rule(room, told, cause, sentence):
    with room.db.write() as session:
        post = session.get(Post, room.post_id)
        post.deleted_at, post.deletion_cause = utcnow(), cause
        session.add(post)
    (reply,) = told()
    assert sentence in str(reply["blocks"])


def test_a_post_that_is_there_again_is_told(room, told):
    with room.db.write() as session:
        session.add(Event(kind="post.restored", subject=f"post:{room.post_id}"))
    (reply,) = told()
    assert "there again" in str(reply["blocks"])


def test_a_note_is_told_without_power_over_the_channel(room, told):
    note = "<!channel> *see* <https://evil.example|this>"
    decision = Decision(room.post_id, Verdict.CONFIRMED, "ana", note=note, via="web")
    verdicts.decide(room.db, decision, now=utcnow())
    (reply,) = told()
    (section,) = [block for block in reply["blocks"] if block["type"] == "section"]
    assert section["text"]["type"] == "plain_text"
    assert section["text"]["text"] == note
    assert "<" not in reply["text"]


def test_the_same_words_of_another_office_are_one_alert_with_both_places(room, told):
    make_match(room.db, room.config, TEXT.upper() + " https://t.example/2", number=1, url="https://b.example/2")
    replies = told()
    matches = [m for m in room.slack.messages if not m.get("thread_ts")]
    assert len(matches) == 1
    assert "https://b.example/2" in room.said
    assert "The same words from 2 offices this week" in str(replies)


def test_an_office_that_repeats_itself_is_told_again(room, told):
    with room.db.read() as session:
        from models import Account

        office = session.execute(sa.select(Account)).scalar()
    make_match(room.db, room.config, TEXT, number=1, office=office)
    told()
    assert len([m for m in room.slack.messages if not m.get("thread_ts")]) == 2


def test_nearly_the_same_words_are_named_below_the_first(room, told):
    make_match(room.db, room.config, TEXT + " Stay safe.", number=1, url="https://b.example/2")
    send_all(room.db, room.config)
    replies = told()
    assert "Nearly the same words from Office 1 Sheriff" in str(replies[0]["blocks"])
    assert "https://b.example/2" in str(replies[0]["blocks"])


def test_what_happens_before_a_match_is_sent_needs_no_reply(db, config, slack, teller):
    post_id, _ = make_match(db, config)
    verdicts.decide(db, Decision(post_id, Verdict.CONFIRMED, "ana"), now=utcnow())
    send_all(db, config)
    (message,) = slack.messages
    assert "*Confirmed*" in str(message["blocks"])


def test_a_reply_whose_answer_was_lost_is_found_in_its_thread_and_not_sent_again(room, told):
    edit(room, "Something else entirely.")
    room.slack.faults.append("drop")
    assert len(told()) == 1
    later = utcnow() + timedelta(minutes=10)
    assert len(told(now=later)) == 1
    with room.db.read() as session:
        assert set(session.execute(sa.select(Alert.state)).scalars()) == {"sent"}


def test_hostile_edits_stay_within_the_limits(room, told):
    edit(room, "&<>*_~`|" * 3000 + "\u202e<!channel>")
    (reply,) = told()
    assert "blocks" in reply
    assert faults_of(reply) == ""
    with room.db.read() as session:
        assert session.execute(sa.select(sa.func.count(PostVersion.id))).scalar() == 2


def test_a_webhook_cannot_thread_so_nothing_waits_for_it(db, config, teller):
    config.ready_channels["slack"].bot_token = ""
    config.ready_channels["slack"].__dict__["bot_token"] = type(config.ready_channels["slack"].app_token)("")
    post_id, _ = make_match(db, config)
    verdicts.decide(db, Decision(post_id, Verdict.CONFIRMED, "ana"), now=utcnow())
    assert teller.run(now=utcnow()) == 0
