"""Every place of the page that a browser can go to: the application's own routes, then all that they link to."""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx
from selectolax.lexbor import LexborHTMLParser
from starlette.routing import Mount

from monitor.web.app import create_app
from monitor.web.page import COOKIE

MOST_PLACES = 250
BASE = "https://127.0.0.1"
AWAY = "/login/oidc"
"""Leads to an identity provider and back (tests/web/test_oidc.py)."""


@dataclass(frozen=True)
class Place:
    """One address, and who goes there."""

    path: str
    status: int
    stranger: bool = False
    """Only who is not logged in sees this."""
    whole: bool = True
    """False for a part that another page takes in."""


@dataclass(frozen=True)
class Places:
    """What was found."""

    pages: list[Place]
    files: list[tuple[str, httpx.Headers]]
    """What is no page: pictures, exports and answers for programs, with their headers."""
    broken: list[str]
    """Links of a page of ours that lead nowhere."""

    @property
    def kinds(self) -> list[Place]:
        """One page of each kind: the first of those whose addresses differ in numbers only."""
        first: dict[tuple[str, bool], Place] = {}
        for place in self.pages:
            if place.whole:
                first.setdefault((_shape(place.path), place.stranger), place)
        return list(first.values())


def routes(db, config):
    """The paths that the application answers a GET at."""
    app = create_app(db, config)
    pages = [r for r in app.routes if not isinstance(r, Mount) and r.name != "static" and "GET" in r.methods]
    return [r.path for r in pages if not r.path.startswith(AWAY)]


def filled(path: str, known: Mapping[str, list[str]]) -> list[str]:
    """The addresses of a route: its parameter is filled with each value known for the route's path.

    Raises AssertionError for a route of which nobody has said what to fill in: a new one is added to the sample.
    """
    if "{" not in path:
        return [path]
    assert path in known, f"no test knows what to fill into {path}: add it to “addresses” in sample.py"
    return [re.sub(r"\{[^}]+\}", value, path) for value in known[path]]


async def find(db, config, cookie: str, known: Mapping[str, list[str]]) -> Places:
    """Ask for every route's addresses, as somebody logged in and as a stranger, and follow all links once by shape."""
    app = create_app(db, config)
    found = Places([], [], [])
    starts = [path for route in routes(db, config) for path in filled(route, known)]
    seen = {_shape(path) for path in starts}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        httpx.AsyncClient(transport=transport, base_url=BASE, cookies={COOKIE: cookie}) as member,
        httpx.AsyncClient(transport=transport, base_url=BASE) as stranger,
    ):
        open_ = deque((path, "") for path in [*starts, "/nothing/at/all"])
        while open_ and len(found.pages) < MOST_PLACES:
            path, origin = open_.popleft()
            answer = await member.get(path)
            if origin and answer.status_code >= 400:
                found.broken.append(f"{origin} leads to {path}: {answer.status_code}")
            if answer.status_code == 303:
                continue
            if not answer.headers["content-type"].startswith("text/html"):
                found.files.append((path, answer.headers))
                continue
            found.pages.append(Place(path, answer.status_code, whole=_is_whole(answer)))
            for link in _links(path, answer.text):
                if _shape(link) not in seen:
                    seen.add(_shape(link))
                    open_.append((link, path))
        for path in starts:
            answer = await stranger.get(path)
            if answer.status_code != 303 and answer.headers["content-type"].startswith("text/html"):
                found.pages.append(Place(path, answer.status_code, stranger=True, whole=_is_whole(answer)))
    return found


def _is_whole(answer: httpx.Response) -> bool:
    return "<html" in answer.text


def _links(path: str, html: str) -> list[str]:
    """Where a page leads within the site."""
    targets = [node.attributes.get("href") or "" for node in LexborHTMLParser(html).css("a[href]:not([href^='#'])")]
    absolute = [urlsplit(urljoin(BASE + path, target)) for target in targets]
    return [
        link.path + (f"?{link.query}" if link.query else "")
        for link in absolute
        if link.scheme == "https"
        and link.netloc == "127.0.0.1"
        and not link.path.startswith(("/static/", "/api/", AWAY))
    ]


def _shape(path: str) -> str:
    """What two addresses have in common that lead to the same kind of page."""
    parts = urlsplit(path)
    names = sorted({pair.partition("=")[0] for pair in parts.query.split("&") if pair})
    return re.sub(r"\d+", "#", parts.path) + "?" + "&".join(names)
