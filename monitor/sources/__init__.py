"""Sources: one file a platform.

A platform is added by one file in this folder that defines one subclass of :class:`Source`. The file name is the
platform's name (``bluesky.py`` → ``account add bluesky …``), the class's fields are its settings
(``[sources.bluesky]``), validated by pydantic. Nothing else has to be edited; the contract tests pick it up.

A source knows the network only through the :class:`Fetch` it is handed, and never the database.
"""

import importlib
import pkgutil
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from models.post import FetchedPost
from monitor.errors import UsageError
from monitor.http import Answer


class Fetch(Protocol):
    """The network as a source sees it. One instance serves one poll of one account and keeps every answer."""

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | list[tuple[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """GET ``url``. Raises :class:`monitor.errors.FetchError` when there is no usable answer (network, deadline,
        size, private address, 429, 5xx); any other status is returned for the source to judge.
        """
        ...

    async def parse_feed(self, answer: Answer) -> dict[str, Any]:
        """Parse a feed's bytes in a child process with CPU, memory and time limits (see ``monitor/feedparse.py``)."""
        ...


@dataclass(frozen=True)
class Target:
    """The account to read, as a source sees it."""

    address: str
    """What the user gave: handle, ``@name@server`` or URL, as :meth:`Source.normalise` returned it."""
    external_id: str = ""
    """The platform's unchanging id (DID, account id, final feed URL) once it is known."""
    cursor: dict[str, Any] = field(default_factory=dict)
    """Whatever the source returned as ``cursor`` after the last good poll. Empty on the first."""


@dataclass(frozen=True)
class Profile:
    """Who answers at an address."""

    external_id: str
    handle: str = ""
    name: str = ""
    url: str = ""
    note: str = ""
    """A sentence for the operator: e.g. the owner asks logged-out readers not to be shown this account."""


@dataclass(frozen=True)
class Reading:
    """What one poll of one account brought."""

    posts: list[FetchedPost] = field(default_factory=list)
    cursor: dict[str, Any] = field(default_factory=dict)
    unchanged: bool = False
    """The server said so (304) or the bytes are those of the last time: nothing was parsed."""
    window_start: datetime | None = None
    """Every post of the account that still stands and was posted after this moment is in ``posts``.
    None: the answer cannot show that a post is missing."""
    profile: Profile | None = None
    """Set when the poll learned or confirmed the account's identity."""
    skipped: list[str] = field(default_factory=list)
    """One sentence for each item that could not be read; the others are in ``posts``."""
    notes: list[str] = field(default_factory=list)
    """Sentences for the operator, e.g. that the page cap was hit and posts may have been missed."""
    min_interval_s: float | None = None
    """The server's own wish for the least time between polls (``ttl``, ``max-age``)."""


class Presence(StrEnum):
    """What a platform says of one post when asked for it by id."""

    THERE = "there"
    GONE = "gone"
    ACCOUNT_GONE = "account_gone"
    UNKNOWN = "unknown"


class Source(BaseModel):
    """The reading code of one platform. Subclass fields are settings; class variables say what it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    platform: ClassVar[str] = ""
    """Set from the file name."""
    title: ClassVar[str] = ""
    """The platform's name as people write it."""
    example: ClassVar[str] = ""
    """An address as a user would type it, for help texts and the contract tests."""

    @abstractmethod
    def normalise(self, address: str) -> str:
        """The canonical form of what a user typed (a profile URL becomes the handle …). Raises UsageError with one
        sentence that says what form is expected. No network.
        """

    @abstractmethod
    def host(self, target: Target) -> str:
        """``host[:port]`` that a poll of this account asks first; polls are spread by it."""

    @abstractmethod
    async def identify(self, fetch: Fetch, address: str) -> Profile:
        """Ask the platform who answers at ``address``. Raises FetchError (kind ``gone``) if nobody does."""

    @abstractmethod
    async def read(self, fetch: Fetch, target: Target) -> Reading:
        """The newest posts of the account, newest first or not, each once. Raises FetchError."""

    async def look_up(self, fetch: Fetch, target: Target, posts: list[tuple[str, str]]) -> dict[str, Presence]:
        """Ask for single posts, given as (external_id, url), and tell for each external id whether it still stands.

        The default knows no item look-up: everything is UNKNOWN, and then only the listing can show a deletion.
        """
        return {external_id: Presence.UNKNOWN for external_id, _ in posts}


@cache
def source_classes() -> dict[str, type[Source]]:
    """Every platform in this folder by its name, which is its file's name."""
    found: dict[str, type[Source]] = {}
    for module_info in pkgutil.iter_modules(__path__):
        if module_info.name.startswith("_"):  # shared by platforms, not one itself
            continue
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Source) and value.__module__ == module.__name__:
                value.platform = module_info.name
                found[module_info.name] = value
    return found


def source_class(platform: str) -> type[Source]:
    """The class that reads ``platform``. Raises UsageError naming the known platforms."""
    try:
        return source_classes()[platform]
    except KeyError:
        known = ", ".join(sorted(source_classes()))
        raise UsageError(f"Unknown platform “{platform}”. Known platforms: {known}.") from None
