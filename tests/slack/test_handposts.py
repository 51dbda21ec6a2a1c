"""“Send to sheriffwatch”: a link or text from a message into the queue."""

import pytest
import sqlalchemy as sa

from models import Account, Event, Flag, Post, PostVersion
from monitor.slack import handposts
from tests.slack.conftest import DANA, STRANGER

LINK = "https://social.example/p/1"


def shortcut(room, text, *, user=DANA):
    return {
        "type": "message_action",
        "callback_id": handposts.NAME,
        "user": {"id": user, "name": user[2:].lower()},
        "team": {"id": room.slack.team},
        "channel": {"id": room.slack.channel},
        "message": {"text": text, "ts": "1.2"},
        "trigger_id": f"trigger.{len(room.slack.views)}",
        "response_url": f"{room.slack.url}/respond",
    }


def opened(room, text):
    """The fields of the form that opens on a message."""
    room.take(shortcut(room, text))
    return {block["block_id"]: block["element"] for block in room.slack.views[-1]["blocks"]}


def sent(room, **values):
    """Send the form; the answer, empty when it was taken."""
    fields = {name: {"type": "plain_text_input", "value": value} for name, value in values.items()}
    (answer,) = room.take(room.form(fields, name=handposts.NAME, about=""))
    return answer


def newest(room):
    with room.db.read() as session:
        return session.execute(
            sa.select(Post.url, PostVersion.text, Flag.origin, Account.platform, Account.name)
            .join(PostVersion, PostVersion.post_id == Post.id)
            .join(Flag, Flag.post_id == Post.id)
            .join(Account, Account.id == Post.account_id)
            .order_by(Flag.id.desc())
        ).first()


def posts(room):
    with room.db.read() as session:
        return session.execute(sa.select(sa.func.count()).select_from(Post)).scalar()


def test_the_form_is_filled_in_from_the_message(room):
    fields = opened(room, f"Look: <{LINK}|here> they say &lt;illegals&gt;")
    assert fields["link"]["initial_value"] == LINK
    assert fields["text"]["initial_value"] == f"Look: {LINK} they say <illegals>"


def test_words_and_a_link_come_into_the_queue(room):
    assert sent(room, account="example0.test", link=LINK, text="They are illegals, all of them.") == {}
    assert newest(room)[:3] == (LINK, "They are illegals, all of them.", "person")
    assert "waits for review" in room.whispers[-1]
    with room.db.read() as session:
        assert session.execute(sa.select(Event.actor).where(Event.kind == "post.by_hand")).scalar() == f"slack:{DANA}"


def test_a_link_alone_comes_into_the_queue(room):
    fields = opened(room, f"<{LINK}>")
    assert "initial_value" not in fields["text"]
    assert sent(room, account="example0.test", link=LINK) == {}
    assert newest(room)[:3] == (LINK, LINK, "person")


def test_words_alone_come_into_the_queue(room):
    assert sent(room, account="example0.test", text="Heard at the meeting.") == {}
    assert newest(room)[:3] == ("", "Heard at the meeting.", "person")


def test_a_link_below_a_watched_account_needs_no_choice(room):
    with room.db.write() as session:
        session.execute(sa.update(Account).values(url="https://social.example/@office"))
    link = "https://social.example/@office/7"
    assert opened(room, f"<{link}>")["account"]["initial_option"]["text"]["text"] == "example0.test (bluesky)"
    assert sent(room, link=link) == {}
    assert newest(room)[0] == link


def test_where_the_place_is_not_watched_the_agency_is_enough(room):
    assert sent(room, agency="example county", link="https://www.facebook.test/office/posts/9") == {}
    url, _, origin, platform, name = newest(room)
    assert (url, origin, platform) == ("https://www.facebook.test/office/posts/9", "person", "hand")
    assert name == "Example County Sheriff on facebook.test"


def test_a_post_that_is_kept_already_comes_before_people_and_is_not_kept_twice(room):
    with room.db.write() as session:
        account = session.execute(sa.select(Account.id)).scalar()
        session.add(Post(account_id=account, external_id="polled", url=LINK, version_count=0))
    before = posts(room)
    assert sent(room, account="example0.test", link=LINK) == {}
    assert posts(room) == before
    assert "was kept already and waits for review now" in room.whispers[-1]
    sent(room, account="example0.test", link=LINK)
    assert "was there already" in room.whispers[-1]


@pytest.mark.parametrize(
    ("values", "block", "sentence"),
    [
        ({"link": LINK}, "agency", "Say whose post it is"),
        ({"link": LINK, "account": "nobody"}, "account", "No account of this name"),
        ({"link": LINK, "agency": "Nowhere"}, "agency", "No agency of this name"),
        ({"link": "javascript:alert(1)", "account": "example0.test"}, "link", "must begin with https://"),
        ({"account": "example0.test"}, "text", "Give a link, or the words"),
        ({"agency": "example county", "text": "Heard."}, "link", "Give the link"),
    ],
)
def test_what_cannot_be_taken_is_said_in_the_form_and_nothing_is_kept(room, values, block, sentence):
    before = posts(room)
    answer = sent(room, **values)
    assert answer["response_action"] == "errors"
    assert sentence in answer["errors"][block]
    assert posts(room) == before


def test_whoever_is_not_listed_sees_no_form(room):
    room.take(shortcut(room, "Look", user=STRANGER))
    assert room.slack.views == []
    assert STRANGER in room.whispers[-1]


def test_without_any_account_the_form_asks_for_the_agency(db, config, slack):
    from monitor.slack.payloads import Asked, Shortcut

    with db.read() as session:
        (effect,) = handposts.on_shortcut(session, Shortcut(Asked(DANA, "dana", slack.team), handposts.NAME, LINK))
        assert [block["block_id"] for block in effect.view["blocks"]] == ["agency", "link", "text", "note"]
