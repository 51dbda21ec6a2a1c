"""What is said below a match when something happens to its post: each thing as a row of the outbox with its own key."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account
from models.agency import Agency
from models.evidence import Event
from models.flag import Alert, AlertState, Flag
from models.noise import SameWords
from models.post import Post, PostVersion
from models.review import Review
from monitor.config import Config
from monitor.duplicates import elsewhere
from monitor.posts import get
from monitor.standing import shown_names
from monitor.wordings import changes

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
class Sent:
    """A match that stands in a channel where it can be given a new form."""

    alert_id: int
    channel: str
    destination: str
    flag_id: int
    post_id: int
    created_at: datetime
    sent_at: datetime


def sent_matches(session: Session, channels: Sequence[str], *conditions: sa.ColumnElement[bool]) -> list[Sent]:
    """Matches that stand in these channels, oldest first."""
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
    return [Sent(*row) for row in rows]


def row_of(item: Sent, kind: str, key: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The outbox row of one thing to say about a match; ``key`` keeps it single."""
    return {
        "flag_id": item.flag_id,
        "kind": kind,
        "channel": item.channel,
        "destination": item.destination,
        "dedupe_key": key,
        "payload": {"of": item.alert_id, **payload},
    }


def edits(session: Session, item: Sent, now: datetime) -> Iterable[dict[str, Any]]:
    """Each edit since the match was told, as a difference of the words."""
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
            yield row_of(item, "thread", f"thread:{item.alert_id}:edits:{now:%Y-%m-%dT%H}", payload)
            return
        payload = {
            "headline": f"Edited, seen {after.first_seen_at:%Y-%m-%d %H:%M} UTC",
            "changes": [[change.kind, change.text[:2500]] for change in changes(before.readable(), after.readable())],
        }
        yield row_of(item, "thread", f"thread:{item.alert_id}:edit:{after.id}", payload)


def deletion(session: Session, item: Sent) -> Iterable[dict[str, Any]]:
    """That the post is not there any more, in the words of the rule by which that was found."""
    post = session.get_one(Post, item.post_id)
    assert post.deleted_at is not None
    body = _DELETED.get(post.deletion_cause, _DELETED["unknown"])
    seen = f"\nFound on {post.deleted_at:%Y-%m-%d %H:%M} UTC. Our copy stays."
    payload = {"headline": "Not there any more", "body": body + seen}
    yield row_of(item, "thread", f"thread:{item.alert_id}:deleted:{post.deleted_at:%Y%m%d%H%M%S}", payload)


def restoration(session: Session, item: Sent, since: datetime) -> Iterable[dict[str, Any]]:
    """That the post is there again."""
    for event in session.execute(
        sa.select(Event).where(
            col(Event.kind) == "post.restored", col(Event.subject) == f"post:{item.post_id}", col(Event.at) >= since
        )
    ).scalars():
        payload = {"headline": "The post is there again", "body": f"Seen on {event.at:%Y-%m-%d %H:%M} UTC."}
        yield row_of(item, "thread", f"thread:{item.alert_id}:restored:{event.id}", payload)


def notes(session: Session, item: Sent) -> Iterable[dict[str, Any]]:
    """What reviewers noted."""
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
        yield row_of(item, "thread", f"thread:{item.alert_id}:note:{row.id}", payload)


def same_words(session: Session, config: Config, item: Sent) -> Iterable[dict[str, Any]]:
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
        yield row_of(item, "thread", f"thread:{item.alert_id}:words:{others}", payload)


def near_copies(
    session: Session, config: Config, item: Sent, channels: Sequence[str], now: datetime
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
    first = sent_matches(
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
        yield row_of(first[0], "thread", f"thread:{first[0].alert_id}:near:{item.post_id}", payload)


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
