"""Strangers' words in everything that is built for Slack: no live mention, no link of theirs, no broken block."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from models import Account, Agency, Post, PostVersion
from monitor.alerts import Said
from monitor.alerts._slack_blocks import blocks_of, fallback_text
from monitor.posts import KeptPost
from monitor.slack import handposts, modals
from monitor.slack.answers import private
from monitor.slack.payloads import Asked, Shortcut
from tests.alerts.test_slack import HOSTILE, MESSAGE, mrkdwn_of, with_text
from tests.slack.forms import faults_of, view_faults_of

AT = datetime(2026, 11, 20, 16, tzinfo=UTC)
OURS = ("!date^", "https://a.example/", "https://bsky.app/", "https://watch.example.org/")


def in_an_alert(text):
    said = tuple(Said(text, "confirmed", AT, reason=text, via="web") for _ in range(12))
    return replace(
        with_text(text),
        account_role=text,
        agreements=(text,),
        state=text,
        platform=text,
        version=text,
        themes=(text,),
        said=said,
        standing="second_look",
    )


def in_a_digest(text):
    items = tuple((text, f"https://a.example/{number}") for number in range(25))
    return replace(MESSAGE, kind="digest", quote="", headline=text, body=text, items=items)


def in_a_thread(text):
    changes = (("same", text), ("gone", text), ("new", text))
    return replace(MESSAGE, kind="thread", quote="", headline=text, body=text, changes=changes)


def links_in(value):
    if isinstance(value, dict):
        own = [value["url"]] if value.get("type") == "link" else []
        return [*own, *(url for item in value.values() for url in links_in(item))]
    return [url for item in value for url in links_in(item)] if isinstance(value, list) else []


@pytest.mark.parametrize("build", [in_an_alert, in_a_digest, in_a_thread])
def test_no_message_can_be_steered_by_the_words_in_it(build):
    assert len(HOSTILE) >= 23
    for text in HOSTILE:
        message = build(text)
        body = {"text": fallback_text(message), "blocks": blocks_of(message, buttons=True)}
        assert faults_of(body) == "", text[:40]
        for shown in (body["text"], *mrkdwn_of(body["blocks"])):
            assert all(opened.startswith(OURS) for opened in shown.split("<")[1:]), text[:40]
            assert shown.count("<") == shown.count(">"), "no link or date is cut in the middle"
            assert not any(line.startswith("&gt;") for line in shown.split("\n")), "nor does a quotation begin"
            assert "\u202e" not in shown
        assert all(url.startswith("https://a.example/") for url in links_in(body["blocks"]))


def test_no_answer_to_a_command_can_be_steered():
    for text in HOSTILE:
        answer = private(f"Found: {text}")
        assert faults_of(answer) == "", text[:40]
        assert "<" not in answer["text"]
        assert all(block["text"]["type"] == "plain_text" for block in answer["blocks"])


def test_no_form_can_be_broken():
    for text in HOSTILE:
        versions = [
            PostVersion(id=n, post_id=1, text=text, quoted_text=text, first_seen_at=AT, last_seen_at=AT) for n in (1, 2)
        ]
        post = Post(id=1, account_id=1, external_id="x", current_version_id=2)
        account = Account(id=1, platform="feed", address=text)
        kept = KeptPost(post, account, Agency.named("Example", "OH"), versions, None, None, [])
        view = modals.more("42", kept, "dana")
        assert view_faults_of(view) == "", text[:40]
        assert mrkdwn_of(view) == []


def test_no_message_can_break_the_form_it_is_sent_in_with(db):
    with db.write() as session:
        for number, text in enumerate(HOSTILE):
            named = text.replace("\x00", "")[:200]
            session.add(Account(platform="feed", address=f"{number}.test", name=named))
        session.flush()
        for text in HOSTILE:
            shortcut = Shortcut(Asked("U0DANA", text, "T0TEST"), handposts.NAME, f"https://a.example/p {text}")
            (effect,) = handposts.on_shortcut(session, shortcut)
            assert view_faults_of(effect.view) == "", text[:40]
            assert mrkdwn_of(effect.view) == []
