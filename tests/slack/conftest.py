"""A workspace with one match in its channel, and a desk that takes what people press."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from models import Alert, AlertState, Flag
from models.clock import utcnow
from monitor import noise, outbox, pipeline
from monitor.config import load
from monitor.http import Web
from monitor.slack import desk
from monitor.slack.desk import Desk
from monitor.threads import Teller
from tests.monitor.made_posts import make_office, make_post, make_version
from tests.slack.fake import FakeSlack

DANA, ELI, STRANGER = "U0DANA", "U0ELI", "U0STRANGER"
TEXT = "Another criminal illegal alien off our streets. They keep coming over the border."


@pytest.fixture(autouse=True)
def patient():
    """No answer comes late because the machine is busy; what happens when one does, tests say with a shorter wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk, "ANSWER_S", 60)
        yield


@pytest.fixture
def slack():
    with FakeSlack() as running:
        yield running


@pytest.fixture
def slack_settings():
    """More lines for the [slack] section and after it."""
    return ""


@pytest.fixture
def config(tmp_path, slack, database_url, slack_settings):
    file = tmp_path / "slack.toml"
    file.write_text(
        f"""
[database]
url = "{database_url}"
[slack]
base_url = "{slack.url}/api/"
bot_token = "{slack.token}"
app_token = "{slack.app_token}"
signing_secret = "very secret"
channel = "{slack.channel}"
reviewers = ["{DANA}", "{ELI}"]
{slack_settings}
"""
    )
    return load(file, environment={})


def send_all(db, config, *, now=None):
    """Deliver what waits, without the second between two messages that Slack wants."""
    channel = config.ready_channels["slack"]

    async def work():
        type(channel).rate_per_s, before = 0.0, type(channel).rate_per_s
        try:
            return await pipeline.alert(db, config, clock=lambda: now or utcnow())
        finally:
            type(channel).rate_per_s = before
            await outbox.close(config.ready_channels)

    return asyncio.run(work())


def make_match(db, config, text=TEXT, *, number=0, now=None, office=None, probability=0.97, **more):
    """A flagged post, placed as the pipeline places it. Returns (post id, flag id)."""
    now = now or utcnow()
    with db.write() as session:
        version = session.execute(sa.text("SELECT id FROM classifier_version")).scalar()
        if version is None:
            make_version(session)
        from models import ClassifierVersion

        version = session.execute(sa.select(ClassifierVersion)).scalar()
        name = f"Office {number} Sheriff" if number else "Example County Sheriff"
        account = office or make_office(session, name, address=f"example{number}.test")
        post = make_post(
            session,
            account,
            text,
            number=number,
            version=version,
            probability=probability,
            themes=("criminal_alien",),
            first_seen_at=now,
            **more,
        )
        flag = session.execute(sa.select(Flag).where(Flag.post_id == post.id)).scalar()
        flag.created_at = now
        session.flush()
        noise.place_match(session, config, flag, now=now)
        return post.id, flag.id


@dataclass
class Room:
    """The channel with a match in it."""

    db: Any
    config: Any
    slack: FakeSlack
    post_id: int
    alert_id: int
    desk_clock: Any = utcnow
    presses: int = field(default=0)

    @property
    def message(self):
        return next(m for m in self.slack.messages if m["metadata"]["event_payload"]["alert_id"] == str(self.alert_id))

    @property
    def said(self):
        return json.dumps(self.message["blocks"], ensure_ascii=False)

    @property
    def whispers(self):
        return [whisper["text"] for whisper in self.slack.whispers]

    def take(self, *payloads):
        """Hand payloads to the desk, all at once, and let it finish. Returns the answers."""

        async def work():
            async with Web(self.config.http) as web:
                desk = Desk(self.db, self.config, self.config.ready_channels["slack"], web, clock=self.desk_clock)
                taken = await asyncio.gather(*(desk.take(payload) for payload in payloads))
                await asyncio.gather(*(t.work() for t in taken if t.work))
            await outbox.close(self.config.ready_channels)
            return [dict(t.answer) for t in taken]

        answers = asyncio.run(work())
        send_all(self.db, self.config)
        return answers

    def press(self, action, *, user=DANA, value=None, at=None):
        return self.take(self.pressed(action, user=user, value=value, at=at))

    def pressed(self, action, *, user=DANA, value=None, at=None, team=None):
        self.presses += 1
        value = value or str(self.alert_id)
        chosen = {"value": value} if action != "triage_reject" else {"selected_option": {"value": value}}
        return {
            "type": "block_actions",
            "user": {"id": user, "username": user.lower(), "name": user[2:].lower(), "team_id": self.slack.team},
            "api_app_id": "A01",
            "trigger_id": f"trigger.{self.presses}",
            "team": {"id": team or self.slack.team, "domain": "example"},
            "channel": {"id": self.slack.channel, "name": "alerts"},
            "message": {"type": "message", "ts": self.message["ts"], "text": "…", "blocks": []},
            "state": {"values": {}},
            "response_url": f"{self.slack.url}/respond",
            "actions": [
                {"action_id": action, "block_id": "b", "action_ts": at or f"1763650010.{self.presses:06}", **chosen}
            ],
        }

    def command(self, text, *, user=DANA, team=None):
        return {
            "command": "/sheriffwatch",
            "text": text,
            "user_id": user,
            "user_name": user[2:].lower(),
            "team_id": team or self.slack.team,
            "channel_id": self.slack.channel,
            "trigger_id": "trigger.c",
            "response_url": f"{self.slack.url}/respond",
        }

    def form(self, values, *, user=DANA, name="triage_more", about=None):
        return {
            "type": "view_submission",
            "user": {"id": user, "name": user[2:].lower(), "team_id": self.slack.team},
            "team": {"id": self.slack.team},
            "view": {
                "id": "V1",
                "callback_id": name,
                "private_metadata": str(self.alert_id) if about is None else about,
                "state": {"values": {block: {"value": element} for block, element in values.items()}},
            },
        }


@pytest.fixture
def room(db, config, slack):
    post_id, flag_id = make_match(db, config)
    send_all(db, config)
    with db.read() as session:
        alert = session.execute(sa.select(Alert).where(Alert.flag_id == flag_id)).scalar()
    assert alert.state == AlertState.SENT
    return Room(db, config, slack, post_id, alert.id)


@pytest.fixture
def teller(db, config):
    return Teller(db, config)


__all__ = ["DANA", "ELI", "STRANGER", "TEXT", "UTC", "datetime", "make_match", "send_all", "timedelta"]
