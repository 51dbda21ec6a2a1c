"""Bluesky, read from the public AppView without an account.

Shapes after the lexicons ``app.bsky.feed.*``, ``app.bsky.embed.*`` and ``app.bsky.richtext.facet``. Unions are open:
a ``$type`` we do not know is skipped.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field

from models.post import Authorship, FetchedPost, Media
from monitor.errors import FetchError, UsageError
from monitor.http import Answer
from monitor.sources import Fetch, Presence, Profile, Reading, Source, Target
from monitor.sources._shape import (
    SkipError,
    capped,
    identifier,
    link,
    malformed,
    mapping,
    moment,
    prose,
    read_items,
    sequence,
    string,
)
from monitor.sources._unchanged import Validators

_HANDLE = re.compile(r"(?=.{3,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,200}")
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_OVERLAP = timedelta(hours=6)
"""How far before the newest known post paging goes on: late federation and backdated posts turn up there."""
_ASK_AT_ONCE = 25
_HIDDEN = "!no-unauthenticated"


class Bluesky(Source):
    """``[sources.bluesky]``"""

    title: ClassVar[str] = "Bluesky"
    example: ClassVar[str] = "sheriff.example.gov"

    appview: str = Field(default="https://public.api.bsky.app", pattern=r"^https?://[^\s/]+/?$")
    """Base URL of the AppView."""
    max_pages: int = Field(default=5, ge=1, le=50)
    """Pages of 100 posts read in one poll at most."""

    def normalise(self, address: str) -> str:
        """A handle in lower case, or a DID; also from a profile's address on bsky.app or an ``at://`` URI."""
        given = address.strip()
        if "://" in given:
            parts = urlsplit(given) if given.isprintable() and "[" not in given else urlsplit("")
            inside = parts.path.strip("/").split("/")
            given = parts.netloc if parts.scheme == "at" else inside[1] if inside[0] == "profile" and inside[1:] else ""
        given = given.removeprefix("@")
        if _DID.fullmatch(given):
            return given
        handle = given.lower().removesuffix(".")
        if not _HANDLE.fullmatch(handle):
            raise UsageError(
                f"“{address[:100]}” is not a Bluesky account: give a handle like {self.example}, a did:plc:… "
                f"or the profile's address on bsky.app."
            )
        return handle

    def host(self, target: Target) -> str:
        """The AppView, whoever is read."""
        return urlsplit(self.appview).netloc

    async def identify(self, fetch: Fetch, address: str) -> Profile:
        """The DID behind a handle. Raises FetchError (``gone``) when there is none."""
        return _profile(await self._ask_profile(fetch, address))

    async def read(self, fetch: Fetch, target: Target) -> Reading:
        """The newest posts and own threads, back to six hours before the newest known one."""
        validators = Validators(target.cursor)
        profile = None
        did = target.external_id
        if not did or validators.stale:
            profile = await self._confirm(fetch, target)
            did = profile.external_id
        first = await self._ask(
            fetch, "app.bsky.feed.getAuthorFeed", self._feed_params(did), headers=validators.headers()
        )
        cursor = {**target.cursor, "last": validators.after(first)} if first.status in (200, 304) else {}
        if validators.unchanged(first):
            return Reading(cursor=cursor, unchanged=True, profile=profile)
        await self._refuse_lost(fetch, target, did, first)
        high_water = moment(target.cursor.get("high_water"))
        stop_at = high_water - _OVERLAP if high_water else _BEGINNING
        notes: list[str] = []
        items, ended = await self._page_on(fetch, did, first, stop_at, notes)
        if profile is None and _identity_doubtful(items, did, target.address):
            profile = await self._confirm(fetch, target)
        if any(_is_hidden(author) for author in _own_authors(items, did)):
            raise _hidden_error(target.address)
        posts, skipped = read_items(items, lambda item: parse_item(item, did))
        times = [when for when in map(_sorted_at, items) if when]
        if not ended and high_water and (not times or min(times) > high_water):
            notes.append(
                f"More than {self.max_pages} pages are new since {high_water:%Y-%m-%d %H:%M} UTC: "
                f"posts before {min(times):%Y-%m-%d %H:%M} UTC may have been missed."
                if times
                else "No post on these pages carries a time: some may have been missed."
            )
        if profile and profile.note:
            notes.append(profile.note)
        if times:
            newest = min(max(times), datetime.now(UTC))
            cursor["high_water"] = max(newest, high_water or newest).isoformat()
        return Reading(
            posts=posts,
            cursor=cursor,
            window_start=_window_start(items, ended),
            profile=profile,
            skipped=skipped,
            notes=notes,
        )

    async def look_up(self, fetch: Fetch, target: Target, posts: list[tuple[str, str]]) -> dict[str, Presence]:
        """Ask for the posts by URI. What the AppView leaves out is gone, if the account itself still answers."""
        found = {external_id: Presence.UNKNOWN for external_id, _ in posts}
        asked = [uri for uri in found if uri.startswith("at://")]
        missing = []
        for start in range(0, len(asked), _ASK_AT_ONCE):
            some = asked[start : start + _ASK_AT_ONCE]
            answer = await self._ask(fetch, "app.bsky.feed.getPosts", [("uris", uri) for uri in some])
            answer.raise_for_status()
            body = mapping(answer.json())
            if not isinstance(body.get("posts"), list):
                raise malformed("Bluesky", "getPosts without a list “posts”")
            there = {string(mapping(post).get("uri")) for post in body["posts"]}
            found.update({uri: Presence.THERE for uri in some if uri in there})
            missing += [uri for uri in some if uri not in there]
        owners = {uri.removeprefix("at://").partition("/")[0] for uri in missing}
        standing = {owner: await self._account_presence(fetch, owner) for owner in sorted(owners)}
        return found | {uri: standing[uri.removeprefix("at://").partition("/")[0]] for uri in missing}

    async def _account_presence(self, fetch: Fetch, did: str) -> Presence:
        """What a missing post of this account means: GONE when the account answers, ACCOUNT_GONE when it is lost."""
        try:
            await self._ask_profile(fetch, did)
        except FetchError as error:
            return Presence.ACCOUNT_GONE if error.kind == "gone" else Presence.UNKNOWN
        return Presence.GONE

    async def _confirm(self, fetch: Fetch, target: Target) -> Profile:
        """Who answers at the address now. Raises FetchError (``moved``) when that is not who answered before."""
        try:
            body = await self._ask_profile(fetch, target.address)
        except FetchError as error:
            if error.kind != "gone" or not target.external_id or target.address == target.external_id:
                raise
            # The handle resolves no longer; the account behind it may go on under another one.
            body = await self._ask_profile(fetch, target.external_id, called=target.address)
        profile = _profile(body)
        if target.external_id and profile.external_id != target.external_id:
            raise FetchError(
                f"{target.address} now belongs to another account ({profile.external_id}, before "
                f"{target.external_id}). Nothing is read until you add the account that you mean.",
                kind="moved",
                permanent=True,
            )
        if _is_hidden(body):
            raise _hidden_error(target.address)
        if profile.handle and not _DID.fullmatch(target.address) and profile.handle != target.address:
            note = f"{target.address} now calls itself {profile.handle}; it is the same account."
            return Profile(profile.external_id, profile.handle, profile.name, profile.url, note)
        return profile

    async def _refuse_lost(self, fetch: Fetch, target: Target, did: str, answer: Answer) -> None:
        """Raise what an error answer means, looking first whether the handle went to somebody else."""
        try:
            _raise_for(answer, target.address)
        except FetchError as error:
            if error.kind == "gone" and target.address != did:
                await self._confirm(fetch, target)
            raise

    async def _page_on(
        self, fetch: Fetch, did: str, first: Answer, stop_at: datetime, notes: list[str]
    ) -> tuple[list[Any], bool]:
        """The items of the first page and of those behind it, and whether the account's whole past was read."""
        items, page = _items_of(first, notes)
        for _ in range(self.max_pages - 1):
            times = [when for when in map(_sorted_at, items) if when]
            if not page or not items or (times and times[-1] < stop_at):
                break
            answer = await self._ask(fetch, "app.bsky.feed.getAuthorFeed", [*self._feed_params(did), ("cursor", page)])
            _raise_for(answer, did)
            more, page = _items_of(answer, notes)
            items += more
        return items, not page and not notes

    def _feed_params(self, did: str) -> list[tuple[str, str]]:
        return [("actor", did), ("limit", "100"), ("filter", "posts_and_author_threads")]

    async def _ask_profile(self, fetch: Fetch, actor: str, called: str = "") -> dict[str, Any]:
        answer = await self._ask(fetch, "app.bsky.actor.getProfile", [("actor", actor)])
        _raise_for(answer, called or actor)
        body = mapping(answer.json())
        if not _DID.fullmatch(string(body.get("did"))):
            raise malformed("Bluesky", "a profile without “did”")
        return body

    async def _ask(
        self, fetch: Fetch, nsid: str, params: list[tuple[str, str]], headers: dict[str, str] | None = None
    ) -> Answer:
        return await fetch.get(f"{self.appview.rstrip('/')}/xrpc/{nsid}", params=params, headers=headers)


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
        posted_at=moment(reason.get("indexedAt")) if not own and reason else _posted_at(view),
        revision=string(view.get("cid")),
        lang=string(langs[0], 35) if langs else "",
        media=media,
    )


