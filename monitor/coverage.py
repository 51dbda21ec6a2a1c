"""When an account was watched: polled, failed, or not polled, to the minute."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account, Coverage


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
        sa.select(Coverage)
        .where(col(Coverage.account_id) == account.id, col(Coverage.until) >= since, col(Coverage.since) <= until)
        .order_by(col(Coverage.since), col(Coverage.id))
        .limit(5000)
    ).scalars()
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
