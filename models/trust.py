"""How far each reviewer's labels are believed."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from models.clock import utcnow


class Trust(SQLModel, table=True):
    """The weight of one reviewer's verdicts. Who has no row weighs 1."""

    id: int | None = Field(default=None, primary_key=True)
    reviewer: str = Field(unique=True)
    weight: float = 1.0
    """0 leaves this person's verdicts out of the labels, those given and those to come."""
    note: str = ""
    set_by: str = ""
    set_at: datetime = Field(default_factory=utcnow)
