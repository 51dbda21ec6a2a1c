"""The Bluesky dialect: the public AppView's XRPC calls over the sample world.

Shapes, limits and error sentences after the reference AppView; union members carry ``$type`` and lists are open.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from monitor.sample.bluesky_views import cid, did_of, feed_item, post_view, profile, uri_of
from monitor.sample.desk import Answer, Desk, RateWindow, conditional, etag_of
from monitor.sample.world import Office, Post

Json = dict[str, Any]
Endpoint = Callable[[Request], Awaitable[Response]]
_JSON = "application/json; charset=utf-8"


class ParamsError(Exception):
    """The query is not what the lexicon says; becomes a 400 ``InvalidRequest`` with this sentence."""


def routes(desk: Desk, rate: RateWindow) -> list[Route]:
    """The AppView's calls, all under one rate limit."""
    view = AppView(desk)
    calls = {
        "app.bsky.actor.getProfile": view.get_profile,
        "app.bsky.actor.getProfiles": view.get_profiles,
        "app.bsky.feed.getAuthorFeed": view.get_author_feed,
        "app.bsky.feed.getPosts": view.get_posts,
        "com.atproto.identity.resolveHandle": view.resolve_handle,
    }
    return [Route(f"/xrpc/{nsid}", _endpoint(nsid, call, rate)) for nsid, call in calls.items()]


def _endpoint(nsid: str, call: Endpoint, rate: RateWindow) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        left, resets = rate.take()
        if left < 0:
            response = _error("RateLimitExceeded", "Rate Limit Exceeded", 429)
        else:
            try:
                response = await call(request)
            except ParamsError as error:
                response = _error("InvalidRequest", f"Invalid {nsid} params: {error}")
        response.headers["RateLimit-Limit"] = str(rate.limit)
        response.headers["RateLimit-Remaining"] = str(max(left, 0))
        response.headers["RateLimit-Reset"] = str(int(resets))
        response.headers["RateLimit-Policy"] = f"{rate.limit};w={rate.seconds}"
        return response

    return endpoint


class AppView:
    """The calls themselves, each a request in and an answer out."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._dids: dict[str, str] = {}

    def find(self, actor: str) -> Office | None:
        """The office behind a handle or DID. A former handle is nobody's."""
        if not actor.startswith("did:"):
            return self._desk.world.by_handle("bluesky", actor)
        if actor not in self._dids:
            self._dids = {
                did_of(office.slug): office.slug for office in self._desk.world if office.platform == "bluesky"
            }
        office_id = self._dids.get(actor)
        return self._desk.world.office(office_id) if office_id else None

    async def get_profile(self, request: Request) -> Response:
        """``app.bsky.actor.getProfile``."""
        office = self.find(_actor(request, "actor"))
        if office is None:
            return _error("InvalidRequest", "Profile not found")
        if office.gone:
            return _error("AccountDeactivated", "Account is deactivated")
        return await self._desk.answer(request, office, lambda: _answer(profile(office)))

    async def get_profiles(self, request: Request) -> Response:
        """``app.bsky.actor.getProfiles``: those that exist."""
        found = [self.find(actor) for actor in _array(request, "actors")]
        return conditional(request, _answer({"profiles": [profile(o) for o in found if o is not None and not o.gone]}))

    async def resolve_handle(self, request: Request) -> Response:
        """``com.atproto.identity.resolveHandle``."""
        office = self.find(_actor(request, "handle"))
        if office is None or office.gone:
            return _error("InvalidRequest", "Unable to resolve handle")
        return conditional(request, _answer({"did": did_of(office.slug)}))

    async def get_author_feed(self, request: Request) -> Response:
        """``app.bsky.feed.getAuthorFeed``."""
        actor = _actor(request, "actor")
        limit = _limit(request)
        office = self.find(actor)
        if office is None or office.gone:
            return _error("InvalidRequest", "Profile not found")
        query = request.query_params
        chosen, cursor = query.get("filter", "posts_with_replies"), query.get("cursor")
        pins = query.get("includePins") == "true" and cursor is None
        return await self._desk.answer(request, office, lambda: _answer(_feed(office, limit, chosen, cursor, pins)))

    async def get_posts(self, request: Request) -> Response:
        """``app.bsky.feed.getPosts``: missing ones are left out without a word."""
        posts = []
        for uri in _array(request, "uris"):
            office = self.find(uri.removeprefix("at://").split("/")[0])
            if office is None or office.gone:
                continue
            post = next((p for p in office.posts if p.repost is None and uri_of(office, p) == uri), None)
            if post is not None:
                request.scope["sample_office"] = office.slug
                posts.append(post_view(office, post))
        return conditional(request, _answer({"posts": posts}))


def _feed(office: Office, limit: int, chosen: str, cursor: str | None, pins: bool) -> Json:
    posts = [post for post in office.posts if _passes(post, chosen)]
    items = []
    if cursor is not None:
        milliseconds = cursor.partition("__")[0]
        before = int(milliseconds) if milliseconds.isdecimal() else 0  # garbage: an empty page, not an error
        posts = [post for post in posts if post.serial // 1000 < before]
    pinned = next((post for post in posts if post.pinned), None) if pins else None
    if pinned is not None:
        posts = [post for post in posts if post is not pinned]
        items.append({"post": post_view(office, pinned), "reason": {"$type": "app.bsky.feed.defs#reasonPin"}})
    page = posts[: limit - len(items)]
    feed: Json = {"feed": items + [feed_item(office, post) for post in page]}
    if page and len(posts) > len(page):
        feed["cursor"] = f"{page[-1].serial // 1000}__{cid(uri_of(office, page[-1]))}"
    return feed


def _passes(post: Post, chosen: str) -> bool:
    """The AppView's filters: ``posts_no_replies`` still returns reposts, the media filters do not."""
    match chosen:
        case "posts_no_replies":
            return post.thread is None and post.answers is None
        case "posts_and_author_threads":
            return post.answers is None
        case "posts_with_media":
            return bool(post.alts) and post.repost is None
        case "posts_with_video":
            return False
    return True


def _actor(request: Request, name: str) -> str:
    actor = request.query_params.get(name)
    if actor is None:
        raise ParamsError(f'Missing required key "{name}"')
    if not actor.startswith("did:") and ("." not in actor or not actor.replace(".", "").replace("-", "").isalnum()):
        raise ParamsError(f'Invalid AT identifier (got "{actor}")')
    return actor


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "50")
    if not text.lstrip("-").isdecimal():
        raise ParamsError(f'Expected integer value type (got "{text}")')
    limit = int(text)
    if limit > 100:
        raise ParamsError(f"integer too big (maximum 100, got {limit})")
    if limit < 1:
        raise ParamsError(f"integer too small (minimum 1, got {limit})")
    return limit


def _array(request: Request, name: str) -> list[str]:
    values = request.query_params.getlist(name)
    if not values:
        raise ParamsError(f'Missing required key "{name}"')
    if len(values) > 25:
        raise ParamsError(f"array too big (maximum 25, got {len(values)})")
    return values


def _answer(document: Json) -> Answer:
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(body, _JSON, etag=etag_of(body, weak=True))


def _error(error: str, message: str, status: int = 400) -> Response:
    body = json.dumps({"error": error, "message": message}, separators=(",", ":"))
    return Response(body, status, media_type=_JSON)
