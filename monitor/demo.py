"""The whole job on invented offices: polled, scored, flagged, alerted, edited, deleted, reviewed, retrained."""

import difflib
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import col

from models.account import Account
from models.clock import utcnow
from models.db import Database, open_db
from models.flag import Alert, AlertState, Flag
from models.post import Post, PostVersion
from models.review import Review, Verdict
from monitor import accounts, pipeline, retrain
from monitor.accounts import NewAccount
from monitor.alerts import channel_classes
from monitor.config import Config, load
from monitor.errors import SheriffwatchError
from monitor.http import Web
from monitor.posts import KeptPost, get
from monitor.review import queue, verdicts
from monitor.review.verdicts import Decision
from monitor.sample import SampleServer
from monitor.versions import active

Tell = Callable[[str], None]

_CONFIG = """\
# Written by “sheriffwatch demo”. The offices of this file live only while the demo runs.
[database]
url = "sqlite:///demo.db"
[http]
allow_private = ["127.0.0.1:{port}"]
[poll]
interval_s = 1
alert_on_backfill = true
deletion_gap_s = 0
[sources.bluesky]
appview = "{url}"
"""


@dataclass
class Demo:
    """What happened, for the closing table."""

    folder: Path
    rows: list[tuple[str, str]] = field(default_factory=list)


async def run(tell: Tell, folder: Path | None = None) -> Demo:
    """Run the whole job offline and return what happened. ``tell`` is handed a line for each step."""
    home = folder or Path(tempfile.mkdtemp(prefix="sheriffwatch-demo-"))
    home.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    demo = Demo(home)
    with SampleServer() as server:
        file = home / "config.toml"
        file.write_text(_CONFIG.format(port=server.port, url=server.url), "utf-8")
        config = load(file)
        # The terminal shows every alert as Slack would; Slack gets it too when a token is in the environment.
        config.channels.setdefault("console", channel_classes()["console"]())
        db = open_db(config.database_url)
        try:
            async with Web(config.http, per_host=config.poll.concurrency, concurrency=config.poll.concurrency) as web:
                await _circle(demo, db, web, config, server, tell)
        finally:
            db.close()
    demo.rows.append(("Time", f"{time.monotonic() - started:.1f} s"))
    demo.rows.append(("Database", str(home / "demo.db")))
    return demo


async def _circle(demo: Demo, db: Database, web: Web, config: Config, server: SampleServer, tell: Tell) -> None:
    watched = await _watch(db, web, config, server)
    tell(f"Watching {watched} invented offices on {server.url}, in three dialects. First pass:")
    first = await pipeline.one_pass(db, web, config, sole_sender=True)
    new = sum(result.new for result in first.polls)
    demo.rows += [
        ("Offices polled", f"{sum(r.ok for r in first.polls)} of {len(first.polls)}"),
        ("Posts kept", str(new)),
        ("Texts scored", f"{first.scored} by {active(db, config).version}"),
        ("Flagged", f"{len(first.flagged)}, {first.delivery.sent} alerts sent, {first.delivery.waiting} waiting"),
    ]
    edited, deleted = _change_the_world(db, server)
    tell("An office edits one post and takes another down. Second pass:")
    second = await pipeline.one_pass(db, web, config, only=_all_accounts(db), sole_sender=True)
    _show_edit(db, edited, tell)
    _show_deletion(db, deleted, tell)
    demo.rows += [
        ("Edited", f"{sum(r.edited for r in second.polls)}: both wordings are kept"),
        ("Deleted", f"{len(second.deleted)}: the text is kept, with since when it is gone"),
    ]
    tell("Two people decide, and the classifier learns from it:")
    for review in _decide_two(db, server, utcnow()):
        tell(f"  post {review.post_id}: {review.verdict.value} {review.reason} by {review.reviewer}".rstrip())
    outcome = retrain.retrain(db, config, by="demo", now=utcnow(), least_labels=2)
    tell(f"  {outcome.sentence}")
    demo.rows += [("Verdicts", "2"), ("Retraining", outcome.sentence), *_outbox_row(db)]


