"""Bluesky's JSON views of posts, embeds, profiles and authors, made from the sample world."""

import base64
import functools
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from monitor.sample.richtext import marks
from monitor.sample.world import Office, Post, Quote, Stranger

Json = dict[str, Any]
_TID = "234567abcdefghijklmnopqrstuvwxyz"  # base32-sortable


@functools.lru_cache(maxsize=100_000)
def did_of(identity: str) -> str:
    """A made-up but well-formed ``did:plc`` identifier."""
    return "did:plc:" + base64.b32encode(hashlib.sha256(identity.encode()).digest()).decode().lower()[:24]


def uri_of(office: Office, post: Post) -> str:
    """The AT-URI under which a post is known; for a repost, that of the original."""
    if post.repost is not None:
        return f"at://{did_of(post.repost.handle)}/app.bsky.feed.post/{_rkey(post.serial)}"
    return f"at://{did_of(office.slug)}/app.bsky.feed.post/{_rkey(post.serial)}"


def feed_item(office: Office, post: Post) -> Json:
    """A ``feedViewPost``: the post, what it replies to, and why it is here when it is a repost."""
    item: Json = {"post": post_view(office, post)}
    parents = _parents(office, post)
    if parents is not None:
        root, parent = parents
        item["reply"] = {
            "root": {**root, "$type": "app.bsky.feed.defs#postView"},
            "parent": {**parent, "$type": "app.bsky.feed.defs#postView"},
        }
    if post.repost is not None:
        uri = f"at://{did_of(office.slug)}/app.bsky.feed.repost/{_rkey(post.serial)}"
        item["reason"] = {
            "$type": "app.bsky.feed.defs#reasonRepost",
            "by": _author(office.handle, did_of(office.slug), office.name),
            "uri": uri,
            "cid": cid(uri),
            "indexedAt": _time(post.posted_at),
        }
    return item


def post_view(office: Office, post: Post) -> Json:
    """A ``postView`` with its record and embeds; for a repost, the original author's."""
    author = _stranger(post.repost) if post.repost else _author(office.handle, did_of(office.slug), office.name)
    record = _record(office, post)
    uri = uri_of(office, post)
    revision = cid(record)
    view: Json = {
        "uri": uri,
        "cid": revision,
        "author": author,
        "record": record,
        "bookmarkCount": 0,
        "replyCount": 0,
        "repostCount": 1 if post.repost else 0,
        "likeCount": post.serial // 3_600_000_000 % 23,
        "quoteCount": 0,
        "indexedAt": _time(post.changed_at),
        "labels": [],
    }
    if post.warning:
        view["labels"] = [
            {"src": author["did"], "uri": uri, "cid": revision, "val": "graphic-media", "cts": view["indexedAt"]}
        ]
    embed = _embed_view(office, post)
    if embed is not None:
        view["embed"] = embed
    return view


def _record(office: Office, post: Post) -> Json:
    record: Json = {
        "$type": "app.bsky.feed.post",
        "text": post.text,
        "langs": [post.lang],
        "createdAt": _time(post.posted_at),
    }
    facets = _facets(post.text)
    if facets:
        record["facets"] = facets
    if post.warning:
        record["labels"] = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "graphic-media"}]}
    parents = _parents(office, post)
    if parents is not None:
        root, parent = parents
        record["reply"] = {
            "root": {"cid": root["cid"], "uri": root["uri"]},
            "parent": {"cid": parent["cid"], "uri": parent["uri"]},
        }
    embed = _embed_record(post)
    if embed is not None:
        record["embed"] = embed
    return record


def _embed_record(post: Post) -> Json | None:
    media: Json | None = None
    if post.alts:
        images = [{"alt": alt, "image": _blob(f"{post.id}-{n}")} for n, alt in enumerate(post.alts)]
        media = {"$type": "app.bsky.embed.images", "images": images}
    elif post.card is not None:
        card = {"uri": post.card.url, "title": post.card.title, "description": post.card.description}
        media = {"$type": "app.bsky.embed.external", "external": card}
    if post.quote is None:
        return media
    quoted = _quoted(post.quote, post)
    reference = {"cid": quoted["cid"], "uri": quoted["uri"]}
    if media is None:
        return {"$type": "app.bsky.embed.record", "record": reference}
    return {"$type": "app.bsky.embed.recordWithMedia", "media": media, "record": {"record": reference}}


