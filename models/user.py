"""People who use the review page, their sessions, invitations and attempts to log in."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from models.clock import utcnow
from models.words import word


class UserRole(StrEnum):
    """What a user may do. Each role may do all that the ones before it may."""

    VIEWER = "viewer"
    """Reads posts and figures."""
    REVIEWER = "reviewer"
    """Decides posts, saves searches, adds posts by hand."""
    LEAD = "lead"
    """Settles what reviewers differ on; adds, verifies and pauses accounts."""
    ADMIN = "admin"
    """Adds people and changes their roles."""

    @property
    def rank(self) -> int:
        """0 for the least role."""
        return list(UserRole).index(self)

    def covers(self, least: "UserRole") -> bool:
        """Whether this role may do what ``least`` may."""
        return self.rank >= least.rank


class User(SQLModel, table=True):
    """One person with a name that stands under their verdicts."""

    __tablename__ = "app_user"  # “user” is a reserved word of PostgreSQL

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    role: UserRole = Field(default=UserRole.VIEWER, sa_type=word(UserRole))
    password_hash: str = ""
    """Argon2id. Empty until the person has chosen a password; then only an invitation or OIDC lets them in."""
    slack_id: str = Field(default="", index=True)
    oidc_subject: str = Field(default="", index=True)
    """``issuer#subject`` of the identity provider."""
    created_at: datetime = Field(default_factory=utcnow)
    disabled_at: datetime | None = None


class WebSession(SQLModel, table=True):
    """One login. Only the hash of the cookie is kept."""

    __tablename__ = "web_session"

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="app_user.id", index=True)
    token_sha256: str = Field(unique=True, max_length=64)
    created_at: datetime = Field(default_factory=utcnow)
    seen_at: datetime = Field(default_factory=utcnow)
    ended_at: datetime | None = None


class Invitation(SQLModel, table=True):
    """A link that works once: for the first user, a new one, or one who forgot the password."""

    id: int | None = Field(default=None, primary_key=True)
    token_sha256: str = Field(unique=True, max_length=64)
    user_id: int | None = Field(default=None, foreign_key="app_user.id")
    """None: whoever opens it becomes the first user, an admin."""
    created_at: datetime = Field(default_factory=utcnow)
    expires_at: datetime
    used_at: datetime | None = None


class LoginAttempt(SQLModel, table=True):
    """One password that was tried and wrong. Kept for the throttle, an hour long."""

    __tablename__ = "login_attempt"
    __table_args__ = (Index("ix_login_attempt_name_at", "name", "at"), Index("ix_login_attempt_address", "address"))

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(default_factory=utcnow)
    name: str
    """As it was typed, in lower case."""
    address: str = ""


class Checkout(SQLModel, table=True):
    """A post that somebody is reading, so that nobody else is offered it until then."""

    post_id: int = Field(primary_key=True, foreign_key="post.id")
    reviewer: str
    until: datetime = Field(index=True)
