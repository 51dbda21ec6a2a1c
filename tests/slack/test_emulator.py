"""The same messages against a Slack that others wrote: what our own fake and we might both have misread shows here."""

import asyncio
import io
from dataclasses import replace
from datetime import timedelta

import pytest
from PIL import Image

from models.clock import utcnow
from monitor.alerts import Said
from monitor.alerts.slack import Slack
from monitor.config import AlertsConfig
from monitor.errors import DeliveryError
from monitor.slack.manifest import look_over
from tests.alerts.test_slack import HOSTILE, MESSAGE, with_text
from tests.slack import emulated
from tests.slack.emulated import NARROW_TOKEN, TOKEN

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    with emulated.running(tmp_path_factory.mktemp("emulate")) as running:
        yield running


def with_slack(emulator, work, **settings):
    """Run ``work(channel)`` with a channel of its own."""
    settings = {"bot_token": TOKEN, "channel": emulator.channel, "app_token": "xapp-1"} | settings

    async def inner():
        out = Slack(base_url=f"{emulator.url}/api/", **settings)
        try:
            return await work(out)
        finally:
            await out.close()

    return asyncio.run(inner())


def message_at(emulator, receipt):
    return next(message for message in emulator.messages if message["ts"] == receipt["ts"])


def test_an_alert_arrives_with_its_blocks_and_is_found_by_its_id(emulator):
    async def work(out):
        receipt = await out.send(replace(MESSAGE, id="e1"))
        since = utcnow() - timedelta(minutes=1)
        return (
            receipt,
            await out.find(replace(MESSAGE, id="e1"), since),
            await out.find(replace(MESSAGE, id="never-sent"), since),
        )

    receipt, found, other = with_slack(emulator, work)
    assert found == receipt
    assert other is None
    stored = message_at(emulator, receipt)
    assert stored["metadata"]["event_payload"] == {"alert_id": "e1"}
    assert [block["type"] for block in stored["blocks"]][:3] == ["header", "section", "rich_text"]
    assert stored["blocks"][-1]["type"] == "actions"


def test_a_verdict_changes_the_message_that_stands_and_a_reply_stands_below_it(emulator):
    async def work(out):
        receipt = await out.send(replace(MESSAGE, id="e2"))
        said = (Said("dana", "confirmed", utcnow()),)
        await out.send(replace(MESSAGE, id="e2u", replaces=receipt, said=said, standing="confirmed", revision="1.0"))
        note = replace(MESSAGE, id="e2n", kind="thread", quote="", body="Seen.", thread=receipt)
        reply = await out.send(note)
        return receipt, reply, await out.find(note, utcnow() - timedelta(minutes=1))

    receipt, reply, found = with_slack(emulator, work)
    stored = message_at(emulator, receipt)
    assert "*Confirmed*" in str(stored["blocks"])
    assert stored["text"].startswith("Confirmed: ")
    assert found == reply, "looked up in its thread"
    below = emulator.ask("conversations.replies", channel=emulator.channel, ts=receipt["ts"])["messages"]
    assert [message["ts"] for message in below] == [receipt["ts"], reply["ts"]]


def test_a_picture_is_uploaded_and_stands_in_the_message(emulator):
    picture = io.BytesIO()
    Image.new("RGB", (40, 30), "#335577").save(picture, "PNG")

    async def work(out):
        return await out.send(replace(MESSAGE, id="e3", picture=picture.getvalue(), picture_alt="A blue square"))

    receipt = with_slack(emulator, work)
    (image,) = [block for block in message_at(emulator, receipt)["blocks"] if block["type"] == "image"]
    file = emulator.ask("files.info", file=image["slack_file"]["id"])["file"]
    assert file["size"] == len(picture.getvalue())
    assert image["alt_text"] == "A blue square"


def test_the_simple_mode_arrives_by_webhook(emulator):
    async def work(out):
        return await out.send(replace(MESSAGE, id="e4", headline="By webhook"))

    team = emulator.ask("auth.test")["team_id"]
    hook = f"{emulator.url}/services/{team}/B000000001/X000000001"
    assert with_slack(emulator, work, bot_token="", webhook_url=hook) == {}
    general = next(c["id"] for c in emulator.ask("conversations.list")["channels"] if c["name"] == "general")
    (stored,) = emulator.ask("conversations.history", channel=general)["messages"][:1]
    assert stored["text"].startswith("By webhook")
    assert not [block for block in stored["blocks"] if block["type"] == "actions"]


def test_a_scope_that_is_missing_and_a_channel_that_is_not_there_are_named(emulator):
    async def work(out):
        with pytest.raises(DeliveryError) as refused:
            await out.send(MESSAGE)
        return refused.value

    assert "chat:write" in str(with_slack(emulator, work, bot_token=NARROW_TOKEN))
    gone = with_slack(emulator, work, channel="C0NOWHERE")
    assert "channel_not_found" in str(gone)
    assert gone.permanent


def test_setup_finds_nothing_wrong_with_token_and_channel(emulator):
    async def work(out):
        return await look_over(out, AlertsConfig(), now=utcnow())

    said = [f"{found.level}: {found.sentence}" for found in with_slack(emulator, work)]
    assert any(line.startswith("ok: The bot token works") for line in said), said
    assert f"ok: Channel {emulator.channel} can be seen." in said


def test_every_hostile_text_arrives_as_it_was_sent_and_mentions_nobody(emulator):
    async def work(out):
        return [await out.send(replace(with_text(text), id=f"h{number}")) for number, text in enumerate(HOSTILE)]

    for receipt in with_slack(emulator, work):
        stored = message_at(emulator, receipt)
        assert not [live for live in ("<!channel", "<!here", "<@U0", "<!everyone") if live in stored["text"]]
        assert stored["blocks"]
