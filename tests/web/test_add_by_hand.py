"""Posts that somebody brings through the form, and the bookmarklet that fills it."""

import html
import io
import re
from urllib.parse import unquote

import pytest
import sqlalchemy as sa
from PIL import Image

from models import Account, Event, Post
from monitor import posts
from monitor.captures import read_blob
from monitor.web.page import COOKIE
from monitor.web.routes.byhand import MOST_BODY
from tests.monitor.made_posts import make_office, make_post

TYPED = {
    "url": "https://office.example/p/1",
    "text": "Its <words>.",
    "posted_at": "2026-03-01T14:30",
    "account": "example.test",
    "picture_alt": "A sign",
    "note": "Seen by a neighbour",
}


@pytest.fixture
def office(db):
    with db.write() as session:
        office = make_office(session)
        office.url = "https://office.example"
        make_office(session, "Sample County Sheriff", "TX", "mastodon", "sample@s.test")
        return office.id


@pytest.fixture(autouse=True)
def reader(monkeypatch):
    """Reading a picture takes a second; that it is read is tested where the reader is."""
    monkeypatch.setattr("monitor.imagetext.available", lambda: True)
    monkeypatch.setattr("monitor.imagetext.read", lambda picture: "WORDS IN IT")


def picture(kind="PNG"):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, kind)
    return file.getvalue()


async def bring(person, file=b"", name="shot.png", **changed):
    """Send the form as browsers do: always as multipart, with a nameless empty file where none was chosen."""
    fields = {"token": person.form_token, **TYPED, **changed}
    files = {"picture": (name if file else "", file, "application/octet-stream")}
    return await person.client.post("/add", data=fields, files=files)


def count(db):
    with db.read() as session:
        return session.execute(sa.select(sa.func.count()).select_from(Post)).scalar()


def typed_again(page):
    """What the form of a page holds."""
    fields = dict(re.findall(r'<input id="\w+" name="(\w+)"[^>]* value="([^"]*)"', page))
    areas = dict(re.findall(r'<textarea id="\w+" name="(\w+)"[^>]*>([^<]*)</textarea>', page))
    return {name: html.unescape(value) for name, value in (fields | areas).items() if name in TYPED}


async def test_a_post_is_kept_with_its_picture_and_the_words_in_it(db, office, log_in):
    ana = log_in()
    answer = await bring(ana, picture())
    page = await ana.follow(answer)
    assert "Kept; it waits in the queue" in page.text
    assert "Read in the picture: “WORDS IN IT”" in page.text
    with db.read() as session:
        kept = posts.get(session, 1)
        assert kept.account.id == office
        assert kept.current.text == "Its <words>."
        assert f"{kept.post.posted_at:%Y-%m-%d %H:%M}" == "2026-03-01 14:30"
        assert kept.current.media[0]["alt"] == "A sign"
        assert kept.current.media[0]["image_text"] == "WORDS IN IT"
        assert read_blob(session, kept.current.media[0]["sha256"]) == picture()
        assert kept.flag.origin == "person"
        event = session.execute(sa.select(Event).where(Event.kind == "post.by_hand")).scalar()
    assert (event.actor, event.data["note"]) == ("Ana", "Seen by a neighbour")


async def test_the_same_again_changes_nothing_and_says_so(db, office, log_in):
    ana = log_in()
    await bring(ana)
    again = await ana.follow(await bring(ana))
    assert "This very post was kept before; nothing has changed." in again.text
    assert count(db) == 1


async def test_a_link_that_is_kept_already_is_told_and_kept_too_when_wanted(db, office, log_in):
    with db.write() as session:
        make_post(session, session.get(Account, office), "As polled.", url=TYPED["url"])
    ana = log_in()
    page = await bring(ana)
    assert page.status_code == 409
    assert '<a href="/posts/1">Post 1</a>' in page.text
    assert "As polled." in page.text
    assert typed_again(page.text) == TYPED
    assert count(db) == 1
    assert (await bring(ana, anyway="on")).status_code == 303
    assert count(db) == 2


