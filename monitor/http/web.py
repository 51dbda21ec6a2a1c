"""The one way out to the network: every GET of the product goes through :class:`Web`."""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any, Self

import aiohttp
import httpx

from monitor.errors import FetchError
from monitor.feedparse import FeedParser
from monitor.http.address import Origin, origin, read_url
from monitor.http.answer import Answer
from monitor.http.config import HttpConfig
from monitor.http.decoding import Body
from monitor.http.guard import Lookup, RefusedError, look_up
from monitor.http.hosts import Host, Hosts
from monitor.http.transport import current_peer, guarded_transport
from monitor.http.waiting import requested_wait

Params = Mapping[str, Any] | list[tuple[str, str]]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_VALIDATORS = frozenset({"if-none-match", "if-modified-since"})
_MAY_CROSS_ORIGINS = frozenset({"accept", "accept-language", "user-agent"})


@dataclass
class Budget:
    """Seconds of network time left to one piece of work."""

    whole: float
    left: float = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.whole


@dataclass
class _Raw:
    """One hop's answer as it came, with its body only if it is the last hop."""

    status: int
    headers: httpx.Headers
    body: bytes
    ip: str
    cert_sha256: str


class Web:
    """Asks servers. One for each process and event loop; use it as ``async with Web(config) as web``."""

    def __init__(
        self,
        config: HttpConfig | None = None,
        *,
        per_host: int = 2,
        concurrency: int = 100,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        lookup: Lookup = look_up,
        parser: FeedParser | None = None,
    ) -> None:
        self.config = config or HttpConfig()
        self._clock = clock
        self._lookup = lookup
        self._guard = self.config.guard()
        self._hosts = Hosts(per_host=per_host, rate=self.config.rate_per_host, owns=self._guard.owns)
        self._at_once = asyncio.Semaphore(concurrency)
        self._client: httpx.AsyncClient | None = None
        self.parser = parser or FeedParser()

    async def __aenter__(self) -> Self:
        transport = guarded_transport(self.config, self._guard, self._lookup)
        self._client = httpx.AsyncClient(
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            timeout=None,  # noqa: S113 (one deadline for everything, see _hop)
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"user-agent": self.config.user_agent, "accept": "*/*", "accept-encoding": "gzip"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection and end the parsing children."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None
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

        ``deadline_s`` bounds network time: waiting for a turn at the host is not counted. 429 and 5xx are errors, every
        other status is returned. A 304 is returned if the request carried a validator.
        """
        budget = budget or Budget(deadline_s if deadline_s is not None else self.config.deadline_s)
        here = read_url(url)
        if params:
            try:
                here = here.copy_merge_params(httpx.QueryParams(params))
            except (TypeError, ValueError, httpx.InvalidURL) as error:
                raise FetchError(f"the parameters for {url} cannot be sent ({error})", kind="malformed") from None
        asked = str(here)
        carried = dict(headers or {})
        redirects: list[str] = []
        requested_at = self._clock()
        spent_before = budget.left
        while True:
            at = origin(here)
            raw = await self._hop(here, at, carried, budget)
            target = raw.headers.get("location") if raw.status in _REDIRECTS else None
            if target is None:
                break
            redirects.append(str(here))
            there = self._next_hop(here, target, redirects)
            if origin(there) != at:
                carried = {name: value for name, value in carried.items() if name.lower() in _MAY_CROSS_ORIGINS}
            here = there
        if raw.status == 304 and not any(name.lower() in _VALIDATORS for name in carried):
            raise FetchError(
                f"{_shown(at)} answered 304 Not Modified to a request that did not ask for changes", kind="malformed"
            )
        return Answer(
            url=asked,
            final_url=str(here),
            status=raw.status,
            headers=raw.headers,
            body=raw.body,
            redirects=tuple(redirects),
            ip=raw.ip,
            cert_sha256=raw.cert_sha256,
            requested_at=requested_at,
            answered_at=self._clock(),
            elapsed_s=spent_before - budget.left,
        )

    def _next_hop(self, here: httpx.URL, target: str, passed: list[str]) -> httpx.URL:
        host = _shown(origin(here))
        there = read_url(target, base=here)
        if here.scheme == "https" and there.scheme == "http":
            raise FetchError(f"{host} redirects from https to plain http, which is refused", kind="server")
        if str(there) in passed:
            raise FetchError(f"{host} redirects in a circle (it may insist on cookies)", kind="server")
        if len(passed) > self.config.max_redirects:
            raise FetchError(f"{host} redirects more than {self.config.max_redirects} times", kind="server")
        return there

    async def _hop(self, url: httpx.URL, at: Origin, headers: Mapping[str, str], budget: Budget) -> _Raw:
        async with self._hosts.slot(at.host, at.port) as host, self._at_once:
            started = time.monotonic()
            try:
                async with asyncio.timeout(budget.left):
                    raw = await self._ask(url, host.name, headers)
            except TimeoutError:
                raise FetchError(
                    f"{host.name} did not finish its answer within {budget.whole:g} s", kind="timeout"
                ) from None
            except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, ValueError) as error:
                raise _explain(error, host.name) from None
            finally:
                budget.left -= time.monotonic() - started
            self._raise_if_refused(raw, host)
            return raw

    async def _ask(self, url: httpx.URL, host: str, headers: Mapping[str, str]) -> _Raw:
        assert self._client is not None, "Web is used as an async context manager"
        request = self._client.build_request("GET", url, headers=headers)
        response = await self._client.send(request, stream=True)
        peer = current_peer()
        try:
            if response.status_code in _REDIRECTS and "location" in response.headers:
                body = b""
            else:
                body = await self._read(response, host)
        finally:
            await response.aclose()
        return _Raw(response.status_code, response.headers, body, peer.ip, peer.cert_sha256)

    async def _read(self, response: httpx.Response, host: str) -> bytes:
        body = Body(host, response.headers, max_wire=self.config.max_wire_bytes, max_decoded=self.config.max_bytes)
        async for chunk in response.aiter_raw():
            body.feed(chunk)
        return body.finish()

    def _raise_if_refused(self, raw: _Raw, host: Host) -> None:
        if raw.status < 429 or raw.status == 431 or 429 < raw.status < 500:
            host.refusals = 0
            return
        wait = requested_wait(raw.headers, self._clock())
        if raw.status == 429:
            wait = self._hosts.rest(host, wait)
            raise FetchError(
                f"{host.name} says that we ask too often (429); next attempt in {wait:.0f} s",
                kind="rate_limited",
                retry_after=wait,
            )
        if raw.status == 503 and wait is not None:
            self._hosts.rest(host, wait)
        name = httpx.codes.get_reason_phrase(raw.status)
        raise FetchError(
            f"{host.name} answered {raw.status} {name}".rstrip(),
            kind="server",
            retry_after=wait if raw.status == 503 else None,
        )


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
        """Parse a feed in a child process. Raises FetchError if it cannot be parsed within the limits."""
        return await self._web.parser.parse(answer.body, answer.headers.get("content-type", ""), answer.final_url)


def _shown(at: Origin) -> str:
    return at.host if at.port in (80, 443) else f"{at.host}:{at.port}"


def _explain(error: BaseException, host: str) -> FetchError:
    """One sentence from whatever the libraries raised, by the deepest cause that says something."""
    seen: BaseException | None = error
    refused: RefusedError | None = None
    while seen is not None:
        inner = getattr(seen, "os_error", None)
        for candidate in (seen, inner):
            if isinstance(candidate, RefusedError):
                refused = candidate
        if isinstance(seen, aiohttp.ClientConnectorDNSError) and refused is None:
            return FetchError(f"{host} cannot be found by name ({seen.os_error})", kind="network")
        if isinstance(seen, ssl.SSLError | aiohttp.ClientSSLError):
            return FetchError(f"{host} could not prove who it is ({seen})", kind="network")
        seen = seen.__cause__ or seen.__context__
    if refused is not None:
        return FetchError(f"blocked: {host} was not asked, because {refused}", kind="private_address")
    if isinstance(error, httpx.ReadError):
        return FetchError(f"{host} cut its answer off ({error})", kind="network")
    if isinstance(error, httpx.ConnectError | httpx.TimeoutException):
        return FetchError(f"{host} could not be reached ({error})", kind="network")
    return FetchError(f"{host} sent no usable answer ({error})", kind="network")
