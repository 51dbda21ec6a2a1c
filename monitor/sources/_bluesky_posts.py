"""Bluesky's posts: an entry of an author feed in, a post out. No network here.

Shapes after the lexicons ``app.bsky.feed.*``, ``app.bsky.embed.*`` and ``app.bsky.richtext.facet``. Unions are open:
a ``$type`` we do not know is skipped.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from models.post import Authorship, FetchedPost, Media
from monitor.http import Answer
from monitor.sources._shape import (
    SkipError,
    capped,
    identifier,
    link,
    malformed,
    mapping,
    moment,
    prose,
    refuse_huge,
    sequence,
    string,
)

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""Before any post."""
DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,200}")
HIDDEN = "!no-unauthenticated"
"""The label by which an owner asks not to be shown to people who are not signed in."""


def parse_item(item: Any, did: str) -> FetchedPost | None:
    """One entry of an author feed as a post. ``did`` is the account that is read: anybody else's post is shared."""
    item = mapping(item)
    reason = mapping(item.get("reason"))
    view = mapping(item.get("post"))
    record = mapping(view.get("record"))
    author = mapping(view.get("author"))
    uri = identifier(view.get("uri"))
    if not uri or not record:
        raise SkipError("it has no uri or no record")
    if string(record.get("$type")) not in ("", "app.bsky.feed.post"):
        return None
    own = string(author.get("did")) == did and uri.startswith(f"at://{did}/")
    embed = mapping(view.get("embed"))
    text = _full_links(prose(record.get("text")), record.get("facets"))
    quoted = _quoted(embed)
    alt_texts, link_titles, media = _read_embed(embed)
    langs = sequence(record.get("langs"))
    return FetchedPost(
        external_id=uri,
        url=_web_url(uri),
        text=text,
        alt_texts=alt_texts,
        link_titles=link_titles,
        quoted_text=prose(mapping(quoted.get("value")).get("text")),
        quoted_author=string(mapping(quoted.get("author")).get("handle")),
        authorship=_authorship(own, record, item),
        author_id=string(author.get("did")),
        author_handle=string(author.get("handle")),
        reply_to=_parent(record) if own else "",
        posted_at=moment(reason.get("indexedAt")) if not own and reason else _posted_at(view),
        revision=string(view.get("cid")),
        lang=string(langs[0], 35) if langs else "",
        media=media,
    )


def _authorship(own: bool, record: dict[str, Any], item: dict[str, Any]) -> Authorship:
    """Own words, an answer to somebody, or somebody else's words. An office's own thread is its own words."""
    if not own:
        return Authorship.SHARED
    parent = _parent(record)
    mine = string(mapping(mapping(item.get("post")).get("author")).get("did"))
    return Authorship.REPLY if parent and not parent.startswith(f"at://{mine}/") else Authorship.OWN


def _parent(record: dict[str, Any]) -> str:
    """The uri of the post that this one answers."""
    return string(mapping(mapping(record.get("reply")).get("parent")).get("uri"))


def _full_links(text: str, facets: Any) -> str:
    """The text with shortened links written out. A facet's range counts UTF-8 bytes, its end exclusive."""
    raw = text.encode("utf-8", "surrogatepass")
    spans = []
    for facet in map(mapping, sequence(facets)):
        index = mapping(facet.get("index"))
        start, end = index.get("byteStart"), index.get("byteEnd")
        address = next(filter(None, map(_facet_link, sequence(facet.get("features")))), "")
        if type(start) is int and type(end) is int and 0 <= start < end <= len(raw) and address:
            spans.append((start, end, address))
    parts, done = [], 0
    for start, end, address in sorted(spans):
        try:
            before, shown = raw[done:start].decode(), raw[start:end].decode()
        except UnicodeDecodeError:
            continue
        if start < done:
            continue
        visible = shown.strip().removesuffix("…").removesuffix("...")
        parts += [before, address if visible and visible in address else f"{shown} ({address})"]
        done = end
    return "".join(parts) + raw[done:].decode("utf-8", "surrogatepass")


def _facet_link(feature: Any) -> str:
    feature = mapping(feature)
    return link(feature.get("uri")) if feature.get("$type") == "app.bsky.richtext.facet#link" else ""