def _authorship(own: bool, record: dict[str, Any], item: dict[str, Any]) -> Authorship:
    """Own words, an answer to somebody, or somebody else's words. An office's own thread is its own words."""
    if not own:
        return Authorship.SHARED
    parent = string(mapping(mapping(record.get("reply")).get("parent")).get("uri"))
    mine = string(mapping(mapping(item.get("post")).get("author")).get("did"))
    return Authorship.REPLY if parent and not parent.startswith(f"at://{mine}/") else Authorship.OWN


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


def _sorted_at(item: Any) -> datetime | None:
    """The time by which the AppView orders this entry: of the repost, else the earlier of claimed and seen."""
    reason = mapping(mapping(item).get("reason"))
    return moment(reason.get("indexedAt")) or _posted_at(mapping(mapping(item).get("post")))


def _window_start(items: list[Any], ended: bool) -> datetime | None:
    if not items:
        return None
    return _BEGINNING if ended else _sorted_at(items[-1])


def _web_url(uri: str) -> str:
    match = re.fullmatch(r"at://(did:[^/\s]+)/app\.bsky\.feed\.post/([A-Za-z0-9._~:-]+)", uri)
    return f"https://bsky.app/profile/{match[1]}/post/{match[2]}" if match else ""


def _items_of(answer: Answer, notes: list[str]) -> tuple[list[Any], str]:
    """The page's entries, without the pinned one that is repeated on top, and the cursor of the next page."""
    body = mapping(answer.json())
    if not isinstance(body.get("feed"), list):
        raise malformed("Bluesky", "an author feed without a list “feed”")
    pin = "app.bsky.feed.defs#reasonPin"
    offered = capped(body["feed"], notes, "A page")
    items = [item for item in offered if mapping(mapping(item).get("reason")).get("$type") != pin]
    return items, string(body.get("cursor"))


