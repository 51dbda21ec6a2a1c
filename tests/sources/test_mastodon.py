"""Mastodon and its kin, against invented answers in their shapes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from invented import ACCOUNT, NOON, STRANGER, toot
from pydantic import ValidationError

from models.post import Authorship
from monitor.errors import FetchError
from monitor.sources import Presence, Reading, Target
from monitor.sources._mastodon_posts import parse_status
from monitor.sources._shape import read_items
from monitor.sources.mastodon import Mastodon

PLACES = frozenset({"social.example"})
ADDRESS = "@mudlark@social.example"
LOOKUP = "/api/v1/accounts/lookup"
STATUSES = "/api/v1/accounts/1001/statuses"
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def post_of(status: dict[str, Any]) -> Any:
    post = parse_status(status, "1001", PLACES)
    assert post is not None
    return post


def source(site: Any, **settings: Any) -> Mastodon:
    return Mastodon.model_validate({"servers": {"social.example": site.url}, "max_pages": 3, **settings})


async def read(site: Any, web: Any, cursor: dict[str, Any] | None = None, **settings: Any) -> Reading:
    return await source(site, **settings).read(web.fetch(), Target(ADDRESS, "1001", cursor or {}))


def put_timeline(
    site: Any, numbers: list[int], *, size: int = 40, change: Callable[[dict[str, Any]], Any] = dict
) -> None:
    """An account with these posts, paged as Mastodon does by ``max_id`` and ``min_id``."""
    newest_first = sorted(numbers, reverse=True)

    def page(query: dict[str, str]) -> Any:
        found = [n for n in newest_first if n < int(query.get("max_id", 10**12)) and n > int(query.get("min_id", 0))]
        found = found[-size:] if "min_id" in query else found[:size]
        return [change(toot(n)) for n in found]

    site.put(LOOKUP, ACCOUNT)
    site.put_call(STATUSES, page)


def pages_asked(site: Any) -> list[dict[str, str]]:
    return [dict(query) for path, query, _ in site.asked if path == STATUSES]


def test_a_post_keeps_its_global_uri_and_reads_as_a_reader_sees_it() -> None:
    content = (
        '<p>Road closed.<br>More: <a href="https://mudlark.example/news/123"><span class="invisible">https://</span>'
        '<span class="ellipsis">mudlark.example/ne</span><span class="invisible">ws/123</span></a></p>'
        '<p>Tags: <a href="https://social.example/tags/traffic">#<span>traffic</span></a> &amp; thanks</p>'
    )
    post = post_of(toot(115, content))
    assert post.external_id == "https://social.example/users/mudlark/statuses/115"
    assert post.text == "Road closed.\nMore: https://mudlark.example/news/123\n\nTags: #traffic & thanks"
    assert (post.authorship, post.author_handle, post.lang) == (Authorship.OWN, "mudlark", "en")


def test_a_content_warning_comes_first_and_a_polls_options_last() -> None:
    status = toot(
        1, "<p>What is worst?</p>", spoiler_text="Crash scene", poll={"options": [{"title": "Ice"}, {"title": "Fog"}]}
    )
    assert post_of(status).text == "Crash scene\n\nWhat is worst?\n\n- Ice\n- Fog"


def test_alt_texts_and_the_cards_title_are_read() -> None:
    attachment = {"type": "image", "url": "https://files.example/a.jpg", "description": "Map of closure"}
    post = post_of(
        toot(1, media_attachments=[attachment, {"type": "video"}, None], card={"title": "Road closed", "url": "x"})
    )
    assert (post.alt_texts, post.link_titles) == (["Map of closure"], ["Road closed"])
    assert [(item.kind, item.url) for item in post.media] == [("image", "https://files.example/a.jpg")]


def test_an_edit_carries_its_time_as_the_revision() -> None:
    post = post_of(toot(1, edited_at="2026-11-20T13:00:00.000Z"))
    assert (post.revision, post.edited_at) == ("2026-11-20T13:00:00.000Z", NOON + timedelta(hours=1))


@pytest.mark.parametrize(
    ("quote", "quoted"),
    [
        (
            {"state": "accepted", "quoted_status": toot(9, "<p>Theirs.</p>", account=STRANGER)},
            ("Theirs.", "gazette@press.example"),
        ),
        ({"state": "pending", "quoted_status": toot(9, "<p>Theirs.</p>", account=STRANGER)}, ("", "")),
        ({"state": "revoked", "quoted_status": None}, ("", "")),
        ({"state": "accepted", "quoted_status_id": "9"}, ("", "")),
        (toot(9, "<p>Theirs.</p>", account=STRANGER), ("Theirs.", "gazette@press.example")),
        ({"state": "accepted", "quoted_status": toot(9, "<p>Secret.</p>", visibility="private")}, ("", "")),
    ],
)
def test_a_quote_is_shown_only_in_the_state_in_which_its_author_allows_it(quote: Any, quoted: tuple[str, str]) -> None:
    post = post_of(toot(1, '<p class="quote-inline">RE: https://press.example/9</p><p>Ours.</p>', quote=quote))
    assert (post.text, post.quoted_text, post.quoted_author) == ("Ours.", *quoted)


def test_a_boost_is_shared_with_the_original_author() -> None:
    original = toot(
        9, "<p>Theirs.</p>", account=STRANGER, uri="https://press.example/9", url="https://press.example/@gazette/9"
    )
    post = post_of(toot(20, "", reblog=original, uri="https://social.example/users/mudlark/statuses/20/activity"))
    assert (post.authorship, post.text, post.author_handle) == (Authorship.SHARED, "Theirs.", "gazette@press.example")
    assert post.external_id == "https://social.example/users/mudlark/statuses/20/activity"
    assert (post.url, post.posted_at) == ("https://press.example/@gazette/9", NOON + timedelta(minutes=20))


def test_a_boost_of_ones_own_post_is_that_post_again() -> None:
    post = post_of(toot(20, "", reblog=toot(9, "<p>Ours.</p>")))
    assert (post.authorship, post.external_id) == (Authorship.OWN, toot(9)["uri"])


@pytest.mark.parametrize(
    "status",
    [
        toot(1, account=STRANGER),
        toot(1, uri="https://elsewhere.example/users/mudlark/statuses/1"),
        toot(1, uri="https://social.example/users/somebody/statuses/1"),
        toot(1, "", reblog={"uri": "https://press.example/9", "content": "<p>No author.</p>"}),
    ],
)
def test_words_that_cannot_be_shown_to_be_the_accounts_are_never_its_own(status: dict[str, Any]) -> None:
    assert post_of(status).authorship == Authorship.SHARED


@pytest.mark.parametrize(
    ("visibility", "kept"), [("public", True), ("unlisted", True), ("private", False), ("direct", False)]
)
def test_only_public_posts_are_read(visibility: str, kept: bool) -> None:
    assert (parse_status(toot(1, visibility=visibility), "1001", PLACES) is not None) == kept


def test_an_own_thread_is_own_words_and_an_answer_to_others_is_a_reply() -> None:
    assert post_of(toot(2, in_reply_to_id="1", in_reply_to_account_id="1001")).authorship == Authorship.OWN
    assert post_of(toot(2, in_reply_to_id="1", in_reply_to_account_id="2002")).authorship == Authorship.REPLY


def test_a_post_of_a_thread_names_the_one_it_goes_on_from_and_no_strangers_post() -> None:
    goes_on = post_of(toot(2, in_reply_to_id="1", in_reply_to_account_id="1001"))
    assert goes_on.reply_to == post_of(toot(1)).external_id
    assert post_of(toot(2, in_reply_to_id="1", in_reply_to_account_id="2002")).reply_to == ""
    assert post_of(toot(2)).reply_to == ""
    named_otherwise = toot(2, in_reply_to_id="1", in_reply_to_account_id="1001", uri="https://a.example/objects/9f")
    assert post_of(named_otherwise).reply_to == ""


def test_a_post_with_nothing_but_id_address_and_content_is_read() -> None:
    post = post_of({"id": "1", "url": "https://social.example/notice/AbCdEf", "content": "plain <b>words</b>"})
    assert (post.text, post.external_id, post.authorship) == (
        "plain words",
        "https://social.example/notice/AbCdEf",
        Authorship.OWN,
    )


@pytest.mark.parametrize(
    ("typed", "canonical", "host"),
    [
        ("mudlark@Social.Example", "@mudlark@social.example", "social.example"),
        ("acct:mudlark@social.example", "@mudlark@social.example", "social.example"),
        ("https://social.example/@mudlark", "@mudlark@social.example", "social.example"),
        ("https://social.example/users/mudlark/", "@mudlark@social.example", "social.example"),
        ("https://other.example/@mudlark@social.example", "@mudlark@social.example", "social.example"),
        ("http://127.0.0.1:8799/@mudlark", "@mudlark@127.0.0.1:8799", "127.0.0.1:8799"),
        ("https://127.0.0.1:8799/@mudlark", "https://127.0.0.1:8799/@mudlark", "127.0.0.1:8799"),
        ("http://intranet.example/@mudlark", "http://intranet.example/@mudlark", "intranet.example"),
    ],
)
def test_an_account_may_be_given_as_people_have_it_at_hand(typed: str, canonical: str, host: str) -> None:
    assert Mastodon().normalise(typed) == canonical
    assert Mastodon().host(Target(canonical)) == host


def test_a_server_may_have_another_base_url_and_a_bad_one_is_refused() -> None:
    assert Mastodon(servers={"Social.Example": "http://127.0.0.1:8799/"}).host(Target(ADDRESS)) == "127.0.0.1:8799"
    with pytest.raises(ValidationError, match=r"base URL of social\.example"):
        Mastodon(servers={"social.example": "127.0.0.1:8799"})


async def test_identify_gives_the_accounts_id_and_tells_that_it_moved(site: Any, web: Any) -> None:
    site.put(LOOKUP, ACCOUNT | {"moved": {"acct": "mudlark@new.example"}})
    found = await source(site).identify(web.fetch(), ADDRESS)
    assert (found.external_id, found.name, found.url) == (
        "1001",
        "Mudlark County Sheriff",
        "https://social.example/@mudlark",
    )
    assert "mudlark@new.example" in found.note
    assert site.asked[0][1] == [("acct", "mudlark")]


async def test_a_suspended_account_is_gone(site: Any, web: Any) -> None:
    site.put(LOOKUP, ACCOUNT | {"suspended": True})
    with pytest.raises(FetchError, match="suspended") as failed:
        await source(site).identify(web.fetch(), ADDRESS)
    assert failed.value.kind == "gone"


@pytest.mark.parametrize("status", [401, 403, 422])
async def test_a_server_closed_to_strangers_is_told_with_what_to_do(site: Any, web: Any, status: int) -> None:
    site.put(LOOKUP, {"error": "This API requires an authenticated user"}, status=status)
    with pytest.raises(FetchError) as failed:
        await source(site).identify(web.fetch(), ADDRESS)
    assert (failed.value.kind, failed.value.permanent) == ("blocked", True)
    assert "@mudlark.rss" in str(failed.value)
    assert "token" in str(failed.value)


async def test_a_token_opens_a_closed_server_and_is_shown_nowhere(site: Any, web: Any) -> None:
    put_timeline(site, [1])
    settings = {"tokens": {"social.example": "s3cr3t-token"}}
    await read(site, web, **settings)
    assert {headers.get("authorization") for _, _, headers in site.asked} == {"Bearer s3cr3t-token"}
    assert "s3cr3t" not in repr(source(site, **settings))


async def test_the_first_poll_reads_the_past_to_its_end(site: Any, web: Any) -> None:
    put_timeline(site, list(range(1, 101)))
    reading = await read(site, web)
    assert len(reading.posts) == 100
    assert pages_asked(site) == [{"limit": "40"}, {"limit": "40", "max_id": "61"}, {"limit": "40", "max_id": "21"}]
    assert reading.window_start == BEGINNING
    assert (reading.cursor["newest_id"], reading.notes) == ("100", [])


async def test_the_first_poll_stops_at_its_cap_and_claims_no_more_than_it_read(site: Any, web: Any) -> None:
    put_timeline(site, list(range(1, 201)))
    reading = await read(site, web)
    assert len(reading.posts) == 120
    assert reading.window_start == NOON + timedelta(minutes=81)
    assert (reading.cursor["newest_id"], reading.notes) == ("200", [])


async def test_a_later_poll_asks_for_the_newest_page_alone_and_sees_edits_and_gaps_in_it(site: Any, web: Any) -> None:
    put_timeline(site, list(range(1, 101)))
    before = await read(site, web)
    site.asked.clear()
    numbers = [n for n in range(1, 103) if n != 90]
    put_timeline(
        site,
        numbers,
        change=lambda s: s | {"content": "<p>Corrected.</p>", "edited_at": s["created_at"]} if s["id"] == "95" else s,
    )
    after = await read(site, web, before.cursor)
    assert pages_asked(site) == [{"limit": "40"}]
    assert next(post for post in after.posts if post.external_id.endswith("/95")).text == "Corrected."
    assert not any(post.external_id.endswith("/90") for post in after.posts)
    assert after.window_start == NOON + timedelta(minutes=62)
    assert after.cursor["newest_id"] == "102"


async def test_a_gap_behind_the_newest_page_is_walked_forward_so_that_nothing_is_left_out(site: Any, web: Any) -> None:
    put_timeline(site, list(range(1, 31)))
    before = await read(site, web)
    put_timeline(site, list(range(1, 131)))
    site.asked.clear()
    after = await read(site, web, before.cursor)
    found = {int(post.external_id.rpartition("/")[2]) for post in after.posts}
    assert found == set(range(31, 131))
    assert [query.get("min_id") for query in pages_asked(site)] == [None, "30", "70"]
    assert after.notes == []


async def test_a_gap_too_long_for_one_poll_is_told_and_read_on_at_the_next(site: Any, web: Any) -> None:
    put_timeline(site, list(range(1, 31)))
    reading = await read(site, web)
    put_timeline(site, list(range(1, 301)))
    seen: set[int] = set()
    polls = 0
    while not seen >= set(range(31, 301)) and polls < 8:
        reading = await read(site, web, reading.cursor)
        seen |= {int(post.external_id.rpartition("/")[2]) for post in reading.posts}
        polls += 1
        if polls == 1:
            assert "pages are new" in reading.notes[0]
            assert reading.window_start == NOON + timedelta(minutes=261)
    assert seen >= set(range(31, 301))
    assert reading.cursor["newest_id"] == "300"


async def test_a_short_page_is_not_the_end_while_the_link_header_names_an_older_one(site: Any, web: Any) -> None:
    site.put(LOOKUP, ACCOUNT)
    site.put(STATUSES, [toot(2), toot(1)], Link='<https://social.example/?max_id=1>; rel="next"')
    reading = await read(site, web, {"newest_id": "2"})
    assert reading.window_start == NOON + timedelta(minutes=1)


async def test_ids_that_end_in_a_hash_are_not_compared_and_a_server_without_paging_is_read_once(
    site: Any, web: Any
) -> None:
    def hashed(numbers: range) -> list[dict[str, Any]]:
        return [
            toot(n, id=f"1795{n}{n * 7919 % 997:03x}deadbeef", uri=f"https://social.example/mudlark/p/1795{n}.1")
            for n in numbers
        ]

    site.put(LOOKUP, ACCOUNT)
    site.put(STATUSES, hashed(range(60, 10, -1)))
    first = await read(site, web)
    assert len(first.posts) == 50
    assert first.window_start == NOON + timedelta(minutes=11)
    site.put(STATUSES, hashed(range(62, 12, -1)))
    site.asked.clear()
    second = await read(site, web, first.cursor)
    assert len(second.posts) == 50
    assert len(pages_asked(site)) == 1


async def test_the_same_bytes_are_unchanged_and_cost_one_request(site: Any, web: Any) -> None:
    put_timeline(site, [1, 2])
    first = await read(site, web)
    site.asked.clear()
    second = await read(site, web, first.cursor)
    assert second.unchanged
    assert len(site.asked) == 1


async def test_a_name_that_went_to_another_account_stops_the_reading(site: Any, web: Any) -> None:
    put_timeline(site, [1, 2])
    cursor = (await read(site, web)).cursor
    site.put(LOOKUP, ACCOUNT | {"id": "7777"})
    site.put(STATUSES, [toot(3, account=ACCOUNT | {"id": "7777"})])
    with pytest.raises(FetchError, match="another account") as failed:
        await read(site, web, cursor)
    assert (failed.value.kind, failed.value.permanent) == ("moved", True)
    site.put(STATUSES, {"error": "Record not found"}, status=404)
    with pytest.raises(FetchError) as failed:
        await read(site, web, cursor)
    assert failed.value.kind == "moved"


async def test_an_account_that_is_no_longer_there_is_gone(site: Any, web: Any) -> None:
    put_timeline(site, [1])
    cursor = (await read(site, web)).cursor
    for path in (LOOKUP, STATUSES):
        site.put(path, {"error": "Record not found"}, status=404)
    with pytest.raises(FetchError, match="knows no account") as failed:
        await read(site, web, cursor)
    assert failed.value.kind == "gone"


def put_single_posts(site: Any, there: set[int], *, bulk: bool) -> None:
    site.put(LOOKUP, ACCOUNT)
    if bulk:

        def many(_query: dict[str, str]) -> Any:
            asked = [value for name, value in site.asked[-1][1] if name == "id[]"]
            return (
                [toot(int(n)) for n in asked if int(n) in there] if len(asked) <= 20 else (422, {"error": "too many"})
            )

        site.put_call("/api/v1/statuses", many)
    for number in there:
        site.put(f"/api/v1/statuses/{number}", toot(number))


@pytest.mark.parametrize("bulk", [True, False])
async def test_a_look_up_tells_the_deleted_from_the_standing_with_and_without_the_bulk_call(
    site: Any, web: Any, bulk: bool
) -> None:
    numbers = range(115_501, 115_526)
    put_single_posts(site, set(numbers) - {115_503}, bulk=bulk)
    posts = [(toot(n)["uri"], toot(n)["url"]) for n in numbers]
    found = await source(site).look_up(web.fetch(), Target(ADDRESS, "1001"), posts)
    assert found.pop(toot(115_503)["uri"]) == Presence.GONE
    assert set(found.values()) == {Presence.THERE}


async def test_a_look_up_on_a_lost_account_says_so_and_a_failing_lookup_proves_nothing(site: Any, web: Any) -> None:
    posts = [(toot(115_503)["uri"], toot(115_503)["url"])]
    assert set((await source(site).look_up(web.fetch(), Target(ADDRESS, "1001"), posts)).values()) == {
        Presence.ACCOUNT_GONE
    }
    site.put(LOOKUP, {"error": "no"}, status=401)
    assert set((await source(site).look_up(web.fetch(), Target(ADDRESS, "1001"), posts)).values()) == {Presence.UNKNOWN}


async def test_a_boosted_posts_foreign_id_is_never_asked_of_this_server(site: Any, web: Any) -> None:
    put_single_posts(site, {115_501}, bulk=False)
    boost = ("https://social.example/users/mudlark/statuses/115501/activity", "https://press.example/@gazette/999999")
    foreign = ("https://press.example/users/gazette/statuses/999999", "https://press.example/@gazette/999999")
    snac = ("https://social.example/mudlark/p/1795533745.615123", "https://social.example/mudlark/p/1795533745.615123")
    found = await source(site).look_up(web.fetch(), Target(ADDRESS, "1001"), [boost, foreign, snac])
    assert found == {boost[0]: Presence.THERE, foreign[0]: Presence.UNKNOWN, snac[0]: Presence.UNKNOWN}


@pytest.mark.parametrize(
    "name",
    [
        "gts.statuses.json",
        "gts.statuses.excl.json",
        "snac.accounts.statuses.json",
        "takahe.statuses.json",
        "takahe.statuses.nore.json",
    ],
)
def test_every_recorded_page_is_read_without_a_word_lost(recorded: Any, name: str) -> None:
    statuses = recorded(f"mastodon/{name}")
    account = statuses[0]["account"]
    places = frozenset({urlsplit(account["url"]).netloc})
    posts, skipped = read_items(statuses, lambda status: parse_status(status, account["id"], places))
    assert (len(posts), skipped) == (len(statuses), [])
    assert sum(post.authorship == Authorship.SHARED for post in posts) == sum(
        bool(status["reblog"]) for status in statuses
    )
    assert {post.external_id for post in posts} == {status["uri"] for status in statuses}
    assert all(post.text and post.posted_at for post in posts)
    warned = next(status for status in statuses if status["spoiler_text"])
    assert any(post.text.startswith(warned["spoiler_text"] + "\n\n") for post in posts)


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("gts.lookup.noauth.json", 401, "blocked"),
        ("gts.lookup.missing.json", 404, "gone"),
        ("takahe.statuses.noauth.json", 401, "blocked"),
    ],
)
async def test_recorded_refusals_are_told_apart(
    recorded: Any, site: Any, web: Any, name: str, status: int, kind: str
) -> None:
    site.put(LOOKUP, recorded(f"mastodon/{name}"), status=status)
    with pytest.raises(FetchError) as failed:
        await source(site).identify(web.fetch(), ADDRESS)
    assert failed.value.kind == kind
