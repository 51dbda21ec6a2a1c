"""Agencies and accounts as lists: all of them, or those of a state, a condition or a part of a name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account, Health, Role
from models.agency import Agency, Agreement, name_key
from monitor.overview import Condition
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

    id: int
    name: str
    platform: str
    address: str
    agency_id: int | None
    agency: str
    state: str
    role: Role
    health: Health
    condition: Condition
    verified: bool
    last_ok_at: datetime | None
    count: Count


def agencies(
    session: Session,
    counts: Mapping[int, Count],
    conditions: Mapping[int, Condition],
    *,
    state: str = "",
    words: str = "",
    skip: int = 0,
    limit: int = 50,
) -> tuple[list[AgencyLine], int]:
    """Some agencies and how many there are, those with most confirmed posts first; ``counts`` are by account."""
    query: Any = sa.select(col(Agency.id), col(Agency.name), col(Agency.state))
    if state:
        query = query.where(col(Agency.state) == state)
    if key := name_key(words):
        query = query.where(col(Agency.name_key).contains(key, autoescape=True))
    rows = session.execute(query).all()
    watched: dict[int, list[tuple[int, str]]] = {}
    for account_id, agency_id, platform in session.execute(
        sa.select(col(Account.id), col(Account.agency_id), col(Account.platform)).order_by(col(Account.id))
    ):
        watched.setdefault(agency_id, []).append((account_id, platform))
    totals = {
        row.id: sum((counts.get(number, Count()) for number, _ in watched.get(row.id, ())), Count()) for row in rows
    }
    ordered = sorted(
        rows,
        key=lambda row: (
            -totals[row.id].confirmed,
            -totals[row.id].flagged,
            row.id not in watched,
            row.name.casefold(),
            row.state,
        ),
    )[skip : skip + limit]
    signed = agreements_of(session, [row.id for row in ordered])
    return [
        AgencyLine(
            row.id,
            row.name,
            row.state,
            [(n, platform, conditions.get(n, Condition.ACTIVE)) for n, platform in watched.get(row.id, ())],
            sorted({item.model for item in signed.get(row.id, ()) if item.missing_since is None}),
            totals[row.id],
        )
        for row in ordered
    ], len(rows)


def accounts(
    session: Session,
    counts: Mapping[int, Count],
    conditions: Mapping[int, Condition],
    *,
    condition: Condition | None = None,
    words: str = "",
    platform: str = "",
    skip: int = 0,
    limit: int = 50,
) -> tuple[list[AccountLine], int]:
    """Some watched accounts and how many there are, by agency and name."""
    query: Any = (
        sa.select(
            col(Account.id),
            col(Account.name),
            col(Account.platform),
            col(Account.address),
            col(Account.agency_id),
            col(Agency.name).label("agency"),
            col(Agency.state),
            col(Account.role),
            col(Account.health),
            col(Account.verified_at),
            col(Account.last_ok_at),
        )
        .outerjoin(Agency, col(Agency.id) == col(Account.agency_id))
        .where(col(Account.platform) != TEST_PLATFORM)
        .order_by(col(Agency.name_key), col(Agency.id), col(Account.id))
    )
    if platform:
        query = query.where(col(Account.platform) == platform)
    if words.strip():
        query = query.where(
            sa.or_(
                col(Account.name).icontains(words.strip(), autoescape=True),
                col(Account.address).icontains(words.strip(), autoescape=True),
                col(Agency.name_key).contains(name_key(words) or words, autoescape=True),
            )
        )
    rows = session.execute(query).all()
    if condition is not None:
        rows = [row for row in rows if conditions.get(row.id, Condition.ACTIVE) is condition]
    return [
        AccountLine(
            row.id,
            row.name or row.address,
            row.platform,
            row.address,
            row.agency_id,
            row.agency or "",
            row.state or "",
            row.role,
            row.health,
            conditions.get(row.id, Condition.ACTIVE),
            row.verified_at is not None,
            row.last_ok_at,
            counts.get(row.id, Count()),
        )
        for row in rows[skip : skip + limit]
    ], len(rows)


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
