"""Bluesky, read from the public AppView without an account.

Accounts are known by their DID; a handle only leads to one. How posts are read is in ``_bluesky_posts.py``.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field

from monitor.errors import FetchError, UsageError
from monitor.http import Answer
from monitor.sources import Fetch, Presence, Profile, Reading, Source, Target
from monitor.sources._bluesky_posts import (
    BEGINNING,
    DID,
    HIDDEN,
    identity_doubtful,
    is_hidden,
    items_of,
    own_authors,
    parse_item,
    sorted_at,
    window_start,
)
from monitor.sources._shape import (
    malformed,
    mapping,
    moment,
    read_items,
    string,
)
from monitor.sources._unchanged import Validators

_HANDLE = re.compile(r"(?=.{3,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_OVERLAP = timedelta(hours=6)
"""How far before the newest known post paging goes on: late federation and backdated posts turn up there."""
_ASK_AT_ONCE = 25


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
        if DID.fullmatch(given):
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
        stop_at = high_water - _OVERLAP if high_water else BEGINNING
        notes: list[str] = []
        items, ended = await self._page_on(fetch, did, first, stop_at, notes)
        if profile is None and identity_doubtful(items, did, target.address):
            profile = await self._confirm(fetch, target)
        if any(is_hidden(author) for author in own_authors(items, did)):
            raise _hidden_error(target.address)
        posts, skipped = read_items(items, lambda item: parse_item(item, did))
        times = [when for when in map(sorted_at, items) if when]
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
            window_start=window_start(items, ended),
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
        if is_hidden(body):
            raise _hidden_error(target.address)
        if profile.handle and not DID.fullmatch(target.address) and profile.handle != target.address:
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
        items, page = items_of(first, notes)
        for _ in range(self.max_pages - 1):
            times = [when for when in map(sorted_at, items) if when]
            if not page or not items or (times and times[-1] < stop_at):
                break
            answer = await self._ask(fetch, "app.bsky.feed.getAuthorFeed", [*self._feed_params(did), ("cursor", page)])
            _raise_for(answer, did)
            more, page = items_of(answer, notes)
            items += more
        return items, not page and not notes

    def _feed_params(self, did: str) -> list[tuple[str, str]]:
        return [("actor", did), ("limit", "100"), ("filter", "posts_and_author_threads")]

    async def _ask_profile(self, fetch: Fetch, actor: str, called: str = "") -> dict[str, Any]:
        answer = await self._ask(fetch, "app.bsky.actor.getProfile", [("actor", actor)])
        _raise_for(answer, called or actor)
        body = mapping(answer.json())
        if not DID.fullmatch(string(body.get("did"))):
            raise malformed("Bluesky", "a profile without “did”")
        return body

    async def _ask(
        self, fetch: Fetch, nsid: str, params: list[tuple[str, str]], headers: dict[str, str] | None = None
    ) -> Answer:
        return await fetch.get(f"{self.appview.rstrip('/')}/xrpc/{nsid}", params=params, headers=headers)


def _profile(body: dict[str, Any]) -> Profile:
    did, handle = string(body.get("did")), string(body.get("handle"))
    note = ""
    if is_hidden(body):
        note = f"The owner of {handle or did} asks that people who are not signed in are not shown it: it is not read."
    return Profile(did, handle, string(body.get("displayName")), f"https://bsky.app/profile/{did}", note)


def _hidden_error(address: str) -> FetchError:
    return FetchError(
        f"The owner of {address} asks that people who are not signed in are not shown the account ({HIDDEN}), "
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
