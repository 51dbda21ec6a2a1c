"""What every dialect shares: remembered answers, conditional requests, faults on order and a count of requests."""

import asyncio
import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from monitor.sample.world import Office, World

_REMEMBERED = 50_000
_LOGIN_PAGE = b"<!doctype html><html><head><title>Sign in</title></head><body><form>Please sign in</form></body></html>"


@dataclass(frozen=True, slots=True)
class Answer:
    """A rendered answer. ``etag`` and ``modified_at`` make it conditional."""

    body: bytes
    content_type: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str | None = None
    modified_at: datetime | None = None


@dataclass(slots=True)
class Fault:
    """What goes wrong for one account: an HTTP ``status``, seconds of ``delay`` before answering, or a ``body`` of
    the wrong kind under status 200. ``times`` requests long, or until healed when ``None``.
    """

    status: int | None = None
    delay: float = 0.0
    body: Literal["empty", "html"] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int | None = None


class RateWindow:
    """Counts requests in fixed windows, as the platforms' own limiters do."""

    def __init__(self, limit: int, seconds: int = 300) -> None:
        self.limit = limit
        self.seconds = seconds
        self._used = 0
        self._ends = 0.0

    def take(self) -> tuple[int, float]:
        """Count one request. Returns what is left (negative: over the limit) and when the window ends (epoch)."""
        now = time.time()
        if now >= self._ends:
            self._used, self._ends = 0, (now // self.seconds + 1) * self.seconds
        self._used += 1
        return self.limit - self._used, self._ends


class Desk:
    """Answers on behalf of an office: faults first, then the remembered or freshly rendered answer."""

    def __init__(self, world: World, base_url: str) -> None:
        self.world = world
        self.base_url = base_url
        self._answers: dict[tuple[str, str], tuple[int, Answer]] = {}
        self._faults: dict[str, Fault] = {}
        self._counts: Counter[tuple[str, str | None, int]] = Counter()
        self._lock = threading.Lock()

    async def answer(self, request: Request, office: Office, render: Callable[[], Answer]) -> Response:
        """The answer to one request about one office; ``render`` is called only when the office changed since."""
        request.scope["sample_office"] = office.slug
        fault = self._due_fault(office.slug)
        if fault is not None:
            if fault.delay:
                await asyncio.sleep(fault.delay)
            broken = _broken(fault)
            if broken is not None:
                return broken
        key = (office.slug, f"{request.url.path}?{request.scope['query_string'].decode('latin-1')}")
        version = office.version  # read before rendering: a change meanwhile makes the entry stale, never wrong
        remembered = self._answers.get(key)
        if remembered is None or remembered[0] != version:
            if len(self._answers) >= _REMEMBERED:
                self._answers.clear()
            remembered = self._answers[key] = (version, render())
        return conditional(request, remembered[1])

    def set_fault(self, office_id: str, fault: Fault | None) -> None:
        """Break an account, or heal it with ``None``. Raises ``KeyError`` for an unknown office."""
        self.world.office(office_id)
        with self._lock:
            if fault is None:
                self._faults.pop(office_id, None)
            else:
                self._faults[office_id] = fault

    def record(self, path: str, office_id: str | None, status: int) -> None:
        """Count one answered request."""
        with self._lock:
            self._counts[path, office_id, status] += 1

    def count(self, *, path: str | None = None, office: str | None = None, status: int | None = None) -> int:
        """How many requests were answered, by path prefix, office and status; ``None`` means any."""
        with self._lock:
            counts = list(self._counts.items())
        return sum(
            number
            for (seen_path, seen_office, seen_status), number in counts
            if (path is None or seen_path.startswith(path))
            and (office is None or seen_office == office)
            and (status is None or seen_status == status)
        )

    def forget(self) -> None:
        """Forget remembered answers, faults and counts."""
        with self._lock:
            self._answers.clear()
            self._faults.clear()
            self._counts.clear()

    def reset_counts(self) -> None:
        """Forget all counts."""
        with self._lock:
            self._counts.clear()

    def _due_fault(self, office_id: str) -> Fault | None:
        if not self._faults:
            return None
        with self._lock:
            fault = self._faults.get(office_id)
            if fault is not None and fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    del self._faults[office_id]
            return fault


def conditional(request: Request, answer: Answer) -> Response:
    """200, or 304 when the client has this very answer. An entity tag outranks a date (RFC 9110, section 13.2.2)."""
    headers = dict(answer.headers)
    if answer.etag is not None:
        headers["ETag"] = answer.etag
    if answer.modified_at is not None:
        headers["Last-Modified"] = format_datetime(answer.modified_at.astimezone(UTC), usegmt=True)
    if answer.status == 200 and _has_it(request, answer):
        return Response(status_code=304, headers=headers)
    headers["Content-Type"] = answer.content_type
    return Response(answer.body, status_code=answer.status, headers=headers)


def etag_of(body: bytes, *, weak: bool = False) -> str:
    """An entity tag made of a body's length and hash."""
    tag = f'"{len(body):x}-{hashlib.sha256(body).hexdigest()[:27]}"'
    return f"W/{tag}" if weak else tag


def _has_it(request: Request, answer: Answer) -> bool:
    wanted = request.headers.get("if-none-match")
    if wanted is not None:
        if answer.etag is None:
            return False
        known = {tag.strip().removeprefix("W/") for tag in wanted.split(",")}
        return answer.etag.removeprefix("W/") in known
    since = request.headers.get("if-modified-since")
    if since is None or answer.modified_at is None:
        return False
    try:
        return answer.modified_at.replace(microsecond=0) <= parsedate_to_datetime(since).replace(tzinfo=UTC)
    except ValueError:
        return False


def _broken(fault: Fault) -> Response | None:
    headers = dict(fault.headers)
    if fault.status is not None:
        return Response(b'{"error":"out of order"}', fault.status, headers, media_type="application/json")
    if fault.body == "empty":
        return Response(b"", 200, headers)
    if fault.body == "html":
        return Response(_LOGIN_PAGE, 200, headers, media_type="text/html")
    return None