@pytest.mark.parametrize(
    ("changed", "status", "sentence"),
    [
        ({"file": b"x" * 20_000_000}, 413, "20.0 MB; at most 10 MB are taken. Save it smaller"),
        ({"file": b"<svg onload='alert(1)'/>"}, 415, "not a picture that can be read: give a PNG"),
        ({"file": picture()[:50]}, 415, "not a picture"),
        ({"url": "javascript:alert(1)"}, 400, "must begin with https://"),
        ({"text": ""}, 400, "words of the post, or a picture"),
        ({"posted_at": "yesterday"}, 400, "write it as 2026-11-01 14:30"),
        ({"posted_at": "2999-01-01"}, 400, "in the future"),
        ({"account": ""}, 400, "whose post it is"),
        ({"account": "nobody.test"}, 400, "No account is called “nobody.test”"),
        ({"account": "county"}, 400, "Which account do you mean?"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_cannot_be_taken_is_said_and_the_other_fields_stay(db, office, log_in, changed, status, sentence):
    page = await bring(log_in(), **changed)
    assert page.status_code == status
    assert sentence in page.text
    assert typed_again(page.text) == TYPED | {name: value for name, value in changed.items() if name != "file"}
    assert count(db) == 0


async def test_one_of_several_accounts_is_chosen(db, office, log_in):
    ana = log_in()
    page = await bring(ana, account="county")
    assert re.findall(r'name="account_choice" value="(\d)"', page.text) == ["1", "2"]
    assert (await bring(ana, account="county", account_choice="2")).status_code == 303
    with db.read() as session:
        assert posts.get(session, 1).account.address == "sample@s.test"


async def test_where_nothing_is_watched_the_agency_is_enough(db, office, log_in):
    ana = log_in()
    for number in (1, 2):
        answer = await bring(ana, account="", agency="sample", url=f"https://www.elsewhere.example/{number}")
        assert answer.status_code == 303
    with db.read() as session:
        one, two = posts.get(session, 1), posts.get(session, 2)
    assert one.account.id == two.account.id
    assert (one.account.platform, one.account.name) == ("hand", "Sample County Sheriff on elsewhere.example")
    assert one.account.paused_at is not None  # nobody can poll it
    assert one.agency.name == "Sample County Sheriff"


async def test_the_bookmarklet_fills_the_form_and_finds_the_account(db, office, log_in):
    ana = log_in()
    query = {"url": "https://office.example/p/9", "title": "The title", "text": 'Chosen "words" <b>'}
    page = (await ana.get("/add", params=query)).text
    held = typed_again(page)
    assert held["url"] == query["url"]
    assert held["text"] == query["text"]
    assert held["account"] == "example.test (bluesky)"
    assert typed_again((await ana.get("/add", params=query | {"text": ""})).text)["text"] == "The title"
    assert count(db) == 0


async def test_the_bookmarklet_leads_to_this_very_page(office, page_config, log_in):
    ana = log_in()
    link = re.search(r'href="(javascript:[^"]+)"', (await ana.get("/add")).text)[1]
    assert "open('https://127.0.0.1/add?'+p" in html.unescape(unquote(link))
    page_config.web.base_url = "https://watch.example/"
    answer = await ana.get("/add")
    assert "open('https://watch.example/add?'+p" in html.unescape(unquote(answer.text))
    assert "script-src 'self';" in answer.headers["content-security-policy"]


async def test_what_was_typed_survives_a_session_that_ended(db, office, log_in, stranger):
    asked = await bring(stranger)
    assert asked.status_code == 401
    assert 'name="held.text" value="Its &lt;words&gt;."' in asked.text
    again = await log_in().post("/add", TYPED)  # what was held comes without its file
    assert "Choose the picture anew" in again.text
    assert typed_again(again.text) == TYPED
    assert count(db) == 0


async def test_large_files_of_strangers_are_not_read_in(office, stranger):
    sent = 0

    async def body():
        nonlocal sent
        sent = 0
        yield b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\n'
        for _ in range(MOST_BODY // 100_000):
            sent += 100_000
            yield b"x" * 100_000

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for cookies in ({}, {COOKIE: "made-up"}):
        stranger.client.cookies.update(cookies)
        answer = await stranger.client.post("/add", content=body(), headers=headers)
        assert answer.status_code == 401
        assert "Your session has ended" in answer.text
        assert sent < 2_000_000
