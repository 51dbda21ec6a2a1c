"""When an account was watched: polled, failed, or not polled, to the minute."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account, Coverage

MOST_SPANS = 20_000
"""The newest spans that are looked at; what lies before them is left out, not called “not polled”."""


@dataclass(frozen=True)
class Stretch:
    """A stretch of time with one outcome."""

    outcome: str
    """``ok``, the kind of an error, or ``not polled``."""
    since: datetime
    until: datetime
    polls: int = 0
    detail: str = ""

    @property
    def kind(self) -> str:
        """``polled``, ``failed`` or ``not-polled``."""
        return {"ok": "polled", "not polled": "not-polled"}.get(self.outcome, "failed")


def stretches(
    session: Session, account: Account, since: datetime, until: datetime, *, period_s: float
) -> list[Stretch]:
    """What happened from ``since`` to ``until``, without holes: what no poll covers is a stretch of its own.

    ``period_s`` is the account's polling interval: two polls further apart than two of them leave a hole.
    """
    rows = session.execute(
        sa.select(
            col(Coverage.outcome), col(Coverage.since), col(Coverage.until), col(Coverage.polls), col(Coverage.detail)
        )
        .where(col(Coverage.account_id) == account.id, col(Coverage.until) >= since, col(Coverage.since) <= until)
        .order_by(col(Coverage.until).desc(), col(Coverage.id).desc())
        .limit(MOST_SPANS)
    ).all()
    rows = sorted(rows, key=lambda row: row.since)
    if len(rows) == MOST_SPANS:
        since = max(since, rows[0].since)
    told: list[Stretch] = []
    at = max(since, account.added_at)
    slack = timedelta(seconds=2 * period_s)
    for row in rows:
        begins, ends = max(row.since, since), min(row.until, until)
        if begins - at > slack:
            told.append(Stretch("not polled", at, begins))
        elif told and begins > at:
            told[-1] = Stretch(told[-1].outcome, told[-1].since, begins, told[-1].polls, told[-1].detail)
        told.append(Stretch(row.outcome, begins, max(begins, ends), row.polls, row.detail))
        at = max(at, ends)
    if until - at > slack:
        told.append(Stretch("not polled", at, until))
    elif told and until > at:
        told[-1] = Stretch(told[-1].outcome, told[-1].since, until, told[-1].polls, told[-1].detail)
    return told


def share_polled(told: Sequence[Stretch]) -> float | None:
    """The share of the time in which polls went well; None when there is no time to speak of."""
    whole = sum((s.until - s.since).total_seconds() for s in told)
    good = sum((s.until - s.since).total_seconds() for s in told if s.kind == "polled")
    return good / whole if whole > 0 else None


@dataclass(frozen=True)
class Day:
    """One day, or a few: which share of it went how. What lies before the watching began belongs to none."""

    start: date
    polled: float
    failed: float
    not_polled: float
    polls: int
    failures: tuple[str, ...]
    """The kinds of what went wrong."""

    @property
    def watched(self) -> bool:
        """Whether any of it lies within the time of watching."""
        return self.polled + self.failed + self.not_polled > 0


def by_day(told: Sequence[Stretch], starts: Sequence[date], until: datetime) -> list[Day]:
    """What happened in each of the days, or stretches of days, that begin on ``starts``."""
    edges = [datetime.combine(start, time(), UTC) for start in starts] + [until]
    seconds = [{"polled": 0.0, "failed": 0.0, "not-polled": 0.0} for _ in starts]
    polls = [0.0] * len(starts)
    failures: list[dict[str, None]] = [{} for _ in starts]
    for stretch in told:
        whole = (stretch.until - stretch.since).total_seconds()
        for n, (begins, ends) in enumerate(itertools.pairwise(edges)):
            part = (min(ends, stretch.until) - max(begins, stretch.since)).total_seconds()
            if part < 0 or (part == 0 and whole > 0):
                continue
            seconds[n][stretch.kind] += part
            polls[n] += stretch.polls * (part / whole if whole else 1)
            if stretch.kind == "failed":
                failures[n][stretch.outcome] = None
    days = []
    for n, start in enumerate(starts):
        length = (edges[n + 1] - edges[n]).total_seconds() or 1.0
        polled, failed, unpolled = (seconds[n][kind] / length for kind in ("polled", "failed", "not-polled"))
        days.append(Day(start, polled, failed, unpolled, round(polls[n]), tuple(failures[n])))
    return days
