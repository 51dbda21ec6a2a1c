"""Keeping each match one conversation: its message shows what was decided, and what happens to the post later is told
below it.

What is left to say is always a query over what happened since: verdicts, edits, deletions, the same words elsewhere.
Each thing has a key of its own in the outbox, so saying it twice is not possible.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from models.account import Account
from models.agency import Agency
from models.db import Database
from models.evidence import Event
from models.flag import Alert, AlertState, Flag
from models.noise import SameWords
from models.post import Post, PostVersion
from models.review import Review
from monitor.config import Config
from monitor.duplicates import elsewhere
from monitor.posts import get
from monitor.standing import Standing, shown_names, standings
from monitor.wordings import changes

FIRST_LOOK = timedelta(days=30)
"""How far a process that just started looks back for things left unsaid."""
OVERLAP = timedelta(minutes=10)
"""Things may be committed a little after their time; looking twice costs little, since keys keep them single."""
NEAR_FOR = timedelta(hours=1)
"""How old a match may be to be compared with others for near copies."""
MOST_EDITS = 10
"""Edits of one post that are told one by one; after that one line an hour."""
_TOLD_COUNTS = frozenset({1, 2, 3, 5, 10, 20, 50})
_DELETED = {
    "deleted": "The post was deleted: the platform said twice, some time apart, that it is not there, and at the same "
    "moment still showed another post of the account.",
    "account_gone": "The whole account is gone, so this post cannot be seen any more. Whether the post itself was "
    "deleted nobody can tell.",
    "unknown": "The post is not in the account's list any more, twice, some time apart. This platform cannot be asked "
    "for one post, so it may also have been moved.",
    "forbidden": "The platform no longer shows this post to the public.",
}


@dataclass(frozen=True)
class _Sent:
    """A match that stands in a channel where it can be given a new form."""

    alert_id: int
    channel: str
    destination: str
    flag_id: int
    post_id: int
    created_at: datetime
    sent_at: datetime


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
        sent = _sent(session, channels, changed)
        standing = standings(session, {item.post_id for item in sent})
        places = _place_counts(session, {item.flag_id for item in sent})
        waiting = _waiting_updates(session, {item.alert_id for item in sent})
        for item in sent:
            if item.alert_id in waiting:
                continue  # what is sent is made when it is sent, so the one that waits will say this too
            revision = standing.get(item.post_id, Standing()).revision
            key = f"update:{item.alert_id}:{revision}:{places.get(item.flag_id, 0)}"
            yield _row(item, "update", key, {"of": item.alert_id})

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
        for item in _sent(session, channels, col(Post.version_count) > 1, sa.or_(edited, recent)):
            yield from _edits(session, item, now)
        gone = sa.and_(col(Post.deleted_at).is_not(None), sa.or_(col(Post.deleted_at) >= since, recent))
        for item in _sent(session, channels, gone):
            yield from _deletion(session, item)
        for item in _sent(session, channels, col(Post.id).in_(restored)) if restored else ():
            yield from _restoration(session, item, since)
        for item in _sent(session, channels, col(Post.id).in_(noted)):
            yield from _notes(session, item)
        for item in _sent(session, channels, col(Flag.id).in_(joined)):
            yield from _same_words(session, self._config, item)
        for item in _sent(session, channels, col(Alert.sent_at) >= max(since, now - NEAR_FOR)):
            if item.alert_id not in self._compared:
                self._compared.add(item.alert_id)
                yield from _near_copies(session, self._config, item, channels, now)


def _sent(session: Session, channels: Sequence[str], *conditions: sa.ColumnElement[bool]) -> list[_Sent]:
    rows = session.execute(
        sa.select(
            col(Alert.id),
            col(Alert.channel),
            col(Alert.destination),
            col(Alert.flag_id),
            col(Flag.post_id),
            col(Alert.created_at),
            col(Alert.sent_at),
        )
        .join(Flag, col(Flag.id) == col(Alert.flag_id))
        .join(Post, col(Post.id) == col(Flag.post_id))
        .where(
            col(Alert.kind) == "match",
            col(Alert.state) == AlertState.SENT,
            col(Alert.channel).in_(channels),
            *conditions,
        )
        .order_by(col(Alert.id))
    )
    return [_Sent(*row) for row in rows]


def _edits(session: Session, item: _Sent, now: datetime) -> Iterable[dict[str, Any]]:
    versions = list(
        session.execute(
            sa.select(PostVersion).where(col(PostVersion.post_id) == item.post_id).order_by(col(PostVersion.id))
        ).scalars()
    )
    later = [n for n, version in enumerate(versions) if n and version.first_seen_at > item.created_at]
    for number, n in enumerate(later, 1):
        before, after = versions[n - 1], versions[n]
        if number > MOST_EDITS:
            more = len(later) - MOST_EDITS
            payload: dict[str, Any] = {"headline": "Edited again and again", "body": f"{more} more edits since."}
            yield _row(item, "thread", f"thread:{item.alert_id}:edits:{now:%Y-%m-%dT%H}", payload)
            return
        payload = {
            "headline": f"Edited, seen {after.first_seen_at:%Y-%m-%d %H:%M} UTC",
            "changes": [[change.kind, change.text[:2500]] for change in changes(before.readable(), after.readable())],
        }
        yield _row(item, "thread", f"thread:{item.alert_id}:edit:{after.id}", payload)


def _deletion(session: Session, item: _Sent) -> Iterable[dict[str, Any]]:
    post = session.get_one(Post, item.post_id)
    assert post.deleted_at is not None
    body = _DELETED.get(post.deletion_cause, _DELETED["unknown"])
    seen = f"\nFound on {post.deleted_at:%Y-%m-%d %H:%M} UTC. Our copy stays."
    payload = {"headline": "Not there any more", "body": body + seen}
    yield _row(item, "thread", f"thread:{item.alert_id}:deleted:{post.deleted_at:%Y%m%d%H%M%S}", payload)


def _restoration(session: Session, item: _Sent, since: datetime) -> Iterable[dict[str, Any]]:
    for event in session.execute(
        sa.select(Event).where(
            col(Event.kind) == "post.restored", col(Event.subject) == f"post:{item.post_id}", col(Event.at) >= since
        )
    ).scalars():
        payload = {"headline": "The post is there again", "body": f"Seen on {event.at:%Y-%m-%d %H:%M} UTC."}
        yield _row(item, "thread", f"thread:{item.alert_id}:restored:{event.id}", payload)


def _notes(session: Session, item: _Sent) -> Iterable[dict[str, Any]]:
    rows = list(
        session.execute(
            sa.select(Review)
            .where(col(Review.post_id) == item.post_id, col(Review.note) != "")
            .order_by(col(Review.id))
        ).scalars()
    )
    names = shown_names(session, {row.reviewer for row in rows})
    for row in rows:
        payload = {"headline": f"Note by {names.get(row.reviewer, row.reviewer)[:80]}", "body": row.note}
        yield _row(item, "thread", f"thread:{item.alert_id}:note:{row.id}", payload)


def _same_words(session: Session, config: Config, item: _Sent) -> Iterable[dict[str, Any]]:
    """Say how many offices use the same words, at growing distances."""
    offices = _offices_of_group(session, item.flag_id)
    others = len(offices) - 1
    if others in _TOLD_COUNTS:
        days = config.alerts.same_words_days
        span = "this week" if days == 7 else f"within {days:g} days"
        payload = {
            "headline": f"The same words from {len(offices)} offices {span}",
            "body": "\n".join(f"• {name}" for name in offices[:20]),
        }
        yield _row(item, "thread", f"thread:{item.alert_id}:words:{others}", payload)


def _near_copies(
    session: Session, config: Config, item: _Sent, channels: Sequence[str], now: datetime
) -> Iterable[dict[str, Any]]:
    """Below the first message about nearly the same words, name the later post."""
    kept = get(session, item.post_id)
    if kept is None:
        return
    week_ago = now - timedelta(days=max(1.0, config.alerts.same_words_days))
    near = [
        other
        for other in elsewhere(session, kept, most=50).posts
        if other.account.id != kept.account.id and other.post.first_seen_at >= week_ago
    ]
    if not near:
        return
    first = _sent(
        session,
        channels,
        col(Flag.post_id).in_([other.post.id for other in near]),
        col(Alert.channel) == item.channel,
        col(Alert.destination) == item.destination,
        col(Alert.id) < item.alert_id,
    )
    if first:
        who = kept.agency.name if kept.agency else kept.account.name or kept.account.address
        offices = {other.account.agency_id or -(other.account.id or 0) for other in near}
        payload = {
            "headline": f"Nearly the same words from {who[:80]} ({kept.account.platform})",
            "body": f"{len(offices) + 1} offices within a week.",
            "url": kept.post.url,
        }
        yield _row(first[0], "thread", f"thread:{first[0].alert_id}:near:{item.post_id}", payload)


def _offices_of_group(session: Session, lead_id: int) -> list[str]:
    rows = session.execute(
        sa.select(col(Account.id), col(Account.name), col(Account.address), col(Agency.name))
        .join(Post, col(Post.account_id) == col(Account.id))
        .join(Flag, col(Flag.post_id) == col(Post.id))
        .join(SameWords, col(SameWords.flag_id) == col(Flag.id))
        .outerjoin(Agency, col(Agency.id) == col(Account.agency_id))
        .where(col(SameWords.lead_id) == lead_id)
        .order_by(col(SameWords.flag_id))
    )
    return list(dict.fromkeys(agency or name or address for _, name, address, agency in rows))


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


def _row(item: _Sent, kind: str, key: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "flag_id": item.flag_id,
        "kind": kind,
        "channel": item.channel,
        "destination": item.destination,
        "dedupe_key": key,
        "payload": {"of": item.alert_id, **payload},
    }


def _insert(session: Session, rows: Sequence[dict[str, Any]], now: datetime) -> int:
    connection = session.connection()
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    told = 0
    for row in rows:
        values = {**row, "state": AlertState.QUEUED, "attempts": 0, "created_at": now, "next_attempt_at": now}
        made = insert(Alert).values(receipt={}, last_error="", **values).on_conflict_do_nothing()
        told += connection.execute(made.returning(col(Alert.id))).first() is not None
    return told
