"""Mastodon and servers that speak its client API, read from the account's home server without signing in.

How posts are read is in ``_mastodon_posts.py``.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, field_validator

from monitor.errors import FetchError, UsageError
from monitor.http import Answer
from monitor.sources import Fetch, Presence, Profile, Reading, Source, Target
from monitor.sources._mastodon_posts import (
    author_id_of,
    comparable,
    id_of,
    local_id_of,
    newest_of,
    order_of,
    parse_status,
)
from monitor.sources._shape import (
    MAX_ITEMS,
    aside,
    capped,
    identifier,
    link,
    malformed,
    mapping,
    moment,
    read_items,
    refuse_huge,
    sequence,
    string,
)
from monitor.sources._unchanged import Validators

_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,98}[A-Za-z0-9_])?"
_SERVER = r"(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+(?::\d{1,5})?|\[[0-9a-fA-F:]+\](?::\d{1,5})?"
_ADDRESS = re.compile(rf"@?({_NAME})@({_SERVER})")
_PROFILE = re.compile(rf"(https?)://({_SERVER})/(?:web/)?(?:@|users/)({_NAME})(?:@({_SERVER}))?/?")
_LOOPBACK = re.compile(r"(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])(?::\d+)?")
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_PAGE = 40
"""Largest page a server gives; GoToSocial and others stay below it when they hide some posts."""
_ASK_AT_ONCE = 20


class Mastodon(Source):
    """``[sources.mastodon]``"""

    title: ClassVar[str] = "Mastodon"
    example: ClassVar[str] = "@sheriff@social.example"

    max_pages: int = Field(default=5, ge=2, le=50)
    """Pages of 40 posts read in one poll at most."""
    servers: dict[str, str] = Field(default_factory=dict)
    """Another base URL for a server: ``{"social.example" = "http://127.0.0.1:8799"}``."""
    tokens: dict[str, SecretStr] = Field(default_factory=dict)
    """App tokens (scope ``read``) for servers that show nothing to anonymous readers, by server name."""

    @field_validator("servers")
    @classmethod
    def _base_urls(cls, value: dict[str, str]) -> dict[str, str]:
        for server, base in value.items():
            if not re.fullmatch(r"https?://[^\s/]+/?", base):
                raise ValueError(f"the base URL of {server} must look like https://social.example, not {base}")
        return {server.lower(): base.rstrip("/") for server, base in value.items()}

    def normalise(self, address: str) -> str:
        """``@name@server``, or the profile's address when the server is not asked by the usual scheme."""
        given = address.strip().removeprefix("acct:")
        if match := _PROFILE.fullmatch(given):
            scheme, server, name, elsewhere = match[1], match[2].lower(), match[3], match[4]
            if elsewhere:
                return f"@{name}@{elsewhere.lower()}"
            usual = _usual_base(server) == f"{scheme}://{server}"
            return f"@{name}@{server}" if usual else f"{scheme}://{server}/@{name}"
        if (match := _ADDRESS.fullmatch(given)) and ("." in match[2] or _LOOPBACK.fullmatch(match[2])):
            return f"@{match[1]}@{match[2].lower()}"
        raise UsageError(
            f"“{address[:100]}” is not a Mastodon account: give @name@server, like {self.example}, "
            f"or the profile's address, like https://social.example/@sheriff."
        )

    def host(self, target: Target) -> str:
        """The account's home server."""
        return urlsplit(self._base(target.address)).netloc

    async def identify(self, fetch: Fetch, address: str) -> Profile:
        """The account's id on its server. Raises FetchError (``gone``) when there is none."""
        return _profile(await self._look_up_account(fetch, address), address)

    async def read(self, fetch: Fetch, target: Target) -> Reading:
        """The newest page, which shows edits and deletions, and whatever lies between it and the last poll's."""
        validators = Validators(target.cursor)
        profile = None
        account_id = target.external_id
        if not account_id or validators.stale:
            profile = await self._confirm(fetch, target)
            account_id = profile.external_id
        first = await self._ask_page(fetch, target.address, account_id, headers=validators.headers())
        if first.status in (404, 410):
            await self._confirm(fetch, target)
        if first.status != 304:
            self._raise_for(first, target.address)
        cursor = {**target.cursor, "last": validators.after(first)}
        if profile:
            cursor["web_host"] = urlsplit(profile.url).netloc.lower()
            target = replace(target, cursor=cursor)
        if validators.unchanged(first):
            return Reading(cursor=cursor, unchanged=True, profile=profile)
        notes = [profile.note] if profile and profile.note else []
        page = capped(_statuses_of(first, target.address), notes, "The newest page")
        if profile is None and any(author_id_of(status) not in ("", account_id) for status in page):
            profile = await self._confirm(fetch, target)
        seen = string(target.cursor.get("newest_id"))
        rest, ended, reached = await self._read_on(fetch, target, account_id, page, seen, first)
        if seen and reached and not ended:
            del cursor["last"]  # the rest must be asked for even if the newest page stays as it is
            notes.append(
                f"More than {self.max_pages} pages are new since the last poll: the rest is read at the next one."
            )
        statuses = [*page, *rest]
        places = self._places(target)
        posts, skipped = await aside(
            first, lambda: read_items(statuses, lambda status: parse_status(status, account_id, places))
        )
        newest = newest_of([id_of(status) for status in page])
        cursor["newest_id"] = (newest or seen) if ended or not seen else reached or seen
        return Reading(
            posts=posts,
            cursor=cursor,
            window_start=_window_start(page, rest, seen, ended, first),
            profile=profile,
            skipped=skipped,
            notes=notes,
        )

    async def look_up(self, fetch: Fetch, target: Target, posts: list[tuple[str, str]]) -> dict[str, Presence]:
        """Ask for the posts by id: many at once where the server can (4.3 on), then singly for those missing."""
        found = {external_id: Presence.UNKNOWN for external_id, _ in posts}
        places = self._places(target)
        ids = {external_id: local for external_id, url in posts if (local := local_id_of(external_id, url, places))}
        asked = list(ids.items())
        missing = []
        bulk = True
        for start in range(0, len(asked), _ASK_AT_ONCE):
            some = asked[start : start + _ASK_AT_ONCE]
            there = await self._ask_many(fetch, target.address, [local for _, local in some]) if bulk else set()
            bulk = bulk and bool(there)
            found.update({external_id: Presence.THERE for external_id, local in some if local in there})
            missing += [(external_id, local) for external_id, local in some if local not in there]
        for external_id, local in missing:
            found[external_id] = await self._ask_one(fetch, target.address, local)
        if Presence.GONE in found.values():
            standing = await self._account_presence(fetch, target)
            found = {key: standing if value == Presence.GONE else value for key, value in found.items()}
        return found

    def _base(self, address: str) -> str:
        server = _server_of(address)
        if server in self.servers:
            return self.servers[server]
        return address.rpartition("/@")[0] if "://" in address else _usual_base(server)

    def _places(self, target: Target) -> frozenset[str]:
        """Host names under which the account's own posts may be addressed."""
        known = (_server_of(target.address), urlsplit(self._base(target.address)).netloc.lower())
        return frozenset({*known, string(target.cursor.get("web_host"))} - {""})

    async def _get(self, fetch: Fetch, address: str, path: str, **request: Any) -> Answer:
        token = self.tokens.get(_server_of(address))
        headers = dict(request.pop("headers", None) or {})
        if token is not None:
            headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        return await fetch.get(self._base(address) + path, headers=headers, **request)

    async def _look_up_account(self, fetch: Fetch, address: str) -> dict[str, Any]:
        answer = await self._get(fetch, address, "/api/v1/accounts/lookup", params=[("acct", _name_of(address))])
        self._raise_for(answer, address)
        account = mapping(answer.json())
        if not identifier(account.get("id")):
            raise malformed(answer.host, "an account without “id”")
        if account.get("suspended") is True:
            raise FetchError(f"{address} is suspended by its server.", kind="gone")
        return account

    async def _confirm(self, fetch: Fetch, target: Target) -> Profile:
        """Who answers at the address now. Raises FetchError (``moved``) when that is not who answered before."""
        profile = _profile(await self._look_up_account(fetch, target.address), target.address)
        if target.external_id and profile.external_id != target.external_id:
            raise FetchError(
                f"{target.address} is now another account (id {profile.external_id}, before {target.external_id}). "
                f"Nothing is read until you add the account that you mean.",
                kind="moved",
                permanent=True,
            )
        return profile

    async def _ask_page(
        self, fetch: Fetch, address: str, account_id: str, *more: tuple[str, str], **request: Any
    ) -> Answer:
        path = f"/api/v1/accounts/{quote(account_id, safe='')}/statuses"
        return await self._get(fetch, address, path, params=[("limit", str(_PAGE)), *more], **request)

    async def _read_on(
        self, fetch: Fetch, target: Target, account_id: str, page: list[Any], seen: str, first: Answer
    ) -> tuple[list[Any], bool, str]:
        """The posts outside the newest page that are wanted: the past at first, later only a gap.

        Returns them, whether they join the newest page without a gap (at first: whether the past was read to its
        end), and the newest id up to which nothing is missing.
        """
        have = {id_of(status) for status in page}
        rest: list[Any] = []
        oldest = id_of(page[-1]) if page else ""
        if seen and (seen in have or not page or (comparable(oldest, seen) and order_of(oldest) <= order_of(seen))):
            return rest, True, ""
        if seen and not comparable(oldest, seen):
            return rest, True, ""
        reached = seen
        more = _has_older(page, first)
        for _ in range(self.max_pages - 1):
            if not seen and not more:
                return rest, True, ""
            step = ("min_id", reached) if seen else ("max_id", oldest)
            answer = await self._ask_page(fetch, target.address, account_id, step)
            self._raise_for(answer, target.address)
            found = _statuses_of(answer, target.address)[:MAX_ITEMS]
            fresh = [status for status in found if id_of(status) not in have]
            rest += fresh
            have |= {id_of(status) for status in fresh}
            if seen:
                if len(fresh) < len(found) or not found:
                    return rest, True, ""
                reached = newest_of([reached, *map(id_of, fresh)])
            elif not fresh:
                # Nothing at all: the past is read. The same again: the server cannot page (snac).
                return rest, not found, ""
            else:
                oldest, more = id_of(found[-1]), _has_older(found, answer)
        return rest, not seen and not more, reached

    async def _ask_many(self, fetch: Fetch, address: str, ids: list[str]) -> set[str]:
        """Which of the statuses the server has; empty when it does not know this call."""
        answer = await self._get(fetch, address, "/api/v1/statuses", params=[("id[]", each) for each in ids])
        if answer.status != 200 or "json" not in answer.content_type:
            return set()
        return {id_of(status) for status in sequence(answer.json())} & set(ids)

    async def _ask_one(self, fetch: Fetch, address: str, local_id: str) -> Presence:
        answer = await self._get(fetch, address, f"/api/v1/statuses/{quote(local_id, safe='')}")
        if answer.status in (404, 410):
            return Presence.GONE
        if answer.status == 200 and "json" in answer.content_type and id_of(answer.json()) == local_id:
            return Presence.THERE
        return Presence.UNKNOWN

    async def _account_presence(self, fetch: Fetch, target: Target) -> Presence:
        """What a missing post means: GONE while the account answers, ACCOUNT_GONE when it does not."""
        try:
            await self._confirm(fetch, target)
        except FetchError as error:
            return Presence.ACCOUNT_GONE if error.kind == "gone" else Presence.UNKNOWN
        return Presence.GONE

    def _raise_for(self, answer: Answer, address: str) -> None:
        """Raise FetchError for anything but 200, with what to do about a server that is closed to strangers."""
        if answer.status == 200:
            return
        server = _server_of(address)
        if answer.status in (401, 403, 422):
            raise FetchError(
                f"{server} shows {address} only to people who are signed in ({answer.status}). Add the account's RSS "
                f"feed instead (“sheriffwatch account add feed {self._base(address)}/@{_name_of(address)}.rss”), or "
                f"put an app token of a user of that server under [sources.mastodon] tokens.",
                kind="blocked",
                permanent=True,
            )
        if answer.status in (404, 410):
            raise FetchError(
                f"{server} knows no account {address} ({answer.status}). If its posts live on another host than its "
                f"name says, give the profile's address.",
                kind="gone",
            )
        answer.raise_for_status()
        raise FetchError(f"{server} answered {answer.status} without content for {address}.", kind="malformed")


