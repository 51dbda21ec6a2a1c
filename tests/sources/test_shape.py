"""Values of JSON that may be anything."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.post import FetchedPost
from monitor.errors import FetchError
from monitor.sources._shape import SkipError, identifier, link, moment, prose, read_items, string
from monitor.sources._unchanged import Validators


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-11-20T16:02:11.000Z", datetime(2026, 11, 20, 16, 2, 11, tzinfo=UTC)),
        ("2026-11-20T10:02:11-06:00", datetime(2026, 11, 20, 16, 2, 11, tzinfo=UTC)),
        ("2026-11-20T16:02:11", datetime(2026, 11, 20, 16, 2, 11, tzinfo=UTC)),
        ("2099-01-01T00:00:00Z", datetime(2099, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("2026-02-30T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
        (1732000000, None),
        (None, None),
    ],
)
def test_a_time_is_a_time_in_utc_or_none(given: Any, expected: datetime | None) -> None:
    assert moment(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://a.example/x", "https://a.example/x"),
        ("/x", "https://m.example/x"),
        ("javascript:alert(1)", ""),
        ("file:///etc/passwd", ""),
        ("http://[::1", ""),
        ("mailto:a@b.example", ""),
        ("", ""),
        (7, ""),
    ],
)
def test_a_link_is_an_absolute_web_address_or_nothing(given: Any, expected: str) -> None:
    assert link(given, "https://m.example/n/") == expected


def test_strings_are_storable_and_of_a_sane_length() -> None:
    assert string("a\x00\ud800 ") == "a\\x00\\ud800"
    assert string("x" * 5000) == ""
    assert (identifier(7), identifier(True), identifier(10**4000), identifier([])) == ("7", "", "", "")
    with pytest.raises(SkipError, match="2,000,000 characters"):
        prose("x" * 2_000_000)


def test_a_page_keeps_each_key_once_and_names_what_it_left_out() -> None:
    def parse(item: Any) -> FetchedPost | None:
        return None if item is None else FetchedPost(external_id=item["id"], text=item["text"])

    items = [
        {"id": "1", "text": "first"},
        {"id": "1", "text": "again"},
        None,
        {"id": "x" * 100_000, "text": ""},
        {},
        {"id": "2", "text": "b"},
    ]
    posts, skipped = read_items(items, parse)
    assert [(post.external_id, post.text) for post in posts] == [("1", "first"), ("2", "b")]
    assert [sentence.split(" ")[1] for sentence in skipped] == ["4", "5"]
    assert "external_id" in skipped[0]
    assert all(len(sentence) < 200 for sentence in skipped)


def test_validators_of_a_cursor_that_holds_rubbish_ask_for_everything() -> None:
    soon = (datetime.now(UTC) + timedelta(days=400)).isoformat()
    for last in (
        None,
        7,
        [],
        {"reader": 0},
        {"reader": 1, "etag": '"x"'},
        {"reader": 1, "etag": '"x"', "full_at": soon},
    ):
        validators = Validators({"last": last})
        assert validators.stale
        assert validators.headers() == {}


async def test_a_304_without_a_question_is_an_error(site: Any, web: Any) -> None:
    site.pages["/x"] = lambda _query, _headers: (304, {}, b"")
    answer_to_condition = await web.fetch().get(f"{site.url}/x", headers={"If-None-Match": '"x"'})
    with pytest.raises(FetchError, match="304"):
        Validators({}).unchanged(answer_to_condition)
