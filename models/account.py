"""Whom we watch, and what came of watching."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.clock import utcnow
from models.words import word


class Role(StrEnum):
    """Whose account it is."""

    OFFICE = "office"
    SHERIFF_PERSONAL = "sheriff-personal"
    CAMPAIGN = "campaign"
    PIO = "pio"


class Health(StrEnum):
    """How watching goes, as a user would say it."""

    NEW = "new"
    OK = "ok"
    SLOW = "slow"
    FAILING = "failing"
    BLOCKED = "blocked"
    LOGIN_WALL = "login-wall"
    GONE = "gone"
    MOVED = "moved"
    QUIET = "quiet"


class Account(SQLModel, table=True):
    """One public account, feed or page on one platform."""

    __table_args__ = (
        UniqueConstraint("platform", "address"),
        Index("ix_account_due", "paused_at", "next_poll_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    agency_id: int | None = Field(default=None, foreign_key="agency.id", index=True)
    platform: str
    address: str
    """The handle or URL in the source's canonical form."""
    external_id: str = ""
    """The platform's unchanging id (DID, account id, feed URL), known after the first answer."""
    name: str = ""
    url: str = ""
    role: Role = Field(default=Role.OFFICE, sa_type=word(Role))
    verified_by: str = ""
    verified_from: str = ""
    """The page that shows this account belongs to the office."""
    verified_at: datetime | None = None
    added_at: datetime = Field(default_factory=utcnow)
    paused_at: datetime | None = None
    muted_until: datetime | None = None
    """Until then matches are kept and queued for review but not alerted."""
    interval_s: int | None = None
    """Seconds between polls; None takes the configured interval."""

    host: str = ""
    """``host[:port]`` asked first by a poll: polls are spread by it."""
    cursor: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    next_poll_at: datetime = Field(default_factory=utcnow)
    lease_until: datetime | None = None
    lease_token: int = 0
    """Fencing token: grows with each claim, so that a late worker's write is refused."""
    health: Health = Field(default=Health.NEW, sa_type=word(Health))
    error_count: int = 0
    """Failures in a row."""
    last_error: str = ""
    last_error_at: datetime | None = None
    last_ok_at: datetime | None = None
    last_new_at: datetime | None = None
    first_ok_at: datetime | None = None
    coverage_id: int | None = None
    """The open coverage span, extended by each poll of the same outcome."""


class Coverage(SQLModel, table=True):
    """A stretch of time in which polls of one account all ended the same way. What no span covers was not polled."""

    __table_args__ = (Index("ix_coverage_account_until", "account_id", "until"),)

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id")
    outcome: str
    """``ok`` or the kind of the error (``blocked``, ``timeout`` …)."""
    since: datetime
    until: datetime
    polls: int = 1
    detail: str = ""
