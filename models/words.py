"""Columns that hold one word of a fixed set, stored as that word and not as a database enum."""

from enum import StrEnum
from typing import Any

from sqlalchemy import Enum


def word(kind: type[StrEnum]) -> Any:
    """The column type for a StrEnum field: its value as text, so that a new word needs no migration."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )
