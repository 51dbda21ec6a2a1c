"""Sending to an address that the operator configured, once, with one answer to every fault: a DeliveryError that says
whether asking again helps.

No redirect is followed, so the addresses in the configuration are the only ones ever asked: nothing that a watched
office writes can steer a request. No proxy is taken from the environment, no cookie kept, no connection used twice
(whether a message sent on a connection that broke has arrived, nobody can tell).
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Annotated, Any, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
import structlog
from pydantic import AfterValidator, Field, SecretStr, model_validator

from monitor.alerts import Channel
from monitor.alerts._text import cut, line
from monitor.errors import DeliveryError

log = structlog.get_logger()

_MOST_ANSWER = 65_536
_LONGEST_PAUSE_S = 86_400.0
_PAUSE_S = 30.0
_FORM = frozenset({400, 413, 422})
_GONE = {
    401: "does not know us: the address or its secret is wrong",
    403: "does not let us post",
    404: "does not know the address: it was deleted or mistyped",
    405: "takes no messages at this address",
    410: "says that the address is gone",
    501: "has this kind of address switched off",
}

F = TypeVar("F")
R = TypeVar("R")


@dataclass(frozen=True)
class Answered:
    """What came back. Header names are in lower case."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def data(self) -> dict[str, Any]:
        """The answer as a JSON object; empty when it is none."""
        try:
            value = json.loads(self.text)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


def _checked(address: SecretStr) -> SecretStr:
    text = address.get_secret_value()
    if not text:
        return address
    try:
        parts = urlsplit(text)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None
        _ = parts.port
    except ValueError:
        wrong = True
    if wrong or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("this is no address of the web: write one as https://chat.example.org/hooks/…")
    return address


def _checked_https(address: SecretStr) -> SecretStr:
    text = _checked(address).get_secret_value()
    if text.startswith("http:") and not is_loopback(urlsplit(text).hostname or ""):
        raise ValueError("this address must begin with https://, since whoever knows it can post there")
    return address


Address = Annotated[SecretStr, AfterValidator(_checked)]
"""An address of the web, which is a secret: whoever knows it may post there."""
SafeAddress = Annotated[SecretStr, AfterValidator(_checked_https)]
"""The same, of a service on the Internet: only by https."""


class Hook(Channel):
    """A channel that is one address to post to, and more of them by name for routes."""

    webhook_url: Address = SecretStr("")
    webhooks: dict[str, Address] = Field(default_factory=dict)
    """Further addresses by a name of yours, for routes: ``ohio`` is the place ``CHANNEL:ohio``."""
    follow_ups: bool = True
    """Whether edits, deletions and notes of a match are told in messages of their own."""
    timeout_s: float = Field(default=30, gt=0, le=40)

    @model_validator(mode="after")
    def _has_its_own_place(self) -> Self:
        if self.webhooks and not self.webhook_url.get_secret_value():
            raise ValueError("webhook_url is missing: it is where messages go that no route sends elsewhere")
        return self

    @property
    def ready(self) -> bool:
        """An address is enough."""
        return bool(self.webhook_url.get_secret_value())

    @property
    def can_follow(self) -> bool:
        """As configured: each stands by itself and names the match."""
        return self.follow_ups

    def destination_fault(self, destination: str) -> str:
        """A place must be one of the named addresses."""
        if not destination or destination in self.webhooks:
            return ""
        known = ", ".join(sorted(self.webhooks)) or "none"
        return f"{self.name}.webhooks has no “{destination}” (it has: {known})."

    def address(self, destination: str) -> str:
        """The address of a place. Raises DeliveryError when it is not configured any more."""
        fault = self.destination_fault(destination)
        if fault:
            raise DeliveryError(fault, permanent=True)
        return (self.webhooks[destination] if destination else self.webhook_url).get_secret_value()


