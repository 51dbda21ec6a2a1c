"""What keeps a channel quiet: matches held back for a digest, groups of the same words, and open incidents."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.clock import utcnow


class Held(SQLModel, table=True):
    """A match that did not go out by itself in one place: a digest there names it."""

    __table_args__ = (
        UniqueConstraint("flag_id", "channel", "destination"),
        Index("ix_held_waiting", "channel", "destination", "digest_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    flag_id: int = Field(foreign_key="flag.id")
    channel: str
    destination: str = ""
    because: str
    """``quiet`` (quiet hours), ``account`` or ``channel`` (the cap of an hour)."""
    at: datetime = Field(default_factory=utcnow)
    digest_id: int | None = Field(default=None, foreign_key="alert.id")
    """The digest that names it; None while it waits."""


class SameWords(SQLModel, table=True):
    """The words of a flagged post as a key, and the flag that speaks for all posts with these words."""

    __tablename__ = "same_words"

    flag_id: int = Field(primary_key=True, foreign_key="flag.id")
    words_sha256: str = Field(index=True, max_length=64)
    lead_id: int = Field(foreign_key="flag.id", index=True)
    at: datetime = Field(default_factory=utcnow, index=True)


class Incident(SQLModel, table=True):
    """One cause of alarm, from its beginning to its end: told once, and once when it is over."""

    __table_args__ = (
        Index(
            "uq_incident_open",
            "cause",
            unique=True,
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    cause: str
    """What it is about, as ``account:3:gone``, ``platform:mastodon`` or ``destination:slack:C01``."""
    sentence: str
    opened_at: datetime = Field(default_factory=utcnow)
    closed_at: datetime | None = None


class Digest(SQLModel, table=True):
    """A regular digest that was made, so that each period has one."""

    __table_args__ = (UniqueConstraint("period"),)

    id: int | None = Field(default=None, primary_key=True)
    period: str
    """``2026-11-24`` or ``2026-W48``."""
    since: datetime
    until: datetime
