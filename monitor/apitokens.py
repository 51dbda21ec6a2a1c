"""Tokens for the JSON API: made once, shown once, kept as a hash."""

import hashlib
import secrets
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from models.apitoken import ApiToken
from models.db import Database
from models.evidence import Event
from models.user import User
from monitor import users
from monitor.errors import UsageError

PREFIX = "swt_"


def make(db: Database, user_name: str, *, now: datetime) -> str:
    """A new token with which a program reads in this user's name and role. It cannot be shown again.

    Raises UsageError when there is no such user, or the user is disabled.
    """
    token = PREFIX + secrets.token_urlsafe(32)
    with db.write() as session:
        user = users.named(session, user_name)
        if user is None:
            raise UsageError(f"There is no user “{user_name}”. Add the user first: sheriffwatch user add NAME.")
        if user.disabled_at is not None:
            raise UsageError(f"“{user.name}” is disabled. Enable the user first, or choose another.")
        session.add(ApiToken(user_name=user.name, sha256=_hash(token), created_at=now))
        session.add(Event(at=now, kind="token.made", actor=user.name, subject=f"user:{user.name}"))
    return token


def revoke_all(db: Database, user_name: str, *, now: datetime) -> int:
    """Make all tokens of a user worthless. Returns how many there were."""
    with db.write() as session:
        gone = session.connection().execute(
            sa.update(ApiToken)
            .where(col(ApiToken.user_name) == user_name, col(ApiToken.revoked_at).is_(None))
            .values(revoked_at=now)
        )
        session.add(Event(at=now, kind="token.revoked", actor=user_name, subject=f"user:{user_name}"))
        return int(gone.rowcount)


def user_of(session: Session, token: str) -> User | None:
    """Whose token this is; None for an unknown or revoked one, and when its user is disabled or gone."""
    if not token.startswith(PREFIX) or len(token) > 200:
        return None
    return session.execute(
        sa.select(User)
        .join(ApiToken, col(ApiToken.user_name) == col(User.name))
        .where(
            col(ApiToken.sha256) == _hash(token), col(ApiToken.revoked_at).is_(None), col(User.disabled_at).is_(None)
        )
    ).scalar()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()  # 256 random bits need no slow hash
