"""Bluesky, against invented answers in the AppView's shapes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from invented import DID, HANDLE, NOON, OTHER_DID, at, profile, skeet

from models.post import Authorship
from monitor.errors import FetchError
from monitor.sources import Presence, Reading, Target
from monitor.sources._bluesky_posts import parse_item
from monitor.sources._shape import read_items
from monitor.sources.bluesky import Bluesky

FEED = "/xrpc/app.bsky.feed.getAuthorFeed"
PROFILE = "/xrpc/app.bsky.actor.getProfile"
POSTS = "/xrpc/app.bsky.feed.getPosts"
LOST = {"error": "InvalidRequest", "message": "Profile not found"}
REPOST = {"$type": "app.bsky.feed.defs#reasonRepost", "by": {"did": DID, "handle": HANDLE}, "indexedAt": at(-1)}


def post_of(item: dict[str, Any]) -> Any:
    post = parse_item(item, DID)
    assert post is not None
    return post


def quote(kind: str = "viewRecord", **record: Any) -> dict[str, Any]:
    return {"$type": "app.bsky.embed.record#view", "record": {"$type": f"app.bsky.embed.record#{kind}", **record}}


QUOTED = {"author": {"did": OTHER_DID, "handle": "stranger.example"}, "value": {"text": "Their words."}, "embeds": []}
CARD = {"uri": "https://n.example", "title": "Release 7", "description": "The sheriff said"}
IMAGES = {
    "$type": "app.bsky.embed.images#view",
    "images": [{"fullsize": "https://cdn.example/f.jpg", "alt": "A flyer"}, {"alt": ""}],
}


def test_a_post_keeps_its_uri_its_revision_and_a_link_that_survives_a_new_handle() -> None:
    post = post_of(skeet("Deputies are on scene.", "3mkey"))
    assert post.external_id == f"at://{DID}/app.bsky.feed.post/3mkey"
    assert post.url == f"https://bsky.app/profile/{DID}/post/3mkey"
    assert (post.revision, post.lang, post.posted_at) == ("bafyrei3mkey", "en", NOON)
    assert (post.authorship, post.author_id, post.author_handle) == (Authorship.OWN, DID, HANDLE)


def facet(start: Any, end: Any, uri: str = "https://mudlark.example/news/123", kind: str = "link") -> dict[str, Any]:
    return {
        "index": {"byteStart": start, "byteEnd": end},
        "features": [{"$type": f"app.bsky.richtext.facet#{kind}", "uri": uri}],
    }


@pytest.mark.parametrize(
    ("text", "facets", "expected"),
    [
        ("Más: mudlark.example/news...", [facet(6, 29)], "Más: https://mudlark.example/news/123"),
        ("👮‍♀️ mudlark.example/ne…", [facet(14, 35)], "👮‍♀️ https://mudlark.example/news/123"),
        ("Read it here.", [facet(8, 12)], "Read it here (https://mudlark.example/news/123)."),
        (
            "Two a b",
            [facet(6, 7, "https://b.example"), facet(4, 5, "https://a.example")],
            "Two https://a.example https://b.example",
        ),
        ("é cut", [facet(1, 4)], "é cut"),
        ("past the end", [facet(5, 99)], "past the end"),
        ("backwards", [facet(5, 2), facet(-1, 3), facet(True, 3), facet(None, 1), facet("0", "3")], "backwards"),
        ("script", [facet(0, 6, "javascript:alert(1)")], "script"),
        ("#tag", [facet(0, 4, kind="tag"), "no facet", None], "#tag"),
        (
            "overlap",
            [facet(0, 4, "https://over.example"), facet(2, 7, "https://lap.example")],
            "https://over.examplelap",
        ),
    ],
)
def test_shortened_links_are_written_out_by_their_utf_8_byte_ranges(text: str, facets: Any, expected: str) -> None:
    assert post_of(skeet(text, facets=facets)).text == expected


@pytest.mark.parametrize(
    ("embed", "alts", "titles"),
    [
        (IMAGES, ["A flyer"], []),
        (
            {
                "$type": "app.bsky.embed.gallery#view",
                "items": [{"alt": "Page 1"}, {"$type": "…#viewImage", "alt": "Page 2"}],
            },
            ["Page 1", "Page 2"],
            [],
        ),
        (
            {"$type": "app.bsky.embed.video#view", "playlist": "https://v.example/p.m3u8", "alt": "Body camera"},
            ["Body camera"],
            [],
        ),
        ({"$type": "app.bsky.embed.external#view", "external": CARD}, [], ["Release 7", "The sheriff said"]),
        ({"$type": "app.bsky.embed.recordWithMedia#view", "media": IMAGES, "record": quote(**QUOTED)}, ["A flyer"], []),
        ({"$type": "app.bsky.embed.hologram#view", "images": [{"alt": "not known yet"}]}, [], []),
    ],
)
def test_alt_texts_and_card_titles_are_read_from_every_embed_and_unknown_ones_are_passed_over(
    embed: Any, alts: list[str], titles: list[str]
) -> None:
    post = post_of(skeet("Look.", embed=embed))
    assert (post.text, post.alt_texts, post.link_titles) == ("Look.", alts, titles)


@pytest.mark.parametrize(
    ("embed", "quoted"),
    [
        (quote(**QUOTED), ("Their words.", "stranger.example")),
        (
            {"$type": "app.bsky.embed.recordWithMedia#view", "media": IMAGES, "record": quote(**QUOTED)},
            ("Their words.", "stranger.example"),
        ),
        (quote("viewNotFound", notFound=True), ("", "")),
        (quote("viewBlocked", blocked=True, **QUOTED), ("", "")),
        (quote("viewDetached", detached=True), ("", "")),
        (quote("somethingNew", **QUOTED), ("", "")),
    ],
)
def test_a_quote_is_kept_beside_the_offices_own_words(embed: Any, quoted: tuple[str, str]) -> None:
    post = post_of(skeet("Our answer:", embed=embed))
    assert (post.text, post.authorship) == ("Our answer:", Authorship.OWN)
    assert (post.quoted_text, post.quoted_author) == quoted


def test_a_repost_is_shared_with_its_author_and_never_own_words() -> None:
    post = post_of(skeet("Their words.", did=OTHER_DID, reason=REPOST, hours=5))
    assert (post.authorship, post.author_id, post.author_handle) == (Authorship.SHARED, OTHER_DID, "stranger.example")
    assert post.posted_at == NOON + timedelta(hours=1)


def test_somebody_elses_post_is_shared_even_without_a_reason_and_under_a_uri_of_the_account() -> None:
    assert post_of(skeet("Slipped in.", did=OTHER_DID)).authorship == Authorship.SHARED
    mismatched = skeet("Under our name.", did=OTHER_DID)
    mismatched["post"]["uri"] = f"at://{DID}/app.bsky.feed.post/3mkey"
    assert post_of(mismatched).authorship == Authorship.SHARED
    mismatched = skeet("Under their uri.")
    mismatched["post"]["uri"] = f"at://{OTHER_DID}/app.bsky.feed.post/3mkey"
    assert post_of(mismatched).authorship == Authorship.SHARED


def test_an_own_thread_is_own_words_and_an_answer_to_others_is_a_reply() -> None:
    def parent(did: str) -> dict[str, Any]:
        return {
            "parent": {"uri": f"at://{did}/app.bsky.feed.post/1"},
            "root": {"uri": f"at://{did}/app.bsky.feed.post/1"},
        }

    assert post_of(skeet("2/2", reply=parent(DID))).authorship == Authorship.OWN
    assert post_of(skeet("2/2", reply=parent(DID))).reply_to == f"at://{DID}/app.bsky.feed.post/1"
    assert post_of(skeet("No.", reply=parent(OTHER_DID))).authorship == Authorship.REPLY


def test_a_post_dated_into_the_future_carries_the_time_the_server_first_saw_it() -> None:
    item = skeet("From 2099.")
    item["post"]["record"]["createdAt"] = "2099-01-01T00:00:00Z"
    assert post_of(item).posted_at == NOON


def test_one_item_without_a_record_is_named_and_the_others_are_kept() -> None:
    posts, skipped = read_items([{"post": {}}, skeet("Kept."), 7], lambda item: parse_item(item, DID))
    assert [post.text for post in posts] == ["Kept."]
    assert len(skipped) == 2
    assert "Item 1" in skipped[0]


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("@Sheriff.Mudlark.Example", HANDLE),
        ("https://bsky.app/profile/sheriff.mudlark.example/post/3m", HANDLE),
        (f"https://bsky.app/profile/{DID}", DID),
        (f"at://{DID}/app.bsky.feed.post/3m", DID),
        ("sheriff.mudlark.example.", HANDLE),
    ],
)
def test_an_account_may_be_given_as_people_have_it_at_hand(typed: str, canonical: str) -> None:
    assert Bluesky().normalise(typed) == canonical


async def read(
    site: Any, web: Any, cursor: dict[str, Any] | None = None, did: str = DID, address: str = HANDLE
) -> Reading:
    return await Bluesky(appview=site.url, max_pages=3).read(web.fetch(), Target(address, did, cursor or {}))


def put_pages(site: Any, *pages: list[Any]) -> None:
    """An author feed of these pages; the cursor of a page is the next one's number."""

    def page(query: dict[str, str]) -> Any:
        number = int(query.get("cursor", 0))
        more = {"cursor": str(number + 1)} if number + 1 < len(pages) else {}
        return {"feed": pages[number], **more}

    site.put(PROFILE, profile())
    site.put_call(FEED, page)


