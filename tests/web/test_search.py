"""The search page: what its address asks for is shown, what is wrong with it is said."""

import re

import pytest

from monitor import search
from monitor.telling import excerpt_of
from monitor.web.routes.search import LISTED
from tests.monitor.made_posts import START, make_office, make_post, make_version


@pytest.fixture
def kept(db):
    with db.write() as session:
        version = make_version(session)
        ohio = make_office(session)
        texas = make_office(session, "Sample County Sheriff", "TX", "mastodon", "sample@s.test")
        make_post(
            session, ohio, "A wall <b>of</b> words.", version=version, probability=0.9, verdict="confirmed",
            themes=["invasion"],
        )  # fmt: skip
        make_post(session, ohio, "Una cerca.", number=1, version=version, probability=0.5, lang="es")
        make_post(session, texas, "A fence.", number=2, media=[{"kind": "image", "url": "x"}])
        make_post(session, texas, "A wall again.", number=3, version_count=2, deleted_at=START)
    return db


def shown(page):
    """The ids of the posts of a page, in its order."""
    return [int(found) for found in re.findall(r'href="/posts/(\d+)" data-item', page.text)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [4, 3, 2, 1]),
        ("q=wall", [4, 1]),
        ("q=wall+-again", [1]),
        ("q=fence+OR+cerca", [3, 2]),
        ("state=TX&q=wall", [4]),
        ("agency=1", [2, 1]),
        ("account=2", [4, 3]),
        ("platform=bluesky", [2, 1]),
        ("theme=invasion", [1]),
        ("verdict=confirmed", [1]),
        ("score_min=0.4&score_max=0.6", [2]),
        ("since=2026-03-01&until=2026-03-01&deleted=no", [3, 2, 1]),
        ("deleted=yes", [4]),
        ("edited=yes", [4]),
        ("picture=yes", [3]),
        ("lang=es", [2]),
        ("flagged=yes", [2, 1]),
        ("sort=score", [1, 2]),
        ("q=nothing", []),
    ],
)
async def test_an_address_is_a_search(kept, log_in, query, expected):
    page = await log_in("Vi", "viewer").get(f"/posts?{query}")
    assert page.status_code == 200
    assert shown(page) == expected


async def test_who_only_reads_lands_on_the_search_page(kept, log_in):
    viewer = log_in("Vi", "viewer")
    page = await viewer.follow(await viewer.get("/"))
    assert page.status_code == 200
    assert "Add by hand" not in page.text
    assert "4 posts" in page.text


async def test_a_form_leads_to_the_address_to_share(kept, log_in):
    viewer = log_in("Vi", "viewer")
    sent = await viewer.get("/posts?q=wall&state=&agency=sample&account=&sort=newest&theme=")
    assert sent.headers["location"] == "/posts?q=wall&agency=2"
    page = await viewer.follow(sent)
    assert shown(page) == [4]
    assert 'value="Sample County Sheriff (TX)"' in page.text


@pytest.mark.parametrize("typed", ["example.test", "@Example.test", "example.test (bluesky)", "1", "example c"])
async def test_an_account_is_found_by_what_people_type(kept, log_in, typed):
    answer = await log_in("Vi", "viewer").get("/posts", params={"account": typed})
    assert answer.status_code == 200 if typed == "1" else answer.headers["location"] == "/posts?account=1"


async def test_a_name_that_fits_several_is_asked_back(kept, log_in):
    page = await log_in("Vi", "viewer").get("/posts?agency=county&q=wall")
    assert page.status_code == 400
    assert "Which agency do you mean?" in page.text
    assert re.findall(r'href="(/posts\?q=wall&amp;agency=\d)"', page.text) == [
        "/posts?q=wall&amp;agency=1",
        "/posts?q=wall&amp;agency=2",
    ]


