"""The bundled offices keep the promises the demo makes about them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.sample import accounts
from monitor.sample.catalogue import light_offices, sample_offices
from monitor.sample.world import Office, Post

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
THEMES = {"illegals", "criminal_alien", "crime_threat", "invasion", "dehumanizing", "burden", "replacement"}


@pytest.fixture(scope="module")
def offices() -> list[Office]:
    return sample_offices(NOW)


@pytest.fixture(scope="module")
def matching(offices: list[Office]) -> list[Post]:
    return [post for office in offices for post in office.posts if post.matches]


def test_eight_offices_in_eight_states_speak_three_dialects(offices):
    assert len(offices) == len({office.state for office in offices}) == 8
    platforms = [office.platform for office in offices]
    assert {name: platforms.count(name) for name in set(platforms)} == {"feed": 3, "bluesky": 3, "mastodon": 2}
    assert {office.kind for office in offices if office.platform == "feed"} == {"rss", "atom", "json"}


def test_there_are_over_two_hundred_posts_and_no_text_twice(offices):
    texts = [post.text for office in offices for post in office.posts]
    assert 210 <= len(texts) <= 240
    assert len(set(texts)) == len(texts)


def test_every_theme_of_the_codebook_is_there_and_matches_are_rare(offices, matching):
    assert {theme for post in matching for theme in post.matches} == THEMES
    assert 15 <= len(matching) <= 22


def test_the_hard_ways_of_matching_are_there(matching):
    assert any(post.lang == "es" for post in matching)
    assert any(post.alts and "alien" not in post.text.lower() for post in matching), "only in the alt text"
    assert any(len(post.text) > 1200 for post in matching), "a long newsletter"
    assert any("i11egals" in post.text for post in matching), "a disguise"
    assert any("#StopTheInvasion" in post.text for post in matching), "a hashtag"


def test_what_an_office_only_passed_on_is_never_counted_as_its_own_words(offices):
    passed_on = [post for office in offices for post in office.posts if post.repost]
    assert any("illegals" in post.text for post in passed_on), "one hostile repost tells the two apart"
    assert not any(post.matches for post in passed_on)


def test_posts_fit_their_platform_and_are_fresh(offices):
    limits = {"feed": 100_000, "bluesky": 300, "mastodon": 500}
    for office in offices:
        assert (
            len({post.id for post in office.posts}) == len({post.serial for post in office.posts}) == len(office.posts)
        )
        assert all(len(post.text) <= limits[office.platform] for post in office.posts)
        assert all(bool(post.title) == (office.platform == "feed") for post in office.posts)
        assert timedelta() < NOW - office.posts[0].posted_at < timedelta(hours=6)
        assert [p.posted_at for p in office.posts] == sorted((p.posted_at for p in office.posts), reverse=True)


def test_a_restarted_server_shows_the_same_identifiers(offices):
    later = sample_offices(NOW + timedelta(days=3))
    assert [p.serial for o in later for p in o.posts] == [p.serial for o in offices for p in o.posts]


def test_the_account_list_has_what_account_add_needs():
    rows = accounts("http://127.0.0.1:8799")
    assert all(set(row) == {"platform", "address", "agency", "state", "role", "name"} for row in rows)
    addresses = [row["address"] for row in rows]
    assert "http://127.0.0.1:8799/news/larkmoor/atom.xml" in addresses
    assert "@santelmosheriff@127.0.0.1:8799" in addresses
    assert "sheriff.pinon-county.example" in addresses


def test_light_offices_share_their_posts():
    light = list(light_offices(50, NOW))
    assert len(light) == 150
    assert len({id(office.posts) for office in light}) == 1


def test_the_offices_lie_inside_the_package():
    folder = Path(__file__).parents[2] / "monitor" / "sample" / "offices"
    assert len(list(folder.glob("*.json"))) == 8