async def ask(
    service: str,
    url: str,
    *,
    timeout_s: float,
    method: str = "POST",
    data: bytes | aiohttp.FormData | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answered:
    """Ask once. Raises DeliveryError when no answer came; which says whether the message may have arrived.

    ``service`` is what sentences call the other side; the address itself never stands in them.
    """
    try:
        async with (
            asyncio.timeout(timeout_s),
            aiohttp.ClientSession(
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(force_close=True),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=timeout_s / 2),
                headers={"User-Agent": "sheriffwatch", "Accept-Encoding": "identity"},
            ) as session,
            session.request(method, url, data=data, headers=headers, allow_redirects=False) as answer,
        ):
            body = b""
            while len(body) < _MOST_ANSWER and (chunk := await answer.content.read(_MOST_ANSWER - len(body))):
                body += chunk
            said = {name.lower(): value for name, value in answer.headers.items()}
            return Answered(answer.status, body.decode("utf-8", "replace"), said)
    except aiohttp.ConnectionTimeoutError:
        raise DeliveryError(f"{service} could not be reached in time") from None
    except TimeoutError:
        raise DeliveryError(f"{service} did not answer in time", ambiguous=True) from None
    except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
        raise DeliveryError(
            f"{service} has a certificate that cannot be trusted: {_short(error)}", permanent=True
        ) from None
    except aiohttp.ClientConnectorError as error:  # no connection was made, so nothing can have arrived
        raise DeliveryError(f"{service} could not be reached: {error.os_error}") from None
    except (aiohttp.InvalidURL, ValueError):
        raise DeliveryError(f"the address of {service} cannot be asked", permanent=True) from None
    except (aiohttp.ClientError, OSError) as error:
        raise DeliveryError(f"the connection to {service} broke ({type(error).__name__})", ambiguous=True) from None


async def post_json(service: str, url: str, body: Any, *, timeout_s: float, method: str = "POST") -> Answered:
    """As :func:`ask`, with a JSON body. Raises DeliveryError unless the answer is a 2xx."""
    answered = await ask(
        service,
        url,
        method=method,
        data=as_json(body),
        headers={"Content-Type": "application/json"},
        timeout_s=timeout_s,
    )
    return taken(service, answered)


def as_json(value: Any) -> bytes:
    """JSON as it goes over the wire."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def taken(service: str, answered: Answered, detail: str = "") -> Answered:
    """The answer itself if it is a 2xx. Raises DeliveryError with what its status means for sending."""
    status = answered.status
    if 200 <= status < 300:
        return answered
    said = cut(line(detail or str(answered.data.get("message") or answered.text)), 160)
    tail = f" (HTTP {status}: {said})" if said else f" (HTTP {status})"
    if status == 429:
        raise DeliveryError(f"{service} asks us to slow down", retry_after=pause_s(answered.headers.get("retry-after")))
    if status in (408, 425):
        raise DeliveryError(f"{service} asks us to try again{tail}")
    if status >= 500 and status != 501:
        wait = answered.headers.get("retry-after")
        raise DeliveryError(
            f"{service} has a fault of its own{tail}", ambiguous=True, retry_after=pause_s(wait) if wait else None
        )
    if 300 <= status < 400:
        raise DeliveryError(
            f"{service} redirects elsewhere, which is not followed: put its final address into the configuration",
            permanent=True,
        )
    if status in _FORM:
        raise DeliveryError(f"{service} refused the form of a message{tail}", reduce=True)
    raise DeliveryError(f"{service} {_GONE.get(status, 'refused a message')}{tail}", permanent=True)


async def in_any_form(forms: Sequence[F], send: Callable[[F], Awaitable[R]]) -> R:
    """Send the first form that is not refused for being one. Raises DeliveryError.

    When even the last one is refused, that is about more than this message: it counts as permanent, so that a person is
    told and the queue is kept.
    """
    for number, form in enumerate(forms, 1):
        try:
            return await send(form)
        except DeliveryError as error:
            if not error.reduce:
                raise
            if number == len(forms):
                raise DeliveryError(str(error), permanent=True) from None
            log.warning("alert.form_refused", form=number, error=str(error))
    raise ValueError("a message needs a form")


def pause_s(value: str | None, now: datetime | None = None) -> float:
    """``Retry-After`` in seconds, given as seconds or a date: from one second to a day; half a minute if unreadable."""
    try:
        wanted = float(value or "")
    except ValueError:
        try:
            wanted = (parsedate_to_datetime(value or "") - (now or datetime.now(UTC))).total_seconds()
        except (ValueError, TypeError):
            return _PAUSE_S
    return min(max(wanted, 1.0), _LONGEST_PAUSE_S) if wanted == wanted else _PAUSE_S


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _short(error: Exception) -> str:
    return cut(line(str(getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error)), 160)
