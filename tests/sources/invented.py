"""Invented answers in the shapes of the platforms."""

from datetime import UTC, datetime, timedelta
from typing import Any

DID = "did:plc:inventedinventedinvent12"
OTHER_DID = "did:plc:strangerstrangerstrange1"
HANDLE = "sheriff.mudlark.example"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at(hours: float = 0) -> str:
    """A time so many hours before noon, as the platforms write it."""
    return (NOON - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def skeet(text: str, key: str = "3maaa", *, hours: float = 0, did: str = DID, **record: Any) -> dict[str, Any]:
    """An entry of an author feed. ``embed``, ``reason`` and ``reply`` go where the AppView puts them."""
    embed, reason = record.pop("embed", None), record.pop("reason", None)
    handle = record.pop("handle", HANDLE if did == DID else "stranger.example")
    post: dict[str, Any] = {
        "uri": f"at://{did}/app.bsky.feed.post/{key}",
        "cid": f"bafyrei{key}",
        "author": {"did": did, "handle": handle, "displayName": "Mudlark County Sheriff", "labels": []},
        "record": {"$type": "app.bsky.feed.post", "text": text, "createdAt": at(hours), "langs": ["en"], **record},
        "indexedAt": at(hours),
        "labels": [],
    }
    if embed:
        post["embed"] = embed
    return {"post": post} | ({"reason": reason} if reason else {})


def profile(did: str = DID, handle: str = HANDLE, labels: tuple[str, ...] = ()) -> dict[str, Any]:
    """A profile view."""
    return {
        "did": did,
        "handle": handle,
        "displayName": "Mudlark County Sheriff",
        "labels": [{"val": v} for v in labels],
    }


ACCOUNT: dict[str, Any] = {
    "id": "1001",
    "username": "mudlark",
    "acct": "mudlark",
    "display_name": "Mudlark County Sheriff",
    "url": "https://social.example/@mudlark",
}
STRANGER: dict[str, Any] = {
    "id": "2002",
    "username": "gazette",
    "acct": "gazette@press.example",
    "display_name": "The Gazette",
    "url": "https://press.example/@gazette",
}


def toot(number: int, content: str = "<p>Road closed.</p>", **fields: Any) -> dict[str, Any]:
    """A Status entity of the account."""
    status: dict[str, Any] = {
        "id": str(number),
        "uri": f"https://social.example/users/mudlark/statuses/{number}",
        "url": f"https://social.example/@mudlark/{number}",
        "created_at": (NOON + timedelta(minutes=number % 100_000)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "edited_at": None,
        "visibility": "public",
        "spoiler_text": "",
        "language": "en",
        "in_reply_to_id": None,
        "in_reply_to_account_id": None,
        "content": content,
        "reblog": None,
        "quote": None,
        "poll": None,
        "card": None,
        "account": ACCOUNT,
        "media_attachments": [],
    }
    return status | fields


def rss(*items: str, head: str = "") -> str:
    """An RSS document around these items."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
        'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"><channel><title>Mudlark County Sheriff</title>'
        f"<link>/news/</link>{head}{''.join(items)}</channel></rss>"
    )


def rss_item(
    number: int,
    *,
    guid: str | None = "",
    title: str = "",
    body: str = "",
    link: str = "",
    date: str = "",
    more: str = "",
) -> str:
    """One item. ``guid`` None leaves it out; ``body`` is escaped HTML or text for ``description``."""
    when = date or (NOON - timedelta(hours=number)).strftime("%a, %d %b %Y %H:%M:%S +0000")
    named = "" if guid is None else f'<guid isPermaLink="false">{guid or f"item-{number}"}</guid>'
    return (
        f"<item>{named}<title>{title or f'Notice {number}'}</title><link>{link or f'/news/{number}'}</link>"
        f"<pubDate>{when}</pubDate><description>{body or f'The text of notice {number}.'}</description>{more}</item>"
    )
