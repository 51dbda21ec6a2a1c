import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from models.clock import utcnow
from monitor.alerts import Message, Word
from monitor.alerts._slack_blocks import blocks_of
from monitor.alerts.slack import Slack
from monitor.errors import DeliveryError
from tests.slack.fake import FakeSlack, faults_of, texts_of

MESSAGE = Message(
    id="42",
    kind="match",
    headline="New match: Example County Sheriff (bluesky)",
    agency="Example County Sheriff",
    state="OH",
    agreements=("JEM", "TFM"),
    account="Example County Sheriff",
    account_role="office",
    account_url="https://bsky.app/profile/sheriff.example.gov",
    platform="bluesky",
    post_id=7,
    post_url="https://bsky.app/profile/sheriff.example.gov/post/3kabc",
    kept_url="https://watch.example.org/posts/7",
    posted_at=datetime(2026, 11, 20, 16, 2, tzinfo=UTC),
    seen_at=datetime(2026, 11, 20, 16, 5, tzinfo=UTC),
    quote="Another criminal illegal alien off our streets.",
    marks=((8, 30),),
    score=0.97,
    version="2026.11-abc",
    themes=("criminal_alien",),
    words=(Word("criminal illegal alien", 2.1), Word("our streets", 0.4)),
    earlier_count=3,
    earlier_last=datetime(2026, 11, 1, tzinfo=UTC),
)

HOSTILE = [
    "<!channel> wake up",
    "<!here>",
    "<!everyone>",
    "<@U0123456789> look",
    "<#C0123456789>",
    "<!subteam^S0123456789>",
    "<https://evil.example/login|your organisation's login>",
    "[click](https://evil.example)",
    "&lt;!channel&gt; &amp;lt;!channel&amp;gt;",
    "*bold* _italic_ ~strike~ `code` ```block```",
    "> quote\n>>> more",
    ":rotating_light:" * 300,
    "🚨" * 3000,
    "x" * 10_000,
    "&" * 4000,
    "<" * 4000,
    "a|b|c https://a.example|b",
    "\u202etxet desrever\u202c and \u2066isolated\u2069",
    "مرحبا بالعالم " * 50,
    "\x00NUL and \ud7ff edge",
    "line\n" * 2000,
    "   \n\t  . ",
    '"}],"blocks":[{"type":"divider"}]',
    "{{7*7}} ${jndi:ldap://x} %s %n",
    "<javascript:alert(1)|go>",
]


@pytest.fixture
def slack():
    with FakeSlack() as running:
        yield running


def channel(slack, **settings):
    return Slack(base_url=f"{slack.url}/api/", bot_token=slack.token, channel=slack.channel, **settings)


def send(channel, message=MESSAGE):
    async def work():
        try:
            return await channel.send(message)
        finally:
            await channel.close()

    return asyncio.run(work())


def find(channel, message=MESSAGE):
    async def work():
        try:
            return await channel.find(message, utcnow() - timedelta(seconds=60))
        finally:
            await channel.close()

    return asyncio.run(work())


def with_text(text):
    return replace(
        MESSAGE,
        headline=f"New match: {text[:3000]}",
        agency=text,
        account=text,
        quote=text,
        marks=((0, min(4, len(text))),),
        words=(Word(text, 1.0),),
        places=(text, text),
        post_url=f"https://a.example/{text[:200]}",
    )


def test_an_alert_says_who_what_why_and_where(slack):
    receipt = send(channel(slack))
    (message,) = slack.messages
    assert receipt == {"channel": slack.channel, "ts": message["ts"]}
    said = "\n".join(texts_of(message["blocks"]))
    for part in (
        "Example County Sheriff",
        "OH",
        "JEM, TFM",
        "bluesky",
        "criminal illegal alien",
        "score 0.97",
        "2026.11-abc",
        "criminal alien",
        "3 earlier matches",
        f"<!date^{int(MESSAGE.posted_at.timestamp())}^",
        "https://bsky.app/profile/sheriff.example.gov/post/3kabc",
        "https://watch.example.org/posts/7",
    ):
        assert part in said, part
    assert message["text"].startswith("New match: Example County Sheriff (bluesky), OH")
    assert message["unfurl_links"] is False
    assert message["unfurl_media"] is False


def test_the_telling_words_are_bold_in_the_quote():
    quote = next(block for block in blocks_of(MESSAGE) if block["type"] == "rich_text")
    parts = quote["elements"][0]["elements"]
    assert [part["text"] for part in parts if part.get("style")] == ["criminal illegal alien"]
    assert "".join(part["text"] for part in parts) == MESSAGE.quote


def test_buttons_stand_only_where_somebody_listens(slack):
    send(channel(slack))
    send(channel(slack, app_token="xapp-test"))
    without, with_buttons = slack.messages
    assert not [block for block in without["blocks"] if block["type"] == "actions"]
    (actions,) = [block for block in with_buttons["blocks"] if block["type"] == "actions"]
    assert MESSAGE.quote not in json.dumps(actions), "buttons carry the alert's id and nothing of the post"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_can_mention_link_or_break_the_blocks(slack, text):
    send(channel(slack), with_text(text))
    slack.faults.append("invalid_blocks")
    send(channel(slack), with_text(text))
    message, reduced = slack.messages
    assert "blocks" in message, "the full form was taken, not the reduced one"
    assert "blocks" not in reduced
    assert faults_of(message) == faults_of(reduced) == ""
    assert message["parse"] == reduced["parse"] == "none", "bare addresses become no links"
    live = [message["text"], reduced["text"], *mrkdwn_of(message["blocks"])]
    for part in live:
        for opened in part.split("<")[1:]:
            assert opened.startswith(
                ("!date^", "https://a.example/", "https://bsky.app/", "https://watch.example.org/")
            )
        assert "\u202e" not in part
    for block in message["blocks"]:
        if block["type"] == "rich_text":
            assert all(part["type"] == "text" for part in block["elements"][0]["elements"])


