"""Following a feed that moved, without following whoever takes over an abandoned address."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from monitor.errors import FetchError
from monitor.http import Answer
from monitor.sources._shape import mapping, sequence, string

_DAYS = 3
"""Polls on this many different days must meet the same permanent redirect before the stored address changes: hotel
networks and parked domains redirect permanently too, but not for long."""
_PERMANENT = frozenset({301, 308})


@dataclass(frozen=True)
class Moved:
    """What a redirect means for the next poll."""

    url: str = ""
    """Where to ask first from now on; empty for the address the user gave."""
    pending: dict[str, Any] | None = None
    """The redirect under observation and the days on which it was met."""
    note: str = ""


def follow(address: str, cursor: dict[str, Any], answer: Answer) -> Moved:
    """Judge the redirects of an answer that was a good feed."""
    stored = string(cursor.get("url"))
    permanent = bool(answer.redirects) and all(status in _PERMANENT for status in answer.redirect_statuses)
    if not permanent or answer.final_url == stored:
        return Moved(stored)
    pending = mapping(cursor.get("moving"))
    today = answer.answered_at.date().isoformat()
    days = sequence(pending.get("days")) if pending.get("to") == answer.final_url else []
    days = [*days, today] if today not in days else days
    if len(days) < _DAYS:
        note = f"{address} redirects permanently to {answer.final_url}; after {_DAYS} days that is asked directly."
        return Moved(stored, {"to": answer.final_url, "days": days}, note)
    return Moved(answer.final_url, None, f"{address} has moved to {answer.final_url}, which is asked from now on.")


def refuse_other_site(address: str, answer: Answer) -> None:
    """Raise FetchError (``moved``) when the answer comes from another site than the one the user named."""
    if same_site(address, answer.final_url):
        return
    raise FetchError(
        f"{address} now leads to another site, {answer.final_url}. If that is the office's own feed, add it with "
        f"“sheriffwatch account add feed {answer.final_url}”; nothing is read from it until then.",
        kind="moved",
        permanent=bool(answer.redirects) and all(status in _PERMANENT for status in answer.redirect_statuses),
    )


def same_site(one: str, other: str) -> bool:
    """Whether two addresses lie on one site: the same host, or one a subdomain of the other, and no odd port."""
    try:
        a, b = urlsplit(one), urlsplit(other)
        ports = [port for port in (a.port, b.port) if port not in (None, 80, 443)]
    except ValueError:
        return False
    hosts = [(parts.hostname or "").removeprefix("www.") for parts in (a, b)]
    if not all(hosts) or (ports and a.port != b.port):
        return False
    shorter, longer = sorted(hosts, key=len)
    return longer == shorter or (longer.endswith("." + shorter) and "." in shorter)
