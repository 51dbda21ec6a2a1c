"""People who use the review page: adding them, their roles, passwords and invitations."""

import hashlib
import secrets
import threading
from datetime import datetime, timedelta
from functools import cache

import sqlalchemy as sa
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlmodel import Session, col

from models.apitoken import ApiToken
from models.db import Database
from models.evidence import Event
from models.user import Invitation, User, UserRole, WebSession
from monitor.errors import UsageError

LEAST_PASSWORD = 12
"""Characters a password needs; there is no other rule (NIST SP 800-63B, 3.1.1.2)."""
MOST_PASSWORD = 1000
MOST_NAME = 60
INVITATION_LASTS = timedelta(days=3)

_HASHING = threading.Semaphore(2)
"""Argon2 takes 64 MiB and a third of a second a time; more at once would let strangers exhaust the machine."""


def add(db: Database, name: str, role: UserRole, *, by: str, now: datetime, slack_id: str = "") -> User:
    """A new user without a password: invite them, or set one. Raises UsageError for a bad or taken name."""
    name = check_name(name)
    with db.write() as session:
        if named(session, name) is not None:
            raise UsageError(f"There is a user “{name}” already.")
        user = User(name=name, role=role, slack_id=slack_id.strip(), created_at=now)
        session.add(user)
        session.add(_event("user.added", by, name, now, role=role.value))
    return user


def named(session: Session, name: str) -> User | None:
    """The user of this name; upper and lower case are one."""
    return session.execute(sa.select(User).where(sa.func.lower(col(User.name)) == name.strip().lower())).scalar()


def of_slack(session: Session, slack_id: str) -> User | None:
    """The user with this Slack id, unless disabled."""
    if not slack_id:
        return None
    return session.execute(
        sa.select(User).where(col(User.slack_id) == slack_id, col(User.disabled_at).is_(None)).limit(1)
    ).scalar()


def all_of(session: Session) -> list[User]:
    """All users by name."""
    return list(session.execute(sa.select(User).order_by(sa.func.lower(col(User.name)))).scalars())


def set_role(db: Database, name: str, role: UserRole, *, by: str, now: datetime) -> User:
    """Give a user another role. Raises UsageError for an unknown user, or if no admin would be left."""
    with db.write() as session:
        user = _existing(session, name)
        if user.role is UserRole.ADMIN and role is not UserRole.ADMIN:
            _keep_an_admin(session, user)
        before, user.role = user.role, role
        session.add(user)
        session.add(_event("user.role", by, user.name, now, before=before.value, role=role.value))
    return user


def set_slack_id(db: Database, name: str, slack_id: str, *, by: str, now: datetime) -> User:
    """Say who this user is in Slack, so that verdicts by button stand under the same name."""
    with db.write() as session:
        user = _existing(session, name)
        user.slack_id = slack_id.strip()
        session.add(user)
        session.add(_event("user.slack", by, user.name, now, slack_id=user.slack_id))
    return user


def disable(db: Database, name: str, *, by: str, now: datetime) -> User:
    """Let a user in no more: their sessions end and their tokens are worthless; their verdicts stay.

    Raises UsageError for an unknown user, or if no admin would be left.
    """
    with db.write() as session:
        user = _existing(session, name)
        if user.role is UserRole.ADMIN:
            _keep_an_admin(session, user)
        user.disabled_at = user.disabled_at or now
        session.add(user)
        end_sessions(session, user, now)
        session.connection().execute(
            sa.update(ApiToken)
            .where(col(ApiToken.user_name) == user.name, col(ApiToken.revoked_at).is_(None))
            .values(revoked_at=now)
        )
        session.add(_event("user.disabled", by, user.name, now))
    return user


def enable(db: Database, name: str, *, by: str, now: datetime) -> User:
    """Let a disabled user in again."""
    with db.write() as session:
        user = _existing(session, name)
        user.disabled_at = None
        session.add(user)
        session.add(_event("user.enabled", by, user.name, now))
    return user


def set_password(db: Database, name: str, password: str, *, by: str, now: datetime) -> User:
    """Set a user's password; all their sessions end. Raises UsageError for a password that is too short."""
    hashed = hash_password(password)
    with db.write() as session:
        user = _existing(session, name)
        user.password_hash = hashed
        session.add(user)
        end_sessions(session, user, now)
        session.add(_event("user.password", by, user.name, now))
    return user


def invite(db: Database, name: str = "", *, by: str, now: datetime) -> str:
    """The token of a link with which a user chooses a password, once. Without a name: for the first user, an admin.

    Links given before, for the same, stop working.
    """
    token = secrets.token_urlsafe(32)
    with db.write() as session:
        user_id = _existing(session, name).id if name else None
        session.connection().execute(
            sa.update(Invitation)
            .where(col(Invitation.user_id).is_(None) if user_id is None else col(Invitation.user_id) == user_id)
            .values(used_at=sa.func.coalesce(col(Invitation.used_at), now))
        )
        session.add(
            Invitation(token_sha256=_sha256(token), user_id=user_id, created_at=now, expires_at=now + INVITATION_LASTS)
        )
        session.add(_event("user.invited", by, name or "first", now))
    return token


def invitation(session: Session, token: str, now: datetime) -> tuple[Invitation, User | None] | None:
    """The invitation of this token with whom it is for; None when it was used, has expired, or never was."""
    found = session.execute(
        sa.select(Invitation).where(
            col(Invitation.token_sha256) == _sha256(token),
            col(Invitation.used_at).is_(None),
            col(Invitation.expires_at) > now,
        )
    ).scalar()
    if found is None:
        return None
    if found.user_id is None:
        return None if any_user(session) else (found, None)
    user = session.get(User, found.user_id)
    return (found, user) if user is not None and user.disabled_at is None else None