async def test_identify_turns_a_handle_into_the_did(site: Any, web: Any) -> None:
    site.put(PROFILE, profile())
    found = await Bluesky(appview=site.url).identify(web.fetch(), HANDLE)
    assert (found.external_id, found.handle, found.name) == (DID, HANDLE, "Mudlark County Sheriff")
    assert site.asked[0][1] == [("actor", HANDLE)]


async def test_the_first_poll_reads_back_to_the_beginning_and_says_that_it_is_complete(site: Any, web: Any) -> None:
    put_pages(site, [skeet("3", "3c", hours=1)], [skeet("2", "3b", hours=2)], [skeet("1", "3a", hours=3)])
    reading = await read(site, web)
    assert [post.text for post in reading.posts] == ["3", "2", "1"]
    assert reading.window_start == datetime(1970, 1, 1, tzinfo=UTC)
    assert (reading.notes, reading.skipped) == ([], [])
    asked = dict(next(query for path, query, _ in site.asked if path == FEED))
    assert asked == {"actor": DID, "limit": "100", "filter": "posts_and_author_threads"}


async def test_a_later_poll_stops_paging_six_hours_before_the_newest_known_post(site: Any, web: Any) -> None:
    put_pages(
        site,
        [skeet("new", "3d")],
        [skeet("known", "3c", hours=7), skeet("old", "3b", hours=20)],
        [skeet("1", "3a", hours=30)],
    )
    cursor = {"high_water": (NOON - timedelta(hours=7)).isoformat()}
    reading = await read(site, web, cursor)
    assert [post.text for post in reading.posts] == ["new", "known", "old"]
    assert reading.window_start == NOON - timedelta(hours=20)
    assert reading.cursor["high_water"] == NOON.isoformat()
    assert reading.notes == []


