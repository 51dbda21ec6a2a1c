"""What should be done about a request: decided first, done later, in one place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monitor.byhand import HandPost
from monitor.review.verdicts import Decision


@dataclass(frozen=True)
class Decide:
    """Store a verdict."""

    decision: Decision


@dataclass(frozen=True)
class TakeBack:
    """Take back this person's verdict on a post, if it is young enough."""

    post_id: int
    reviewer: str


@dataclass(frozen=True)
class Open:
    """Show a form to who asked."""

    view: Mapping[str, Any]


@dataclass(frozen=True)
class Whisper:
    """Say something to who asked, and to nobody else."""

    text: str


@dataclass(frozen=True)
class KeepByHand:
    """Keep a post that somebody brought."""

    post: HandPost
    agency_id: int | None = None
    """The agency it belongs to, where its place is not watched: an account that stands for the place is made."""


@dataclass(frozen=True)
class Object:
    """Say in the form what is wrong with it: sentences by block."""

    errors: Mapping[str, str]


Effect = Decide | TakeBack | Open | Whisper | KeepByHand | Object
