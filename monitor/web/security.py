"""What stands between the open internet and the page: headers, origin check, form tokens, safe redirects."""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CSP = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
SANDBOX = "default-src 'none'; sandbox; frame-ancestors 'none'"
"""For what strangers made: pictures of posts."""
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}
"""On every response, unless the response says something stricter or may be kept."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class SecureHeaders:
    """Puts ``HEADERS`` on every response that passes, and never tells which server it is."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; add to the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_headers(MutableHeaders(scope=message))
            await send(message)

        await self.app(scope, receive, with_headers)


def add_headers(headers: MutableHeaders) -> None:
    """Add what is missing of ``HEADERS``."""
    for name, value in HEADERS.items():
        headers.setdefault(name, value)


def comes_from_elsewhere(request: Request) -> bool:
    """Whether another site made the browser send this.

    Every browser since 2023 says so in Sec-Fetch-Site; older ones send Origin with what is not GET
    (https://words.filippo.io/csrf/). A request with neither does not come from a browser that another site could use.
    """
    headers: Headers = request.headers
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
    except ValueError:
        return True


def form_token(cookie: str) -> str:
    """The token that a form must bring back, derived from the secret in the visitor's cookie."""
    return hmac.new(cookie.encode("utf-8", "replace"), b"sheriffwatch form", hashlib.sha256).hexdigest()


def token_fits(given: str, cookie: str) -> bool:
    """Whether a form's token belongs to this visitor."""
    return bool(cookie) and hmac.compare_digest(given.encode("utf-8", "replace"), form_token(cookie).encode())


def local_path(wanted: str, default: str = "/") -> str:
    r"""The path to go on to, if it stays on this site, else the default.

    Browsers read ``\`` as ``/`` and drop control characters, so a path is taken only when it is plain ASCII and
    begins with exactly one slash.
    """
    if not wanted.startswith("/") or wanted.startswith("//") or len(wanted) > 4000:
        return default
    if not wanted.isascii() or not wanted.isprintable() or "\\" in wanted or " " in wanted:
        return default
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return default
    return default if parts.scheme or parts.netloc or parts.path.startswith("//") else wanted
