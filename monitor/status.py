"""How everything is doing: each account, the outbox, the classifier, and whether a person must act."""

import itertools
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account, Health
from models.agency import Agency
from models.db import Database
from models.flag import NOTHING_TO_SAY, Alert, AlertState, Destination, Flag
from models.noise import Incident
from models.post import Authorship, Post, PostVersion
from models.review import Review
from monitor.config import Config
from monitor.scoring import TEST_PLATFORM
from monitor.versions import active_row

SICK = {Health.FAILING, Health.BLOCKED, Health.LOGIN_WALL, Health.GONE, Health.MOVED}
"""Health that a person must mend."""
STUCK_S = 900.0
"""An outbox or a poll that is this late, in seconds, is a reason for alarm."""
LISTENING = "listening:slack"
"""The cause of an incident: nobody hears Slack's buttons."""
_REFUSED_S = 86_400.0
"""How long a message that was refused for good is a reason for alarm, in seconds."""
_QUIET_FACTOR = 3
_QUIET_NEEDS_POSTS = 8
_LEAST_GAP_S = 86_400.0


@dataclass(frozen=True)
class AccountStatus:
    """One account's line."""

    id: int
    account: str
    platform: str
    address: str
    agency: str
    state: str
    role: str
    health: str
    paused: bool
    last_ok: datetime | None
    last_new: datetime | None
    last_error: str
    error_count: int
    next_poll: datetime | None
    posts: int


@dataclass
class Status:
    """The whole state, as ``status --json`` prints it."""

    accounts: list[AccountStatus]
    outbox: dict[str, Any]
    backlog: dict[str, int]
    classifier: str
    reasons: list[str] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Whether nothing waits for a person to mend it."""
        return not self.reasons

    def to_dict(self) -> dict[str, Any]:
        """The state as JSON-able values (dates stay dates)."""
        return {**asdict(self), "healthy": self.healthy}


def gather(db: Database, config: Config, *, now: datetime) -> Status:
    """Read the state of everything. Changes nothing."""
    with db.read() as session:
        accounts = _accounts(session, now)
        outbox = _outbox(session, now)
        row = active_row(session)
        status = Status(
            accounts=[account for account, _ in accounts],
            outbox=outbox,
            backlog={
                "unscored": _count(session, sa.select(col(PostVersion.id)).where(col(PostVersion.pending_score))),
                "unreviewed": _count(
                    session,
                    sa.select(col(Flag.id)).where(
                        col(Flag.origin) != "test",
                        col(Flag.post_id).not_in(
                            sa.select(col(Review.post_id)).where(col(Review.revoked_at).is_(None))
                        ),
                    ),
                ),
            },
            classifier=row.version if row else "bundled",
        )
        status.reasons = [
            *(reason for account, overdue in accounts for reason in _account_reasons(account, overdue, config)),
            *outbox_reasons(session, now=now),
        ]
    return status


def _accounts(session: Session, now: datetime) -> list[tuple[AccountStatus, float]]:
    posts = dict(session.execute(sa.select(col(Post.account_id), sa.func.count()).group_by(col(Post.account_id))).all())
    rows = session.execute(
        sa.select(Account, Agency)
        .outerjoin(Agency, col(Agency.id) == col(Account.agency_id))
        .where(col(Account.platform) != TEST_PLATFORM)
        .order_by(col(Account.id))
    ).all()
    found = []
    for account, agency in rows:
        health = health_of(session, account, now)
        overdue_s = 0.0 if account.paused_at else (now - account.next_poll_at).total_seconds()
        found.append(
            (
                AccountStatus(
                    id=account.id,
                    account=account.name or account.address,
                    platform=account.platform,
                    address=account.address,
                    agency=agency.name if agency else "",
                    state=agency.state if agency else "",
                    role=account.role.value,
                    health=health.value,
                    paused=account.paused_at is not None,
                    last_ok=account.last_ok_at,
                    last_new=account.last_new_at,
                    last_error=account.last_error if account.error_count else "",
                    error_count=account.error_count,
                    next_poll=account.next_poll_at,
                    posts=posts.get(account.id, 0),
                ),
                overdue_s,
            )
        )
    return found


def health_of(session: Session, account: Account, now: datetime) -> Health:
    """The account's health, with ``quiet`` for one that answers and has been silent for three times its usual gap."""
    return Health.QUIET if account.health == Health.OK and _is_quiet(session, account, now) else account.health


