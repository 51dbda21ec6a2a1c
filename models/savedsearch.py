"""Searches that are kept under a name, and may alert."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from models.clock import utcnow


class SavedSearch(SQLModel, table=True):
    """One search under a name."""

    __tablename__ = "saved_search"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    owner: str = ""
    query: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """The search as the parameters of its URL."""
    alerts: bool = False
    """Whether new posts that match are told of."""
    last_post_id: int = 0
    """Posts up to this one have been looked at."""
    created_at: datetime = Field(default_factory=utcnow)
