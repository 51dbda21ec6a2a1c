"""Who is due, who has whom, and what came of it: the schedule as rows.

An account is claimed by an UPDATE that sets an expiry and raises its fencing token. A worker that died leaves a lease
that runs out; a worker that is late finds another token and its write is refused.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account, Coverage, Health
from monitor.sources import Target

LEASE_S = 60.0
"""How long a claim holds without renewal, in seconds."""


@dataclass(frozen=True)
class Lease:
    """One account, claimed for one poll."""

    account_id: int
    token: int
    platform: str
    target: Target
    label: str
    host: str
    interval_s: float | None
    error_count: int
    coverage_id: int | None
    last_ok_at: datetime | None
    first: bool
    """No poll of this account ever succeeded: what it reads is backfill."""


@dataclass(frozen=True)
class Rhythm:
    """When an account is asked again: interval and jitter, and the back-off after failures."""

    interval_s: float
    jitter: float = 0.1
    max_backoff_s: float = 86_400.0

    def after_success(self, own_interval_s: float | None = None, least_s: float | None = None) -> float:
        """Seconds until the next poll after a good one; ``least_s`` is the server's own wish."""
        interval = own_interval_s or self.interval_s
        # A server's wish counts where we poll at a public pace; a test or a private server may be polled each second.
        if own_interval_s is None and least_s and interval >= 300:
            interval = max(interval, min(least_s, 3600.0))
        return self._jittered(interval)

    def after_failure(
        self, error_count: int, own_interval_s: float | None, retry_after: float | None, permanent: bool
    ) -> float:
        """Seconds until the next poll after the ``error_count``-th failure in a row."""
        interval = own_interval_s or self.interval_s
        wait = interval * 2.0 ** min(error_count - 1, 20)
        if permanent:
            wait = max(wait, min(interval * 64, self.max_backoff_s))
        return max(self._jittered(min(wait, self.max_backoff_s)), min(retry_after or 0.0, 86_400.0))

    def _jittered(self, seconds: float) -> float:
        return seconds * (1 + random.uniform(-self.jitter, self.jitter))


def claim(
    session: Session,
    now: datetime,
    limit: int,
    *,
    busy_hosts: Collection[str] = (),
    failing: bool | None = None,
    only: Collection[int] | None = None,
    lease_s: float = LEASE_S,
) -> list[Lease]:
    """Claim up to ``limit`` due accounts, the longest overdue first.

    ``failing`` takes only accounts whose last poll failed (True) or did not (False); ``busy_hosts`` are left alone;
    ``only`` claims these accounts whether or not they are due.
    """
    if limit <= 0:
        return []
    due = sa.select(col(Account.id)).where(
        sa.or_(col(Account.lease_until).is_(None), col(Account.lease_until) < now),
    )
    if only is None:
        due = due.where(col(Account.paused_at).is_(None), col(Account.next_poll_at) <= now)
    else:
        due = due.where(col(Account.id).in_(only))
    if busy_hosts:
        due = due.where(col(Account.host).not_in(busy_hosts))
    if failing is not None:
        due = due.where(col(Account.error_count) > 0 if failing else col(Account.error_count) == 0)
    due = due.order_by(col(Account.next_poll_at)).limit(limit).with_for_update(skip_locked=True)
    claimed = (
        session.connection()
        .execute(
            sa.update(Account)
            .where(col(Account.id).in_(due.scalar_subquery()))
            .values(lease_until=now + timedelta(seconds=lease_s), lease_token=col(Account.lease_token) + 1)
            .returning(
                col(Account.id),
                col(Account.lease_token),
                col(Account.platform),
                col(Account.address),
                col(Account.external_id),
                col(Account.cursor),
                col(Account.name),
                col(Account.host),
                col(Account.interval_s),
                col(Account.error_count),
                col(Account.coverage_id),
                col(Account.last_ok_at),
                col(Account.first_ok_at),
            )
        )
        .all()
    )
    return [
        Lease(
            account_id=row.id,
            token=row.lease_token,
            platform=row.platform,
            target=Target(address=row.address, external_id=row.external_id, cursor=row.cursor or {}),
            label=row.name or row.address,
            host=row.host,
            interval_s=row.interval_s,
            error_count=row.error_count,
            coverage_id=row.coverage_id,
            last_ok_at=row.last_ok_at,
            first=row.first_ok_at is None,
        )
        for row in claimed
    ]


def renew(session: Session, leases: Sequence[Lease], now: datetime, lease_s: float = LEASE_S) -> None:
    """Hold on to leases whose polls are still under way."""
    if leases:
        session.connection().execute(
            sa.update(Account)
            .where(col(Account.id) == sa.bindparam("id_"), col(Account.lease_token) == sa.bindparam("token"))
            .values(lease_until=now + timedelta(seconds=lease_s)),
            [{"id_": lease.account_id, "token": lease.token} for lease in leases],
        )


