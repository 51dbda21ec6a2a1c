"""The newsroom dialect: RSS 2.0, Atom and JSON Feed 1.1, a page for each item, and a home page that names its feed.

Shapes after a WordPress newsroom: strong ETag and Last-Modified, 304 to either, teaser and full text apart.
"""

import json
from collections.abc import Awaitable, Callable
from email.utils import format_datetime
from html import escape

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from monitor.sample.desk import Answer, Desk, etag_of
from monitor.sample.richtext import news_html
from monitor.sample.world import Office, Post

FILES = {"rss": "feed.xml", "atom": "atom.xml", "json": "feed.json"}
TYPES = {"rss": "application/rss+xml", "atom": "application/atom+xml", "json": "application/feed+json"}
WINDOW = 50  # items a feed holds; real ones hold 10 to 50


def routes(desk: Desk) -> list[Route]:
    """The newsrooms' addresses."""
    return [
        Route("/news/{office}/feed.xml", _endpoint(desk, _rss)),
        Route("/news/{office}/atom.xml", _endpoint(desk, _atom)),
        Route("/news/{office}/feed.json", _endpoint(desk, _json_feed)),
        Route("/news/{office}/", _endpoint(desk, _home)),
        Route("/news/{office}/{item}/", _item_endpoint(desk)),
    ]


def address(office: Office, base_url: str) -> str:
    """The feed URL of an office, as one gives it to ``account add feed``."""
    return f"{_home_url(office, base_url)}{FILES[office.kind]}"


def item_url(office: Office, post: Post, base_url: str) -> str:
    """The page of one item."""
    return _item_url(_home_url(office, base_url), post)


def item_id(office: Office, post: Post, base_url: str) -> str:
    """The guid (RSS) or id (Atom, JSON Feed) of one item."""
    number = post.serial // 1_000_000
    match office.kind:
        case "atom":
            return f"tag:{office.slug}.example,2026:{number}"
        case "json":
            return f"{office.slug}-{number}"
    return f"{_home_url(office, base_url)}?p={number}"


