"""Giving a verdict, taking it back, and the labels that agreed verdicts add up to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from models.db import Database
from models.evidence import Event
from models.post import Post
from models.review import Review, Verdict
from monitor.errors import SheriffwatchError, UsageError

THEMES = ("illegals", "criminal_alien", "crime_threat", "invasion", "dehumanizing", "burden", "replacement")
"""The codebook's themes."""
REASONS = (
    "policy",
    "news",
    "enforcement",
    "counter_speech",
    "quote",
    "statute",
    "other_illegal",
    "other_alien",
    "ordinary",
    "slogan",
)
"""The codebook's reason codes for a rejection."""


@dataclass(frozen=True)
class Decision:
    """A verdict as somebody gives it."""

    post_id: int
    verdict: Verdict
    reviewer: str
    reason: str = ""
    themes: Sequence[str] = field(default=())
    severe: bool = False
    note: str = ""
    via: str = "cli"


def decide(db: Database, decision: Decision, *, now: datetime) -> Review:
    """Store one person's verdict on one post. The same verdict again changes nothing; another one supersedes it.

    Raises UsageError for an unknown theme, reason or missing name, SheriffwatchError for an unknown post.
    """
    _check(decision)
    with db.write() as session:
        # Locked, so that the second of two clicks at the same moment sees the first one's verdict.
        post = session.get(Post, decision.post_id, with_for_update=True)
        if post is None:
            raise SheriffwatchError(
                f"There is no post {decision.post_id}. “sheriffwatch review list” shows what waits."
            )
        before = latest_of(session, decision.post_id, decision.reviewer)
        if before is not None and _says_the_same(before, decision):
            return before
        review = Review(
            post_id=decision.post_id,
            post_version_id=post.current_version_id,
            reviewer=decision.reviewer,
            verdict=decision.verdict,
            reason=decision.reason,
            themes=list(decision.themes),
            severe=decision.severe,
            note=decision.note,
            via=decision.via,
            created_at=now,
        )
        session.add(review)
        session.flush()
        session.add(
            Event(
                at=now,
                kind="review.decided",
                actor=decision.reviewer,
                subject=f"post:{decision.post_id}",
                data={"review": review.id, "verdict": decision.verdict.value, "reason": decision.reason},
            )
        )
    return review


def revoke(db: Database, review_id: int, *, by: str, now: datetime) -> bool:
    """Take one verdict back. The row stays, marked. False when it was taken back already."""
    with db.write() as session:
        changed = session.connection().execute(
            sa.update(Review)
            .where(col(Review.id) == review_id, col(Review.revoked_at).is_(None))
            .values(revoked_at=now)
        )
        if changed.rowcount:
            session.add(Event(at=now, kind="review.revoked", actor=by, subject=f"review:{review_id}"))
        return bool(changed.rowcount)


def latest_of(session: Session, post_id: int, reviewer: str) -> Review | None:
    """The verdict of one person that is in force on a post."""
    return session.execute(
        sa.select(Review)
        .where(col(Review.post_id) == post_id, col(Review.reviewer) == reviewer, col(Review.revoked_at).is_(None))
        .order_by(col(Review.id).desc())
        .limit(1)
    ).scalar()


def _latest(*of_posts: sa.ColumnElement[bool]) -> sa.Select[Review]:
    newest = sa.select(sa.func.max(col(Review.id))).where(col(Review.revoked_at).is_(None), *of_posts)
    newest = newest.group_by(col(Review.post_id), col(Review.reviewer))
    return sa.select(Review).where(col(Review.id).in_(newest)).order_by(col(Review.id))


_ALL_IN_FORCE = _latest()
_IN_FORCE = _latest(col(Review.post_id).in_(sa.bindparam("ids", expanding=True)))


def in_force(session: Session, post_ids: Sequence[int] | None = None) -> list[Review]:
    """Each reviewer's latest verdict on each post (all posts, or these), oldest first."""
    rows = session.execute(_ALL_IN_FORCE) if post_ids is None else session.execute(_IN_FORCE, {"ids": post_ids})
    return list(rows.scalars())


def confirmed_posts(among: sa.Select[Any] | None = None) -> sa.Select[int]:
    """The ids of the posts that everybody who decided them confirmed, for use within a query; ``among``: of these."""
    newest = sa.select(sa.func.max(col(Review.id))).where(col(Review.revoked_at).is_(None))
    if among is not None:
        newest = newest.where(col(Review.post_id).in_(among))
    return (
        sa.select(col(Review.post_id))
        .where(col(Review.id).in_(newest.group_by(col(Review.post_id), col(Review.reviewer))))
        .group_by(col(Review.post_id))
        .having(sa.func.max(sa.case((col(Review.verdict) == Verdict.CONFIRMED, 0), else_=1)) == 0)
    )


def agreed(reviews: Sequence[Review]) -> Verdict | None:
    """What the verdicts in force on one post add up to: what all agree on, UNSURE where they differ, or None."""
    said = {review.verdict for review in reviews}
    if not said:
        return None
    return said.pop() if len(said) == 1 else Verdict.UNSURE


def _check(decision: Decision) -> None:
    if not decision.reviewer.strip():
        raise UsageError("A verdict needs the reviewer's name: give --reviewer NAME.")
    for theme in decision.themes:
        if theme not in THEMES:
            raise UsageError(f"Unknown theme “{theme}”. Themes: {', '.join(THEMES)}.")
    if decision.reason and decision.reason not in REASONS:
        raise UsageError(f"Unknown reason “{decision.reason}”. Reasons: {', '.join(REASONS)}.")
    if decision.reason and decision.verdict is not Verdict.REJECTED:
        raise UsageError("A reason belongs to a rejection: give the verdict “rejected”, or leave --reason out.")


def _says_the_same(review: Review, decision: Decision) -> bool:
    return (review.verdict, review.reason, review.themes, review.severe, review.note) == (
        decision.verdict,
        decision.reason,
        list(decision.themes),
        decision.severe,
        decision.note,
    )
