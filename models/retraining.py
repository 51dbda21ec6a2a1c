"""Retrainings: one at a time, how far it is, and what it came to."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import JSON, Column, Index
from sqlmodel import Field, SQLModel

from models.clock import utcnow


class Retraining(SQLModel, table=True):
    """One retraining, from its beginning to its end."""

    __table_args__ = (
        Index(
            "uq_retraining_under_way",
            "lane",
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    lane: str = "classifier"
    """What is trained: of each, one retraining at a time."""
    begun_by: str = ""
    begun_at: datetime = Field(default_factory=utcnow)
    stage: str = ""
    """What it does now, as people say it."""
    seen_at: datetime = Field(default_factory=utcnow)
    """When its process last said that it lives, by the real clock."""
    ended_at: datetime | None = None
    """By the real clock, as ``seen_at``."""
    failed: bool = False
    version: str = ""
    """The candidate; empty when there is none."""
    promoted: bool = False
    sentence: str = ""
    """What it came to, or why it failed."""
    report: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """The comparison with the version on duty, the posts decided differently, and remarks."""
