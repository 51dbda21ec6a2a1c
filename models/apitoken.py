"""Tokens with which programs read the JSON API in a person's name."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from models.clock import utcnow


class ApiToken(SQLModel, table=True):
    """One token. Only its hash is kept; the token itself is shown once."""

    __tablename__ = "api_token"

    id: int | None = Field(default=None, primary_key=True)
    user_name: str = Field(index=True)
    sha256: str = Field(unique=True, max_length=64)
    created_at: datetime = Field(default_factory=utcnow)
    used_at: datetime | None = None
    revoked_at: datetime | None = None