def _read_embed(embed: dict[str, Any]) -> tuple[list[str], list[str], list[Media]]:
    """Alt texts, titles of link cards, and media of an embed view."""
    alt_texts: list[str] = []
    link_titles: list[str] = []
    media: list[Media] = []
    kind = string(embed.get("$type")).removeprefix("app.bsky.embed.")
    if kind == "recordWithMedia#view":
        return _read_embed(mapping(embed.get("media"))) if embed.get("media") is not embed else ([], [], [])
    if kind in ("images#view", "gallery#view"):
        for picture in map(mapping, sequence(embed.get("images" if kind == "images#view" else "items"))):
            alt_texts.append(prose(picture.get("alt")))
            media.append(Media(url=link(picture.get("fullsize")), alt=alt_texts[-1]))
    elif kind == "video#view":
        alt_texts.append(prose(embed.get("alt")))
        media.append(Media(kind="video", url=link(embed.get("playlist")), alt=alt_texts[-1]))
    elif kind == "external#view":
        card = mapping(embed.get("external"))
        link_titles = [prose(card.get("title")), prose(card.get("description"))]
        media.append(Media(kind="link", url=link(card.get("uri")), alt=link_titles[0]))
    return [alt for alt in alt_texts if alt], [title for title in link_titles if title], media


def _quoted(embed: dict[str, Any]) -> dict[str, Any]:
    """The quoted post's view, or nothing when it is gone, blocked, detached or not a post."""
    record = mapping(embed.get("record"))
    if string(embed.get("$type")) == "app.bsky.embed.recordWithMedia#view":
        record = mapping(record.get("record"))
    return record if record.get("$type") == "app.bsky.embed.record#viewRecord" else {}


def _posted_at(view: dict[str, Any]) -> datetime | None:
    """When the author claims to have posted, but never later than the server first saw it."""
    claimed, indexed = moment(mapping(view.get("record")).get("createdAt")), moment(view.get("indexedAt"))
    return min(claimed, indexed) if claimed and indexed else claimed or indexed


def sorted_at(item: Any) -> datetime | None:
    """The time by which the AppView orders this entry: of the repost, else the earlier of claimed and seen."""
    reason = mapping(mapping(item).get("reason"))
    return moment(reason.get("indexedAt")) or _posted_at(mapping(mapping(item).get("post")))


def window_start(items: list[Any], ended: bool) -> datetime | None:
    if not items:
        return None
    return BEGINNING if ended else sorted_at(items[-1])


def _web_url(uri: str) -> str:
    match = re.fullmatch(r"at://(did:[^/\s]+)/app\.bsky\.feed\.post/([A-Za-z0-9._~:-]+)", uri)
    return f"https://bsky.app/profile/{match[1]}/post/{match[2]}" if match else ""


def items_of(answer: Answer, notes: list[str]) -> tuple[list[Any], str]:
    """The page's entries, without the pinned one that is repeated on top, and the cursor of the next page."""
    refuse_huge(answer)
    body = mapping(answer.json())
    if not isinstance(body.get("feed"), list):
        raise malformed("Bluesky", "an author feed without a list “feed”")
    pin = "app.bsky.feed.defs#reasonPin"
    offered = capped(body["feed"], notes, "A page")
    items = [item for item in offered if mapping(mapping(item).get("reason")).get("$type") != pin]
    return items, string(body.get("cursor"))


def own_authors(items: list[Any], did: str) -> Iterator[dict[str, Any]]:
    for item in items:
        author = mapping(mapping(mapping(item).get("post")).get("author"))
        if author.get("did") == did:
            yield author


def identity_doubtful(items: list[Any], did: str, address: str) -> bool:
    """Whether the feed itself hints that the handle or the account behind it changed, so that asking is worth it."""
    strangers = any(
        not mapping(item).get("reason") and mapping(mapping(mapping(item).get("post")).get("author")).get("did") != did
        for item in items
    )
    renamed = not DID.fullmatch(address) and any(
        string(author.get("handle")) not in ("", address) for author in own_authors(items, did)
    )
    return strangers or renamed or not items


def is_hidden(actor: dict[str, Any]) -> bool:
    labels = map(mapping, sequence(actor.get("labels")))
    return any(label.get("val") == HIDDEN and not label.get("neg") for label in labels)
