"""Items of RSS, Atom and JSON Feed as posts: what they say, and by which key they are known again."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from models.post import Authorship, FetchedPost, Media
from monitor.sources._html import Page, html_to_text, plain, read_html
from monitor.sources._moves import same_site
from monitor.sources._shape import SkipError, identifier, link, mapping, moment, prose, sequence, string

_CIVICPLUS = re.compile(
    r"(?:civicalerts\.aspx\?(?:[^#\s]*&)?(?P<aid>aid=\d+)|/newsflash/home/detail/(?P<detail>\d+)"
    r"|calendar\.aspx\?(?:[^#\s]*&)?(?P<eid>eid=\d+))",
    re.IGNORECASE,
)
_MORE = r"(?:(?:read|learn|see)\s+(?:more|on)|continue\s+reading)\b"
_READ_ON = re.compile(
    rf"(?:(?<=…)|(?<=\])|(?<=\.\.\.))\s*{_MORE}[^\n]{{0,80}}$"  # after an ellipsis whatever follows belongs to the link
    rf"|(?:(?<=[.!?\n])|^)\s*(?:{_MORE}(?:\s+here)?|continue\s+reading\b[^\n]{{0,80}})[\s.…»→>]*$",
    re.IGNORECASE,
)
_CUT = re.compile(r"(?:\[\s*(?:…|\.\.\.)\s*\]|…|\.\.\.)\s*$")
_MARKUP = re.compile(r"<[a-zA-Z/!][^<>]*>")
_SEEN = 100
_CHURN = 0.8
_ENOUGH = 3


@dataclass(frozen=True)
class Item:
    """One item of a feed, whatever its format, before it is a post."""

    guid: str = ""
    url: str = ""
    title: str = ""
    page: Page = field(default_factory=Page)
    teaser: bool = False
    posted_at: datetime | None = None
    edited_at: datetime | None = None
    dated: str = ""
    """The date as the feed wrote it, readable or not."""
    author: str = ""
    foreign: bool = False
    media: list[Media] = field(default_factory=list)
    lang: str = ""


def read_entry(entry: Any, base: str) -> Item:
    """An entry of ``Fetch.parse_feed`` as an item; ``base`` is the feed's final URL."""
    entry = mapping(entry)
    url = link(entry.get("link"), base)
    body, is_html = _entry_body(entry)
    page, teaser = _without_read_on(_page(body, is_html, url or base))
    title = prose(entry.get("title"))
    source = mapping(entry.get("source"))
    origin = link(source.get("link")) or link(source.get("href")) or link(source.get("id"))
    published, updated = _epoch(entry.get("published_parsed")), _epoch(entry.get("updated_parsed"))
    return Item(
        guid=identifier(entry.get("id")),
        url=url,
        title=html_to_text(title) if "html" in string(entry.get("title_type")) or "<" in title else plain(title),
        page=page,
        teaser=teaser,
        posted_at=published or updated,
        edited_at=updated if published and updated and updated > published else None,
        dated=string(entry.get("published")) or string(entry.get("updated")),
        author=string(entry.get("author"), 500),
        foreign=bool(origin) and not same_site(origin, base),
        media=_files([*sequence(entry.get("enclosures")), *sequence(entry.get("media_content"))], url or base),
    )


def read_json_item(item: Any, feed: dict[str, Any], base: str) -> Item:
    """An item of a JSON Feed, version 1.0 or 1.1."""
    item = mapping(item)
    url = link(item.get("url"), base) or link(item.get("external_url"), base)
    html, text, summary = (prose(item.get(key)) for key in ("content_html", "content_text", "summary"))
    page, teaser = _without_read_on(_page(html or text or summary, bool(html), url or base))
    published, modified = moment(item.get("date_published")), moment(item.get("date_modified"))
    authors, feed_authors = _authors(item), _authors(feed)
    pictures = [{"url": item.get(key), "type": "image/"} for key in ("image", "banner_image")]
    return Item(
        guid=identifier(item.get("id")),
        url=url,
        title=plain(prose(item.get("title"))),
        page=page,
        teaser=teaser or not (html or text),
        posted_at=published or modified,
        edited_at=modified if published and modified and modified > published else None,
        dated=string(item.get("date_published")) or string(item.get("date_modified")),
        author=string(authors[0].get("name"), 500) if authors else "",
        foreign=_other_author(authors, feed_authors),
        media=_files([*sequence(item.get("attachments")), *pictures], url or base),
        lang=string(item.get("language"), 35) or string(feed.get("language"), 35),
    )


def post_of(item: Item, key: str) -> FetchedPost:
    """The item as a post under ``key``. Raises SkipError when it says nothing at all."""
    if not (item.title or item.page.text or item.page.alt_texts or item.page.media or item.media):
        raise SkipError("it has neither title nor text")
    return FetchedPost(
        external_id=key,
        url=item.url,
        title=item.title,
        text=item.page.text,
        alt_texts=item.page.alt_texts,
        authorship=Authorship.SHARED if item.foreign else Authorship.OWN,
        author_handle=item.author,
        posted_at=item.posted_at,
        edited_at=item.edited_at,
        lang=item.lang,
        media=[*item.page.media, *item.media],
        teaser_only=item.teaser,
    )


