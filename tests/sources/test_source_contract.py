"""What holds for every platform, present and future: the tests find the sources by themselves."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from models.post import FetchedPost
from monitor.errors import FetchError, UsageError
from monitor.sources import Presence, Source, Target, source_class, source_classes

every_source = pytest.mark.parametrize("platform", sorted(source_classes()))


def make(platform: str, site: Any = None) -> Source:
    """The source, asking ``site`` where its platform has a base URL."""
    kind = source_class(platform)
    return kind.model_validate({"appview": site.url} if site and "appview" in kind.model_fields else {})


def address_at(platform: str, site: Any) -> str:
    """An address of the platform that leads to ``site``."""
    here = {"feed": f"{site.url}/feed.xml", "mastodon": f"@mudlark@{site.netloc}", "bluesky": "sheriff.mudlark.example"}
    return make(platform).normalise(here.get(platform, make(platform).example))


async def outcome(work: Any) -> tuple[Any, FetchError | None]:
    """What came of it, or how it failed."""
    try:
        return await work, None
    except FetchError as failed:
        return None, failed


@every_source
def test_a_platform_is_known_by_its_file_name_and_says_what_it_is(platform: str) -> None:
    kind = source_class(platform)
    assert kind.platform == platform
    assert not platform.startswith("_")
    assert kind.title
    assert kind.example
    assert all(field.description is None or field.description for field in kind.model_fields.values())


def test_an_unknown_platform_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="bluesky, feed, mastodon"):
        source_class("myspace")


@every_source
def test_its_settings_refuse_a_field_they_do_not_know(platform: str) -> None:
    with pytest.raises(ValidationError):
        source_class(platform).model_validate({"no_such_setting": 1})


@every_source
def test_its_example_is_an_address_and_normalising_twice_changes_nothing(platform: str) -> None:
    source = make(platform)
    once = source.normalise(f"  {source.example} ")
    assert source.normalise(once) == once
    assert source.host(Target(once))


@every_source
@pytest.mark.parametrize(
    "bad",
    [
        "",
        " ",
        "two words",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://",
        "@",
        "https://u:p@a.example/x",
        "http://internal\\@public.example/",
        "a\x00b.example",
        "x" * 5000,
        "http://[::1",
        "\ud800.example",
    ],
)
def test_an_address_that_is_none_is_refused_with_one_short_sentence_and_an_example(platform: str, bad: str) -> None:
    source = make(platform)
    with pytest.raises(UsageError) as refused:
        source.normalise(bad)
    sentence = str(refused.value)
    assert len(sentence) < 400
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert source.example in sentence


@every_source
@given(address=st.text(max_size=60))
def test_any_text_is_an_address_or_a_usage_error(platform: str, address: str) -> None:
    source = make(platform)
    try:
        once = source.normalise(address)
    except UsageError:
        return
    assert source.normalise(once) == once
    assert source.host(Target(once))


@every_source
@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"null",
        b'"text"',
        b"17",
        b'{"feed": 3, "did": 5, "items": null}',
        b'{"error": ["x"]}',
        b"[[[]]]",
        b'{"id": {}}',
        b"{",
        b"\xff\xfe{",
        b"",
        b"   ",
        b"NaN",
        b"[" * 100_000,
    ],
)
async def test_an_answer_of_an_unexpected_shape_is_a_fetch_error(
    platform: str, body: bytes, site: Any, web: Any
) -> None:
    source, address = make(platform, site), address_at(platform, site)
    site.pages = _Everywhere(lambda _q, _h: (200, {"Content-Type": "application/json"}, body))
    for known in ("", "did:plc:inventedinventedinvent12"):
        reading, failed = await outcome(source.read(web.fetch(), Target(address, known)))
        if failed is None:
            # Only Mastodon's list of posts may be empty or hold rubbish; whatever else is no list is no answer at all.
            assert body in (b"[]", b"[[[]]]")
            assert reading.posts == []
        else:
            assert failed.kind in ("malformed", "not_a_feed")


@every_source
@pytest.mark.parametrize("status", [200, 401, 403, 404, 406, 410])
async def test_a_web_page_instead_of_an_answer_is_never_read_as_no_posts(
    platform: str, status: int, site: Any, web: Any
) -> None:
    source, address = make(platform, site), address_at(platform, site)
    page = b"<!doctype html><title>Maintenance</title><p>We will be back."
    site.pages = _Everywhere(lambda _q, _h: (status, {"Content-Type": "text/html"}, page))
    with pytest.raises(FetchError) as failed:
        await source.read(web.fetch(), Target(address, "did:plc:inventedinventedinvent12"))
    expected = {404: {"gone"}, 410: {"gone"}, 200: {"malformed", "not_a_feed"}}
    assert failed.value.kind in expected.get(status, {"blocked"})


@every_source
async def test_looking_up_nothing_asks_nothing(platform: str, site: Any, web: Any) -> None:
    source = make(platform, site)
    assert await source.look_up(web.fetch(), Target(address_at(platform, site), "1"), []) == {}
    assert site.asked == []


@every_source
async def test_a_look_up_answers_for_each_post_and_calls_none_gone_when_the_platform_refuses(
    platform: str, site: Any, web: Any
) -> None:
    source = make(platform, site)
    target = Target(address_at(platform, site), "did:plc:inventedinventedinvent12")
    page = b"<!doctype html><title>Sign in</title><input type=password>"
    site.pages = _Everywhere(lambda _q, _h: (403, {"Content-Type": "text/html"}, page))
    posts = [("at://did:plc:a/app.bsky.feed.post/1", f"{site.url}/1"), (f"{site.url}/users/x/statuses/123456", "")]
    found, failed = await outcome(source.look_up(web.fetch(), target, posts))
    assert (failed and failed.kind == "blocked") or found == {key: Presence.UNKNOWN for key, _ in posts}


_KEYS = (
    "uri id post record author did text embed $type images alt facets index features byteStart byteEnd reason "
    "createdAt account content reblog quote poll options title card media_attachments created_at visibility url "
    "link summary published_parsed source authors content_html date_published attachments langs handle cid value media"
)
_SCALARS = [
    *(
        10**4000,
        "1" * 5000,
        -1,
        0,
        2**63,
        "\x00",
        "\ud800",
        "a" * 100_000,
        "at://x",
        "http://127.0.0.1/x",
        "javascript:1",
    ),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2026-13-45", "", "<p>" * 9),
]
_HOSTILE = st.recursive(
    st.none() | st.booleans() | st.floats() | st.sampled_from(_SCALARS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS.split()), inner, max_size=6),
    max_leaves=25,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(items=st.lists(_HOSTILE, min_size=1, max_size=3))
def test_whatever_an_item_holds_it_is_a_storable_post_or_one_sentence_and_the_good_item_survives(
    items: list[Any],
) -> None:
    from invented import DID, skeet, toot

    from monitor.sources._bluesky_posts import parse_item
    from monitor.sources._feed_items import Keys, post_of, read_entry, read_json_item
    from monitor.sources._mastodon_posts import parse_status
    from monitor.sources._shape import read_items

    def as_post(item: Any) -> FetchedPost:
        return post_of(item, Keys([item], {}).of(item))

    base = "https://mudlark.example/feed"
    places = frozenset({"social.example"})
    readers = [
        (skeet("Kept."), lambda item: parse_item(item, DID)),
        (toot(1), lambda item: parse_status(item, "1001", places)),
        ({"id": "1", "title": "Kept."}, lambda item: as_post(read_entry(item, base))),
        ({"id": "1", "content_text": "Kept."}, lambda item: as_post(read_json_item(item, {}, base))),
    ]
    for good, parse in readers:
        posts, skipped = read_items([*items, good], parse)
        assert any("Kept." in (post.text, post.title) or post.text == "Road closed." for post in posts)
        assert len(posts) + len(skipped) <= len(items) + 1
        for post in posts:
            json.dumps(post.model_dump(mode="json")).encode("utf-8")
            assert all(
                "\x00" not in part for part in (post.text, post.author_handle, post.author_id, post.lang, post.url)
            )
            post.model_dump_json().encode("utf-8")
        assert all(len(sentence) < 300 for sentence in skipped)


class _Everywhere(dict[str, Any]):
    """One page for every path."""

    def __init__(self, page: Any) -> None:
        super().__init__()
        self._page = page

    def get(self, _key: str, _default: Any = None) -> Any:
        return self._page
