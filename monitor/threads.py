"""Keeping each match one conversation: its message shows what was decided, and what happens to the post later is told
below it.

What is left to say is always a query over what happened since: verdicts, edits, deletions, the same words elsewhere.
Each thing has a key of its own in the outbox, so saying it twice is not possible.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from models.db import Database
from models.evidence import Event
from models.flag import Alert, AlertState, Flag
from models.noise import SameWords
from models.post import Post, PostVersion
from models.review import Review
from monitor.config import Config
from monitor.replies import (
    deletion,
    edits,
    near_copies,
    notes,
    restoration,
    row_of,
    same_words,
    sent_matches,
)
from monitor.standing import Standing, standings

FIRST_LOOK = timedelta(days=30)
"""How far a process that just started looks back for things left unsaid."""
OVERLAP = timedelta(minutes=10)
"""Things may be committed a little after their time; looking twice costs little, since keys keep them single."""
NEAR_FOR = timedelta(hours=1)
"""How old a match may be to be compared with others for near copies."""


class Teller:
    """Finds what is left to say, again and again; each time it looks at what happened since the last."""

    def __init__(self, db: Database, config: Config) -> None:
        self._db = db
        self._config = config
        self._updated: datetime | None = None
        self._replied: datetime | None = None
        self._compared: set[int] = set()

    def run(self, *, now: datetime) -> int:
        """Queue all that is left to say. Returns how many messages; again gives 0."""
        return self.update(now=now) + self.reply(now=now)

    def update(self, *, now: datetime) -> int:
        """Queue new forms of messages about whose posts somebody decided."""
        updatable = [name for name, channel in self._config.ready_channels.items() if channel.can_update]
        told = self._queue(lambda session: self._updates(session, updatable, self._updated, now), updatable, now)
        self._updated = now - OVERLAP
        return told

    def reply(self, *, now: datetime) -> int:
        """Queue what belongs below messages: edits, deletions, notes, the same words elsewhere."""
        following = [name for name, channel in self._config.ready_channels.items() if channel.can_follow]
        told = self._queue(lambda session: self._replies(session, following, self._replied, now), following, now)
        self._replied = now - OVERLAP
        return told

    def _queue(self, look: Callable[[Session], Iterable[dict[str, Any]]], channels: list[str], now: datetime) -> int:
        if not channels:
            return 0
        with self._db.read() as session:
            rows = list(look(session))
        if not rows:
            return 0
        with self._db.write() as session:
            return _insert(session, rows, now)

    def _updates(
        self, session: Session, channels: Sequence[str], since: datetime | None, now: datetime
    ) -> Iterable[dict[str, Any]]:
        """New forms: where a verdict was given or taken back, or the same words came up elsewhere."""
        since = since or now - FIRST_LOOK
        decided = sa.select(col(Review.post_id)).where(
            sa.or_(col(Review.created_at) >= since, col(Review.revoked_at) >= since)
        )
        joined = sa.select(col(SameWords.lead_id)).where(
            col(SameWords.at) >= since, col(SameWords.lead_id) != col(SameWords.flag_id)
        )
        reviewed = sa.select(col(Review.post_id))
        changed = sa.or_(
            col(Flag.post_id).in_(decided),
            col(Flag.id).in_(joined),
            sa.and_(col(Alert.sent_at) >= since, col(Flag.post_id).in_(reviewed)),
        )
        sent = sent_matches(session, channels, changed)
        standing = standings(session, {item.post_id for item in sent})
        places = _place_counts(session, {item.flag_id for item in sent})
        waiting = _waiting_updates(session, {item.alert_id for item in sent})
        for item in sent:
            if item.alert_id in waiting:
                continue  # what is sent is made when it is sent, so the one that waits will say this too
            revision = standing.get(item.post_id, Standing()).revision
            key = f"update:{item.alert_id}:{revision}:{places.get(item.flag_id, 0)}"
            yield row_of(item, "update", key, {"of": item.alert_id})

    def _replies(
        self, session: Session, channels: Sequence[str], since: datetime | None, now: datetime
    ) -> Iterable[dict[str, Any]]:
        since = since or now - FIRST_LOOK
        edited = sa.exists().where(col(PostVersion.post_id) == col(Post.id), col(PostVersion.first_seen_at) >= since)
        events = sa.select(col(Event.subject)).where(col(Event.kind) == "post.restored", col(Event.at) >= since)
        restored = [int(subject.removeprefix("post:")) for subject in session.execute(events).scalars()]
        noted = sa.select(col(Review.post_id)).where(col(Review.created_at) >= since, col(Review.note) != "")
        joined = sa.select(col(SameWords.lead_id)).where(
            col(SameWords.at) >= since, col(SameWords.lead_id) != col(SameWords.flag_id)
        )
        recent = col(Alert.sent_at) >= since
        for item in sent_matches(session, channels, col(Post.version_count) > 1, sa.or_(edited, recent)):
            yield from edits(session, item, now)
        gone = sa.and_(col(Post.deleted_at).is_not(None), sa.or_(col(Post.deleted_at) >= since, recent))
        for item in sent_matches(session, channels, gone):
            yield from deletion(session, item)
        for item in sent_matches(session, channels, col(Post.id).in_(restored)) if restored else ():
            yield from restoration(session, item, since)
        for item in sent_matches(session, channels, col(Post.id).in_(noted)):
            yield from notes(session, item)
        for item in sent_matches(session, channels, col(Flag.id).in_(joined)):
            yield from same_words(session, self._config, item)
        for item in sent_matches(session, channels, col(Alert.sent_at) >= max(since, now - NEAR_FOR)):
            if item.alert_id not in self._compared:
                self._compared.add(item.alert_id)
                yield from near_copies(session, self._config, item, channels, now)


def _place_counts(session: Session, flag_ids: set[int]) -> dict[int, int]:
    rows = session.execute(
        sa.select(col(SameWords.lead_id), sa.func.count())
        .where(col(SameWords.lead_id).in_(flag_ids), col(SameWords.flag_id) != col(SameWords.lead_id))
        .group_by(col(SameWords.lead_id))
    )
    return {row[0]: row[1] for row in rows}


def _waiting_updates(session: Session, alert_ids: set[int]) -> set[int]:
    rows = session.execute(
        sa.select(col(Alert.payload)).where(col(Alert.kind) == "update", col(Alert.state) == AlertState.QUEUED)
    ).scalars()
    return {payload.get("of") for payload in rows} & alert_ids


def _insert(session: Session, rows: Sequence[dict[str, Any]], now: datetime) -> int:
    connection = session.connection()
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    told = 0
    for row in rows:
        values = {**row, "state": AlertState.QUEUED, "attempts": 0, "created_at": now, "next_attempt_at": now}
        made = insert(Alert).values(receipt={}, last_error="", **values).on_conflict_do_nothing()
        told += connection.execute(made.returning(col(Alert.id))).first() is not None
    return told