class Keys:
    """By which key each item of one feed is known: its guid, unless this feed's guids prove worthless."""

    def __init__(self, items: Sequence[Item], cursor: dict[str, Any]) -> None:
        self._guids = Counter(item.guid for item in items if item.guid)
        pairs = [pair for pair in map(sequence, sequence(cursor.get("seen"))) if len(pair) == 2]
        self._seen = {str(digest): str(guid) for guid, digest in pairs}
        self._aliases = {str(key): str(value) for key, value in mapping(cursor.get("aliases")).items()}
        self._items = items
        self.by_link = cursor.get("key_by") == "link"
        self.switched = not self.by_link and self._churns()
        if self.switched:
            self.by_link = True
            self._aliases = self._seen
        self.overlap = not self._seen or any(
            _digest(item.url) in self._seen or (item.guid and item.guid in self._seen.values()) for item in items
        )
        """Whether an item of the last poll is still there; if not, some may have come and gone in between."""

    def of(self, item: Item) -> str:
        """The key of an item. Raises SkipError when nothing tells it from others."""
        if civic := _civicplus(item.url) or _civicplus(item.guid):
            return civic
        url = _canonical(item.url)
        if url and self.by_link:
            return self._aliases.get(_digest(item.url), url)
        if item.guid and (self._guids[item.guid] == 1 or not url):
            return item.guid
        if url:
            return url
        if not item.title:
            raise SkipError("it has no guid, no link and no title to be known by")
        return "sha256:" + hashlib.sha256(f"{item.title}\x1f{item.dated}".encode()).hexdigest()

    def after(self) -> dict[str, Any]:
        """What to keep in the cursor."""
        shown = self._items[:_SEEN]
        kept: dict[str, Any] = {"seen": [[item.guid[:500], _digest(item.url)] for item in shown]}
        if self.by_link:
            here = {_digest(item.url) for item in self._items}
            kept |= {"key_by": "link", "aliases": {key: value for key, value in self._aliases.items() if key in here}}
        return kept

    def _churns(self) -> bool:
        """Whether the same links came with other guids, as in calendars that put the time of asking in the guid."""
        links = Counter(_digest(item.url) for item in self._items if item.url)
        pairs = [
            (self._seen[_digest(item.url)], item.guid[:500])
            for item in self._items
            if item.guid and links[_digest(item.url)] == 1 and self._seen.get(_digest(item.url))
        ]
        changed = sum(before != now for before, now in pairs)
        return len(pairs) >= _ENOUGH and changed > _CHURN * len(pairs)


def _civicplus(address: str) -> str:
    """The number by which CivicPlus knows a news item or an event, whatever else its guid and link carry."""
    match = _CIVICPLUS.search(address)
    if match is None:
        return ""
    return f"AID={match['detail']}" if match["detail"] else (match["aid"] or match["eid"]).upper()


def _canonical(address: str) -> str:
    """The address without fragment and campaign marks."""
    try:
        parts = urlsplit(address)
        query = [(key, value) for key, value in parse_qsl(parts.query, True) if not key.lower().startswith("utm_")]
    except ValueError:
        return address
    if len(query) == len(parts.query.split("&")) or not parts.query:
        return urlunsplit(parts._replace(fragment=""))
    return urlunsplit(parts._replace(query=urlencode(query), fragment=""))


def _digest(address: str) -> str:
    return hashlib.sha256(_canonical(address).encode()).hexdigest()[:12] if address else ""


def _entry_body(entry: dict[str, Any]) -> tuple[str, bool]:
    """The longest form of the item's text, and whether it is HTML."""
    for content in map(mapping, sequence(entry.get("content"))):
        if value := prose(content.get("value")).strip():
            return value, "html" in string(content.get("type")) or bool(_MARKUP.search(value))
    summary = prose(entry.get("summary")) or prose(entry.get("media_description"))
    return summary, "html" in string(entry.get("summary_type")) or bool(_MARKUP.search(summary))


def _page(body: str, is_html: bool, base: str) -> Page:
    return read_html(body, base) if is_html else Page(text=plain(body))


def _without_read_on(page: Page) -> tuple[Page, bool]:
    """The page without the link that leads on, and whether it is only the beginning of a text."""
    text = _READ_ON.sub("", page.text[-400:])
    if text != page.text[-400:]:
        return Page((page.text[:-400] + text).rstrip(), page.alt_texts, page.media), True
    return page, bool(_CUT.search(page.text[-20:]))


def _epoch(value: Any) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        when = datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return when if when.year >= 1970 else None


def _files(files: list[Any], base: str) -> list[Media]:
    media = {}
    for each in map(mapping, files):
        address = link(each.get("href") or each.get("url"), base)
        types = map(string, (each.get("type"), each.get("mime_type"), each.get("medium")))
        kind = next(filter(None, types), "").partition("/")[0]
        if address:
            media[address] = Media(kind=kind if kind in ("image", "video", "audio") else "file", url=address)
    return list(media.values())


def _authors(thing: dict[str, Any]) -> list[dict[str, Any]]:
    """JSON Feed 1.1 ``authors`` or 1.0 ``author``."""
    return [author for author in map(mapping, sequence(thing.get("authors")) or [thing.get("author")]) if author]


def _other_author(authors: list[dict[str, Any]], feed_authors: list[dict[str, Any]]) -> bool:
    """Whether the item's authors give addresses and all of them lie on other sites than the feed's authors' own."""
    theirs = [link(author.get("url")) for author in authors]
    ours = [address for author in feed_authors if (address := link(author.get("url")))]
    return bool(ours and theirs) and all(
        address and not any(same_site(address, own) for own in ours) for address in theirs
    )