def _own_authors(items: list[Any], did: str) -> Iterator[dict[str, Any]]:
    for item in items:
        author = mapping(mapping(mapping(item).get("post")).get("author"))
        if author.get("did") == did:
            yield author


def _identity_doubtful(items: list[Any], did: str, address: str) -> bool:
    """Whether the feed itself hints that the handle or the account behind it changed, so that asking is worth it."""
    strangers = any(
        not mapping(item).get("reason") and mapping(mapping(mapping(item).get("post")).get("author")).get("did") != did
        for item in items
    )
    renamed = not _DID.fullmatch(address) and any(
        string(author.get("handle")) not in ("", address) for author in _own_authors(items, did)
    )
    return strangers or renamed or not items


def _profile(body: dict[str, Any]) -> Profile:
    did, handle = string(body.get("did")), string(body.get("handle"))
    note = ""
    if _is_hidden(body):
        note = f"The owner of {handle or did} asks that people who are not signed in are not shown it: it is not read."
    return Profile(did, handle, string(body.get("displayName")), f"https://bsky.app/profile/{did}", note)


def _is_hidden(actor: dict[str, Any]) -> bool:
    labels = map(mapping, sequence(actor.get("labels")))
    return any(label.get("val") == _HIDDEN and not label.get("neg") for label in labels)


def _hidden_error(address: str) -> FetchError:
    return FetchError(
        f"The owner of {address} asks that people who are not signed in are not shown the account ({_HIDDEN}), "
        f"so it is not collected. Pause it with “sheriffwatch account pause”.",
        kind="blocked",
        permanent=True,
    )


def _raise_for(answer: Answer, who: str) -> None:
    """Raise FetchError for anything but 200. XRPC says what is wrong in ``error`` and ``message``, with status 400."""
    if answer.status == 200:
        return
    if answer.status == 400:
        body = mapping(answer.json())
        error, message = string(body.get("error")), string(body.get("message"))
        if error in ("AccountTakedown", "AccountDeactivated", "AccountSuspended") or message == "Profile not found":
            said = {"AccountTakedown": "was taken down", "AccountDeactivated": "is deactivated"}.get(error, "")
            raise FetchError(f"{who} {said or 'does not exist'} on Bluesky ({message or error}).", kind="gone")
        if "Invalid AT identifier" in message or "must be a valid" in message:
            raise FetchError(f"{who} is not a handle or DID that Bluesky knows.", kind="gone")
        raise FetchError(f"Bluesky refused to answer for {who}: {error} {message[:200]}".rstrip() + ".", kind="server")
    answer.raise_for_status()
    raise FetchError(f"Bluesky answered {answer.status} without content for {who}.", kind="malformed")
