"""What the record adds up to: by week, theme, agency and state; the queue, the accounts' health, the classifier."""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account
from models.agency import Agency
from models.classifier import ClassifierVersion, Score
from models.drift import DriftReading
from models.flag import Flag
from models.post import Post
from models.review import Review, Verdict
from monitor.review.verdicts import THEMES, agreed, in_force
from monitor.scoring import TEST_PLATFORM

WEEKS = 26
KEEP_S = 60.0
"""How long one reckoning is shown again, in seconds: the figures move slowly, and counting a million posts does not."""


@dataclass(frozen=True)
class AgencyCount:
    """What stands under one agency."""

    id: int
    name: str
    state: str
    accounts: int
    posts: int
    flagged: int
    confirmed: int


@dataclass(frozen=True)
class Overview:
    """All figures of the overview page."""

    at: datetime
    weeks: list[date]
    by_theme: dict[str, list[int]]
    """Flagged posts a week for each theme; a post with two themes counts in both."""
    flagged: list[int]
    agencies: list[AgencyCount]
    states: dict[str, int]
    """Confirmed posts by state; only states with watched accounts."""
    health: dict[str, int]
    waiting_ages: dict[str, int]
    """Flagged posts nobody has decided, by how long they have waited."""
    posts: int
    version: str = ""
    figures: dict[str, Any] = field(default_factory=dict)
    drift: list[tuple[date, str, dict[str, Any]]] = field(default_factory=list)


class Reckoning:
    """The overview, counted at most once a minute."""

    def __init__(self) -> None:
        self._kept: Overview | None = None
        self._until = 0.0

    def get(self, session: Session, now: datetime) -> Overview:
        """The figures, at most ``KEEP_S`` old."""
        if self._kept is None or time.monotonic() >= self._until:
            self._kept = reckon(session, now)
            self._until = time.monotonic() + KEEP_S
        return self._kept


def reckon(session: Session, now: datetime) -> Overview:
    """Count everything now."""
    first = monday(now.date()) - timedelta(weeks=WEEKS - 1)
    weeks = [first + timedelta(weeks=n) for n in range(WEEKS)]
    flagged, by_theme = _flagged_by_week(session, weeks)
    agencies, total = _agencies(session)
    states: Counter[str] = Counter()
    for agency in agencies:
        if agency.state:
            states[agency.state] += agency.confirmed
    version = session.execute(
        sa.select(ClassifierVersion).where(col(ClassifierVersion.status) == "active").limit(1)
    ).scalar()
    drift = session.execute(
        sa.select(col(DriftReading.week), col(DriftReading.scope), col(DriftReading.figures))
        .order_by(col(DriftReading.week).desc(), col(DriftReading.scope))
        .limit(60)
    )
    return Overview(
        at=now,
        weeks=weeks,
        by_theme=by_theme,
        flagged=flagged,
        agencies=agencies,
        states=dict(states),
        health=health(session),
        waiting_ages=_waiting_ages(session, now),
        posts=total,
        version=version.version if version else "",
        figures=version.figures if version else {},
        drift=[(row.week, row.scope, row.figures) for row in drift],
    )


def health(session: Session) -> dict[str, int]:
    """How many accounts are in which state of health; paused ones apart."""
    rows = session.execute(
        sa.select(col(Account.health), col(Account.paused_at).is_not(None), sa.func.count())
        .where(col(Account.platform) != TEST_PLATFORM)
        .group_by(col(Account.health), col(Account.paused_at).is_not(None))
    )
    counts: Counter[str] = Counter()
    for word, paused, number in rows:
        counts["paused" if paused else word.value] += number
    return dict(counts.most_common())


def posts_by_week(session: Session, account_ids: list[int], weeks: list[date]) -> tuple[list[int], list[int]]:
    """Posts and flagged posts a week of these accounts."""
    day = sa.func.date(col(Post.shown_at))
    start = datetime.combine(weeks[0], datetime.min.time(), UTC)
    of_these = [col(Post.account_id).in_(account_ids), col(Post.shown_at) >= start]
    every = session.execute(sa.select(day, sa.func.count()).where(*of_these).group_by(day)).all()
    hits = session.execute(
        sa.select(day, sa.func.count()).join(Flag, col(Flag.post_id) == col(Post.id)).where(*of_these).group_by(day)
    ).all()
    return _by_week(every, weeks), _by_week(hits, weeks)


def monday(day: date) -> date:
    """The Monday of the week."""
    return day - timedelta(days=day.weekday())