@pytest.mark.parametrize(
    ("query", "sentence", "field"),
    [
        ("q=%22wall", "quotation mark", 'value="&#34;wall"'),
        ("q=-wall", "Add a word that must", 'value="-wall"'),
        ("q=" + "x" * 700, "longer than 500", "x" * 600),
        ("q=wall&score_min=high", "from 0 to 1", 'value="high"'),
        ("q=wall&since=tomorrow", "is not a date", 'value="wall"'),
        ("theme=%3Cscript%3E", "Unknown theme", "&lt;script&gt;"),
        ("verdict=guilty", "Unknown verdict", "guilty"),
        ("agency=nowhere", "No agency is called “nowhere”", 'value="nowhere"'),
        ("account=99999999999999", "No account is called", 'value="99999999999999"'),
        ("sort=up", "Unknown order", "up"),
        ("after=made-up", "Start again from the first page", ""),
    ],
)
async def test_what_is_wrong_is_said_in_a_sentence_and_what_was_typed_stays(kept, log_in, query, sentence, field):
    page = await log_in("Vi", "viewer").get(f"/posts?{query}")
    assert page.status_code == 400
    assert page.text.count('role="alert"') == 1
    assert sentence in page.text
    assert field in page.text
    assert shown(page) == []


@pytest.fixture
def patient(monkeypatch):
    """Counting may take as long as it does on a machine that has other things to do."""
    monkeypatch.setattr("monitor.web.routes.search.COUNTED_S", 20)


async def counted(visitor, page):
    """What the heading of the page becomes once the browser has asked for the number."""
    address = re.search(r'hx-get="(/posts/count[^"]*)"', page.text)[1].replace("&amp;", "&")
    return re.fullmatch(r"<h2>(.*)</h2>\s*", (await visitor.get(address, headers={"HX-Request": "true"})).text)[1]


@pytest.mark.usefixtures("patient")
async def test_pages_follow_one_another_and_give_each_post_once(db, log_in):
    with db.write() as session:
        office = make_office(session)
        for number in range(2 * LISTED + 3):
            make_post(session, office, f"Post {number} of the fence. " + "Words and more words. " * 40, number=number)
    viewer = log_in("Vi", "viewer")
    seen, address = [], "/posts?q=fence"
    while address:
        page = await viewer.get(address)
        assert len(page.content) < 150_000
        assert await counted(viewer, page) == f"{2 * LISTED + 3} posts"
        seen += shown(page)
        found = re.search(r'rel="next" href="([^"]+)"', page.text)
        address = found[1].replace("&amp;", "&") if found else ""
    assert seen == list(range(2 * LISTED + 3, 0, -1))


@pytest.mark.usefixtures("patient")
async def test_many_posts_are_not_counted_to_their_end(kept, log_in, monkeypatch):
    monkeypatch.setattr("monitor.web.routes.search.MOST_COUNTED", 2)
    monkeypatch.setattr("monitor.web.routes.search.LISTED", 1)
    viewer = log_in("Vi", "viewer")
    page = await viewer.get("/posts")
    assert "More than 1 posts" in page.text
    assert await counted(viewer, page) == "More than 2 posts"


