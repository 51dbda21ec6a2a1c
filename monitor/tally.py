"""Counts of posts: how many were kept, flagged and confirmed, by week, by month, by account."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from models.classifier import Score
from models.flag import Flag
from models.post import Post
from monitor.review.verdicts import THEMES, confirmed_posts

BY_CLASSIFIER = "classifier"
"""The origin of flags that count as flagged: random samples and posts brought by hand do not."""


@dataclass(frozen=True)
class Count:
    """How many posts, and what became of them."""

    posts: int = 0
    flagged: int = 0
    confirmed: int = 0
    """Posts that everybody who decided them confirmed."""

    def __add__(self, other: "Count") -> "Count":
        return Count(self.posts + other.posts, self.flagged + other.flagged, self.confirmed + other.confirmed)


@dataclass(frozen=True)
class Series:
    """Counts for each stretch of time, by the posts' own dates."""

    starts: Sequence[date]
    posts: Sequence[int]
    flagged: Sequence[int]
    confirmed: Sequence[int]
    by_theme: dict[str, list[int]] = field(default_factory=dict)
    """Flagged posts for each theme; a post with two themes counts in both."""

    def total(self) -> Count:
        """All of it."""
        return Count(sum(self.posts), sum(self.flagged), sum(self.confirmed))


def monday(day: date) -> date:
    """The Monday of the week."""
    return day - timedelta(days=day.weekday())


def last_weeks(now: datetime, count: int) -> list[date]:
    """The Mondays of the last weeks, the present one last."""
    return [monday(now.date()) - timedelta(weeks=count - 1 - n) for n in range(count)]


def last_months(now: datetime, count: int) -> list[date]:
    """The first days of the last months, the present one last."""
    months = now.year * 12 + now.month - 1
    return [date(n // 12, n % 12 + 1, 1) for n in range(months - count + 1, months + 1)]


def by_account(session: Session, account_ids: Sequence[int] | None = None) -> dict[int, Count]:
    """What stands under each account that has posts, or each of these.

    Of all accounts it reads an index from one end to the other: keep the answer for a while.
    """
    account = col(Post.account_id)
    these = [] if account_ids is None else [account.in_(account_ids)]
    hits = _confirmed(account_ids)
    queries: list[Any] = [
        sa.select(account, sa.func.count()),
        sa.select(account, sa.func.count())
        .join(Flag, col(Flag.post_id) == col(Post.id))
        .where(col(Flag.origin) == BY_CLASSIFIER),
        sa.select(account, sa.func.count()).join(hits, hits.c.post_id == col(Post.id)),
    ]
    posts, flagged, confirmed = (
        {row[0]: row[1] for row in session.execute(query.where(*these).group_by(account))} for query in queries
    )
    return {i: Count(number, flagged.get(i, 0), confirmed.get(i, 0)) for i, number in posts.items()}


def has_more_posts(session: Session, account_ids: Sequence[int], most: int) -> bool:
    """Whether these accounts have more posts than that."""
    some = sa.select(col(Post.id)).where(col(Post.account_id).in_(account_ids)).limit(most + 1).subquery()
    return int(session.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()) > most


def over_time(
    session: Session, starts: Sequence[date], account_ids: Sequence[int] | None = None, *, themes: bool = False
) -> Series:
    """Counts for each stretch of time that begins on ``starts``, of all accounts or of these; the last one goes on."""
    day = day_of(session, col(Post.shown_at))
    where: list[Any] = [col(Post.shown_at) >= datetime.combine(starts[0], time(), UTC)]
    if account_ids is not None:
        where.append(col(Post.account_id).in_(account_ids))
    names = sa.cast(col(Score.theme_list), sa.Text)
    counts = [sa.func.sum(sa.case((names.contains(f'"{theme}"'), 1), else_=0)) for theme in THEMES if themes]
    flagged = (
        sa.select(day, sa.func.count(), *counts)
        .select_from(Flag)
        .join(Post, col(Post.id) == col(Flag.post_id))
        .where(*where, col(Flag.origin) == BY_CLASSIFIER)
        .group_by(day)
    )
    if themes:
        flagged = flagged.outerjoin(Score, col(Score.id) == col(Flag.score_id))
    rows = session.execute(flagged).all()
    hits = _confirmed(account_ids)
    confirmed = sa.select(day, sa.func.count()).join(hits, hits.c.post_id == col(Post.id)).where(*where).group_by(day)
    # Of all accounts, the posts are counted by nobody here: it would take a pass over the whole half year.
    every = (
        []
        if account_ids is None
        else session.execute(sa.select(day, sa.func.count()).select_from(Post).where(*where).group_by(day)).all()
    )
    return Series(
        starts,
        _in_stretches(every, starts),
        _in_stretches([(row[0], row[1]) for row in rows], starts),
        _in_stretches(session.execute(confirmed).all(), starts),
        {
            theme: _in_stretches([(row[0], row[2 + n] or 0) for row in rows], starts)
            for n, theme in enumerate(THEMES)
            if themes
        },
    )


def day_of(session: Session, moment: Any) -> Any:
    """The day of a moment, in UTC."""
    if session.get_bind().dialect.name == "postgresql":
        return sa.func.date(sa.func.timezone("UTC", moment))
    return sa.func.date(moment)


def _confirmed(account_ids: Sequence[int] | None) -> Any:
    of_these = None if account_ids is None else sa.select(col(Post.id)).where(col(Post.account_id).in_(account_ids))
    return confirmed_posts(of_these).subquery()


def _in_stretches(rows: Any, starts: Sequence[date]) -> list[int]:
    counts = [0] * len(starts)
    for day, number in rows:
        if day is None:
            continue
        on = day if isinstance(day, date) else date.fromisoformat(day)  # SQLite has no type for dates
        at = sum(start <= on for start in starts) - 1
        if at >= 0:
            counts[at] += number
    return counts