def last_weeks(now: datetime, count: int) -> list[date]:
    """The Mondays of the last weeks, the present one last."""
    return [monday(now.date()) - timedelta(weeks=count - 1 - n) for n in range(count)]


def _by_week(rows: Any, weeks: list[date]) -> list[int]:
    counts = [0] * len(weeks)
    for day, number in rows:
        at = (_as_date(day) - weeks[0]).days // 7
        if 0 <= at < len(counts):
            counts[at] += number
    return counts


def _as_date(day: Any) -> date:
    return day if isinstance(day, date) else date.fromisoformat(day)  # SQLite has no type for dates


def _flagged_by_week(session: Session, weeks: list[date]) -> tuple[list[int], dict[str, list[int]]]:
    day = sa.func.date(col(Flag.created_at))
    start = datetime.combine(weeks[0], datetime.min.time(), UTC)
    names = sa.cast(col(Score.theme_list), sa.Text)
    counts = [sa.func.sum(sa.case((names.contains(f'"{theme}"'), 1), else_=0)) for theme in THEMES]
    rows = session.execute(
        sa.select(day, sa.func.count(), *counts)
        .select_from(Flag)
        .outerjoin(Score, col(Score.id) == col(Flag.score_id))
        .where(col(Flag.created_at) >= start, col(Flag.origin) != "test")
        .group_by(day)
    ).all()
    themes = {theme: _by_week([(row[0], row[2 + n] or 0) for row in rows], weeks) for n, theme in enumerate(THEMES)}
    return _by_week([(row[0], row[1]) for row in rows], weeks), themes


def _agencies(session: Session) -> tuple[list[AgencyCount], int]:
    posts = dict(
        session.execute(sa.select(col(Post.account_id), sa.func.count()).group_by(col(Post.account_id))).tuples().all()
    )
    flags = dict(
        session.execute(
            sa.select(col(Post.account_id), sa.func.count())
            .join(Flag, col(Flag.post_id) == col(Post.id))
            .group_by(col(Post.account_id))
        )
        .tuples()
        .all()
    )
    confirmed = _confirmed(session)
    rows = session.execute(
        sa.select(col(Agency.id), col(Agency.name), col(Agency.state), col(Account.id))
        .join(Account, col(Account.agency_id) == col(Agency.id))
        .where(col(Account.platform) != TEST_PLATFORM)
    ).all()
    of_agency: dict[int, tuple[str, str, list[int]]] = {}
    for agency_id, name, state, account_id in rows:
        of_agency.setdefault(agency_id, (name, state, []))[2].append(account_id)
    counted = [
        AgencyCount(
            agency_id,
            name,
            state,
            len(ids),
            sum(posts.get(i, 0) for i in ids),
            sum(flags.get(i, 0) for i in ids),
            sum(confirmed.get(i, 0) for i in ids),
        )
        for agency_id, (name, state, ids) in of_agency.items()
    ]
    return sorted(counted, key=lambda a: (-a.confirmed, -a.flagged, a.name)), sum(posts.values())


def _confirmed(session: Session) -> Counter[int]:
    """Posts that all who decided them confirmed, by account."""
    verdicts: dict[int, list[Review]] = {}
    for review in in_force(session):
        verdicts.setdefault(review.post_id, []).append(review)
    ids = [post_id for post_id, reviews in verdicts.items() if agreed(reviews) is Verdict.CONFIRMED]
    counts: Counter[int] = Counter()
    for at in range(0, len(ids), 10_000):
        counts.update(
            session.execute(sa.select(col(Post.account_id)).where(col(Post.id).in_(ids[at : at + 10_000]))).scalars()
        )
    return counts


def _waiting_ages(session: Session, now: datetime) -> dict[str, int]:
    decided = sa.exists().where(col(Review.post_id) == col(Flag.post_id), col(Review.revoked_at).is_(None))
    bounds = [("under a day", 1), ("1 to 3 days", 3), ("3 to 7 days", 7), ("1 to 4 weeks", 28)]
    age = sa.case(
        *((col(Flag.created_at) > now - timedelta(days=days), name) for name, days in bounds), else_="over 4 weeks"
    )
    found = dict(
        session.execute(
            sa.select(age, sa.func.count()).where(~decided, col(Flag.origin) != "test").group_by(sa.literal_column("1"))
        )
        .tuples()
        .all()
    )
    return {name: found.get(name, 0) for name in (*(name for name, _ in bounds), "over 4 weeks")}
