"""Taking away what a search finds."""

import csv
import io
import json
import zipfile

import pytest
import sqlalchemy as sa

from models import Event
from tests.monitor.made_posts import make_office, make_post, make_version


@pytest.fixture
def kept(db):
    with db.write() as session:
        office, version = make_office(session), make_version(session)
        make_post(session, office, "=1+1 wall", version=version, probability=0.9, verdict="confirmed")
        make_post(session, office, "A wall, “quoted”\nin two lines. ñ", number=1, version=version, probability=0.5)
        make_post(session, office, "A fence.", number=2)
    return db


async def export(person, format_, **query):
    return await person.post("/posts/export", {"format": format_, **query})


async def test_csv_and_jsonl_hold_what_the_search_finds_in_its_order(kept, log_in, monkeypatch):
    monkeypatch.setattr("monitor.exports.BATCH", 1)
    viewer = log_in("Vi", "viewer")
    answer = await export(viewer, "csv", q="wall", sort="score")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [(row["id"], row["text"], row["score"], row["verdict"]) for row in rows] == [
        ("1", "'=1+1 wall", "0.9", "confirmed"),
        ("2", "A wall, “quoted”\nin two lines. ñ", "0.5", ""),
    ]
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="sheriffwatch-posts-')
    answer = await export(viewer, "jsonl", q="wall")
    posts = [json.loads(line) for line in answer.text.splitlines()]
    assert [post["id"] for post in posts] == [2, 1]
    assert posts[1]["text"] == "=1+1 wall"
    assert posts[1]["versions"][0]["sha256"]


async def test_an_export_by_relevance_leaves_none_out(kept, log_in, monkeypatch):
    monkeypatch.setattr("monitor.finding.MOST_RANKED", 1)
    answer = await export(log_in("Vi", "viewer"), "jsonl", q="wall", sort="relevance")
    assert [json.loads(line)["id"] for line in answer.text.splitlines()] == [2, 1]


async def test_a_workbook_computes_nothing_and_leaves_no_file_behind(kept, log_in, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    answer = await export(log_in("Vi", "viewer"), "xlsx", q="wall")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "=1+1 wall" in sheet
    assert "A fence." not in sheet
    assert list((tmp_path / "t").iterdir()) == []


async def test_who_took_what_is_written_down(kept, log_in):
    await export(log_in("Vi", "viewer"), "csv", q="wall", agency="example")
    with kept.read() as session:
        [event] = session.execute(sa.select(Event).where(Event.kind == "posts.exported")).scalars()
    assert event.actor == "Vi"
    assert event.data == {"query": {"q": "wall", "agency": "1"}, "format": "csv"}


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"format": "doc"}, "CSV, XLSX or JSONL"),
        ({"format": "csv", "q": '"wall'}, "quotation mark"),
        ({"format": "csv", "agency": "nowhere"}, "No agency"),
    ],
)
async def test_what_cannot_be_exported_is_said_on_a_page(kept, log_in, form, sentence):
    answer = await log_in("Vi", "viewer").post("/posts/export", form)
    assert answer.status_code == 400
    assert sentence in answer.text
    with kept.read() as session:
        assert session.execute(sa.select(Event).where(Event.kind == "posts.exported")).first() is None


async def test_a_workbook_of_too_many_posts_is_refused_before_it_is_made(kept, log_in, monkeypatch):
    monkeypatch.setattr("monitor.web.routes.exports.MOST_IN_WORKBOOK", 2)
    answer = await export(log_in("Vi", "viewer"), "xlsx")
    assert answer.status_code == 400
    assert "Take CSV" in answer.text
    assert (await export(log_in("Vi", "viewer"), "xlsx", q="wall")).status_code == 200


async def test_blind_mode_holds_in_exports(kept, page_config, log_in):
    page_config.review.blind = True
    for name, role, score in (("Cas", "reviewer", None), ("Leo", "lead", 0.9)):
        answer = await export(log_in(name, role), "jsonl", q="1+1")
        [post] = map(json.loads, answer.text.splitlines())
        assert post["score"] == score
        assert post["verdict"] == (score and "confirmed")


async def test_an_export_of_nothing_has_its_head_only(db, log_in):
    assert (await export(log_in("Vi", "viewer"), "csv")).text.count("\n") == 1
    assert (await export(log_in("Vi", "viewer"), "jsonl")).text == ""


async def test_the_page_offers_the_export_of_its_own_search(kept, log_in):
    page = (await log_in("Vi", "viewer").get("/posts?q=wall")).text
    form = page[page.index('action="/posts/export"') :].split("</form>")[0]
    assert '<input type="hidden" name="q" value="wall">' in form
    assert form.count('name="format"') == 3
