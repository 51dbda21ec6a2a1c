"""What exactly was seen, when, and what was done since."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.clock import utcnow


class Blob(SQLModel, table=True):
    """Exact bytes under their SHA-256. Written in the transaction of the rows that rest on them."""

    sha256: str = Field(primary_key=True, max_length=64)
    size: int
    packed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """The bytes, zlib-deflated. The hash and the size are those of the bytes themselves."""


class Capture(SQLModel, table=True):
    """One distinct answer of a platform to one question: the bytes, how they came, and how often they came again."""

    __table_args__ = (UniqueConstraint("account_id", "url", "body_sha256", "status"),)

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    url: str
    final_url: str = ""
    redirects: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    status: int
    headers: list[list[str]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    body_sha256: str = Field(foreign_key="blob.sha256", max_length=64)
    ip: str = ""
    cert_sha256: str = ""
    requested_at: datetime
    answered_at: datetime
    elapsed_s: float = 0.0
    """By the monotonic clock, apart from the two wall clock times."""
    last_seen_at: datetime
    """When the same bytes last came for the same question."""
    times_seen: int = 1
    software: str = ""


class Event(SQLModel, table=True):
    """One entry of the log of what people and jobs did. Appended, never changed."""

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(default_factory=utcnow, index=True)
    kind: str = Field(index=True)
    actor: str = ""
    subject: str = Field(default="", index=True)
    """What it was done to, as ``post:12`` or ``account:3``."""
    data: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
