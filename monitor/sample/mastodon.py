"""The Mastodon dialect: the REST calls an anonymous reader may make of an account's home server."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from monitor.sample.desk import Answer, Desk, RateWindow, conditional
from monitor.sample.mastodon_entities import Entities, account_id_of, status_id
from monitor.sample.richtext import tags_of
from monitor.sample.world import Office, Post

Json = dict[str, Any]
Endpoint = Callable[[Request], Awaitable[Response]]
_JSON = "application/json; charset=utf-8"
_SHOWN, _MOST = 20, 40  # statuses a page: default, maximum


def routes(desk: Desk, rate: RateWindow) -> list[Route]:
    """The server's calls, all under one rate limit."""
    server = Instance(desk)
    calls = {
        "/api/v1/accounts/lookup": server.lookup,
        "/api/v1/accounts/{account}/statuses": server.account_statuses,
        "/api/v1/accounts/{account}": server.account,
        "/api/v1/statuses/{status}": server.status,
        "/api/v1/statuses": server.statuses,
        "/api/v2/instance": server.instance,
    }
    return [Route(path, _endpoint(call, rate)) for path, call in calls.items()]


def address(office: Office, base_url: str) -> str:
    """``@name@host:port``, as one gives it to ``account add mastodon``."""
    return f"@{office.handle}@{base_url.partition('://')[2]}"


def _endpoint(call: Endpoint, rate: RateWindow) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        left, resets = rate.take()
        response = await call(request) if left >= 0 else _error("Too many requests", 429)
        response.headers["X-RateLimit-Limit"] = str(rate.limit)
        response.headers["X-RateLimit-Remaining"] = str(max(left, 0))
        response.headers["X-RateLimit-Reset"] = datetime.fromtimestamp(resets, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return response

    return endpoint


class Instance:
    """The calls themselves, each a request in and an answer out."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._domain = desk.base_url.partition("://")[2]
        self._accounts: dict[str, str] = {}
        self._entities = Entities(desk.base_url)

    async def lookup(self, request: Request) -> Response:
        """Account by ``acct``: a name, or name@this-server."""
        name, _, domain = request.query_params.get("acct", "").removeprefix("@").partition("@")
        office = self._desk.world.by_handle("mastodon", name) if domain in ("", self._domain) else None
        return await self._profile(request, office)

    async def account(self, request: Request) -> Response:
        """One account by id."""
        return await self._profile(request, self._find(request.path_params["account"]))

    async def _profile(self, request: Request, office: Office | None) -> Response:
        if office is None or office.gone:
            return _error("Record not found", 404)
        return await self._desk.answer(request, office, lambda: _answer(self._entities.account(office)))

    async def account_statuses(self, request: Request) -> Response:
        """A page of an account's statuses."""
        office = self._find(request.path_params["account"])
        if office is None or office.gone:
            return _error("Record not found", 404)
        return await self._desk.answer(request, office, lambda: self._page(request, office))

    async def status(self, request: Request) -> Response:
        """One status by id; 404 once deleted."""
        found = self._find_status(request.path_params["status"])
        if found is None:
            return _error("Record not found", 404)
        office, post = found
        return await self._desk.answer(request, office, lambda: _answer(self._entities.status(office, post)))

    async def statuses(self, request: Request) -> Response:
        """Several statuses by ``id[]``; missing ones are left out."""
        found = [self._find_status(wanted) for wanted in request.query_params.getlist("id[]")[:_MOST]]
        return conditional(request, _answer([self._entities.status(*each) for each in found if each is not None]))

    async def instance(self, request: Request) -> Response:
        """What ``/api/v2/instance`` says of the server."""
        return conditional(request, _answer(self._entities.instance(self._domain)))

    def _find(self, account_id: str) -> Office | None:
        if account_id not in self._accounts:
            offices = [office for office in self._desk.world if office.platform == "mastodon"]
            self._accounts = {account_id_of(office.slug): office.slug for office in offices}
        office_id = self._accounts.get(account_id)
        return self._desk.world.office(office_id) if office_id else None

    def _find_status(self, wanted: str) -> tuple[Office, Post] | None:
        for office in self._desk.world:
            if office.platform == "mastodon" and not office.gone:
                for post in office.posts:
                    if status_id(post) == wanted:
                        return office, post
        return None

    def _page(self, request: Request, office: Office) -> Answer:
        query = request.query_params
        limit = min(max(_number(query.get("limit")) or _SHOWN, 1), _MOST)
        posts = [post for post in office.posts if _passes(post, request)]
        posts.sort(key=lambda post: int(status_id(post)), reverse=True)
        oldest, newest, after = (_number(query.get(name)) for name in ("since_id", "max_id", "min_id"))
        if newest is not None:
            posts = [post for post in posts if int(status_id(post)) < newest]
        if after is not None:  # the page immediately after the id, still newest first
            posts = [post for post in posts if int(status_id(post)) > after][-limit:]
        elif oldest is not None:
            posts = [post for post in posts if int(status_id(post)) > oldest]
        page = posts[:limit]
        links = []
        kept = [(key, value) for key, value in query.multi_items() if key not in ("max_id", "since_id", "min_id")]
        here = f"{self._desk.base_url}{request.url.path}"
        if len(page) == limit:
            links.append(f'<{here}?{urlencode([*kept, ("max_id", status_id(page[-1]))])}>; rel="next"')
        if page:
            links.append(f'<{here}?{urlencode([*kept, ("min_id", status_id(page[0]))])}>; rel="prev"')
        answer = _answer([self._entities.status(office, post) for post in page])
        return Answer(answer.body, answer.content_type, headers={"Link": ", ".join(links)} if links else {})


def _passes(post: Post, request: Request) -> bool:
    """``exclude_replies`` keeps an account's replies to itself."""
    query = request.query_params
    asked = {name for name in ("exclude_replies", "exclude_reblogs", "only_media", "pinned") if _true(query.get(name))}
    tagged = query.get("tagged")
    return not (
        ("exclude_replies" in asked and post.answers is not None)
        or ("exclude_reblogs" in asked and post.repost is not None)
        or ("only_media" in asked and (not post.alts or post.repost is not None))
        or ("pinned" in asked and not post.pinned)
        or (tagged is not None and tagged.lower() not in (tag.lower() for tag in tags_of(post.text)))
    )


def _true(text: str | None) -> bool:
    return text is not None and text.lower() not in ("", "0", "false", "f", "off")


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _answer(document: Any) -> Answer:
    return Answer(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(), _JSON)


def _error(message: str, status: int) -> Response:
    return Response(json.dumps({"error": message}), status, media_type=_JSON)
