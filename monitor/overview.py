"""What the record adds up to: by week, theme, agency and state; the queue, the accounts' health, what is missed."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account, Health
from models.agency import Agency
from models.flag import Flag
from models.review import Review
from monitor import tally
from monitor.learning import audit
from monitor.learning.audit import Estimate
from monitor.scoring import TEST_PLATFORM
from monitor.status import SICK, health_of
from monitor.tally import Count, Series

WEEKS = 26
KEEP_S = 60.0
"""How long one reckoning is shown again, in seconds: the figures move slowly, and counting a million posts does not."""
AGES = (("under a day", 1), ("1 to 3 days", 3), ("3 to 7 days", 7), ("1 to 4 weeks", 28))
OLDEST = "over 4 weeks"


class Condition(StrEnum):
    """How an account does, in the four words of the overview."""

    ACTIVE = "active"
    SILENT = "silent"
    BROKEN = "broken"
    PAUSED = "paused"


@dataclass(frozen=True)
class AgencyCount:
    """What stands under one agency."""

    id: int
    name: str
    state: str
    accounts: int
    count: Count


@dataclass(frozen=True)
class StateCount:
    """What stands under one state: how many agencies are watched there, and their posts."""

    agencies: int
    count: Count


@dataclass(frozen=True)
class Overview:
    """All figures of the overview page that are counted over the whole record."""

    at: datetime
    total: Count
    weekly: Series
    agencies: list[AgencyCount]
    """Agencies with watched accounts, those with most confirmed posts first."""
    states: dict[str, StateCount]
    accounts: dict[int, Count]
    conditions: dict[int, Condition]
    """Of each watched account."""
    waiting: dict[str, int]
    """Flagged posts nobody has decided, by how long they have waited."""
    missed: Estimate
    """What the random sample of the last month says."""

    @property
    def health(self) -> dict[Condition, int]:
        """How many accounts are in which condition."""
        counts = Counter(self.conditions.values())
        return {condition: counts[condition] for condition in Condition}


def reckon(session: Session, now: datetime) -> Overview:
    """Count everything now. Takes a good part of a second for a million posts: keep it for ``KEEP_S``."""
    accounts = list(
        session.execute(
            sa.select(Account).where(col(Account.platform) != TEST_PLATFORM).order_by(col(Account.id))
        ).scalars()
    )
    counts = tally.by_account(session)
    agencies = _agencies(session, accounts, counts)
    return Overview(
        at=now,
        total=sum((counts.get(account.id or 0, Count()) for account in accounts), Count()),
        weekly=tally.over_time(session, tally.last_weeks(now, WEEKS), themes=True),
        agencies=agencies,
        states=_states(agencies),
        accounts=counts,
        conditions={account.id or 0: condition_of(session, account, now) for account in accounts},
        waiting=_waiting(session, now),
        missed=audit.estimate(session, since=now - audit.MONTH),
    )


def condition_of(session: Session, account: Account, now: datetime) -> Condition:
    """How one account does."""
    if account.paused_at is not None:
        return Condition.PAUSED
    health = health_of(session, account, now)
    return Condition.BROKEN if health in SICK else Condition.SILENT if health is Health.QUIET else Condition.ACTIVE


def _agencies(session: Session, accounts: list[Account], counts: dict[int, Count]) -> list[AgencyCount]:
    of_agency: dict[int, list[Count]] = {}
    for account in accounts:
        if account.agency_id is not None:
            of_agency.setdefault(account.agency_id, []).append(counts.get(account.id or 0, Count()))
    rows = session.execute(
        sa.select(col(Agency.id), col(Agency.name), col(Agency.state)).where(
            col(Agency.id).in_(sa.select(col(Account.agency_id)).distinct())
        )
    )
    counted = [
        AgencyCount(number, name, state, len(of_agency[number]), sum(of_agency[number], Count()))
        for number, name, state in rows
        if number in of_agency
    ]
    return sorted(counted, key=lambda a: (-a.count.confirmed, -a.count.flagged, -a.count.posts, a.name))


def _states(agencies: list[AgencyCount]) -> dict[str, StateCount]:
    found: dict[str, StateCount] = {}
    for agency in agencies:
        if agency.state:
            before = found.get(agency.state, StateCount(0, Count()))
            found[agency.state] = StateCount(before.agencies + 1, before.count + agency.count)
    return found


def _waiting(session: Session, now: datetime) -> dict[str, int]:
    decided = sa.exists().where(col(Review.post_id) == col(Flag.post_id), col(Review.revoked_at).is_(None))
    age = sa.case(*((col(Flag.created_at) > now - timedelta(days=days), name) for name, days in AGES), else_=OLDEST)
    rows = session.execute(
        sa.select(age.label("age"), sa.func.count()).where(~decided, col(Flag.origin) != "test").group_by("age")
    )
    found = {row[0]: row[1] for row in rows}
    return {name: found.get(name, 0) for name in (*(name for name, _ in AGES), OLDEST)}