async def _watch(db: Database, web: Web, config: Config, server: SampleServer) -> int:
    offices = server.accounts()
    for office in offices:
        wanted = NewAccount(
            office["platform"], office["address"], office["agency"], office["state"], office["name"], added_by="demo"
        )
        await accounts.add(db, web, config, wanted, now=utcnow())
    return len(offices)


def _change_the_world(db: Database, server: SampleServer) -> tuple[int, int]:
    """Soften the wording of one flagged post and remove another. Returns our ids of both."""
    ours = _ours(db)
    flagged = [
        (office.slug, post.id, ours[server.external_id(office.slug, post.id)])
        for office in server.world
        for post in office.posts
        if post.matches and server.external_id(office.slug, post.id) in ours and office.platform != "feed"
    ]
    if len(flagged) < 2:
        raise SheriffwatchError("The classifier flagged too few of the sample posts to show an edit and a deletion.")
    (edit_office, edit_id, edited), (gone_office, gone_id, gone), *_ = flagged
    with db.read() as session:
        kept = get(session, edited)
    assert kept is not None
    server.edit(edit_office, edit_id, f"{kept.current.text} (Updated: questions to the front desk.)")
    server.delete(gone_office, gone_id)
    return edited, gone


def _ours(db: Database) -> dict[str, int]:
    with db.read() as session:
        rows = session.execute(
            sa.select(col(Post.external_id), col(Post.id)).join(Flag, col(Flag.post_id) == col(Post.id))
        )
        return dict(rows.tuples().all())


def _all_accounts(db: Database) -> list[int]:
    with db.read() as session:
        return list(session.execute(sa.select(col(Account.id)).where(col(Account.paused_at).is_(None))).scalars())


def _show_edit(db: Database, post_id: int, tell: Tell) -> None:
    kept = _kept(db, post_id)
    before, after = kept.versions[0], kept.versions[-1]
    tell(f"  edited: {kept.account.name}, post {post_id}, {len(kept.versions)} wordings")
    for line in _difference(before, after):
        tell(f"    {line}")


def _show_deletion(db: Database, post_id: int, tell: Tell) -> None:
    kept = _kept(db, post_id)
    if kept.post.deleted_at:
        tell(f"  deleted: {kept.account.name}, post {post_id}: no longer shown at {kept.post.url}")
        tell(f"    since {kept.post.missing_since:%H:%M:%S} UTC; the text is kept")


def _kept(db: Database, post_id: int) -> KeptPost:
    with db.read() as session:
        kept = get(session, post_id)
    assert kept is not None
    return kept


def _difference(before: PostVersion, after: PostVersion) -> list[str]:
    lines = difflib.ndiff(before.readable().splitlines(), after.readable().splitlines())
    return [line for line in lines if line[0] in "+-"]


def _decide_two(db: Database, server: SampleServer, now: datetime) -> list[Review]:
    """Two people read the surest and the least sure of what waits, and judge as the offices' authors know it."""
    truth = {server.external_id(office.slug, post.id): post.matches for office in server.world for post in office.posts}
    with db.read() as session:
        waiting = queue.waiting(session)
        external = {item.post_id: session.get_one(Post, item.post_id).external_id for item in waiting}
    decided = []
    for item, reviewer in ((waiting[0], "Ana (demo)"), (waiting[-1], "Ben (demo)")):
        themes = truth.get(external[item.post_id], ())
        decision = (
            Decision(item.post_id, Verdict.CONFIRMED, reviewer, themes=themes)
            if themes
            else Decision(item.post_id, Verdict.REJECTED, reviewer, reason="ordinary")
        )
        decided.append(verdicts.decide(db, decision, now=now))
    return decided


def _outbox_row(db: Database) -> list[tuple[str, str]]:
    with db.read() as session:
        counts = session.execute(
            sa.select(col(Alert.channel), sa.func.count())
            .where(col(Alert.state) == AlertState.SENT)
            .group_by(col(Alert.channel))
        ).all()
    return [("Alerts sent", ", ".join(f"{count} to {channel}" for channel, count in counts))]