def _is_quiet(session: Session, account: Account, now: datetime) -> bool:
    if account.last_new_at is None or (now - account.last_new_at).total_seconds() <= _QUIET_FACTOR * _LEAST_GAP_S:
        return False
    times = [
        moment
        for moment in session.execute(
            sa.select(col(Post.posted_at))
            .where(
                col(Post.account_id) == account.id,
                col(Post.posted_at).is_not(None),
                col(Post.authorship) != Authorship.SHARED,
            )
            .order_by(col(Post.posted_at).desc())
            .limit(30)
        ).scalars()
        if moment is not None
    ]
    if len(times) < _QUIET_NEEDS_POSTS:
        return False
    gaps = [(newer - older).total_seconds() for newer, older in itertools.pairwise(times)]
    usual_s = max(median(gaps), _LEAST_GAP_S)
    return bool((now - max(times[0], account.last_new_at)).total_seconds() > _QUIET_FACTOR * usual_s)


def _outbox(session: Session, now: datetime) -> dict[str, Any]:
    counts = dict(session.execute(sa.select(col(Alert.state), sa.func.count()).group_by(col(Alert.state))).all())
    oldest = session.execute(
        sa.select(sa.func.min(col(Alert.created_at))).where(
            col(Alert.state).in_([AlertState.QUEUED, AlertState.SENDING, AlertState.UNKNOWN])
        )
    ).scalar()
    return {
        **{state.value: counts.get(state, 0) for state in AlertState},
        "oldest_s": max(0.0, (now - oldest).total_seconds()) if oldest else None,
    }


def _account_reasons(account: AccountStatus, overdue_s: float, config: Config) -> list[str]:
    if account.paused:
        return []
    if account.health in SICK:
        return [f"{account.account} ({account.platform}) is {account.health}: {account.last_error}"]
    if account.health == Health.QUIET:
        return [f"{account.account} ({account.platform}) has been silent for three times its usual gap."]
    if overdue_s > max(STUCK_S, 2 * config.poll.interval_s):
        return [f"{account.account} ({account.platform}) should have been polled {overdue_s / 60:.0f} minutes ago."]
    return []


def outbox_reasons(session: Session, *, now: datetime) -> list[str]:
    """What keeps messages from going out, or decisions from coming in, one sentence each; empty when all is well."""
    outbox = _outbox(session, now)
    reasons = []
    for place in session.execute(sa.select(Destination).where(col(Destination.stopped_at).is_not(None))).scalars():
        where = f"{place.channel} {place.destination}".strip()
        reasons.append(f"Alerts to {where} are stopped: {place.error}")
    if outbox["oldest_s"] is not None and outbox["oldest_s"] > STUCK_S:
        waiting = outbox["queued"] + outbox["sending"] + outbox["unknown"]
        reasons.append(f"{waiting} alerts wait, the oldest for {outbox['oldest_s'] / 60:.0f} minutes.")
    refused = _count(
        session,
        sa.select(col(Alert.id)).where(
            col(Alert.state) == AlertState.FAILED,
            col(Alert.last_error) != NOTHING_TO_SAY,
            col(Alert.attempted_at) >= now - timedelta(seconds=_REFUSED_S),
        ),
    )
    if refused:
        reasons.append(f"{refused} alerts were refused for good within a day.")
    open_ones = sa.select(col(Incident.sentence)).where(
        col(Incident.cause) == LISTENING, col(Incident.closed_at).is_(None)
    )
    return [*reasons, *session.execute(open_ones).scalars()]


def _count(session: Session, of: Any) -> int:
    return int(session.execute(sa.select(sa.func.count()).select_from(of.subquery())).scalar_one())