async def test_hitting_the_page_cap_before_known_posts_is_told(site: Any, web: Any) -> None:
    put_pages(site, *[[skeet(str(n), f"3k{n}", hours=n)] for n in range(6)])
    reading = await read(site, web, {"high_water": (NOON - timedelta(hours=5)).isoformat()})
    assert len(reading.posts) == 3
    assert "may have been missed" in reading.notes[0]
    assert reading.window_start == NOON - timedelta(hours=2)


async def test_a_pinned_post_repeated_on_top_neither_doubles_nor_moves_the_window(site: Any, web: Any) -> None:
    pin = skeet("old", "3a", hours=90, reason={"$type": "app.bsky.feed.defs#reasonPin"})
    put_pages(site, [pin, skeet("new", "3b"), skeet("older", "3c", hours=8)], [skeet("old", "3a", hours=90)])
    reading = await read(site, web, {"high_water": NOON.isoformat()})
    assert [post.text for post in reading.posts] == ["new", "older"]
    assert reading.window_start == NOON - timedelta(hours=8)


async def test_an_edit_has_the_same_key_and_another_revision(site: Any, web: Any) -> None:
    put_pages(site, [skeet("Before.", "3a")])
    before = await read(site, web)
    edited = skeet("After.", "3a")
    edited["post"]["cid"] = "bafyreiother"
    put_pages(site, [edited])
    after = await read(site, web, before.cursor)
    assert before.posts[0].external_id == after.posts[0].external_id
    assert (after.posts[0].text, after.posts[0].revision) == ("After.", "bafyreiother")