def accept(db: Database, token: str, name: str, password: str, *, now: datetime) -> User:
    """Use an invitation: the first user takes a name, everybody a password. Raises UsageError when it does not hold."""
    hashed = hash_password(password)
    with db.write() as session:
        found = invitation(session, token, now)
        if found is None:
            raise UsageError("This link was used or has expired. Ask an admin for a new one.")
        invited, user = found
        if user is None:
            user = User(name=check_name(name), role=UserRole.ADMIN, created_at=now)
        user.password_hash = hashed
        invited.used_at = now
        session.add_all([user, invited])
        session.flush()
        end_sessions(session, user, now)
        session.add(_event("user.accepted", user.name, user.name, now))
    return user


def of_identity(session: Session, subject: str) -> User | None:
    """The user whom the identity provider calls so, disabled or not."""
    return session.execute(sa.select(User).where(col(User.oidc_subject) == subject)).scalar() if subject else None


def admit(db: Database, subject: str, name: str, *, link: str, role: UserRole | None, now: datetime) -> User:
    """The user who is this to the identity provider.

    Who is not known yet becomes the user whom the invitation ``link`` is for, or else a new one with ``role``. Raises
    UsageError for a disabled user, a link that does not hold, a name that is taken, and when there is no role to give.
    """
    with db.write() as session:
        user = of_identity(session, subject)
        if user is None:
            user = _invited(session, link, name, now) if link else _newcomer(session, name, role, now)
            user.oidc_subject = subject
            session.add(user)
            session.flush()
            session.add(_event("user.identity", user.name, user.name, now, subject=subject))
        if user.disabled_at is not None:
            raise UsageError("Your account here is disabled. Ask an admin.")
    return user


def _invited(session: Session, link: str, name: str, now: datetime) -> User:
    found = invitation(session, link, now)
    if found is None:
        raise UsageError("This link was used or has expired. Ask an admin for a new one.")
    invited, user = found
    invited.used_at = now
    session.add(invited)
    return user or User(name=check_name(name), role=UserRole.ADMIN, created_at=now)


def _newcomer(session: Session, name: str, role: UserRole | None, now: datetime) -> User:
    if role is None:
        raise UsageError("Nobody here is known by this account yet. Ask an admin for a link, and open it first.")
    name = check_name(name)
    if named(session, name) is not None:
        raise UsageError(
            f"There is a user “{name}” already. If that is you, ask an admin for a link, and open it first."
        )
    session.add(_event("user.added", name, name, now, role=role.value))
    return User(name=name, role=role, created_at=now)


def any_user(session: Session) -> bool:
    """Whether anybody can log in: a user with a password, or known to the identity provider."""
    return (
        session.execute(
            sa.select(col(User.id))
            .where((col(User.password_hash) != "") | (col(User.oidc_subject) != ""), col(User.disabled_at).is_(None))
            .limit(1)
        ).scalar()
        is not None
    )


def hash_password(password: str) -> str:
    """The password's Argon2id hash. Raises UsageError when it is too short or too long."""
    if len(password) < LEAST_PASSWORD:
        raise UsageError(f"A password needs at least {LEAST_PASSWORD} characters; a few words in a row are good.")
    if len(password) > MOST_PASSWORD:
        raise UsageError(f"A password may have at most {MOST_PASSWORD:,} characters.")
    with _HASHING:
        return _hasher().hash(password)


def fits(user: User | None, password: str) -> bool:
    """Whether the password is this user's. Takes the same time when there is no such user."""
    hashed = user.password_hash if user is not None and user.password_hash and not user.disabled_at else ""
    with _HASHING:
        try:
            right = _hasher().verify(password[:MOST_PASSWORD], hashed or _nobodys_hash())
        except UnknownHashError:
            return False
    return right and bool(hashed)


def end_sessions(session: Session, user: User, now: datetime) -> None:
    """End all sessions of a user."""
    session.connection().execute(
        sa.update(WebSession)
        .where(col(WebSession.user_id) == user.id, col(WebSession.ended_at).is_(None))
        .values(ended_at=now)
    )


def check_name(name: str) -> str:
    """The name with its spaces put in order. Raises UsageError for one that cannot be used."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= MOST_NAME or not name.isprintable():
        raise UsageError(f"A name has 1 to {MOST_NAME} printable characters.")
    return name


@cache
def _hasher() -> PasswordHash:
    return PasswordHash((Argon2Hasher(),))


@cache
def _nobodys_hash() -> str:
    return _hasher().hash(secrets.token_urlsafe(16))


def _existing(session: Session, name: str) -> User:
    user = named(session, name)
    if user is None:
        raise UsageError(f"There is no user “{name}”. “sheriffwatch user list” shows them.")
    return user


def _keep_an_admin(session: Session, user: User) -> None:
    others = session.execute(
        sa.select(col(User.id)).where(
            col(User.role) == UserRole.ADMIN, col(User.id) != user.id, col(User.disabled_at).is_(None)
        )
    ).first()
    if others is None:
        raise UsageError(f"“{user.name}” is the only admin. Make somebody else an admin first.")


def _event(kind: str, by: str, name: str, now: datetime, **data: str) -> Event:
    return Event(at=now, kind=kind, actor=by, subject=f"user:{name}", data=dict(data))


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()  # 256 random bits need no slow hash
