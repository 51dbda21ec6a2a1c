"""Weekly readings of how posts and scores change."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.clock import utcnow


class DriftReading(SQLModel, table=True):
    """What one week of posts looked like to one classifier version, as a whole, on one platform or for one theme."""

    __tablename__ = "drift_reading"
    __table_args__ = (UniqueConstraint("week", "version", "scope"),)

    id: int | None = Field(default=None, primary_key=True)
    week: date
    """The Monday the week begins with, UTC."""
    version: str
    scope: str
    """``all``, ``platform:bluesky``, ``theme:invasion`` …"""
    figures: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    read_at: datetime = Field(default_factory=utcnow)