async def test_the_same_bytes_are_unchanged_and_cost_one_request(site: Any, web: Any) -> None:
    put_pages(site, [skeet("Only.", "3a")])
    first = await read(site, web)
    site.asked.clear()
    second = await read(site, web, first.cursor)
    assert second.unchanged
    assert second.posts == []
    assert second.cursor == first.cursor | {"last": second.cursor["last"]}
    assert site.paths() == [FEED]


async def test_a_full_answer_is_asked_for_once_a_day_whatever_the_etag_says(site: Any, web: Any) -> None:
    site.put(PROFILE, profile())
    body = b'{"feed": []}'
    site.put_conditional(FEED, body, "application/json", 'W/"1"')
    first = await read(site, web)
    assert (await read(site, web, first.cursor)).unchanged
    assert site.asked[-1][2]["if-none-match"] == 'W/"1"'
    stale = first.cursor | {
        "last": first.cursor["last"] | {"full_at": (datetime.now(UTC) - timedelta(hours=25)).isoformat()}
    }
    await read(site, web, stale)
    assert "if-none-match" not in site.asked[-1][2]


@pytest.mark.parametrize("error", ["AccountTakedown", "AccountDeactivated"])
async def test_a_lost_account_is_gone_and_not_an_empty_feed(site: Any, web: Any, error: str) -> None:
    site.put(FEED, LOST, status=400)
    site.put(PROFILE, {"error": error, "message": "Account is lost"}, status=400)
    with pytest.raises(FetchError) as failed:
        await read(site, web)
    assert failed.value.kind == "gone"
    assert HANDLE in str(failed.value)


async def test_a_handle_that_went_to_another_account_stops_the_reading(site: Any, web: Any) -> None:
    site.put(PROFILE, profile(OTHER_DID))
    site.put(FEED, LOST, status=400)
    with pytest.raises(FetchError, match="another account") as failed:
        await read(site, web)
    assert (failed.value.kind, failed.value.permanent) == ("moved", True)


@pytest.mark.parametrize("hint", ["renamed", "stranger", "nothing"])
async def test_between_the_daily_checks_the_feed_itself_gives_a_taken_over_handle_away(
    site: Any, web: Any, hint: str
) -> None:
    put_pages(site, [skeet("Ours.", "3a")])
    cursor = (await read(site, web)).cursor
    site.put(PROFILE, profile(OTHER_DID))
    changed = {
        "renamed": [skeet("Ours.", "3a", handle="new.example")],
        "stranger": [skeet("Theirs.", did=OTHER_DID)],
        "nothing": [],
    }
    site.put(FEED, {"feed": changed[hint]})
    with pytest.raises(FetchError) as failed:
        await read(site, web, cursor)
    assert failed.value.kind == "moved"


async def test_a_renamed_account_is_still_read_by_its_did_and_the_new_name_is_told(site: Any, web: Any) -> None:
    def who(query: dict[str, str]) -> Any:
        return profile(handle="new.example") if query["actor"] == DID else (400, LOST)

    site.put_call(PROFILE, who)
    site.put(FEED, {"feed": [skeet("Still us.", handle="new.example")]})
    reading = await read(site, web)
    assert reading.posts[0].authorship == Authorship.OWN
    assert "new.example" in reading.notes[0]


