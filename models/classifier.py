"""Trained classifiers and what they said of each wording."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.clock import utcnow


class ClassifierVersion(SQLModel, table=True):
    """Where one trained classifier lies, its hash, its thresholds, and how it did on which set."""

    __tablename__ = "classifier_version"

    id: int | None = Field(default=None, primary_key=True)
    version: str = Field(unique=True)
    path: str = ""
    """Where the artifact lies; empty for the bundled one."""
    sha256: str
    queue_threshold: float
    alert_threshold: float
    figures: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    parent: str = ""
    """The version it was compared with when it was trained."""
    status: str = "candidate"
    """``candidate``, ``active``, ``retired`` or ``refused``."""
    reason: str = ""
    """Why it was promoted or refused."""
    trained_at: datetime = Field(default_factory=utcnow)
    trained_by: str = ""
    activated_at: datetime | None = None
    pinned_at: datetime | None = None
    """Since when this version stays on duty whatever a retraining or a new release brings."""


class Score(SQLModel, table=True):
    """What one classifier version says of one wording. Never updated."""

    __table_args__ = (
        UniqueConstraint("post_version_id", "classifier_version_id"),
        Index("ix_score_version_probability", "classifier_version_id", "probability"),
    )

    id: int | None = Field(default=None, primary_key=True)
    post_version_id: int = Field(foreign_key="post_version.id")
    classifier_version_id: int = Field(foreign_key="classifier_version.id")
    probability: float
    themes: dict[str, float] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """The probability of each theme."""
    theme_list: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """The themes over their own thresholds, the likeliest first."""
    reasons: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    lang: str = ""
    passage_start: int | None = None
    passage_end: int | None = None
    explanation: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """The exact contributions of words, cues and the rest; kept when the score reached the queue threshold, since
    the same version gives the same numbers again for any other text."""
    scored_at: datetime = Field(default_factory=utcnow)