@pytest.mark.usefixtures("patient")
async def test_without_javascript_the_number_is_a_link_away(kept, log_in, monkeypatch):
    monkeypatch.setattr("monitor.web.routes.search.LISTED", 1)
    viewer = log_in("Vi", "viewer")
    page = await viewer.get("/posts?edited=no")
    (address,) = re.findall(r'<noscript><a href="(/posts/count[^"]*)"', page.text)
    answer = await viewer.get(address.replace("&amp;", "&"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/posts?edited=no")
    assert re.search(r"role=\"status\"[^>]*>\s*\d posts\.", (await viewer.get("/posts?edited=no")).text)


async def test_posts_that_are_all_shown_are_not_counted_once_more(kept, log_in):
    page = await log_in("Vi", "viewer").get("/posts")
    assert "4 posts" in page.text
    assert "/posts/count" not in page.text


async def test_by_relevance_the_page_says_that_older_posts_were_left_out(kept, log_in, monkeypatch):
    viewer = log_in("Vi", "viewer")
    address = "/posts?q=wall&verdict=confirmed&sort=relevance"
    page = await viewer.get(address)
    assert shown(page) == [1]
    assert "newest" not in page.text.partition('class="found"')[2]
    monkeypatch.setattr("monitor.finding.MOST_RANKED", 1)
    page = await viewer.get(address)
    assert shown(page) == []
    assert "By relevance, out of the newest 1 posts with these words." in page.text
    assert '<a href="/posts?q=wall&amp;verdict=confirmed">Newest first</a>' in page.text


async def test_each_thing_asked_for_can_be_taken_out(kept, log_in):
    page = await log_in("Vi", "viewer").get("/posts?q=wall&state=TX&deleted=yes")
    chips = re.findall(r'href="([^"]+)" title="Search without this">([^<]+)<', page.text)
    assert chips == [
        ("/posts?state=TX&amp;deleted=yes", "“wall”"),
        ("/posts?q=wall&amp;deleted=yes", "TX"),
        ("/posts?q=wall&amp;state=TX", "deleted"),
    ]


async def test_words_of_strangers_are_shown_as_text(kept, log_in):
    page = await log_in("Vi", "viewer").get("/posts?q=wall")
    assert '<b class="hit">wall</b> &lt;b&gt;of&lt;/b&gt; words' in page.text


async def test_blind_mode_neither_shows_nor_searches_scores(kept, page_config, log_in):
    page_config.review.blind = True
    ana, lead = log_in("Cas", "reviewer"), log_in("Leo", "lead")
    page = await ana.get("/posts?q=wall")
    assert "verdict-confirmed" not in page.text
    assert "<meter" not in page.text
    assert 'name="verdict"' not in page.text
    for query in ("verdict=confirmed", "score_min=0.5", "theme=invasion", "sort=score"):
        refused = await ana.get(f"/posts?{query}")
        assert refused.status_code == 400, query
        assert "Blind mode" in refused.text
    assert "verdict-confirmed" in (await lead.get("/posts?verdict=confirmed")).text


async def test_severe_text_is_veiled_in_the_list_too(db, log_in):
    with db.write() as session:
        version = make_version(session)
        make_post(session, make_office(session), "Hard.", version=version, probability=0.9, themes=["dehumanizing"])
    page = await log_in("Vi", "viewer").get("/posts")
    assert re.search(r'<details class="veil small">.*?Hard\.', page.text, re.DOTALL)


async def test_suggestions_are_few_and_fit(kept, log_in):
    viewer = log_in("Vi", "viewer")
    found = await viewer.get("/suggest/agencies?agency=sample")
    assert re.findall(r'value="([^"]+)"', found.text) == ["Sample County Sheriff (TX)"]
    found = await viewer.get("/suggest/accounts?account=county")
    assert re.findall(r'value="([^"]+)"', found.text) == ["example.test (bluesky)", "sample@s.test (mastodon)"]
    assert "<option" not in (await viewer.get("/suggest/accounts?account=%25")).text


def test_an_excerpt_stands_about_what_was_found():
    from models import PostVersion

    text = "Before. " * 100 + "The Évian\nwall stands. " + "After. " * 100
    version = PostVersion(id=1, text=text)
    pieces = excerpt_of(version, None, search.found_in(search.parse('"evian wall" -x'), text), width=120)
    line = "".join(piece.text for piece in pieces)
    assert [piece.text for piece in pieces if piece.found] == ["Évian wall"]
    assert line.startswith("… Before")
    assert line.endswith(" …")
    assert len(line) < 130


@pytest.mark.parametrize(
    ("query", "expected"),
    [("cat", ["cat", "Cat"]), ("cat*", ["cat", "Cat", "category"]), ("nina", ["niña"]), ("dog NOT cat", ["dog"])],
)
def test_what_was_found_is_what_the_query_asked_for(query, expected):
    text = "cat Cat category concat niña dog"
    assert [text[start:end] for start, end in search.found_in(search.parse(query), text)] == expected
