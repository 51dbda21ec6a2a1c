"""Channels: one file a way to tell people.

A channel is added by one file in this folder that defines one subclass of :class:`Channel`. The file name is its name
and its section in the configuration (``slack.py`` → ``[slack]``); the class's fields are its settings. Channels are
handed a :class:`Message` that holds all they may say; they look nothing up.
"""

import importlib
import pkgutil
from abc import abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True)
class Word:
    """A telling word or cue, with the weight by which it moved the score."""

    text: str
    weight: float


@dataclass(frozen=True)
class Said:
    """One person's verdict in force, as a message shows it."""

    who: str
    verdict: str
    """``confirmed``, ``rejected`` or ``unsure``."""
    at: datetime
    reason: str = ""
    via: str = ""


@dataclass(frozen=True)
class Message:
    """Something to be said aloud, complete. Every text in it may be hostile: channels escape what they show."""

    id: str
    """The alert's id: the nonce by which a channel can find the message again."""
    kind: str
    """``match``, ``update``, ``thread``, ``health``, ``digest`` …"""
    headline: str
    """One plain line: the notification and what a screen reader says first."""
    body: str = ""
    """What messages that are not a match say, as plain text."""
    queued_at: datetime | None = None
    """When it was put into the outbox: with ``id`` a name that no other message bears, in another database either."""
    destination: str = ""
    """Where in the channel; empty takes the channel's default."""
    thread: dict[str, Any] = field(default_factory=dict)
    """The receipt of the message this one belongs under, if any."""
    replaces: dict[str, Any] = field(default_factory=dict)
    """The receipt of the message this one is the new form of, if any."""
    about: str = ""
    """The headline of the match this one belongs to, for channels that have no threads."""
    about_url: str = ""
    """Where to read of that match: our kept copy, or the post."""
    zone: str = "UTC"
    """The readers' time zone, for channels that cannot show each reader his own."""
    agency: str = ""
    state: str = ""
    agreements: tuple[str, ...] = ()
    account: str = ""
    account_role: str = ""
    account_url: str = ""
    platform: str = ""
    post_id: int | None = None
    post_url: str = ""
    kept_url: str = ""
    """Our kept copy on the review page, when the page has an address."""
    posted_at: datetime | None = None
    seen_at: datetime | None = None
    quote: str = ""
    """The telling passage, or the whole text when it is short."""
    marks: tuple[tuple[int, int], ...] = ()
    """Where the telling words stand in ``quote``: start and end in characters, in order, not overlapping."""
    cut: bool = False
    """There is more text than ``quote`` shows."""
    score: float | None = None
    version: str = ""
    themes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    words: tuple[Word, ...] = ()
    earlier_count: int = 0
    earlier_last: datetime | None = None
    places: tuple[str, ...] = ()
    """Where else the same words stand, as short plain lines."""
    items: tuple[tuple[str, str], ...] = ()
    """The lines of ``body`` one by one, each with an address, for channels that can make links of them."""
    changes: tuple[tuple[str, str], ...] = ()
    """What an edit changed: pairs of ``same``, ``gone`` or ``new`` and the words."""
    said: tuple[Said, ...] = ()
    """The verdicts in force, oldest first."""
    standing: str = ""
    """What they add up to: ``confirmed``, ``rejected``, ``unsure``, or ``second_look`` where people differ."""
    revision: str = ""
    """Changes whenever a verdict is given or taken back."""
    picture: bytes | None = None
    """A PNG, JPEG, WebP or GIF from our own copy."""
    picture_alt: str = ""
    possible_repeat: bool = False
    """An earlier attempt may have arrived and the channel cannot tell: say so."""
    extra: dict[str, Any] = field(default_factory=dict)


class Channel(BaseModel):
    """A way to tell people. Subclass fields are settings; an instance is one configured destination."""

    model_config = ConfigDict(extra="forbid")

    name: ClassVar[str] = ""
    """Set from the file name."""
    rate_per_s: ClassVar[float] = 0.0
    """The most messages a second to one destination; 0 is unlimited."""

    @property
    def ready(self) -> bool:
        """Whether the settings are enough to send. A channel that is not ready is left out."""
        return True

    @property
    def can_find(self) -> bool:
        """Whether :meth:`find` can look a message up after an unclear answer."""
        return False

    @property
    def can_update(self) -> bool:
        """Whether a message that stands can be given a new form (``replaces``)."""
        return False

    @property
    def can_follow(self) -> bool:
        """Whether what becomes of a match later (``thread``) can be told so that it is seen to belong there."""
        return self.can_update

    @property
    def default_destination(self) -> str:
        """The destination of messages that name none."""
        return ""

    def destination_fault(self, destination: str) -> str:
        """Why ``destination`` cannot be a place of this channel, as a sentence; empty when it can."""
        return ""

    @abstractmethod
    async def send(self, message: Message) -> dict[str, Any]:
        """Deliver one message, once. Returns the receipt to keep (JSON). Raises
        :class:`monitor.errors.DeliveryError`, which says whether sending again helps.
        """

    async def find(self, message: Message, since: datetime) -> dict[str, Any] | None:
        """The receipt of ``message`` if it arrived after ``since``, else None. Only called when ``can_find``."""
        raise NotImplementedError

    async def check(self) -> list[str]:
        """What keeps this channel from working, one sentence each; empty when all is well. Used by ``doctor``."""
        return []

    async def close(self) -> None:
        """Give back connections."""


@cache
def channel_classes() -> dict[str, type[Channel]]:
    """Every channel in this folder by its name, which is its file's name."""
    found: dict[str, type[Channel]] = {}
    for module_info in pkgutil.iter_modules(__path__):
        if module_info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Channel) and value.__module__ == module.__name__:
                value.name = module_info.name
                found[module_info.name] = value
    return found
