"""What people decided."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, Column, Index
from sqlmodel import Field, SQLModel

from models.clock import utcnow
from models.words import word


class Verdict(StrEnum):
    """One person's answer to the codebook's question."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    UNSURE = "unsure"


class Review(SQLModel, table=True):
    """One person's verdict on one post. Appended, never edited: a change of mind is a new row, an undo a revocation."""

    __table_args__ = (Index("ix_review_post_reviewer", "post_id", "reviewer"),)

    id: int | None = Field(default=None, primary_key=True)
    post_id: int = Field(foreign_key="post.id")
    post_version_id: int | None = Field(default=None, foreign_key="post_version.id")
    """The wording that was judged."""
    reviewer: str = Field(index=True)
    verdict: Verdict = Field(sa_type=word(Verdict))
    reason: str = ""
    """A codebook reason code when rejected."""
    themes: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    severe: bool = False
    note: str = ""
    via: str = "cli"
    """``cli``, ``slack``, ``web`` or ``import``."""
    created_at: datetime = Field(default_factory=utcnow, index=True)
    revoked_at: datetime | None = None
    """Set once when the verdict is taken back (undo, or all labels of a person reverted); the row stays."""
