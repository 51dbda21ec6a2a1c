"""Reading a URL the one way that everybody reads it, or not at all."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import httpx

from monitor.errors import FetchError

_PORTS = {"http": 80, "https": 443}
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
_LEGACY_IPV4 = re.compile(r"(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+))*\.?", re.IGNORECASE)
_CANONICAL_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}")
_LONGEST = 8000


class Origin(NamedTuple):
    """Scheme, host and port: credentials and validators never leave it."""

    scheme: str
    host: str
    port: int


def read_url(
    text: str, *, params: Mapping[str, Any] | Sequence[tuple[str, str]] | None = None, base: httpx.URL | None = None
) -> httpx.URL:
    """``text`` as an http(s) URL without a fragment, with ``params`` added, relative to ``base`` if that is given.

    Raises FetchError (``malformed``, permanent unless it is a redirect's target) for anything parsers disagree about:
    user names, backslashes, spaces, control characters, and IPv4 addresses in decimal, octal, hexadecimal or short
    form.
    """
    permanent = base is None
    shown = text if len(text) <= 200 else text[:200] + "…"

    def refuse(why: str) -> FetchError:
        return FetchError(f"“{shown!s}” cannot be asked: {why}", kind="malformed", permanent=permanent)

    if base is not None:
        text = text.strip().replace(" ", "%20")  # servers forget this in Location, and every browser mends it
    if len(text) > _LONGEST:
        raise refuse(f"it is longer than {_LONGEST} characters")
    if _FORBIDDEN.search(text):
        raise refuse("it contains a space, a control character or a backslash")
    try:
        url = httpx.URL(text) if base is None else base.join(text)
        if params:
            query: Any = params
            url = url.copy_merge_params(httpx.QueryParams(query))
        if url.fragment:
            url = url.copy_with(fragment=None)
        host = url.raw_host.decode("ascii")
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise refuse(f"it is not a URL ({error})") from None
    if url.scheme not in _PORTS:
        raise refuse("it must begin with http:// or https://")
    if not host:
        raise refuse("it names no host")
    if url.userinfo:
        raise refuse("it contains a user name or password")
    if url.port == 0:
        raise refuse("0 is not a port")
    if _LEGACY_IPV4.fullmatch(host) and not _CANONICAL_IPV4.fullmatch(host):
        raise refuse("it spells an IPv4 address in an unusual way")
    return url


def origin(url: httpx.URL) -> Origin:
    """The origin of a URL from :func:`read_url`."""
    return Origin(url.scheme, url.raw_host.decode("ascii").strip("[]"), url.port or _PORTS[url.scheme])


def shown(url: httpx.URL) -> str:
    """The host as messages name it: with its port if that is unusual."""
    return url.netloc.decode("ascii")
