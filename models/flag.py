"""Flags and the outbox of messages that tell people of them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.clock import utcnow
from models.words import word


class Flag(SQLModel, table=True):
    """A person should look at this post. At most one for each post."""

    id: int | None = Field(default=None, primary_key=True)
    post_id: int = Field(foreign_key="post.id", unique=True)
    account_id: int | None = None
    """Whose post it is. A trigger copies it, so that the flags of a state are found without their posts."""
    score_id: int | None = Field(default=None, foreign_key="score.id")
    probability: float = Field(index=True)
    origin: str = "classifier"
    """``classifier``, ``audit`` (random sample of what was not flagged), ``person`` (sent in by hand) or ``test``."""
    created_at: datetime = Field(default_factory=utcnow, index=True)


NOTHING_TO_SAY = "nothing left to say"
"""The error of an alert whose match was gone before it was sent."""


class AlertState(StrEnum):
    """Where a message stands on its way out."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It may or may not have arrived: looked up before it is sent again."""


class Alert(SQLModel, table=True):
    """One message on its way to one channel: the outbox. The row stands before anything is sent."""

    __table_args__ = (
        UniqueConstraint("channel", "dedupe_key"),
        Index("ix_alert_state_due", "state", "next_attempt_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    flag_id: int | None = Field(default=None, foreign_key="flag.id", index=True)
    kind: str = "match"
    """``match`` for a flag; other kinds (``update``, ``health``, ``digest`` …) carry what they say in ``payload``."""
    channel: str
    """The channel's name in the configuration, e.g. ``slack`` or ``console``."""
    destination: str = ""
    """Where in the channel, e.g. a Slack channel id; empty takes the channel's default."""
    dedupe_key: str
    """Two alerts with one key are one alert."""
    payload: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    state: AlertState = Field(default=AlertState.QUEUED, sa_type=word(AlertState))
    attempts: int = 0
    created_at: datetime = Field(default_factory=utcnow)
    next_attempt_at: datetime = Field(default_factory=utcnow)
    attempted_at: datetime | None = None
    sent_at: datetime | None = None
    receipt: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """What the channel answered: for Slack ``channel`` and ``ts``."""
    last_error: str = ""


class Destination(SQLModel, table=True):
    """How one place of one channel is doing, so that a fault there is known once and not per message."""

    __table_args__ = (UniqueConstraint("channel", "destination"),)

    id: int | None = Field(default=None, primary_key=True)
    channel: str
    destination: str = ""
    rest_until: datetime | None = None
    """Nothing is sent before: the channel asked for a pause, or a message failed just now."""
    stopped_at: datetime | None = None
    """Set by an error that only a person can mend; the queue is kept and tried again every quarter of an hour."""
    error: str = ""
    failures: int = 0
    """Failures in a row, for the back-off."""
    last_sent_at: datetime | None = None
    """When a message last left, or tried to: the place's pace is kept from here."""
