"""Logging in to the review page: sessions that stand in the database, and a throttle on wrong passwords."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from models.db import Database
from models.evidence import Event
from models.user import LoginAttempt, User, WebSession
from monitor import users
from monitor.errors import SheriffwatchError

IDLE = timedelta(hours=12)
"""A session that nobody uses for so long ends."""
NOTED_EVERY = timedelta(minutes=5)
"""How exactly the last use of a session is kept."""
WINDOW = timedelta(minutes=15)
MOST_WRONG_BY_NAME = 10
MOST_WRONG_BY_ADDRESS = 20

_LOGIN = (
    sa.select(WebSession, User)
    .join(User, col(User.id) == col(WebSession.user_id))
    .where(
        col(WebSession.token_sha256) == sa.bindparam("token"),
        col(WebSession.ended_at).is_(None),
        col(WebSession.seen_at) > sa.bindparam("since"),
        col(User.disabled_at).is_(None),
    )
)
"""Made once, since every page asks it."""


class ThrottleError(SheriffwatchError):
    """Too many wrong passwords: none is looked at until some time has passed."""


@dataclass(frozen=True)
class Login:
    """A user who is logged in."""

    user: User
    session: WebSession

    def stale(self, now: datetime) -> bool:
        """Whether the last use should be written down again."""
        return now - self.session.seen_at > NOTED_EVERY


def log_in(db: Database, name: str, password: str, *, address: str, now: datetime) -> User | None:
    """The user of this name and password, or None. Known and unknown names take the same time.

    Raises ThrottleError, and does not look at the password, after ``MOST_WRONG_BY_NAME`` wrong ones for a name or
    ``MOST_WRONG_BY_ADDRESS`` from an address within ``WINDOW``.
    """
    key = name.strip().lower()[:80]
    # The attempt counts before its password is looked at, so that many at once cannot slip through.
    with db.write() as session:
        connection = session.connection()
        connection.execute(sa.delete(LoginAttempt).where(col(LoginAttempt.at) < now - timedelta(hours=1)))
        if _wrong(session, now, col(LoginAttempt.name) == key) >= MOST_WRONG_BY_NAME or (
            _wrong(session, now, col(LoginAttempt.address) == address) >= MOST_WRONG_BY_ADDRESS
        ):
            raise ThrottleError(f"Too many wrong passwords. Wait {WINDOW.seconds // 60} minutes, then try again.")
        attempt = LoginAttempt(at=now, name=key, address=address)
        session.add(attempt)
        session.flush()
        user = users.named(session, name)
    if not users.fits(user, password):
        return None
    with db.write() as session:
        session.connection().execute(sa.delete(LoginAttempt).where(col(LoginAttempt.name) == key))
    return user


def start(db: Database, user: User, *, now: datetime, how: str = "password") -> str:
    """Begin a session; the returned token goes into the cookie and is kept as a hash only."""
    token = secrets.token_urlsafe(32)
    with db.write() as session:
        session.add(WebSession(user_id=user.id or 0, token_sha256=_sha256(token), created_at=now, seen_at=now))
        session.add(Event(at=now, kind="user.login", actor=user.name, subject=f"user:{user.name}", data={"how": how}))
    return token


def find(session: Session, token: str, now: datetime) -> Login | None:
    """Who this token logs in; None for one that is unknown, ended or idle for too long, or whose user is disabled."""
    if not token or len(token) > 100:
        return None
    row = session.execute(_LOGIN, {"token": _sha256(token), "since": now - IDLE}).first()
    return Login(row[1], row[0]) if row else None


def touch(db: Database, login: Login, now: datetime) -> None:
    """Write down that the session is in use."""
    with db.write() as session:
        session.connection().execute(
            sa.update(WebSession).where(col(WebSession.id) == login.session.id).values(seen_at=now)
        )


def end(db: Database, login: Login, now: datetime) -> None:
    """Log out."""
    with db.write() as session:
        session.connection().execute(
            sa.update(WebSession).where(col(WebSession.id) == login.session.id).values(ended_at=now)
        )
        name = login.user.name
        session.add(Event(at=now, kind="user.logout", actor=name, subject=f"user:{name}"))


def _wrong(session: Session, now: datetime, of: sa.ColumnElement[bool]) -> int:
    return int(
        session.execute(
            sa.select(sa.func.count()).select_from(LoginAttempt).where(of, col(LoginAttempt.at) > now - WINDOW)
        ).scalar_one()
    )


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
