"""RSS, Atom and JSON Feed newsrooms, with the dirt of real ones.

feedparser understands RSS and Atom (in a child process, see ``monitor/feedparse.py``); JSON Feed 1.0 and 1.1 is read
here. A feed proves little: an item that scrolled off is not a deleted one, an empty page is not an empty feed.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field

from models.post import FetchedPost
from monitor.errors import FetchError, UsageError
from monitor.http import Answer
from monitor.sources import Fetch, Presence, Profile, Reading, Source, Target
from monitor.sources._feed_document import (
    Document,
    is_html,
    is_json,
    read_document,
    read_json_document,
    refuse_useless,
)
from monitor.sources._feed_items import Item, Keys, post_of
from monitor.sources._html import Page, main_article
from monitor.sources._moves import follow, refuse_other_site, same_site
from monitor.sources._shape import MAX_ITEMS, aside, capped, link, mapping, read_items, string
from monitor.sources._unchanged import Validators

_ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"


class Feed(Source):
    """``[sources.feed]``"""

    title: ClassVar[str] = "Website feed"
    example: ClassVar[str] = "https://sheriff.example.gov/feed/"

    full_text: bool = False
    """Read the page behind an item of which the feed gives only a teaser."""
    max_detail_fetches: int = Field(default=10, ge=0, le=100)
    """Pages read for that in one poll at most."""
    max_pages: int = Field(default=3, ge=1, le=20)
    """Pages of a JSON Feed read in one poll at most."""

    def normalise(self, address: str) -> str:
        """An absolute http or https address without fragment; ``https://`` is put before a bare host and path."""
        given = address.strip()
        given = re.sub(r"^feed:(?://)?(?=https?://)|^feed:(?=//)", "", given, flags=re.IGNORECASE)
        if given.startswith("//") or (given and "://" not in given):
            given = "https://" + given.removeprefix("//")
        try:
            parts = urlsplit(given)
            port, host = parts.port, (parts.hostname or "")
        except ValueError:
            parts, port, host = urlsplit(""), None, ""
        known = host == "localhost" or ":" in host or re.fullmatch(r"[^\s.]+(\.[^\s.]+)+\.?", host)
        clean = given.isprintable() and not re.search(r"[\s\\<>\"^`{|}]", given) and len(given) <= 2048
        if parts.scheme.lower() not in ("http", "https") or not known or not clean or "@" in parts.netloc:
            raise UsageError(
                f"“{address[:100]}” is not a feed's address: give one like {self.example} (http or https, no password)."
            )
        netloc = (f"[{host}]" if ":" in host else host) + (f":{port}" if port is not None else "")
        return urlunsplit((parts.scheme.lower(), netloc, parts.path or "/", parts.query, ""))

    def host(self, target: Target) -> str:
        """The feed's own server."""
        return urlsplit(string(target.cursor.get("url")) or target.address).netloc

    async def identify(self, fetch: Fetch, address: str) -> Profile:
        """The feed's title and site. Raises FetchError (``not_a_feed``) that offers the feeds a web page links to."""
        answer = await fetch.get(address, headers={"Accept": _ACCEPT})
        refuse_other_site(address, answer)
        refuse_useless(answer)
        document = await read_document(fetch, answer)
        return document.profile

    async def read(self, fetch: Fetch, target: Target) -> Reading:
        """What the feed holds now."""
        validators = Validators(target.cursor)
        answer = await self._ask(fetch, target, validators)
        refuse_other_site(target.address, answer)
        moved = follow(target.address, target.cursor, answer)
        cursor = {key: value for key, value in target.cursor.items() if key not in ("url", "moving")}
        cursor |= {"last": validators.after(answer)} if answer.status in (200, 304) else {}
        cursor |= {"url": moved.url} if moved.url else {}
        cursor |= {"moving": moved.pending} if moved.pending else {}
        if validators.unchanged(answer):
            wait_s = cursor.get("wait_s")
            return Reading(
                cursor=cursor,
                unchanged=True,
                notes=[moved.note] if moved.note else [],
                min_interval_s=float(wait_s) if isinstance(wait_s, int | float) else None,
            )
        refuse_useless(answer)
        document = await read_document(fetch, answer)
        await self._read_on(fetch, document, target.cursor)
        return await self._read_document(fetch, document, target, cursor, [moved.note] if moved.note else [])

    async def look_up(self, fetch: Fetch, target: Target, posts: list[tuple[str, str]]) -> dict[str, Presence]:
        """Ask for each item's own page. 404 and 410 mean GONE, but only while the feed itself still answers."""
        found = {external_id: Presence.UNKNOWN for external_id, _ in posts}
        pages: dict[str, Presence] = {}
        for external_id, url in posts:
            if url and url not in pages:
                pages[url] = await self._look_at(fetch, url)
            found[external_id] = pages.get(url, Presence.UNKNOWN)
        if Presence.GONE in found.values() and not await self._still_a_feed(fetch, target):
            found = {key: Presence.UNKNOWN if value == Presence.GONE else value for key, value in found.items()}
        return found

    async def _ask(self, fetch: Fetch, target: Target, validators: Validators) -> Answer:
        headers = {"Accept": _ACCEPT, **validators.headers()}
        stored = string(target.cursor.get("url"))
        if stored:
            answer = await fetch.get(stored, headers=headers)
            if answer.status not in (404, 410):
                return answer
        return await fetch.get(target.address, headers=headers)

    async def _read_on(self, fetch: Fetch, document: Document, cursor: dict[str, Any]) -> None:
        """Follow a JSON Feed's ``next_url`` into the past: at the first poll, and when nothing known is on the page."""
        visited = {document.url}
        for _ in range(self.max_pages - 1):
            address = link(document.next_url, document.url)
            if not address:
                return
            items = await aside(document.answer, document.items)
            known = cursor.get("seen") and Keys(_good(items), cursor).overlap
            if known or address in visited or not same_site(address, document.url):
                return
            visited.add(address)
            answer = await fetch.get(address, headers={"Accept": _ACCEPT})
            if answer.status != 200 or not is_json(answer):
                return
            page = read_json_document(answer)
            document.entries += page.entries
            document.next_url = page.next_url

    async def _read_document(
        self, fetch: Fetch, document: Document, target: Target, cursor: dict[str, Any], notes: list[str]
    ) -> Reading:
        notes += document.notes
        document.whole = document.whole and len(document.entries) <= MAX_ITEMS
        document.entries = capped(document.entries, notes, "The feed")
        items = await aside(document.answer, document.items)
        keys = Keys(_good(items), target.cursor)
        posts, skipped = read_items(items, lambda item: _post(keys, item))
        if keys.switched:
            notes.append("The feed gives its items new guids each time: from now on they are known by their links.")
        if not keys.overlap:
            notes.append("No item of the last poll is in the feed any more: some may have come and gone in between.")
        notes += _date_notes(_good(items))
        in_order = not keys.switched and not skipped and document.whole
        window_start = _window_start(posts) if in_order else None
        if self.full_text:
            posts, cursor["details"] = await self._fill_teasers(fetch, posts, target.cursor, document.url)
            window_start = None
        cursor |= keys.after()
        cursor["wait_s"] = document.wait_s
        return Reading(
            posts=posts,
            cursor=cursor,
            window_start=window_start,
            profile=document.profile,
            skipped=skipped,
            notes=notes,
            min_interval_s=document.wait_s,
        )

    async def _fill_teasers(
        self, fetch: Fetch, posts: list[FetchedPost], cursor: dict[str, Any], base: str
    ) -> tuple[list[FetchedPost], dict[str, str]]:
        """Put the full text of the page behind each new teaser in its place.

        A teaser whose page was read before is left out: given as a teaser again it would look like an edit.
        """
        before = mapping(cursor.get("details"))
        after: dict[str, str] = {}
        filled = []
        left = self.max_detail_fetches
        for post in posts:
            name = hashlib.sha256(post.external_id.encode()).hexdigest()[:12]
            if post.teaser_only and before.get(name) == post.content_sha256[:12]:
                after[name] = post.content_sha256[:12]
                continue
            if post.teaser_only and left and post.url and same_site(post.url, base):
                left -= 1
                page = await self._detail(fetch, post.url)
                if len(page.text) >= len(post.text):
                    after[name] = post.content_sha256[:12]
                    post = post.model_copy(
                        update={"text": page.text, "alt_texts": page.alt_texts or post.alt_texts, "teaser_only": False}
                    )
            filled.append(post)
        return filled, after

    async def _detail(self, fetch: Fetch, url: str) -> Page:
        try:
            answer = await fetch.get(url)
        except FetchError:
            return Page()
        good = answer.status == 200 and is_html(answer) and same_site(url, answer.final_url)
        return main_article(answer.text() if good else "", answer.final_url)

    async def _look_at(self, fetch: Fetch, url: str) -> Presence:
        try:
            answer = await fetch.get(url)
        except FetchError:
            return Presence.UNKNOWN
        if answer.status in (404, 410):
            return Presence.GONE
        # A redirect to the listing or to a login page says nothing of the item.
        elsewhere = answer.redirects and urlsplit(answer.final_url).path.strip("/").lower() in ("", "login", "news")
        return Presence.THERE if answer.status == 200 and answer.body and not elsewhere else Presence.UNKNOWN

    async def _still_a_feed(self, fetch: Fetch, target: Target) -> bool:
        try:
            answer = await self._ask(fetch, target, Validators({}))
            refuse_other_site(target.address, answer)
            refuse_useless(answer)
        except FetchError:
            return False
        return True


def _post(keys: Keys, item: Item | Exception) -> FetchedPost:
    if isinstance(item, Exception):
        raise item
    return post_of(item, keys.of(item))


def _good(items: Sequence[Item | Exception]) -> list[Item]:
    return [item for item in items if isinstance(item, Item)]


def _date_notes(items: Sequence[Item]) -> list[str]:
    bad = [item.dated for item in items if item.dated and item.posted_at is None]
    if not bad:
        return []
    return [f"{len(bad)} item(s) carry a date that cannot be read, like “{bad[0][:60]}”."]


def _window_start(posts: Sequence[FetchedPost]) -> datetime | None:
    """The oldest item's time, if the feed is plainly the newest items in order: then a gap in it is a missing post."""
    times = [post.posted_at for post in posts]
    dated = [when for when in times if when is not None]
    in_order = len(dated) == len(times) and all(newer >= older for newer, older in pairwise(dated))
    return dated[-1] if dated and in_order else None
