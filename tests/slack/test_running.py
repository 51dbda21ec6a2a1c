"""“sheriffwatch run” as a process, between Slack and an office: what is decided anywhere shows everywhere."""

import re
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest
import sqlalchemy as sa

from models import Account, Event, UserRole
from models.clock import utcnow
from models.db import open_db
from monitor import sessions, users
from monitor.sample import SampleServer
from monitor.web.page import COOKIE
from monitor.web.security import form_token
from tests.slack.fake import FakeSlack
from tests.slack.forms import faults_of, texts_of

pytestmark = pytest.mark.slow

DANA = "U0DANA"
MATCH = "These criminal illegal aliens keep pouring over our border, group {}. Send them all back!"


class Running:
    """The process, what stands in Slack, and other ways to decide."""

    def __init__(self, folder, slack, server):
        self.slack, self.server, self.folder = slack, server, folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.file = folder / "config.toml"
        self.file.write_text(
            f"""
[database]
url = "sqlite:///{folder}/watch.db"
[http]
allow_private = ["127.0.0.1:{server.port}"]
[poll]
interval_s = 1
deletion_gap_s = 0
[sources.bluesky]
appview = "{server.url}"
[web]
port = {self.port}
base_url = "http://127.0.0.1:{self.port}"
[slack]
base_url = "{slack.url}/api/"
bot_token = "{slack.token}"
app_token = "{slack.app_token}"
channel = "{slack.channel}"
reviewers = ["{DANA}"]
"""
        )
        self.process = None

    def command(self, *arguments):
        done = subprocess.run(self.arguments(*arguments), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def arguments(self, *arguments):
        return [sys.executable, "-m", "monitor", *arguments, "--config", str(self.file)]

    def start(self):
        self.log = (self.folder / "run.log").open("w")
        self.process = subprocess.Popen(self.arguments("run"), stdout=self.log, stderr=self.log)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, (self.folder / "run.log").read_text()
        self.log.close()

    def until(self, true, seconds=30):
        give_up_at = time.monotonic() + seconds
        while not (found := true()):
            assert self.process.poll() is None, (self.folder / "run.log").read_text()
            assert time.monotonic() < give_up_at, (self.folder / "run.log").read_text()[-4000:]
            time.sleep(0.05)
        return found

    def match(self, number):
        """The message about one match, once it is there."""

        def look():
            said = f"group {number}."
            return next((m for m in self.slack.messages if not m.get("thread_ts") and said in m["text"]), None)

        return self.until(look)

    def below(self, message):
        return [m for m in self.slack.messages if m.get("thread_ts") == message["ts"]]

    def press(self, message, action, **more):
        value = message["metadata"]["event_payload"]["alert_id"]
        stamp = f"{time.time():.6f}"
        return self.slack.push("interactive", self.asked() | {
            "type": "block_actions", "channel": {"id": self.slack.channel}, "trigger_id": stamp,
            "actions": [{"action_id": action, "value": value, "action_ts": stamp} | more],
        })  # fmt: skip

    def type(self, text):
        answer = self.slack.push("slash_commands", {
            "command": "/sheriffwatch", "text": text, "user_id": DANA, "user_name": "dana", "team_id": self.slack.team,
            "channel_id": self.slack.channel, "trigger_id": text, "response_url": f"{self.slack.url}/respond",
        })  # fmt: skip
        said = words(answer["payload"])
        return said if said != "Working on it …" else self.until(lambda: self.slack.whispers and self.whispered())

    def whispered(self):
        return words(self.slack.whispers[-1])

    def asked(self):
        return {
            "user": {"id": DANA, "name": "dana"},
            "team": {"id": self.slack.team},
            "response_url": f"{self.slack.url}/respond",
        }


def words(message):
    return "\n".join(texts_of(message.get("blocks") or []))


@pytest.fixture
def running(tmp_path):
    with SampleServer() as server, FakeSlack() as slack:
        made = Running(tmp_path, slack, server)
        feed = next(office for office in server.accounts() if office["platform"] == "feed")
        made.command("init")
        made.command("account", "add", "feed", feed["address"], "--agency", "Example County Sheriff", "--state", "OH")
        made.slug = next(office.slug for office in server.world if office.slug in feed["address"])
        made.command("poll", "--once")
        made.start()
        made.until(lambda: slack.connections)
        yield made
        made.stop()
    assert not [message for message in slack.messages if faults_of(message)]


def test_what_is_decided_anywhere_shows_in_slack_and_an_edit_is_told_below(running):
    posts = {number: running.server.publish(running.slug, MATCH.format(number)) for number in range(3)}
    messages = {number: running.match(number) for number in posts}
    number_of = {n: int(re.search(r"/posts/(\d+)\|Our copy", words(m))[1]) for n, m in messages.items()}

    running.press(messages[0], "triage_confirm")
    running.until(lambda: "dana: confirmed" in words(messages[0]))
    running.press(messages[0], "triage_undo")
    running.until(lambda: "dana: confirmed" not in words(messages[0]))

    running.command("review", "decide", str(number_of[1]), "rejected", "--reason", "news", "--reviewer", "eli")
    running.until(lambda: "eli: rejected (Neutral news) on the command line" in words(messages[1]), 10)
    running.press(messages[1], "triage_confirm")
    running.until(lambda: "Needs a second look" in words(messages[1]))

    decide_on_the_page(running, number_of[2])
    running.until(lambda: "Ana: confirmed on the page" in words(messages[2]), 10)

    running.server.edit(running.slug, posts[0].id, MATCH.format(0).replace("criminal illegal aliens", "people"))
    running.until(lambda: [m for m in running.below(messages[0]) if "Edited, seen" in words(m)])


def test_every_command_is_answered_in_private_and_in_time(running):
    running.server.publish(running.slug, MATCH.format(7))
    running.match(7)
    other = next(office for office in running.server.accounts("bluesky"))
    expected = {
        "help": "/sheriffwatch mute ACCOUNT 2d",
        "status": "1 accounts, 1 of them ok",
        'search "group 7"': "group 7",
        "agency example county": "Example County Sheriff, OH",
        "explain Criminal illegal aliens keep pouring over our border": "would alert",
        "mute 1 2d": "no alerts until",
        "digest now": "is on its way",
        f"add https://bsky.app/profile/{other['address']}": "is watched from now on",
    }
    for text, part in expected.items():
        started = time.monotonic()
        assert part in running.type(text), text
        assert time.monotonic() - started < 3, text
    running.until(lambda: [m for m in running.slack.messages if "sheriffwatch from" in words(m)])
    running.server.publish(running.slug, MATCH.format(8))
    with open_db(f"sqlite:///{running.folder}/watch.db").read() as session:
        muted = session.execute(sa.select(Account.muted_until).order_by(Account.id)).scalars().first()
        assert muted > utcnow()
        kinds = set(session.execute(sa.select(Event.kind)).scalars())
    assert {"account.muted", "digest.asked", "account.added"} <= kinds
    time.sleep(5)
    assert not [m for m in running.slack.messages if "group 8." in m["text"]], "a muted account gives no alert"


def decide_on_the_page(running, post_id):
    db = open_db(f"sqlite:///{running.folder}/watch.db")
    user = users.add(db, "Ana", UserRole.REVIEWER, by="test", now=utcnow())
    token = sessions.start(db, user, now=utcnow())
    with httpx.Client(base_url=f"http://127.0.0.1:{running.port}", trust_env=False) as browser:
        form = {"token": form_token(token), "verdict": "confirmed"}
        answer = browser.post(f"/queue/{post_id}", data=form, headers={"Cookie": f"{COOKIE}={token}"})
    assert answer.status_code == 303, answer.text