def _endpoint(desk: Desk, render: Callable[[Office, str], Answer]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        handle = request.path_params["office"]
        office = desk.world.by_handle("feed", handle)
        if office is None:
            moved = next((o for o in desk.world if o.platform == "feed" and handle in o.former_handles), None)
            if moved is None:
                return _page("Not found", "<p>There is no such office.</p>", 404)
            return RedirectResponse(request.url.path.replace(f"/news/{handle}/", f"/news/{moved.handle}/", 1), 301)
        if office.gone:
            return _page("Gone", "<p>This newsroom was closed.</p>", 410)
        return await desk.answer(request, office, lambda: render(office, desk.base_url))

    return endpoint


def _item_endpoint(desk: Desk) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        item = request.path_params["item"]
        return await _endpoint(desk, lambda office, base_url: _item_page(office, item))(request)

    return endpoint


def _rss(office: Office, base_url: str) -> Answer:
    home = _home_url(office, base_url)
    items = "".join(
        f"""
  <item>
    <title>{escape(post.title)}</title>
    <link>{_item_url(home, post)}</link>
    <pubDate>{format_datetime(post.posted_at)}</pubDate>
    <guid isPermaLink="false">{item_id(office, post, base_url)}</guid>
    <description>{escape(_teaser(post))}</description>
    <content:encoded><![CDATA[{_body(post).replace("]]>", "]]]]><![CDATA[>")}]]></content:encoded>
  </item>"""
        for post in office.posts[:WINDOW]
    )
    return _xml(
        office,
        "rss",
        f"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel>
  <title>{escape(office.name)}</title>
  <atom:link rel="self" type="application/rss+xml" href="{home}feed.xml"/>
  <link>{home}</link>
  <description>{escape(office.description)}</description>
  <lastBuildDate>{format_datetime(office.modified_at)}</lastBuildDate>
  <language>en-US</language>{items}
</channel>
</rss>
""",
    )


def _atom(office: Office, base_url: str) -> Answer:
    home = _home_url(office, base_url)
    entries = "".join(
        f"""
  <entry>
    <id>{item_id(office, post, base_url)}</id>
    <title>{escape(post.title)}</title>
    <link rel="alternate" type="text/html" href="{_item_url(home, post)}"/>
    <published>{post.posted_at.isoformat()}</published>
    <updated>{post.changed_at.isoformat()}</updated>
    <content type="html" xml:lang="{post.lang}">{escape(_body(post))}</content>
  </entry>"""
        for post in office.posts[:WINDOW]
    )
    return _xml(
        office,
        "atom",
        f"""<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <id>tag:{office.slug}.example,2026:feed</id>
  <title>{escape(office.name)}</title>
  <subtitle>{escape(office.description)}</subtitle>
  <updated>{office.modified_at.isoformat()}</updated>
  <author><name>{escape(office.agency)}</name></author>
  <link rel="self" type="application/atom+xml" href="{home}atom.xml"/>
  <link rel="alternate" type="text/html" href="{home}"/>{entries}
</feed>
""",
    )


def _json_feed(office: Office, base_url: str) -> Answer:
    home = _home_url(office, base_url)
    items = []
    for post in office.posts[:WINDOW]:
        item = {
            "id": item_id(office, post, base_url),
            "url": _item_url(home, post),
            "title": post.title,
            "content_html": _body(post),
            "date_published": post.posted_at.isoformat(),
            "language": post.lang,
        }
        if post.edited_at is not None:
            item["date_modified"] = post.edited_at.isoformat()
        items.append(item)
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": office.name,
        "home_page_url": home,
        "feed_url": f"{home}feed.json",
        "description": office.description,
        "language": "en-US",
        "authors": [{"name": office.agency}],
        "items": items,
    }
    body = json.dumps(document, ensure_ascii=False, indent=1).encode()
    return Answer(body, TYPES["json"], etag=etag_of(body), modified_at=office.modified_at)


def _home(office: Office, base_url: str) -> Answer:
    home = _home_url(office, base_url)
    listed = "".join(
        f'<li><a href="{_item_url(home, post)}">{escape(post.title)}</a></li>' for post in office.posts[:10]
    )
    link = f'<link rel="alternate" type="{TYPES[office.kind]}" title="News" href="{FILES[office.kind]}">'
    return _html(office.agency, f"<ul>{listed}</ul>", head=link)


def _item_page(office: Office, item: str) -> Answer:
    post = office.post(item)
    if post is None:
        return _html("Not found", "<p>This item does not exist or was removed.</p>", status=404)
    return _html(post.title, f"<article>{_body(post)}</article>")


def _page(title: str, body: str, status: int) -> Response:
    answer = _html(title, body, status=status)
    return Response(answer.body, answer.status, media_type="text/html")


def _html(title: str, body: str, *, head: str = "", status: int = 200) -> Answer:
    text = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>{head}</head>'
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>\n"
    )
    return Answer(text.encode(), "text/html; charset=utf-8", status)


def _xml(office: Office, kind: str, text: str) -> Answer:
    body = text.encode()
    return Answer(body, f"{TYPES[kind]}; charset=UTF-8", etag=etag_of(body), modified_at=office.modified_at)


def _body(post: Post) -> str:
    parts = [news_html(post.text)]
    if post.quote is not None:
        parts.append(
            f"<blockquote><p>{escape(post.quote.text)}</p><cite>{escape(post.quote.author.name)}</cite></blockquote>"
        )
    parts += [
        f'<p><img src="/media/{post.id}-{n}.jpg" alt="{escape(alt)}"></p>' for n, alt in enumerate(post.alts, start=1)
    ]
    if post.card is not None:
        parts.append(f'<p><a href="{escape(post.card.url)}">{escape(post.card.title)}</a></p>')
    return "\n".join(parts)


def _teaser(post: Post) -> str:
    words = " ".join(post.text.split())
    return words if len(words) <= 120 else f"{words[:120].rsplit(' ', 1)[0]} [&hellip;]"


def _home_url(office: Office, base_url: str) -> str:
    return f"{base_url}/news/{office.handle}/"


def _item_url(home: str, post: Post) -> str:
    return f"{home}{post.id}/"
