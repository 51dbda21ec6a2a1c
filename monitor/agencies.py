"""Agencies and accounts as lists: all of them, or those of a state, a condition or a part of a name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account
from models.agency import Agency, Agreement, name_key
from monitor.overview import Condition, Overview
from monitor.scoring import TEST_PLATFORM
from monitor.tally import Count


@dataclass(frozen=True)
class AgencyLine:
    """One agency in the list."""

    id: int
    name: str
    state: str
    accounts: list[tuple[int, str, Condition]]
    """Id, platform and condition of each watched account."""
    agreements: list[str]
    """The models of its 287(g) agreements in force."""
    count: Count


@dataclass(frozen=True)
class AccountLine:
    """One account in the list."""

    account: Account
    agency: Agency | None
    condition: Condition
    count: Count


def agencies(
    session: Session, found: Overview, *, state: str = "", words: str = "", skip: int = 0, limit: int = 50
) -> tuple[list[AgencyLine], int]:
    """Some agencies and how many there are, those with most confirmed posts first; counts are those of ``found``."""
    query: Any = sa.select(col(Agency.id), col(Agency.name), col(Agency.state)).order_by(
        col(Agency.name_key), col(Agency.id)
    )
    if state:
        query = query.where(col(Agency.state) == state)
    if key := name_key(words):
        query = query.where(col(Agency.name_key).contains(key, autoescape=True))
    rows = session.execute(query).all()
    rank = {agency.id: number for number, agency in enumerate(found.agencies)}
    totals = {agency.id: agency.count for agency in found.agencies}
    ordered = sorted(rows, key=lambda row: rank.get(row.id, len(rank)))[skip : skip + limit]
    ids = [row.id for row in ordered]
    signed = agreements_of(session, ids)
    watched: dict[int, list[tuple[int, str, Condition]]] = {}
    for number, agency_id, platform in session.execute(
        sa.select(col(Account.id), col(Account.agency_id), col(Account.platform))
        .where(col(Account.agency_id).in_(ids), col(Account.platform) != TEST_PLATFORM)
        .order_by(col(Account.id))
    ):
        condition = found.conditions.get(number, Condition.ACTIVE)
        watched.setdefault(agency_id, []).append((number, platform, condition))
    return [
        AgencyLine(
            row.id,
            row.name,
            row.state,
            watched.get(row.id, []),
            sorted({item.model for item in signed.get(row.id, ()) if item.missing_since is None}),
            totals.get(row.id, Count()),
        )
        for row in ordered
    ], len(rows)


def accounts(
    session: Session,
    found: Overview,
    *,
    condition: Condition | None = None,
    words: str = "",
    platform: str = "",
    skip: int = 0,
    limit: int = 50,
) -> tuple[list[AccountLine], int]:
    """Some watched accounts and how many there are, by agency and name; figures are those of ``found``."""
    joined: Any = (
        sa.select(col(Account.id))
        .outerjoin(Agency, col(Agency.id) == col(Account.agency_id))
        .where(col(Account.platform) != TEST_PLATFORM)
        .order_by(col(Agency.name_key), col(Agency.id), col(Account.id))
    )
    if platform:
        joined = joined.where(col(Account.platform) == platform)
    if words.strip():
        joined = joined.where(
            sa.or_(
                col(Account.name).icontains(words.strip(), autoescape=True),
                col(Account.address).icontains(words.strip(), autoescape=True),
                col(Agency.name_key).contains(name_key(words) or words, autoescape=True),
            )
        )
    ids = [
        number
        for number in session.execute(joined).scalars()
        if condition is None or found.conditions.get(number, Condition.ACTIVE) is condition
    ]
    rows = session.execute(
        sa.select(Account, Agency)
        .outerjoin(Agency, col(Agency.id) == col(Account.agency_id))
        .where(col(Account.id).in_(ids[skip : skip + limit]))
        .order_by(col(Agency.name_key), col(Agency.id), col(Account.id))
    ).all()
    return [
        AccountLine(
            account,
            agency,
            found.conditions.get(account.id, Condition.ACTIVE),
            found.accounts.get(account.id, Count()),
        )
        for account, agency in rows
    ], len(ids)


def agreements_of(session: Session, agency_ids: Sequence[int]) -> dict[int, list[Agreement]]:
    """The 287(g) agreements of these agencies, the oldest first."""
    found: dict[int, list[Agreement]] = {}
    for agreement in session.execute(
        sa.select(Agreement)
        .where(col(Agreement.agency_id).in_(agency_ids))
        .order_by(col(Agreement.signed), col(Agreement.id))
    ).scalars():
        found.setdefault(agreement.agency_id, []).append(agreement)
    return found


def of_agency(session: Session, agency_id: int) -> list[Account]:
    """The watched accounts of one agency."""
    return list(
        session.execute(
            sa.select(Account)
            .where(col(Account.agency_id) == agency_id, col(Account.platform) != TEST_PLATFORM)
            .order_by(col(Account.id))
        ).scalars()
    )
