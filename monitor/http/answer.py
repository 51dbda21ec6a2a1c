"""What a server answered, kept as it came."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from functools import cached_property
from typing import Any

import httpx

from monitor.errors import FetchError


@dataclass(frozen=True)
class Answer:
    """One final answer, after redirects, with what evidence needs: exact bytes, both clocks, address, certificate."""

    url: str
    """The URL that was asked for."""
    final_url: str
    """The URL that answered."""
    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)
    """The content's exact bytes, its transfer and content encodings undone."""
    redirects: tuple[str, ...]
    """Every URL that answered with a redirect, in order."""
    ip: str
    """The address that was connected to."""
    cert_sha256: str
    """SHA-256 of the server's certificate (DER), in hexadecimal; empty without TLS."""
    requested_at: datetime
    answered_at: datetime
    """When the last byte had come. UTC, by our clock."""
    elapsed_s: float
    """Seconds from request to last byte, redirects included, by the monotonic clock."""
    redirect_statuses: tuple[int, ...] = ()
    """The status of each redirect, in the order of ``redirects``: 301 and 308 say that the address changed for good."""

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of ``body`` in hexadecimal."""
        return hashlib.sha256(self.body).hexdigest()

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters."""
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    @property
    def charset(self) -> str:
        """The declared charset in lower case, or an empty string."""
        message = Message()
        message["content-type"] = self.headers.get("content-type", "")
        return message.get_content_charset() or ""

    def text(self) -> str:
        """The body as text by its declared charset, else UTF-8. What cannot be decoded becomes U+FFFD."""
        try:
            return self.body.decode(self.charset or "utf-8-sig", "replace")
        except (LookupError, ValueError):
            return self.body.decode("utf-8-sig", "replace")

    def json(self) -> Any:
        """The body as JSON; NaN and infinities, which are not JSON, become null.

        Raises FetchError (``malformed``) with a sentence that says what came instead.
        """
        try:
            text = self.body.decode(json.detect_encoding(self.body), "surrogatepass")
            return _decode(text.removeprefix("\ufeff"))
        except (ValueError, RecursionError) as error:
            what = f"{self.content_type or 'an answer without a type'}" if self.body else "an empty answer"
            raise FetchError(
                f"{self.host} sent {what} where JSON was expected ({_brief(error)})", kind="malformed"
            ) from None

    @property
    def host(self) -> str:
        """The host that answered, with its port if it is unusual."""
        return httpx.URL(self.final_url).netloc.decode("ascii")

    def raise_for_status(self) -> None:
        """Raise FetchError for a status that is a client error, as kind ``blocked``, ``gone`` or ``server``."""
        if self.status < 400:
            return
        said = f"{self.host} answered {self.status} {httpx.codes.get_reason_phrase(self.status)}".rstrip()
        if self.status in (401, 403, 406, 415):
            raise FetchError(f"{said}: it does not let us read this", kind="blocked")
        if self.status == 404:
            raise FetchError(f"{said}: there is nothing at this address", kind="gone")
        if self.status == 410:
            raise FetchError(f"{said}: it says that this is gone for good", kind="gone", permanent=True)
        raise FetchError(said, kind="server")


def _null(_: str) -> None:
    """NaN and infinities have no place in JSON or in a database."""


def _long_int(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:  # more digits than Python converts: kept as text, for the source to refuse where it is used
        return digits


_strict: Callable[[str], Any] = json.JSONDecoder(parse_constant=_null).decode
_lenient: Callable[[str], Any] = json.JSONDecoder(parse_constant=_null, parse_int=_long_int).decode


def _decode(text: str) -> Any:
    try:
        return _strict(text)
    except json.JSONDecodeError:
        raise
    except ValueError:  # an integer of thousands of digits must not cost the rest of the page
        return _lenient(text)


def _brief(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