def _embed_view(office: Office, post: Post) -> Json | None:
    media: Json | None = None
    if post.alts:
        images = []
        for n, alt in enumerate(post.alts):
            path = f"plain/{did_of(office.slug)}/{_blob(f'{post.id}-{n}')['ref']['$link']}"
            thumb, full = (f"https://cdn.example/img/{size}/{path}" for size in ("feed_thumbnail", "feed_fullsize"))
            images.append({"thumb": thumb, "fullsize": full, "alt": alt, "aspectRatio": {"width": 64, "height": 48}})
        media = {"$type": "app.bsky.embed.images#view", "images": images}
    elif post.card is not None:
        card = {"uri": post.card.url, "title": post.card.title, "description": post.card.description}
        media = {"$type": "app.bsky.embed.external#view", "external": card}
    if post.quote is None:
        return media
    quoted = {"$type": "app.bsky.embed.record#viewRecord", **_quoted(post.quote, post)}
    if media is None:
        return {"$type": "app.bsky.embed.record#view", "record": quoted}
    return {"$type": "app.bsky.embed.recordWithMedia#view", "media": media, "record": {"record": quoted}}


def _quoted(quote: Quote, post: Post) -> Json:
    """The part of a ``viewRecord`` that somebody else's post fills."""
    value = {"$type": "app.bsky.feed.post", "text": quote.text, "createdAt": _time(post.posted_at)}
    return {
        "uri": f"at://{did_of(quote.author.handle)}/app.bsky.feed.post/{_rkey(post.serial - 1_000_000)}",
        "cid": cid(value),
        "author": _stranger(quote.author),
        "value": value,
        "labels": [],
        "likeCount": 0,
        "replyCount": 0,
        "repostCount": 0,
        "quoteCount": 1,
        "indexedAt": value["createdAt"],
        "embeds": [],
    }


def _parents(office: Office, post: Post) -> tuple[Json, Json] | None:
    """Root and parent of a reply as post views, or ``None`` for a post that opens a thread."""
    if post.answers is not None:
        quoted = _quoted(post.answers, post)
        view = {key: value for key, value in quoted.items() if key not in ("value", "embeds")}
        view |= {"record": quoted["value"], "bookmarkCount": 0}
        return view, view
    parent = office.post(post.thread) if post.thread else None
    if parent is None:
        return None
    root = parent
    while root.thread and (above := office.post(root.thread)):
        root = above
    return post_view(office, root), post_view(office, parent)


def profile(office: Office) -> Json:
    """A ``profileViewDetailed``."""
    document = {
        "did": did_of(office.slug),
        "handle": office.handle,
        "displayName": office.name,
        "associated": {
            "lists": 0,
            "feedgens": 0,
            "starterPacks": 0,
            "labeler": False,
            "activitySubscription": {"allowSubscriptions": "followers"},
        },
        "labels": [],
        "createdAt": "2024-11-12T15:00:00.000Z",
        "description": office.description,
        "indexedAt": "2024-11-12T15:00:00.000Z",
        "followersCount": 1200,
        "followsCount": 31,
        "postsCount": sum(post.repost is None for post in office.posts),
    }
    pinned = next((post for post in office.posts if post.pinned), None)
    if pinned is not None:
        document["pinnedPost"] = {"cid": cid(_record(office, pinned)), "uri": uri_of(office, pinned)}
    return document


def _author(handle: str, did: str, name: str) -> Json:
    return {
        "did": did,
        "handle": handle,
        "displayName": name,
        "associated": {"activitySubscription": {"allowSubscriptions": "followers"}},
        "labels": [],
        "createdAt": "2024-11-12T15:00:00.000Z",
    }


def _stranger(stranger: Stranger) -> Json:
    return _author(stranger.handle, did_of(stranger.handle), stranger.name)


def _facets(text: str) -> list[Json]:
    """Rich text: offsets count UTF-8 bytes, the end is exclusive."""
    facets = []
    for mark in marks(text):
        start, end = (len(text[:at].encode()) for at in (mark.start, mark.end))
        name = "uri" if mark.kind == "link" else "tag"
        feature = {"$type": f"app.bsky.richtext.facet#{mark.kind}", name: mark.value}
        facets.append({"index": {"byteStart": start, "byteEnd": end}, "features": [feature]})
    return facets


def _rkey(serial: int) -> str:
    """A TID: 53 bits of microseconds and 10 bits of clock id in 13 sortable letters."""
    number = serial << 10 | 22
    return "".join(_TID[number >> shift & 31] for shift in range(60, -1, -5))


def cid(value: Any) -> str:
    """A content id of the right form (CIDv1, dag-cbor, sha-256), taken over JSON: no reader here checks CBOR."""
    digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
    return "b" + base64.b32encode(b"\x01\x71\x12\x20" + digest).decode().lower().rstrip("=")


def _blob(name: str) -> Json:
    link = cid(name).replace("bafyrei", "bafkrei", 1)
    return {"$type": "blob", "ref": {"$link": link}, "mimeType": "image/jpeg", "size": 48_211}


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
