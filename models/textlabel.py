"""Labels on texts that are no posts of ours: imported from data sets and labelling tools."""

from datetime import datetime

from sqlalchemy import JSON, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.clock import utcnow


class TextLabel(SQLModel, table=True):
    """One person's or data set's label on one text. Appended; taken back by a mark."""

    __tablename__ = "text_label"
    __table_args__ = (UniqueConstraint("text_sha256", "reviewer", "source"),)

    id: int | None = Field(default=None, primary_key=True)
    text: str
    text_sha256: str = Field(max_length=64)
    label: int
    """1 match, 0 no match."""
    themes: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    reason: str = ""
    """A codebook reason code when it is no match."""
    reviewer: str = Field(index=True)
    source: str = ""
    """The file or data set it came from."""
    weight: float = 1.0
    imported_at: datetime = Field(default_factory=utcnow)
    revoked_at: datetime | None = None
