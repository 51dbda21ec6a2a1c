"""Reading JSON that may hold anything: a value of the wrong type counts as absent, a bad item never spoils the page."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

from pydantic import ValidationError

from models.post import FetchedPost, storable
from monitor.errors import FetchError
from monitor.http import Answer

Result = TypeVar("Result")

MAX_TEXT = 1_000_000
"""Characters of text we take from one post. A longer one is refused by name, never cut: a cut text is another text."""
MAX_ITEMS = 500
"""Posts taken from one page or feed. One that offers more is a storm; the rest is told in a note."""


class SkipError(Exception):
    """An item cannot become a post; the sentence says why."""


MAX_BYTES = 5 * 2**20
"""Largest answer that is taken apart: HTML costs a microsecond a byte."""
_LARGE = 100_000

UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
"""What reading one item may raise when it holds something nobody thought of."""


def mapping(value: Any) -> dict[str, Any]:
    """``value`` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """``value`` if it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def string(value: Any, limit: int = 2048) -> str:
    """``value`` if it is a string that can be stored, NUL and lone surrogates shown escaped, else ``""``.

    A string longer than ``limit`` characters counts as absent: it is not a handle, a language or a mark.
    """
    return storable(value).strip() if isinstance(value, str) and len(value) <= limit else ""


def prose(value: Any) -> str:
    """A text in full, or ``""`` for anything but a string. Raises SkipError when it is too long to keep."""
    if not isinstance(value, str):
        return ""
    if len(value) > MAX_TEXT:
        raise SkipError(f"its text has {len(value):,} characters, more than {MAX_TEXT:,}")
    return storable(value)


def identifier(value: Any) -> str:
    """An id as text: strings as they are, whole numbers written out. ``""`` for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**30:
        return str(value)
    return storable(value) if isinstance(value, str) else ""


def link(value: Any, base: str = "") -> str:
    """An absolute http or https address, resolved against ``base``, or ``""``: no ``javascript:``, no ``file:``."""
    if not isinstance(value, str) or not value.strip():
        return ""
    try:
        address = urljoin(base, value.strip()) if base else value.strip()
        parts = urlsplit(address)
    except ValueError:
        return ""
    return storable(address) if parts.scheme in ("http", "https") and parts.netloc else ""


def moment(value: Any) -> datetime | None:
    """An ISO 8601 time in UTC, or None when it is absent or makes no sense. A time without offset is taken as UTC."""
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        parsed = datetime.fromisoformat(value.strip())
        parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    # Year 1 is how several languages write "no time at all".
    return parsed if parsed.year >= 1970 else None


def read_items(items: Iterable[Any], parse: Callable[[Any], FetchedPost | None]) -> tuple[list[FetchedPost], list[str]]:
    """Parse each item by itself. Returns the posts, each key once, and a sentence for each item that was refused.

    ``parse`` returns None for an item that is well-formed and not wanted.
    """
    posts: dict[str, FetchedPost] = {}
    skipped: list[str] = []
    for number, item in enumerate(items, 1):
        try:
            post = parse(item)
        except SkipError as reason:
            skipped.append(f"Item {number} was left out: {reason}.")
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            skipped.append(f"Item {number} was left out: {field}: {first['msg']}.")
        except UNREADABLE as error:
            skipped.append(f"Item {number} was left out: it could not be read ({type(error).__name__}).")
        else:
            if post is not None:
                posts.setdefault(post.external_id, post)
    return list(posts.values()), skipped


def capped(items: list[Any], notes: list[str], what: str) -> list[Any]:
    """The first ``MAX_ITEMS`` items; when there are more, a note says how many."""
    if len(items) > MAX_ITEMS:
        notes.append(f"{what} has {len(items):,} items; the first {MAX_ITEMS} were read.")
    return items[:MAX_ITEMS]


def refuse_huge(answer: Answer) -> None:
    """Raise FetchError (``too_large``) for an answer that would cost seconds to take apart. No platform sends such."""
    if len(answer.body) > MAX_BYTES:
        raise FetchError(
            f"{answer.host} sent {len(answer.body):,} bytes where at most {MAX_BYTES:,} are read.", kind="too_large"
        )


async def aside(answer: Answer, work: Callable[[], Result]) -> Result:
    """The result of ``work`` on this answer, in a thread when it is large, so that other polls go on meanwhile."""
    return await asyncio.to_thread(work) if len(answer.body) > _LARGE else work()


def malformed(who: str, what: str) -> FetchError:
    """The error for an answer that is JSON but not what the platform's documents promise."""
    return FetchError(f"{who} answered in an unexpected shape: {what}.", kind="malformed")