def mrkdwn_of(value):
    if isinstance(value, dict):
        if value.get("type") == "mrkdwn":
            return [value["text"]]
        return [text for item in value.values() for text in mrkdwn_of(item)]
    return [text for item in value for text in mrkdwn_of(item)] if isinstance(value, list) else []


@pytest.mark.parametrize("script", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//evil.example"])
def test_only_web_addresses_become_links(script):
    message = replace(MESSAGE, post_url=script, kept_url="", account_url=script)
    assert not [text for text in mrkdwn_of(blocks_of(message)) if "evil" in text or "alert(1)" in text]


@pytest.mark.parametrize(
    "word",
    ["invalid_auth", "token_revoked", "account_inactive", "channel_not_found", "not_in_channel", "is_archived"],
)
def test_what_only_a_person_can_mend_is_permanent(slack, word):
    slack.faults.append(word)
    with pytest.raises(DeliveryError, match=word) as refused:
        send(channel(slack))
    assert refused.value.permanent
    assert not refused.value.ambiguous


def test_a_wrong_token_is_named_without_showing_it(slack):
    wrong = Slack(base_url=f"{slack.url}/api/", bot_token="xoxb-secret-and-wrong", channel=slack.channel)
    with pytest.raises(DeliveryError, match="invalid_auth") as refused:
        send(wrong)
    assert "xoxb" not in str(refused.value)
    assert "xoxb" not in repr(wrong)


def test_a_missing_scope_is_named(slack):
    slack.scopes.discard("chat:write")
    with pytest.raises(DeliveryError, match="chat:write") as refused:
        send(channel(slack))
    assert refused.value.permanent


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("junk", 30), ("99999999", 3600)])
def test_the_pause_slack_asks_for_is_told(slack, header, seconds):
    slack.retry_after = header
    slack.faults.append("rate_limited")
    with pytest.raises(DeliveryError) as refused:
        send(channel(slack))
    assert refused.value.retry_after == seconds


@pytest.mark.parametrize("fault", ["drop", "taken_server_error"])
def test_a_message_whose_answer_was_lost_is_found_again_and_was_sent_once(slack, fault):
    slack.faults.append(fault)
    with pytest.raises(DeliveryError) as unclear:
        send(channel(slack))
    assert unclear.value.ambiguous
    assert len(slack.messages) == 1, "nothing was sent again behind our back"
    assert find(channel(slack)) == {"channel": slack.channel, "ts": slack.messages[0]["ts"]}


def test_a_message_that_never_arrived_is_not_found(slack):
    slack.faults.append("refuse_connection")
    with pytest.raises(DeliveryError):
        send(channel(slack))
    assert find(channel(slack)) is None


def test_the_message_is_found_behind_many_others(slack):
    async def work():
        out = channel(slack)
        for number in range(120):
            await out.send(replace(MESSAGE, id=f"n{number}"))
        found = await out.find(replace(MESSAGE, id="n1"), utcnow() - timedelta(seconds=60))
        await out.close()
        return found

    assert asyncio.run(work())["ts"] == slack.messages[1]["ts"]


def test_a_slack_that_is_not_there_is_a_clear_passing_fault():
    nobody = Slack(base_url="http://127.0.0.1:9/api/", bot_token="xoxb-x", channel="C0")
    with pytest.raises(DeliveryError, match="could not be reached") as refused:
        send(nobody)
    assert not refused.value.permanent
    assert not refused.value.ambiguous


def test_a_form_that_slack_refuses_is_sent_once_more_as_plain_text(slack):
    slack.faults.append("invalid_blocks")
    send(channel(slack))
    (message,) = slack.messages
    assert "blocks" not in message
    for part in ("Example County Sheriff", "illegal alien", "score 0.97", "JEM, TFM", "3 earlier", "7|Our copy>"):
        assert part in message["text"], part


def test_where_there_are_many_places_the_rest_is_a_number():
    message = replace(MESSAGE, places=tuple(f"Office {n} (feed): https://a.example/{n}" for n in range(64)))
    said = "\n".join(texts_of(blocks_of(message)))
    assert "Office 9 (feed)" in said
    assert "and 54 more" in said


def test_a_form_that_slack_does_not_take_costs_one_message_and_not_the_queue(slack):
    slack.faults.extend(["metadata_too_large", "invalid_arguments"])
    with pytest.raises(DeliveryError) as refused:
        send(channel(slack))
    assert refused.value.reduce
    assert not refused.value.permanent


def test_the_simple_mode_needs_only_a_webhook(slack):
    simple = Slack(webhook_url=f"{slack.url}/webhook")
    assert simple.ready
    assert not simple.can_find
    send(simple)
    assert "criminal illegal alien" in json.dumps(slack.messages[0])
    slack.faults.append("no_service")
    with pytest.raises(DeliveryError, match="revoked") as refused:
        send(simple)
    assert refused.value.permanent


def test_settings_that_are_not_enough_leave_the_channel_out():
    assert not Slack().ready
    assert not Slack(bot_token="xoxb-x").ready
    assert Slack(bot_token="xoxb-x", channel="C0").ready


def test_the_check_says_what_is_wrong(slack):
    async def faults(out):
        try:
            return await out.check()
        finally:
            await out.close()

    assert asyncio.run(faults(channel(slack))) == []
    elsewhere = Slack(base_url=f"{slack.url}/api/", bot_token=slack.token, channel="C0OTHER")
    assert "channel_not_found" in asyncio.run(faults(elsewhere))[0]
