"""Website feeds, with the dirt of real ones, fetched over loopback and parsed in the child as in production."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from invented import NOON, rss, rss_item

from models.post import Authorship
from monitor.errors import FetchError
from monitor.sources import Presence, Reading, Target
from monitor.sources.feed import Feed

RSS = "application/rss+xml; charset=utf-8"


async def read(
    site: Any, web: Any, cursor: dict[str, Any] | None = None, path: str = "/feed.xml", **settings: Any
) -> Reading:
    target = Target(f"{site.url}{path}", "", cursor or {})
    return await Feed.model_validate(settings).read(web.fetch(), target)


def put_rss(site: Any, *items: str, head: str = "", kind: str = RSS, **headers: str) -> None:
    site.put("/feed.xml", rss(*items, head=head), kind=kind, **headers)


def keys(reading: Reading) -> list[str]:
    return [post.external_id for post in reading.posts]


async def test_an_rss_item_becomes_a_post_with_its_links_made_absolute(site: Any, web: Any) -> None:
    content = '<p>Full text.<br>Second line.</p><img src="/a.jpg" alt="Map of closure"><p><a href="/more">More</a></p>'
    more = f"<content:encoded><![CDATA[{content}]]></content:encoded>"
    more += '<enclosure url="/r.pdf" type="application/pdf" length="9"/>'
    put_rss(
        site, rss_item(1, guid="https://mudlark.example/?p=1", title="Road &amp;amp; bridge", body="Teaser", more=more)
    )
    reading = await read(site, web)
    post = reading.posts[0]
    assert (post.external_id, post.url) == ("https://mudlark.example/?p=1", f"{site.url}/news/1")
    assert (post.title, post.text) == ("Road & bridge", "Full text.\nSecond line.\n\nMore")
    assert post.alt_texts == ["Map of closure"]
    assert [item.url for item in post.media] == [f"{site.url}/a.jpg", f"{site.url}/r.pdf"]
    assert (post.posted_at, post.teaser_only, post.authorship) == (NOON - timedelta(hours=1), False, Authorship.OWN)
    assert reading.profile is not None
    assert (reading.profile.name, reading.profile.url) == ("Mudlark County Sheriff", f"{site.url}/news/")
    assert (reading.skipped, reading.notes) == ([], [])


async def test_an_atom_entry_carries_both_its_times(site: Any, web: Any) -> None:
    site.put(
        "/feed.xml",
        '<feed xmlns="http://www.w3.org/2005/Atom"><id>tag:m,2026:f</id><title>News</title>'
        "<updated>2026-11-20T17:30:00Z</updated>"
        '<entry><id>tag:m,2026:118</id><title>Road closure</title><link rel="alternate" href="/118"/>'
        "<published>2026-11-20T15:00:00Z</published><updated>2026-11-20T17:30:00Z</updated>"
        '<content type="html">&lt;p&gt;Highway 9&lt;/p&gt;</content></entry></feed>',
        kind="application/atom+xml",
    )
    post = (await read(site, web)).posts[0]
    assert (post.external_id, post.url, post.text) == ("tag:m,2026:118", f"{site.url}/118", "Highway 9")
    assert post.posted_at == datetime(2026, 11, 20, 15, tzinfo=UTC)
    assert post.edited_at == datetime(2026, 11, 20, 17, 30, tzinfo=UTC)


def json_feed(*items: dict[str, Any], **feed: Any) -> dict[str, Any]:
    return {"version": "https://jsonfeed.org/version/1.1", "title": "Mudlark", "items": list(items), **feed}


async def test_a_json_feed_is_read_in_both_versions(site: Any, web: Any) -> None:
    item = {
        "id": 118,
        "url": "/118",
        "title": "Closure",
        "content_html": "<p>Highway 9</p>",
        "date_published": "2026-11-20T09:00:00-06:00",
        "date_modified": "2026-11-20T11:30:00-06:00",
        "image": "/i.jpg",
        "authors": [{"name": "PIO"}],
    }
    old = {"id": "117", "content_text": "Plain\ntext", "author": {"name": "Deputy"}}
    site.put("/feed.xml", json_feed(item, old, language="en-US"))
    reading = await read(site, web)
    first, second = reading.posts
    assert (first.external_id, first.url, first.text, first.author_handle) == (
        "118",
        f"{site.url}/118",
        "Highway 9",
        "PIO",
    )
    assert (first.posted_at, first.edited_at) == (
        datetime(2026, 11, 20, 15, tzinfo=UTC),
        datetime(2026, 11, 20, 17, 30, tzinfo=UTC),
    )
    assert (second.text, second.author_handle, second.lang, second.posted_at) == (
        "Plain\ntext",
        "Deputy",
        "en-US",
        None,
    )
    assert reading.window_start is None


async def test_a_json_feeds_older_pages_are_read_at_first_and_not_beyond_the_cap(site: Any, web: Any) -> None:
    for n in range(1, 6):
        site.put(f"/feed.xml?p={n}", json_feed({"id": f"{n}", "content_text": "x"}, next_url=f"/feed.xml?p={n + 1}"))
    first = await read(site, web, path="/feed.xml?p=1", max_pages=3)
    assert keys(first) == ["1", "2", "3"]
    site.put(
        "/feed.xml?p=1",
        json_feed({"id": "0", "content_text": "x"}, {"id": "1", "content_text": "x"}, next_url="/feed.xml?p=2"),
    )
    assert keys(await read(site, web, first.cursor, path="/feed.xml?p=1", max_pages=3)) == ["0", "1"]


async def test_an_expired_json_feed_is_over_for_good(site: Any, web: Any) -> None:
    site.put("/feed.xml", json_feed(expired=True))
    with pytest.raises(FetchError, match="ended") as failed:
        await read(site, web)
    assert (failed.value.kind, failed.value.permanent) == ("gone", True)


async def test_a_date_that_cannot_be_read_is_left_out_and_told(site: Any, web: Any) -> None:
    put_rss(site, rss_item(1, date="next Tuesday-ish"), rss_item(2))
    reading = await read(site, web)
    assert reading.posts[0].posted_at is None
    assert "next Tuesday-ish" in reading.notes[0]
    assert reading.window_start is None


async def test_an_item_without_guid_is_known_by_its_link_and_without_both_by_title_and_date(
    site: Any, web: Any
) -> None:
    put_rss(
        site,
        rss_item(1, guid=None, link="/n/1?utm_source=rss&amp;id=7#top"),
        "<item><title>Bare</title><pubDate>x</pubDate></item>",
        "<item><description>Nothing else</description></item>",
    )
    reading = await read(site, web)
    assert keys(reading) == [f"{site.url}/n/1?id=7", "sha256:" + hashlib.sha256(b"Bare\x1fx").hexdigest()]
    assert "no guid" in reading.skipped[0]


async def test_civicplus_items_are_known_by_their_number_and_their_teasers_are_called_teasers(
    site: Any, web: Any
) -> None:
    def feed(stamp: str) -> None:
        item = rss_item(
            1,
            guid=f"https://c.example/CivicAlerts.aspx?AID=123/{stamp}",
            link="/CivicAlerts.aspx?aid=123",
            body="The Sheriff will host a town hall... [&amp;hellip;] Read on...",
        )
        event = rss_item(
            2, guid=f"Calendar.aspx?EID=6863/{stamp}", link="/Calendar.aspx?EID=6863&amp;month=11", body="Fair"
        )
        put_rss(site, item, event)

    feed("639234406150000000")
    first = await read(site, web)
    assert keys(first) == ["AID=123", "EID=6863"]
    assert [post.teaser_only for post in first.posts] == [True, False]
    assert first.posts[0].text.startswith("The Sheriff will host a town hall")
    assert "Read on" not in first.posts[0].text
    feed("639234406159999999")
    assert keys(await read(site, web, first.cursor)) == ["AID=123", "EID=6863"]


async def test_guids_that_change_each_time_give_way_to_links_without_doubling_a_post(site: Any, web: Any) -> None:
    put_rss(site, *(rss_item(n, guid=f"g-{n}-a") for n in range(1, 6)))
    first = await read(site, web)
    put_rss(site, *(rss_item(n, guid=f"g-{n}-b") for n in range(6)))
    second = await read(site, web, first.cursor)
    assert keys(second)[1:] == keys(first)
    assert keys(second)[0] == f"{site.url}/news/0"
    assert "new guids each time" in second.notes[0]
    assert second.window_start is None
    put_rss(site, *(rss_item(n, guid=f"g-{n}-c") for n in range(6)), head="<ttl>1</ttl>")
    third = await read(site, web, second.cursor)
    assert (keys(third), third.notes) == (keys(second), [])


async def test_a_few_changed_guids_are_no_reason_to_distrust_the_others(site: Any, web: Any) -> None:
    put_rss(site, *(rss_item(n) for n in range(1, 6)))
    first = await read(site, web)
    put_rss(site, *(rss_item(n, guid=f"item-{n}" if n < 4 else f"other-{n}") for n in range(1, 6)))
    assert keys(await read(site, web, first.cursor)) == ["item-1", "item-2", "item-3", "other-4", "other-5"]


async def test_one_guid_for_several_items_does_not_make_them_one(site: Any, web: Any) -> None:
    put_rss(site, rss_item(1, guid="home"), rss_item(2, guid="home"), rss_item(3))
    assert keys(await read(site, web)) == [f"{site.url}/news/1", f"{site.url}/news/2", "item-3"]


async def test_the_window_is_the_oldest_item_only_while_items_stand_in_order(site: Any, web: Any) -> None:
    put_rss(site, rss_item(1), rss_item(2), rss_item(9))
    assert (await read(site, web)).window_start == NOON - timedelta(hours=9)
    put_rss(site, rss_item(900), rss_item(1), rss_item(2))
    assert (await read(site, web)).window_start is None


async def test_a_feed_cut_off_in_the_middle_keeps_what_came_and_proves_nothing_missing(site: Any, web: Any) -> None:
    site.put("/feed.xml", rss(rss_item(1), rss_item(2), rss_item(3))[:-150], kind=RSS)
    reading = await read(site, web)
    assert keys(reading)[:2] == ["item-1", "item-2"]
    assert reading.window_start is None
    assert "malformed" in reading.notes[0]


async def test_no_item_in_common_with_the_last_poll_is_told_as_a_gap(site: Any, web: Any) -> None:
    put_rss(site, rss_item(5), rss_item(6))
    first = await read(site, web)
    put_rss(site, rss_item(1), rss_item(2))
    assert "come and gone" in (await read(site, web, first.cursor)).notes[0]


async def test_more_items_than_the_cap_are_counted_and_left_out(site: Any, web: Any) -> None:
    put_rss(site, *(rss_item(n) for n in range(620)))
    reading = await read(site, web)
    assert len(reading.posts) == 500
    assert "620 items" in reading.notes[0]
    assert reading.window_start is None


@pytest.mark.parametrize(
    ("declared", "encoding", "kind"),
    [
        ("ISO-8859-1", "latin-1", "text/xml"),
        ("UTF-8", "latin-1", "text/xml; charset=utf-8"),
        ("UTF-8", "utf-8", "text/xml; charset=us-ascii"),
        ("windows-1252", "cp1252", "application/xml"),
        ("UTF-16", "utf-16", "application/rss+xml"),
        ("UTF-8", "utf-8", "text/html"),
        ("UTF-8", "utf-8", ""),
    ],
)
async def test_text_survives_the_charsets_and_types_that_servers_declare(
    site: Any, web: Any, declared: str, encoding: str, kind: str
) -> None:
    document = rss(rss_item(1, title="Año nuevo", body="Peligro: ¡no pase! Ñandú")).replace(
        'encoding="UTF-8"', f'encoding="{declared}"'
    )
    site.put("/feed.xml", document.encode(encoding), kind=kind)
    post = (await read(site, web)).posts[0]
    assert (post.title, post.text) == ("Año nuevo", "Peligro: ¡no pase! Ñandú")


@pytest.mark.parametrize(
    ("body", "text", "teaser"),
    [
        ("Deputies found… Read more", "Deputies found…", True),
        ("Deputies found [&amp;#8230;]", "Deputies found […]", True),
        (
            "&lt;p&gt;Deputies found...&lt;/p&gt;&lt;a href='/x'&gt;Continue reading: Arrest&lt;/a&gt;",
            "Deputies found...",
            True,
        ),
        ("Deputies found him.", "Deputies found him.", False),
        ("If height &lt; 8 ft &amp;amp; wide", "If height < 8 ft & wide", False),
        ("line one\nline two", "line one\nline two", False),
        ("&lt;script&gt;alert(1)&lt;/script&gt;&lt;style&gt;p{}&lt;/style&gt;&lt;b&gt;Shown&lt;/b&gt;", "Shown", False),
        ("Please read on and share.", "Please read on and share.", False),
        ("Thank you. Read more about the K9 unit.", "Thank you. Read more about the K9 unit.", False),
        ("Three were arrested. Read more »", "Three were arrested.", True),
    ],
)
async def test_bodies_become_the_text_a_reader_sees(site: Any, web: Any, body: str, text: str, teaser: bool) -> None:
    put_rss(site, rss_item(1, body=body))
    post = (await read(site, web)).posts[0]
    assert (post.text, post.teaser_only) == (text, teaser)


async def test_links_that_are_no_web_addresses_are_dropped(site: Any, web: Any) -> None:
    put_rss(site, rss_item(1, link="javascript:alert(1)", body='&lt;img src="data:x" alt="Flyer"&gt;'))
    post = (await read(site, web)).posts[0]
    assert (post.url, post.media, post.alt_texts) == ("", [], ["Flyer"])


async def test_items_of_another_source_are_shared_and_not_the_offices_words(site: Any, web: Any) -> None:
    foreign = '<source url="https://press.example/rss">The Gazette</source>'
    own = f'<source url="{site.url}/other.xml">Our other feed</source>'
    put_rss(site, rss_item(1, more=foreign), rss_item(2, more=own), rss_item(3))
    assert [post.authorship.value for post in (await read(site, web)).posts] == ["shared", "own", "own"]
    office, gazette = {"name": "Sheriff", "url": f"{site.url}/"}, {"name": "Gazette", "url": "https://press.example/"}
    site.put(
        "/feed.xml",
        json_feed(
            {"id": "1", "content_text": "x", "authors": [gazette]},
            {"id": "2", "content_text": "y"},
            {"id": "3", "content_text": "z", "authors": [{"name": "Deputy"}]},
            authors=[office],
        ),
    )
    assert [post.authorship.value for post in (await read(site, web)).posts] == ["shared", "own", "own"]


async def test_validators_are_sent_back_byte_for_byte_and_304_is_unchanged(site: Any, web: Any) -> None:
    site.put_conditional("/feed.xml", rss(rss_item(1)).encode(), RSS, 'W/"a,b"')
    first = await read(site, web)
    second = await read(site, web, first.cursor)
    assert second.unchanged
    assert site.asked[-1][2]["if-none-match"] == 'W/"a,b"'
    assert (await read(site, web, second.cursor)).unchanged


async def test_the_same_bytes_without_validators_are_unchanged(site: Any, web: Any) -> None:
    put_rss(site, rss_item(1), head="<ttl>30</ttl>")
    first = await read(site, web)
    second = await read(site, web, first.cursor)
    assert second.unchanged
    assert second.min_interval_s == first.min_interval_s == 1800


async def test_a_server_that_says_304_for_ever_is_asked_for_everything_once_a_day(site: Any, web: Any) -> None:
    site.put_conditional("/feed.xml", rss(rss_item(1)).encode(), RSS, '"v1"')
    cursor = (await read(site, web)).cursor
    site.put_conditional("/feed.xml", rss(rss_item(0), rss_item(1)).encode(), RSS, '"v1"')
    assert (await read(site, web, cursor)).unchanged
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=24, minutes=1)):
        assert keys(await read(site, web, cursor)) == ["item-0", "item-1"]


@pytest.mark.parametrize(
    ("head", "headers", "wait_s"),
    [
        ("<ttl>30</ttl>", {}, 1800),
        ("<sy:updatePeriod> hourly </sy:updatePeriod><sy:updateFrequency>2</sy:updateFrequency>", {}, 1800),
        ("<ttl>10</ttl>", {"Cache_Control": "public, max-age=900"}, 900),
        ("<ttl>999999999</ttl>", {}, 43_200),
        ("<ttl>-5</ttl><sy:updatePeriod>yearly</sy:updatePeriod>", {}, 43_200),
        ("<ttl>soon</ttl>", {"Cache_Control": "max-age=0"}, None),
        ("", {}, None),
    ],
)
async def test_a_feeds_wish_for_rest_is_passed_on_within_half_a_day(
    site: Any, web: Any, head: str, headers: Any, wait_s: Any
) -> None:
    put_rss(site, rss_item(1), head=head, **headers)
    assert (await read(site, web)).min_interval_s == wait_s


async def test_a_web_page_is_refused_with_the_feeds_it_links_to(site: Any, web: Any) -> None:
    page = (
        '<!DOCTYPE html><head><link rel="alternate" type="application/rss+xml" href="/news/feed.xml">'
        '<link rel="stylesheet" href="/x.css">'
        '<link href="https://mudlark.example/atom" type="application/atom+xml" rel="feed alternate">'
        '<link rel="alternate" type="text/html" hreflang="es" href="/es"></head><body>Welcome'
    )
    site.put("/feed.xml", page)
    for asking in (read(site, web), Feed().identify(web.fetch(), f"{site.url}/feed.xml")):
        with pytest.raises(FetchError) as failed:
            await asking
        assert failed.value.kind == "not_a_feed"
        assert f"{site.url}/news/feed.xml, https://mudlark.example/atom." in str(failed.value)


@pytest.mark.parametrize(
    ("body", "kind", "status", "expected"),
    [
        (b"", RSS, 200, "malformed"),
        (b" \n", RSS, 200, "malformed"),
        (b"", RSS, 204, "malformed"),
        (b"<html><form><input name=p type=password></form>", "text/html", 200, "login_wall"),
        (b"%PDF-1.7 \x00\x01", "application/pdf", 200, "not_a_feed"),
        (b"<html>Just a moment", "text/html", 403, "blocked"),
        (b"<rss><channel", RSS, 404, "gone"),
        (b"plain words", "text/plain", 200, "not_a_feed"),
        (b"<?xml version='1.0'?><urlset><url/></urlset>", "text/xml", 200, "not_a_feed"),
    ],
)
async def test_what_is_no_feed_is_an_error_and_never_an_empty_feed(
    site: Any, web: Any, body: bytes, kind: str, status: int, expected: str
) -> None:
    put_rss(site, rss_item(1))
    cursor = (await read(site, web)).cursor
    site.put("/feed.xml", body, kind=kind, status=status)
    with pytest.raises(FetchError) as failed:
        await read(site, web, cursor)
    assert failed.value.kind == expected
    assert not failed.value.permanent


async def test_a_feed_without_items_is_a_feed_but_shows_no_post_missing(site: Any, web: Any) -> None:
    put_rss(site)
    reading = await read(site, web)
    assert (reading.posts, reading.window_start) == ([], None)


async def test_410_is_for_good(site: Any, web: Any) -> None:
    site.put("/feed.xml", "gone", status=410)
    with pytest.raises(FetchError) as failed:
        await read(site, web)
    assert (failed.value.kind, failed.value.permanent) == ("gone", True)


async def test_a_permanent_redirect_changes_the_address_only_after_three_days(site: Any, web: Any) -> None:
    site.put("/new.xml", rss(rss_item(1)), kind=RSS)
    site.redirect("/feed.xml", f"{site.url}/new.xml", 301)
    cursor: dict[str, Any] = {}
    start = datetime.now(UTC)
    for day, hours in enumerate((0, 1, 25, 49)):
        with time_machine.travel(start + timedelta(hours=hours)):
            reading = await read(site, web, cursor)
        assert ("url" in reading.cursor) == (day == 3)
        assert f"{site.url}/new.xml" in reading.notes[0]
        cursor = reading.cursor
    site.asked.clear()
    again = await read(site, web, cursor)
    assert (site.paths(), again.notes) == (["/new.xml"], [])
    site.put("/new.xml", "gone", status=404)
    put_rss(site, rss_item(7))
    assert keys(await read(site, web, cursor)) == ["item-7"]


async def test_a_passing_redirect_is_followed_and_forgotten(site: Any, web: Any) -> None:
    site.put("/new.xml", rss(rss_item(1)), kind=RSS)
    site.redirect("/feed.xml", "/new.xml", 302)
    reading = await read(site, web)
    assert (keys(reading), reading.notes) == (["item-1"], [])
    assert "moving" not in reading.cursor


@pytest.mark.parametrize(("status", "permanent"), [(308, True), (301, True), (302, False), (307, False)])
async def test_a_feed_that_leads_to_another_site_is_not_read_until_a_person_says_so(
    site: Any, other_site: Any, web: Any, status: int, permanent: bool
) -> None:
    other_site.put("/theirs.xml", rss(rss_item(1)), kind=RSS)
    site.redirect("/feed.xml", f"{other_site.url}/theirs.xml", status)
    for asking in (read(site, web), Feed().identify(web.fetch(), f"{site.url}/feed.xml")):
        with pytest.raises(FetchError, match="another site") as failed:
            await asking
        assert (failed.value.kind, failed.value.permanent) == ("moved", permanent)
        assert f"{other_site.url}/theirs.xml" in str(failed.value)


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("HTTPS://News.Mudlark.Example/Feed/?a=B#top", "https://news.mudlark.example/Feed/?a=B"),
        ("news.mudlark.example/feed", "https://news.mudlark.example/feed"),
        ("feed://news.mudlark.example/feed", "https://news.mudlark.example/feed"),
        ("feed:http://news.mudlark.example/feed", "http://news.mudlark.example/feed"),
        ("http://127.0.0.1:8799", "http://127.0.0.1:8799/"),
        ("http://[::1]:8799/f", "http://[::1]:8799/f"),
    ],
)
def test_an_address_may_be_typed_as_people_have_it_at_hand(typed: str, canonical: str) -> None:
    assert Feed().normalise(typed) == canonical


async def test_full_text_replaces_a_teaser_once_and_is_not_taken_back_by_the_next_poll(site: Any, web: Any) -> None:
    put_rss(site, rss_item(1, body="Deputies found... Read more"), rss_item(2))
    article = "<p>Deputies found the missing man alive near the old mill on Sunday.</p><img src=/m.jpg alt='The mill'>"
    site.put("/news/1", f"<html><nav>Menu</nav><main><article>{article}</article></main><footer>Contact</footer>")
    first = await read(site, web, full_text=True)
    assert first.posts[0].text == "Deputies found the missing man alive near the old mill on Sunday."
    assert (first.posts[0].alt_texts, first.posts[0].teaser_only) == (["The mill"], False)
    put_rss(site, rss_item(0), rss_item(1, body="Deputies found... Read more"), rss_item(2))
    second = await read(site, web, first.cursor, full_text=True)
    assert keys(second) == ["item-0", "item-2"]
    assert site.paths().count("/news/1") == 1
    assert second.window_start is None
    assert "/news/1" not in site.paths()[3:]


async def test_without_full_text_no_page_behind_an_item_is_asked_for(site: Any, web: Any) -> None:
    put_rss(site, rss_item(1, body="Deputies found... Read more"))
    assert (await read(site, web)).posts[0].teaser_only
    assert site.paths() == ["/feed.xml"]


async def test_a_look_up_calls_an_item_gone_only_while_the_feed_itself_answers(site: Any, web: Any) -> None:
    put_rss(site, rss_item(1))
    site.put("/news/1", "<html>Notice 1")
    site.put("/news/3", "", status=200)
    site.put("/news/4", "Sign in", status=403)
    site.put("/", "<html>Home")
    site.redirect("/news/5", "/", 302)
    site.put("/news/6", "gone", status=410)
    posts = [(f"item-{n}", f"{site.url}/news/{n}") for n in range(1, 7)] + [("item-7", "")]
    source, target = Feed(), Target(f"{site.url}/feed.xml")
    found = await source.look_up(web.fetch(), target, posts)
    expected = [Presence.THERE, Presence.GONE, *[Presence.UNKNOWN] * 3, Presence.GONE, Presence.UNKNOWN]
    assert list(found.values()) == expected
    site.put("/feed.xml", "<html>Maintenance")
    assert Presence.GONE not in (await source.look_up(web.fetch(), target, posts)).values()


@pytest.mark.parametrize("name", ["cms_feed.rss", "cms_feed.atom"])
async def test_a_recorded_newsroom_is_read_whole(recorded: Any, site: Any, web: Any, name: str) -> None:
    document = recorded(f"wordpress/{name}")
    site.put("/feed.xml", document, kind="application/xml")
    reading = await read(site, web)
    assert (reading.skipped, reading.notes) == ([], [])
    assert len(reading.posts) == max(document.count(b"<item>"), document.count(b"<entry>"))
    assert all(post.title and post.text and post.url and post.posted_at for post in reading.posts)
    release = next(post for post in reading.posts if post.title.startswith("Press release 24 "))
    assert release.title == "Press release 24 – “Arrest & charges”"
    assert release.text == "Deputies arrested suspect 24 & others. More"
    assert reading.window_start == min(post.posted_at for post in reading.posts if post.posted_at)