def release(session: Session, leases: Sequence[Lease]) -> None:
    """Give accounts back unpolled: they are due at once for whoever asks."""
    if leases:
        session.connection().execute(
            sa.update(Account)
            .where(col(Account.id) == sa.bindparam("id_"), col(Account.lease_token) == sa.bindparam("token"))
            .values(lease_until=None),
            [{"id_": lease.account_id, "token": lease.token} for lease in leases],
        )


@dataclass(frozen=True)
class Finish:
    """What the account's row becomes after one poll."""

    lease: Lease
    at: datetime
    next_poll_at: datetime
    outcome: str
    health: Health
    detail: str = ""
    cursor: dict[str, Any] | None = None
    external_id: str | None = None
    name: str | None = None
    url: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the platform gave a good answer."""
        return self.outcome == "ok"


def still_held(session: Session, held: Sequence[Lease]) -> set[int]:
    """The ids of those accounts whose lease nobody else took since; their rows stay locked until the commit."""
    tokens = {lease.account_id: lease.token for lease in held}
    rows = session.connection().execute(
        sa.select(col(Account.id), col(Account.lease_token)).where(col(Account.id).in_(tokens)).with_for_update()
    )
    return {row.id for row in rows if row.lease_token == tokens[row.id]}


def finish_all(session: Session, all_done: Sequence[Finish], *, span_breaks_after_s: float) -> None:
    """Write the ends of several polls at once and give their leases back."""
    spans = _cover(session, all_done, span_breaks_after_s)
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for done in all_done:
        values = _account_values(done, spans[done.lease.account_id])
        groups.setdefault(tuple(values), []).append(
            {"id_": done.lease.account_id, "token": done.lease.token, **{f"v_{key}": v for key, v in values.items()}}
        )
    for columns, rows in groups.items():
        session.connection().execute(
            sa.update(Account)
            .where(col(Account.id) == sa.bindparam("id_"), col(Account.lease_token) == sa.bindparam("token"))
            .values({column: sa.bindparam(f"v_{column}") for column in columns}),
            rows,
        )


def note_new(session: Session, seen: Mapping[int, datetime]) -> None:
    """Remember when accounts last brought a post we did not know."""
    if seen:
        session.connection().execute(
            sa.update(Account).where(col(Account.id) == sa.bindparam("id_")).values(last_new_at=sa.bindparam("at")),
            [{"id_": account_id, "at": at} for account_id, at in seen.items()],
        )


def _account_values(done: Finish, coverage_id: int | None) -> dict[str, Any]:
    values: dict[str, Any] = {
        "lease_until": None,
        "next_poll_at": done.next_poll_at,
        "health": done.health,
        "coverage_id": coverage_id,
    }
    if done.ok:
        values |= {"error_count": 0, "last_ok_at": done.at}
        if done.lease.first:
            values["first_ok_at"] = done.at
        for name in ("cursor", "external_id", "name", "url"):
            if getattr(done, name) is not None:
                values[name] = getattr(done, name)
    else:
        values |= {"error_count": done.lease.error_count + 1, "last_error": done.detail, "last_error_at": done.at}
    return values


def _cover(session: Session, all_done: Sequence[Finish], breaks_after_s: float) -> dict[int, int | None]:
    """Extend each account's open span of coverage, or begin a new one where the outcome changed or time was missed."""
    wanted = [done.lease.coverage_id for done in all_done if done.lease.coverage_id]
    open_spans = (
        {
            row.id: row
            for row in session.connection().execute(
                sa.select(col(Coverage.id), col(Coverage.outcome), col(Coverage.until)).where(
                    col(Coverage.id).in_(wanted)
                )
            )
        }
        if wanted
        else {}
    )
    longer: list[dict[str, Any]] = []
    fresh: list[Finish] = []
    spans: dict[int, int | None] = {}
    for done in all_done:
        span = open_spans.get(done.lease.coverage_id)
        allowed = max(breaks_after_s, 2 * (done.lease.interval_s or 0))
        if span and span.outcome == done.outcome and (done.at - span.until).total_seconds() <= allowed:
            longer.append({"id_": span.id, "until_": max(done.at, span.until), "detail_": done.detail})
            spans[done.lease.account_id] = span.id
        else:
            fresh.append(done)
    if fresh:
        ids = session.connection().execute(
            sa.insert(Coverage).returning(col(Coverage.id), sort_by_parameter_order=True),
            [
                {
                    "account_id": done.lease.account_id,
                    "outcome": done.outcome,
                    "since": done.at,
                    "until": done.at,
                    "polls": 1,
                    "detail": done.detail,
                }
                for done in fresh
            ],
        )
        spans |= {done.lease.account_id: new_id for done, new_id in zip(fresh, ids.scalars(), strict=True)}
    if longer:
        session.connection().execute(
            sa.update(Coverage)
            .where(col(Coverage.id) == sa.bindparam("id_"))
            .values(until=sa.bindparam("until_"), detail=sa.bindparam("detail_"), polls=col(Coverage.polls) + 1),
            longer,
        )
    return spans
