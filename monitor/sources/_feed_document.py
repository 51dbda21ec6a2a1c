"""A feed's document, whatever its format, and the answers that only look like one."""

import re
from typing import Any

from monitor.errors import FetchError
from monitor.http import Answer
from monitor.sources import Fetch, Profile
from monitor.sources._feed_items import Item, read_entry, read_json_item
from monitor.sources._html import feed_links, has_password_field
from monitor.sources._shape import UNREADABLE, SkipError, link, malformed, mapping, refuse_huge, sequence, string

_LONGEST_WAIT_S = 12 * 3600.0
"""A feed may ask for rest, but not for so much that a day passes without a look."""
_PERIOD_S = {"hourly": 3600, "daily": 86_400, "weekly": 604_800, "monthly": 2_592_000, "yearly": 31_536_000}


class Document:
    """One feed as it was read: its items still as the format has them."""

    def __init__(
        self, answer: Answer, entries: list[Any], feed: dict[str, Any], profile: Profile, *, is_json: bool
    ) -> None:
        self.answer = answer
        self.url = answer.final_url
        self.entries = entries
        self.feed = feed
        self.profile = profile
        self.is_json = is_json
        self.next_url: Any = None
        self.whole = True
        """Whether the document was well-formed to its end."""
        self.wait_s: float | None = None
        self.notes: list[str] = []

    def items(self) -> list[Item | Exception]:
        """Each entry as an item, or what was wrong with it."""
        return [self._item(entry) for entry in self.entries]

    def _item(self, entry: Any) -> Item | Exception:
        try:
            return read_json_item(entry, self.feed, self.url) if self.is_json else read_entry(entry, self.url)
        except (SkipError, *UNREADABLE) as fault:
            return fault


async def read_document(fetch: Fetch, answer: Answer) -> Document:
    if is_json(answer):
        return read_json_document(answer)
    parsed = mapping(await fetch.parse_feed(answer))
    entries, feed = sequence(parsed.get("entries")), mapping(parsed.get("feed"))
    if not string(parsed.get("version")) and not entries:
        raise FetchError(
            f"{answer.url} is not a feed that can be read ({answer.content_type or 'no content type'}): "
            f"{string(parsed.get('bozo')) or 'neither RSS, Atom nor JSON Feed'}.",
            kind="not_a_feed",
        )
    profile = Profile(
        external_id=answer.final_url, name=string(feed.get("title"), 500), url=link(feed.get("link"), answer.final_url)
    )
    document = Document(answer, list(entries), feed, profile, is_json=False)
    document.notes = [note for note in map(string, sequence(parsed.get("notes"))) if note]
    problem = string(parsed.get("bozo"))
    if problem and "CharacterEncodingOverride" not in problem and "NonXMLContentType" not in problem:
        document.whole = False
        document.notes.append(f"The feed is malformed ({problem}); what could be read was read.")
    document.wait_s = _wait_s(feed, answer)
    return document


def read_json_document(answer: Answer) -> Document:
    feed = mapping(answer.json())
    if "jsonfeed.org/version/" not in string(feed.get("version")) or not isinstance(feed.get("items"), list):
        raise malformed(answer.url, "it is JSON but no JSON Feed")
    if feed.get("expired") is True:
        raise FetchError(f"{answer.url} says that it has ended (“expired”).", kind="gone", permanent=True)
    home = link(feed.get("home_page_url"), answer.final_url)
    profile = Profile(external_id=answer.final_url, name=string(feed.get("title"), 500), url=home)
    document = Document(answer, list(feed["items"]), feed, profile, is_json=True)
    document.next_url = feed.get("next_url")
    document.wait_s = _wait_s({}, answer)
    return document


def refuse_useless(answer: Answer) -> None:
    """Raise FetchError for everything that must not be read as “no posts”."""
    answer.raise_for_status()
    if answer.status != 200 or not answer.body.strip():
        raise FetchError(
            f"{answer.url} answered {answer.status} without content, which is not the same as no posts.",
            kind="malformed",
        )
    if not is_html(answer):
        refuse_huge(answer)
        return
    page = answer.text()
    if has_password_field(page):
        raise FetchError(f"{answer.url} asks for a password instead of giving a feed.", kind="login_wall")
    offers = feed_links(page, answer.final_url)[:5]
    advice = f"It links to: {', '.join(offers)}." if offers else "Look for the address of its RSS feed."
    raise FetchError(f"{answer.url} is a web page, not a feed. {advice}", kind="not_a_feed")


def is_html(answer: Answer) -> bool:
    head = answer.body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if re.match(rb"<!doctype\s+html|<html", head):
        return True
    is_feed = re.search(rb"<(?:rss|feed|rdf:rdf|\?xml)[\s>]", head) or head.startswith(b"{")
    return "html" in answer.content_type and not is_feed


def is_json(answer: Answer) -> bool:
    return "json" in answer.content_type or answer.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def _wait_s(feed: dict[str, Any], answer: Answer) -> float | None:
    """The longest rest, in seconds, that ``ttl`` (minutes), ``sy:updatePeriod`` or ``max-age`` ask for."""
    waits = []
    if ttl := re.fullmatch(r"\s*(\d{1,9})\s*", string(feed.get("ttl"))):
        waits.append(60.0 * int(ttl[1]))
    period = _PERIOD_S.get(string(feed.get("sy_updateperiod")).lower())
    if period:
        often = re.fullmatch(r"[1-9]\d{0,5}", string(feed.get("sy_updatefrequency")))
        waits.append(period / int(often[0]) if often else period)
    if age := re.search(r"max-age=(\d{1,9})", answer.headers.get("cache-control", "")):
        waits.append(float(age[1]))
    return min(max(waits), _LONGEST_WAIT_S) or None if waits else None
