"""RSS, Atom and JSON Feed as a newsroom serves them."""

import io

import feedparser
import pytest


def parsed(answer):
    return feedparser.parse(
        io.BytesIO(answer.content), response_headers={"content-type": answer.headers["content-type"]}
    )


@pytest.mark.parametrize(
    ("path", "version"), [("/news/cedar-bluff/feed.xml", "rss20"), ("/news/larkmoor/atom.xml", "atom10")]
)
def test_rss_and_atom_parse_without_complaint(shared, ask, path, version):
    feed = parsed(ask.get(path))
    assert (feed.bozo, feed.version, len(feed.entries)) == (False, version, 28)
    assert all(e.id and e.link and e.title and e.content[0].value and e.published_parsed for e in feed.entries)
    assert len({entry.id for entry in feed.entries}) == 28


def test_the_long_newsletter_is_whole_in_the_content_and_cut_in_the_teaser(shared, ask):
    feed = parsed(ask.get("/news/cedar-bluff/feed.xml"))
    letter = next(entry for entry in feed.entries if "newsletter" in entry.title)
    assert "the cartels" in letter.content[0].value
    assert "cartels" not in letter.summary


def test_json_feed_has_version_and_items(shared, ask):
    answer = ask.get("/news/stonewick/feed.json")
    assert answer.headers["content-type"] == "application/feed+json"
    feed = answer.json()
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert all({"id", "url", "title", "content_html", "date_published"} <= item.keys() for item in feed["items"])


@pytest.mark.parametrize("header", ["ETag", "Last-Modified"])
def test_an_unchanged_feed_answers_304_without_a_body(server, ask, header):
    path = "/news/larkmoor/atom.xml"
    first = ask.get(path)
    asked = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}[header]
    again = ask.get(path, headers={asked: first.headers[header]})
    assert (again.status_code, again.content) == (304, b"")
    assert server.count(path=path, office="larkmoor", status=304) == 1
    server.publish("larkmoor", "Roads are clear again.", title="Snow emergency lifted")
    changed = ask.get(path, headers={asked: first.headers[header]})
    assert changed.status_code == 200
    assert parsed(changed).entries[0].title == "Snow emergency lifted"


def test_an_edited_item_keeps_its_id_and_a_deleted_one_leaves_feed_and_page(server, ask):
    path = "/news/cedar-bluff/feed.xml"
    before = {entry.link: entry for entry in parsed(ask.get(path)).entries}
    link = server.item_url("cedar-bluff", "hit-and-run-depot-road")
    server.edit("cedar-bluff", "hit-and-run-depot-road", "Corrected: one man was arrested.")
    after = {entry.link: entry for entry in parsed(ask.get(path)).entries}
    assert after[link].id == before[link].id == server.external_id("cedar-bluff", "hit-and-run-depot-road")
    assert "Corrected" in after[link].content[0].value
    assert "Corrected" in ask.get(link).text
    server.delete("cedar-bluff", "hit-and-run-depot-road")
    assert link not in {entry.link for entry in parsed(ask.get(path)).entries}
    assert ask.get(link).status_code == 404


def test_the_home_page_names_its_feed(shared, ask):
    page = ask.get("/news/larkmoor/")
    assert page.headers["content-type"].startswith("text/html")
    assert '<link rel="alternate" type="application/atom+xml" title="News" href="atom.xml">' in page.text


def test_a_moved_newsroom_redirects_and_a_closed_one_is_gone(server, ask):
    server.rename_handle("stonewick", "stonewick-sheriff")
    moved = ask.get("/news/stonewick/feed.json")
    assert (moved.status_code, moved.headers["location"]) == (301, "/news/stonewick-sheriff/feed.json")
    assert ask.get(moved.headers["location"]).status_code == 200
    server.deactivate("stonewick")
    assert ask.get(moved.headers["location"]).status_code == 410
    assert ask.get("/news/nowhere/feed.xml").status_code == 404
