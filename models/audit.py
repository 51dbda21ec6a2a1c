"""Random samples of what raised no flag: they tell how much is missed."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from models.clock import utcnow


class AuditDraw(SQLModel, table=True):
    """One random sample of the posts of a stretch of time that were not flagged."""

    __tablename__ = "audit_draw"

    id: int | None = Field(default=None, primary_key=True)
    drawn_at: datetime = Field(default_factory=utcnow, index=True)
    since: datetime
    """First sight of a post, from here …"""
    until: datetime
    """… up to here, not included."""
    population: int
    """Posts of the stretch that were scored and not flagged when the sample was drawn."""
    size: int
    """Posts drawn, without replacement."""
    version: str
    """The classifier version on duty."""


class AuditPost(SQLModel, table=True):
    """One post of a sample. A post is drawn once."""

    __tablename__ = "audit_post"

    id: int | None = Field(default=None, primary_key=True)
    draw_id: int = Field(foreign_key="audit_draw.id", index=True)
    post_id: int = Field(foreign_key="post.id", unique=True)
    probability: float
    """What the version on duty said of it."""
