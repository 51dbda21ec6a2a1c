"""What e-mail, webhooks and chats keep alike, each against a strict server of its kind."""

import asyncio
from contextlib import contextmanager
from dataclasses import replace

import pytest

from monitor.alerts import channel_classes
from monitor.errors import DeliveryError
from tests.alerts.fake_discord import FakeDiscord
from tests.alerts.fake_mail import FakeMail
from tests.alerts.fake_mattermost import FakeMattermost
from tests.alerts.fake_teams import FakeTeams
from tests.alerts.fake_webhook import FakeWebhook
from tests.alerts.test_slack import HOSTILE, MESSAGE, with_text

KINDS = {
    "email": FakeMail,
    "webhook": FakeWebhook,
    "teams": FakeTeams,
    "mattermost": FakeMattermost,
    "discord": FakeDiscord,
}


@pytest.fixture(params=KINDS)
def server(request, tmp_path):
    kind = KINDS[request.param]
    with kind(tmp_path) if kind is FakeMail else kind() as running:
        yield running


def send(server, message=MESSAGE, **settings):
    channel = channel_classes()[server.channel](**(server.settings | settings))
    return asyncio.run(channel.send(message))


@contextmanager
def refused():
    with pytest.raises(DeliveryError) as caught:
        yield caught


def test_every_channel_but_slack_and_the_terminal_is_held_to_this():
    assert set(channel_classes()) - {"slack", "console"} == set(KINDS)


def test_an_alert_says_who_what_why_and_where(server):
    receipt = send(server)
    (item,) = server.taken
    said = server.said(item)
    for part in ("Example County Sheriff", "OH", "JEM", "criminal illegal alien", "0.97", "3kabc", "watch.example.org"):
        assert part in said, part
    assert receipt["alert"] == "42"
    assert server.refusals == []


@pytest.mark.slow
def test_no_text_brings_a_mention_a_link_or_markup_to_life(server):
    for number, text in enumerate(HOSTILE):
        send(server, with_text(text))
        assert server.refusals == [], f"text {number} was refused in its full form"
        assert server.live(server.taken[-1]) == [], f"text {number}"


def test_a_lost_answer_is_unclear_and_nothing_is_sent_again_behind_our_back(server):
    server.faults.append("drop")
    with refused() as unclear:
        send(server)
    assert unclear.value.ambiguous
    assert len(server.taken) == 1
    send(server, replace(MESSAGE, possible_repeat=True))
    first, second = server.taken
    assert server.name_of(first) == server.name_of(second)
    assert "repeat" in server.said(second).lower()


def test_a_silent_server_is_given_up(server):
    server.faults.append("silence")
    with refused() as unclear:
        send(server, timeout_s=0.5)
    assert unclear.value.ambiguous


def test_what_becomes_of_a_match_names_it(server):
    above = send(server)
    note = replace(MESSAGE, id="43", kind="thread", quote="", headline="Not there any more", body="It was deleted.")
    send(server, replace(note, thread=above, about=MESSAGE.headline, about_url=MESSAGE.kept_url))
    assert "It was deleted." in server.said(server.taken[-1])
    if server.channel == "email":
        assert server.taken[1]["In-Reply-To"] == server.taken[0]["Message-ID"]
        assert server.taken[1]["Subject"] == f"Re: {server.taken[0]['Subject']}"


def test_a_request_to_wait_is_passing(server):
    server.retry_after = "7"
    server.faults.append("rate_limited")
    with refused() as later:
        send(server)
    assert not later.value.permanent
    assert not later.value.ambiguous
    assert later.value.retry_after == (None if server.channel == "email" else 7)


def test_what_only_a_person_can_mend_is_permanent(server):
    server.faults.append(550 if server.channel == "email" else 404)
    with refused() as final:
        send(server)
    assert final.value.permanent
    assert not final.value.ambiguous
