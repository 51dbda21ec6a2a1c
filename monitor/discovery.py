"""Finding what a web page offers for watching: the feeds it declares and the social accounts it links to."""

import re
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

from monitor.config import Config
from monitor.errors import FetchError, UsageError
from monitor.http import Web
from monitor.sources import source_classes

_FEED_TYPES = ("application/rss+xml", "application/atom+xml", "application/feed+json")
_BLUESKY = re.compile(r"^https?://bsky\.app/profile/([^/?#]+)/?$", re.IGNORECASE)
_MASTODON = re.compile(r"^https?://[^/]+/@[A-Za-z0-9_.]+/?$")
_NOT_MASTODON = frozenset(
    {"www.youtube.com", "youtube.com", "www.tiktok.com", "medium.com", "www.threads.net", "www.threads.com"}
)


async def discover(web: Web, config: Config, url: str) -> list[dict[str, str]]:
    """What can be watched of an office whose page stands at ``url``: platform, address and title of each.

    Raises UsageError for something that is no web address and FetchError when the page does not answer.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(f"“{url}” is not a web address: give one that begins with https://.")
    answer = await web.get(url)
    answer.raise_for_status()
    if "html" not in answer.content_type:
        return [{"platform": "feed", "address": answer.final_url, "title": ""}]
    found = links_of(answer.text(), answer.final_url)
    return [item for item in found if item["platform"] != "mastodon" or await _answers(web, config, item["address"])]


def links_of(html: str, base: str) -> list[dict[str, str]]:
    """The feeds that a page declares and the Bluesky and Mastodon profiles it links to, each once."""
    tree = LexborHTMLParser(html)
    found: dict[tuple[str, str], str] = {}
    for link in tree.css("link[rel~=alternate][href]"):
        if (link.attributes.get("type") or "").lower() in _FEED_TYPES:
            address = urljoin(base, link.attributes["href"] or "")
            found.setdefault(("feed", address), link.attributes.get("title") or "")
    for anchor in tree.css("a[href]"):
        address = urljoin(base, (anchor.attributes["href"] or "").strip())
        title = " ".join(anchor.text().split())
        if match := _BLUESKY.match(address):
            found.setdefault(("bluesky", match.group(1)), title)
        elif _MASTODON.match(address) and urlsplit(address).hostname not in _NOT_MASTODON:
            found.setdefault(("mastodon", address), title)
    known = source_classes()
    return [
        {"platform": platform, "address": address, "title": title}
        for (platform, address), title in found.items()
        if platform in known
    ]


async def _answers(web: Web, config: Config, address: str) -> bool:
    """Whether a server of that dialect knows the account: ``/@name`` is used by other sites too."""
    source = config.source("mastodon")
    try:
        await source.identify(web.fetch(), source.normalise(address))
    except (FetchError, UsageError):
        return False
    return True
