"""The tests' own Slack refuses what Slack refuses; the emulator that others wrote takes some of it."""

import json
import urllib.error
import urllib.request

import pytest

from tests.slack.fake import FakeSlack


@pytest.fixture
def slack():
    with FakeSlack() as running:
        yield running


def ask(slack, method, *, token="", **arguments):
    request = urllib.request.Request(
        f"{slack.url}/api/{method}",
        data=json.dumps(arguments).encode(),
        headers={"Authorization": f"Bearer {token or slack.token}", "Content-Type": "application/json"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        return json.load(answer)


def section(text="x", **more):
    return {"type": "section", "text": {"type": "plain_text", "text": text}, **more}


REFUSED = [
    ("51 blocks", {"blocks": [section()] * 51}, "invalid_blocks"),
    ("a section of 3,001 characters", {"blocks": [section("x" * 3001)]}, "invalid_blocks"),
    ("a section of none", {"blocks": [section("")]}, "invalid_blocks"),
    ("a header with markup", {"blocks": [{"type": "header", "text": {"type": "mrkdwn"}}]}, "invalid_blocks"),
    ("one block id twice", {"blocks": [section(block_id="a"), section(block_id="a")]}, "invalid_blocks"),
    ("more than the total of all blocks", {"blocks": [section("x" * 2900)] * 5}, "msg_blocks_too_long"),
    ("a kind of block that is none", {"blocks": [{"type": "table"}]}, "invalid_blocks"),
    ("a picture from elsewhere that was never uploaded", {"blocks": [{"type": "image", "alt_text": "a",
     "slack_file": {"id": "F9"}}]}, "invalid_blocks"),
    ("nothing at all", {"text": ""}, "no_text"),
    ("an unknown channel", {"channel": "C0NOWHERE"}, "channel_not_found"),
    ("a reply to nothing", {"thread_ts": "1.2"}, "thread_not_found"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "word"), [pytest.param(body, word, id=what) for what, body, word in REFUSED])
def test_what_slack_refuses_is_refused(slack, body, word):
    answer = ask(slack, "chat.postMessage", **({"channel": slack.channel, "text": "x"} | body))
    assert answer["error"] == word
    assert slack.messages == []


def test_fifty_blocks_are_taken(slack):
    assert ask(slack, "chat.postMessage", channel=slack.channel, text="x", blocks=[section()] * 50)["ok"]


def test_a_bad_token_is_refused_whatever_it_asks(slack):
    for method in ("auth.test", "chat.postMessage", "views.open", "apps.connections.open"):
        assert ask(slack, method, token="xoxb-bad", channel=slack.channel, text="x")["error"] == "invalid_auth"


def test_methods_that_read_understand_no_json(slack):
    assert ask(slack, "conversations.history", channel=slack.channel)["error"] == "invalid_arguments"


def test_a_trigger_is_good_once(slack):
    view = {"type": "modal", "title": {"type": "plain_text", "text": "x"}, "blocks": [section()]}
    assert ask(slack, "views.open", trigger_id="t1", view=view)["ok"]
    assert ask(slack, "views.open", trigger_id="t1", view=view)["error"] == "exchanged_trigger_id"


def test_too_much_is_answered_with_429_and_how_long_to_wait(slack):
    slack.faults.append("rate_limited")
    slack.retry_after = "7"
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(slack, "chat.postMessage", channel=slack.channel, text="x")
    assert (refused.value.code, refused.value.headers["Retry-After"]) == (429, "7")
    refused.value.close()