@pytest.mark.parametrize("where", ["profile", "author"])
async def test_an_account_hidden_from_strangers_is_not_collected(site: Any, web: Any, where: str) -> None:
    item = skeet("Hidden.")
    if where == "author":
        item["post"]["author"]["labels"] = [{"val": "!no-unauthenticated"}]
    site.put(PROFILE, profile(labels=("!no-unauthenticated",) if where == "profile" else ()))
    site.put(FEED, {"feed": [item]})
    with pytest.raises(FetchError, match="not signed in") as failed:
        await read(site, web)
    assert (failed.value.kind, failed.value.permanent) == ("blocked", True)
    if where == "profile":
        assert "not signed in" in (await Bluesky(appview=site.url).identify(web.fetch(), HANDLE)).note


async def test_too_many_requests_is_said_as_such_with_the_time_to_wait(site: Any, fresh_web: Any) -> None:
    site.put(PROFILE, profile())
    site.put(FEED, {"error": "RateLimitExceeded"}, status=429, Retry_After="7")
    with pytest.raises(FetchError) as failed:
        await read(site, fresh_web)
    assert (failed.value.kind, failed.value.retry_after) == ("rate_limited", 7)


async def test_a_look_up_asks_for_25_at_once_and_tells_a_deleted_post_from_a_lost_account(
    site: Any, web: Any, fresh_web: Any
) -> None:
    uris = [f"at://{DID}/app.bsky.feed.post/{n}" for n in range(30)]
    alive = True

    def posts(_query: dict[str, str]) -> Any:
        asked = [value for name, value in site.asked[-1][1] if name == "uris"]
        return (
            (400, {"error": "InvalidRequest"})
            if len(asked) > 25
            else {"posts": [{"uri": uri} for uri in asked if uri != uris[3] and alive]}
        )

    site.put_call(POSTS, posts)
    site.put_call(PROFILE, lambda _: profile() if alive else (400, {"error": "AccountDeactivated", "message": ""}))
    source, target = Bluesky(appview=site.url), Target(HANDLE, DID)
    found = await source.look_up(web.fetch(), target, [(uri, "") for uri in uris])
    assert found.pop(uris[3]) == Presence.GONE
    assert set(found.values()) == {Presence.THERE}
    alive = False
    assert set((await source.look_up(web.fetch(), target, [(uri, "") for uri in uris])).values()) == {
        Presence.ACCOUNT_GONE
    }
    site.put(PROFILE, {"error": "InternalServerError"}, status=500)
    assert set((await source.look_up(fresh_web.fetch(), target, [(uris[0], "")])).values()) == {Presence.UNKNOWN}


def test_every_recorded_author_feed_is_read_without_a_word_lost(recorded: Any) -> None:
    body = recorded("bluesky/feed.getAuthorFeed.posts_with_replies.json")
    did = body["feed"][0]["post"]["author"]["did"]
    posts, skipped = read_items(body["feed"], lambda item: parse_item(item, did))
    assert skipped == []
    assert [post.text for post in posts] == [item["post"]["record"]["text"] for item in body["feed"]]
    kinds = [post.authorship for post in posts]
    assert (kinds.count(Authorship.SHARED), kinds.count(Authorship.REPLY)) == (1, 1)
    assert any(post.alt_texts for post in posts)
    assert any(post.link_titles for post in posts)
    assert sum(bool(post.quoted_text) for post in posts) == 2


async def test_recorded_answers_of_an_account_without_posts_left_are_errors(recorded: Any, site: Any, web: Any) -> None:
    site.put(FEED, recorded("bluesky/feed.getAuthorFeed.deactivated.json"), status=400)
    site.put(PROFILE, recorded("bluesky/actor.getProfile.deactivated.json"), status=400)
    with pytest.raises(FetchError, match="deactivated") as failed:
        await read(site, web)
    assert failed.value.kind == "gone"
    site.put(PROFILE, recorded("bluesky/actor.getProfile.invalid.json"), status=400)
    with pytest.raises(FetchError, match="not a handle") as failed:
        await Bluesky(appview=site.url).identify(web.fetch(), HANDLE)
    assert failed.value.kind == "gone"
