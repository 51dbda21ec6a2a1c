"""Law-enforcement agencies and their 287(g) agreements."""

import re
import unicodedata
from datetime import date, datetime

from sqlalchemy import JSON, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.clock import utcnow


class Agency(SQLModel, table=True):
    """A law-enforcement agency, mostly a sheriff's office. Its key is the state with the normalised name."""

    __table_args__ = (UniqueConstraint("state", "name_key"),)

    id: int | None = Field(default=None, primary_key=True)
    state: str = Field(default="", max_length=2)
    """Two-letter postal code, or empty when unknown."""
    name: str
    name_key: str
    aliases: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    created_at: datetime = Field(default_factory=utcnow)

    @classmethod
    def named(cls, name: str, state: str = "") -> "Agency":
        """A new agency with its key made from the name."""
        return cls(name=name.strip(), state=state.strip().upper(), name_key=name_key(name))


class Agreement(SQLModel, table=True):
    """One 287(g) agreement: agency, model and signing date. A new signing adds a row; nothing is overwritten."""

    __table_args__ = (UniqueConstraint("agency_id", "model", "signed"),)

    id: int | None = Field(default=None, primary_key=True)
    agency_id: int = Field(foreign_key="agency.id", index=True)
    model: str
    """``JEM`` (jail enforcement), ``TFM`` (task force) or ``WSO`` (warrant service officer)."""
    signed: date | None = None
    first_seen_at: datetime = Field(default_factory=utcnow)
    missing_since: datetime | None = None
    moa_url: str = ""


_APOSTROPHES = re.compile(r"['’ʼ`]s?\b")
_NOT_WORD = re.compile(r"[^a-z0-9]+")


def name_key(name: str) -> str:
    """The agency's name as compared: no case, accents, apostrophes or punctuation.

    >>> name_key("Piñon County Sheriff’s  Office")
    'pinon county sheriff office'
    """
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return _NOT_WORD.sub(" ", _APOSTROPHES.sub("", plain)).strip()