def _statuses_of(answer: Answer, address: str) -> list[Any]:
    refuse_huge(answer)
    statuses = answer.json()
    if not isinstance(statuses, list):
        raise malformed(_server_of(address), "the account's posts are not a list")
    return statuses


def _has_older(page: list[Any], answer: Answer) -> bool:
    """Whether the server has more behind this page: its Link header says so, or the page is full."""
    return 'rel="next"' in answer.headers.get("link", "") or len(page) >= _PAGE


def _window_start(page: list[Any], rest: list[Any], seen: str, ended: bool, first: Answer) -> datetime | None:
    """From when on the answer is complete: the oldest post read, or the beginning if there is nothing older."""
    if not page:
        return None
    if not _has_older(page, first) or (not seen and ended):
        return _BEGINNING
    complete = [*page, *rest] if ended or not seen else page
    times = [moment(mapping(status).get("created_at")) for status in complete]
    return min(when for when in times if when) if all(times) else None


def _usual_base(server: str) -> str:
    return f"{'http' if _LOOPBACK.fullmatch(server) else 'https'}://{server}"


def _server_of(address: str) -> str:
    return urlsplit(address).netloc if "://" in address else address.rpartition("@")[2]


def _name_of(address: str) -> str:
    return address.rpartition("/@")[2] if "://" in address else address.split("@")[1]


def _profile(account: dict[str, Any], address: str) -> Profile:
    moved = mapping(account.get("moved"))
    note = ""
    if moved:
        to = string(moved.get("acct")) or string(moved.get("url")) or "another account"
        note = f"{address} says that it has moved to {to}: add that account too."
    return Profile(
        external_id=identifier(account.get("id"))[:2048],
        handle=string(account.get("acct")) or _name_of(address),
        name=string(account.get("display_name")),
        url=link(account.get("url")),
        note=note,
    )
