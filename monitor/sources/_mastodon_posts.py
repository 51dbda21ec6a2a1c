"""Mastodon's posts: a Status entity in, a post out; and what their ids tell. No network here.

Entities after docs.joinmastodon.org. GoToSocial, snac, Takahē, Pleroma and others leave out fields and number posts
in their own way: everything but ``id`` and ``content`` may be absent, and an id is opaque unless it is all digits.
"""

import re
from typing import Any
from urllib.parse import urlsplit

from models.post import Authorship, FetchedPost, Media
from monitor.sources._html import html_to_text
from monitor.sources._shape import SkipError, identifier, link, mapping, moment, prose, sequence, string


def parse_status(status: Any, account_id: str, places: frozenset[str]) -> FetchedPost | None:
    """A Status entity as a post. What is not by ``account_id``, or not addressed at ``places``, is shared.

    None for posts that are not public. A boost carries what it boosts under the original's author. A boost of one's own
    post is that post again.
    """
    outer = mapping(status)
    inner = mapping(outer.get("reblog")) or outer
    if any(string(each.get("visibility")) not in ("", "public", "unlisted") for each in (outer, inner)):
        return None
    uri = identifier(inner.get("uri")) or link(inner.get("url"))
    if not uri:
        raise SkipError("it has neither uri nor url")
    account = mapping(inner.get("account"))
    author = identifier(account.get("id"))[:2048]
    own = author in ("", account_id) if inner is outer else author == account_id
    own = own and _addressed_by(uri, account, places)
    if not own:
        uri = identifier(outer.get("uri")) or uri
    quoted = _quoted(inner)
    media = [item for item in map(_media, sequence(inner.get("media_attachments"))) if item.url or item.alt]
    card = mapping(inner.get("card"))
    return FetchedPost(
        external_id=uri,
        url=link(inner.get("url")) or link(uri),
        text=_text_of(inner),
        alt_texts=[item.alt for item in media if item.alt],
        link_titles=[title for title in (prose(card.get("title")),) if title],
        quoted_text=_text_of(quoted),
        quoted_author=string(mapping(quoted.get("account")).get("acct")),
        authorship=_authorship(own, inner, account_id),
        author_id=author,
        author_handle=string(account.get("acct")),
        reply_to=_continued(inner, uri, account_id) if own else "",
        posted_at=moment(inner.get("created_at")) if own else moment(outer.get("created_at")),
        edited_at=moment(inner.get("edited_at")),
        revision=string(inner.get("edited_at")),
        lang=string(inner.get("language"), 35),
        media=media,
    )


def _text_of(status: dict[str, Any]) -> str:
    """Content warning, body, and the options of a poll, as a reader sees them."""
    poll = mapping(status.get("poll"))
    options = [prose(mapping(option).get("title")).strip() for option in sequence(poll.get("options"))]
    parts = [
        prose(status.get("spoiler_text")).strip(),
        html_to_text(prose(status.get("content"))),
        "\n".join(f"- {option}" for option in options if option),
    ]
    return "\n\n".join(part for part in parts if part)


def _media(value: Any) -> Media:
    attachment = mapping(value)
    return Media(
        kind=string(attachment.get("type"), 40) or "image",
        url=link(attachment.get("url")) or link(attachment.get("remote_url")),
        alt=prose(attachment.get("description")).strip(),
    )


def _quoted(status: dict[str, Any]) -> dict[str, Any]:
    """The quoted status if its author lets it be shown. ShallowQuote names only an id; Pleroma gives the status."""
    quoted = mapping(status.get("quote"))
    if string(quoted.get("state")) not in ("", "accepted"):
        return {}
    inside = mapping(quoted.get("quoted_status")) or quoted
    return inside if string(inside.get("visibility")) in ("", "public", "unlisted") else {}


def _authorship(own: bool, status: dict[str, Any], account_id: str) -> Authorship:
    """Own words, an answer to somebody, or somebody else's words. A thread of one's own is one's own words."""
    if not own:
        return Authorship.SHARED
    answered = identifier(status.get("in_reply_to_account_id"))
    is_reply = bool(identifier(status.get("in_reply_to_id")))
    return Authorship.REPLY if is_reply and answered != account_id else Authorship.OWN


def _continued(status: dict[str, Any], uri: str, account_id: str) -> str:
    """The uri of the account's own post that this one goes on from.

    The server names it by number. Its uri can be told where this one's ends with its own number; a post of somebody
    else may live anywhere.
    """
    number, before = identifier(status.get("id")), identifier(status.get("in_reply_to_id"))
    if not before or identifier(status.get("in_reply_to_account_id")) != account_id:
        return ""
    start, slash, end = uri.rpartition("/")
    return f"{start}{slash}{before}" if end == number else ""


def _addressed_by(uri: str, account: dict[str, Any], places: frozenset[str]) -> bool:
    """Whether a post's uri can be the account's: on its server, and not under another user's name."""
    if not uri.startswith(("http://", "https://")):
        return True
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    named = re.match(r"/users/([^/]+)/statuses/", parts.path)
    username = string(account.get("username")).lower()
    if named and username and named[1].lower() != username:
        return False
    return parts.netloc.lower() in places


def id_of(status: Any) -> str:
    return identifier(mapping(status).get("id"))


def author_id_of(status: Any) -> str:
    return identifier(mapping(mapping(status).get("account")).get("id"))


def order_of(status_id: str) -> tuple[int, str]:
    """Sorts decimal ids by value and ULIDs by text: both grow with time."""
    return len(status_id) if status_id.isdecimal() else 0, status_id


def comparable(one: str, other: str) -> bool:
    """Whether the two ids' order says which is newer: snac's, which end in a hash, say nothing."""
    decimal = one.isdecimal() and other.isdecimal()
    ulid = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
    return decimal or bool(ulid.fullmatch(one) and ulid.fullmatch(other))


def newest_of(ids: list[str]) -> str:
    """The newest of the ids; where they cannot be compared, the first, as pages come newest first."""
    known = [each for each in ids if each]
    if known and all(comparable(known[0], each) for each in known):
        return max(known, key=order_of)
    return known[0] if known else ""


def local_id_of(external_id: str, url: str, places: frozenset[str]) -> str:
    """The server's own id of a post, which the last part of its address carries; snac's addresses carry none.

    A boosted post's address lies on another server, whose ids mean nothing here.
    """
    for address in (external_id, url):
        match = re.fullmatch(r"https?://([^/?#]+)/(?:[^?#]*/)?([0-9A-Za-z]{6,64})/?", address.removesuffix("/activity"))
        if match and match[1].lower() in places:
            return match[2]
    return ""
