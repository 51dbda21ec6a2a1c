"""The one way out to the network: every GET of the product goes through :class:`Web`."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpx

from monitor.errors import FetchError
from monitor.feedparse import FeedParser
from monitor.http.address import origin, read_url, shown
from monitor.http.answer import Answer
from monitor.http.budget import Budget, Running
from monitor.http.config import HttpConfig
from monitor.http.decoding import Body
from monitor.http.faults import explain
from monitor.http.guard import Lookup, look_up
from monitor.http.hosts import Host, Hosts
from monitor.http.transport import current_peer, guarded_transport
from monitor.http.waiting import requested_wait

Params = Mapping[str, Any] | list[tuple[str, str]]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_VALIDATORS = frozenset({"if-none-match", "if-modified-since"})
_MAY_CROSS_ORIGINS = frozenset({"accept", "accept-language", "user-agent"})
_LEAST_PARSING_S = 1.0
_BIG = 1_000_000
_BIG_AT_ONCE = 4


@dataclass
class _Hop:
    """What one URL answered; the body only if it is no redirect."""

    status: int
    headers: httpx.Headers
    body: bytes
    ip: str
    cert_sha256: str
    asked_at: datetime

    @property
    def target(self) -> str | None:
        """Where it redirects to, if it does."""
        return self.headers.get("location") if self.status in _REDIRECTS else None


class Web:
    """Asks servers. One for each process and event loop; use it as ``async with Web(config) as web``.

    ``per_host`` requests run at a time to one host and ``concurrency`` in all. ``clock``, ``monotonic`` (by which
    hosts rest) and ``lookup`` (names to addresses) are there for tests.
    """

    def __init__(
        self,
        config: HttpConfig | None = None,
        *,
        per_host: int = 2,
        concurrency: int = 100,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        lookup: Lookup = look_up,
        parser: FeedParser | None = None,
    ) -> None:
        self.config = config or HttpConfig()
        self.parser = parser or FeedParser()
        self._clock = clock
        self._lookup = lookup
        self._guard = self.config.guard()
        self._hosts = Hosts(
            per_host=per_host, rate=self.config.rate_per_host, owns=self._guard.owns, monotonic=monotonic
        )
        self._at_once = asyncio.Semaphore(concurrency)
        self._big = asyncio.Semaphore(_BIG_AT_ONCE)
        self._transport: httpx.AsyncBaseTransport | None = None
        self._headers = {"user-agent": self.config.user_agent, "accept": "*/*"}

    async def __aenter__(self) -> Self:
        self._transport = guarded_transport(self.config, self._guard, self._lookup)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection and end the parsing children."""
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()
        await self.parser.aclose()

    def fetch(self) -> "AccountFetch":
        """The network for one poll of one account, with one deadline over all its requests."""
        return AccountFetch(self, Budget(self.config.deadline_s))

    async def get(
        self,
        url: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        deadline_s: float | None = None,
        budget: Budget | None = None,
    ) -> Answer:
        """GET ``url`` and follow its redirects. Raises FetchError when there is no usable answer.

        ``deadline_s`` bounds the time on the network; waiting for a turn at the host is not counted. 429 and 5xx are
        errors, every other status is returned, 304 only if the request carried a validator.
        """
        budget = budget or Budget(self.config.deadline_s if deadline_s is None else deadline_s)
        left_before = budget.left
        here = read_url(url, params=params)
        asked = str(here)
        # An ETag with odd bytes cannot be sent back; asking without it costs one full answer.
        carried = {name.lower(): value for name, value in (headers or {}).items() if _is_sendable(value)}
        requested_at = None
        passed: list[str] = []
        statuses: list[int] = []
        while True:
            hop = await self._ask(here, carried, budget)
            requested_at = requested_at or hop.asked_at
            if hop.target is None:
                break
            passed.append(str(here))
            statuses.append(hop.status)
            there = self._follow(here, hop.target, passed)
            if origin(there) != origin(here):
                carried = {name: value for name, value in carried.items() if name in _MAY_CROSS_ORIGINS}
            here = there
        if hop.status == 304 and _VALIDATORS.isdisjoint(carried):
            raise FetchError(
                f"{shown(here)} answered 304 Not Modified to a request that did not ask for changes", kind="malformed"
            )
        return Answer(
            url=asked,
            final_url=str(here) if passed else asked,
            status=hop.status,
            headers=hop.headers,
            body=hop.body,
            redirects=tuple(passed),
            ip=hop.ip,
            cert_sha256=hop.cert_sha256,
            requested_at=requested_at,
            answered_at=self._clock(),
            elapsed_s=left_before - budget.left,
            redirect_statuses=tuple(statuses),
        )

    def _follow(self, here: httpx.URL, target: str, passed: list[str]) -> httpx.URL:
        """The next URL after a redirect. Raises FetchError if it may not be followed."""
        host = shown(here)
        there = read_url(target, base=here)
        if here.scheme == "https" and there.scheme == "http":
            raise FetchError(f"{host} redirects from https to plain http, which is refused", kind="server")
        if str(there) in passed:
            raise FetchError(f"{host} redirects in a circle (it may insist on cookies)", kind="server")
        if len(passed) > self.config.max_redirects:
            raise FetchError(f"{host} redirects more than {self.config.max_redirects} times", kind="server")
        return there

    async def _ask(self, url: httpx.URL, headers: Mapping[str, str], budget: Budget) -> _Hop:
        """Ask one URL when its host has room for us."""
        if self._transport is None:
            raise RuntimeError("Web is closed; use it as “async with Web(...) as web”")
        _, name, port = origin(url)
        async with self._hosts.slot(name, port, shown(url)) as host, self._at_once:
            try:
                async with budget.running() as running:
                    hop = await self._send(url, headers, host.name, running)
            except TimeoutError:
                raise FetchError(
                    f"{host.name} did not finish its answer within {budget.whole:g} s", kind="timeout"
                ) from None
            except FetchError:
                raise
            except Exception as error:  # whatever four libraries raise on bytes that a stranger chose
                raise explain(error, host.name) from error
            self._raise_if_refused(hop, host)
            return hop

    async def _send(self, url: httpx.URL, headers: Mapping[str, str], host: str, running: Running) -> _Hop:
        assert self._transport is not None
        # The transport without httpx.AsyncClient: its redirects, cookies, authentication and logging are not wanted.
        request = httpx.Request("GET", url, headers={**self._headers, **headers, "accept-encoding": "gzip"})
        asked_at = self._clock()
        response = await self._transport.handle_async_request(request)
        peer = current_peer()
        hop = _Hop(response.status_code, response.headers, b"", peer.ip, peer.cert_sha256, asked_at)
        try:
            if hop.target is None:
                hop.body = await self._read(response, host, running)
        finally:
            await response.aclose()
        return hop

    async def _read(self, response: httpx.Response, host: str, running: Running) -> bytes:
        body = Body(host, response.headers, max_wire=self.config.max_wire_bytes, max_decoded=self.config.max_bytes)
        big = False
        try:
            assert isinstance(response.stream, httpx.AsyncByteStream)
            async for chunk in response.stream:
                body.feed(chunk)
                if not big and body.size > _BIG:  # a hundred of the largest answers at once would fill the memory
                    await running.pause_for(self._big.acquire())
                    big = True
            return body.finish()
        finally:
            if big:
                self._big.release()

    def _raise_if_refused(self, hop: _Hop, host: Host) -> None:
        """Raise FetchError for 429 and 5xx, and let the host rest if it asks for that."""
        if hop.status < 500 and hop.status != 429:
            host.refusals = 0
            return
        wait = requested_wait(hop.headers, self._clock())
        if hop.status == 429:
            wait = self._hosts.rest(host, wait)
            raise FetchError(
                f"{host.name} says that we ask too often (429 Too Many Requests); it is left in peace for {wait:.0f} s",
                kind="rate_limited",
                retry_after=wait,
            )
        if hop.status != 503:
            wait = None
        elif wait is not None:
            self._hosts.rest(host, wait)
        reason = httpx.codes.get_reason_phrase(hop.status)
        raise FetchError(f"{host.name} answered {hop.status} {reason}".rstrip(), kind="server", retry_after=wait)


class AccountFetch:
    """One poll of one account: keeps every answer, and all requests together have one deadline."""

    def __init__(self, web: Web, budget: Budget) -> None:
        self._web = web
        self._budget = budget
        self.answers: list[Answer] = []

    async def get(self, url: str, *, params: Params | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """As :meth:`Web.get`, within this poll's deadline."""
        answer = await self._web.get(url, params=params, headers=headers, budget=self._budget)
        self.answers.append(answer)
        return answer

    async def parse_feed(self, answer: Answer) -> dict[str, Any]:
        """Parse a feed in a child process. Raises FetchError if that does not succeed within the limits."""
        return await self._web.parser.parse(
            answer.body,
            answer.headers.get("content-type", ""),
            answer.final_url,
            limit_s=max(self._budget.left, _LEAST_PARSING_S),
        )


def _is_sendable(value: str) -> bool:
    return value.isascii() and value.isprintable()
