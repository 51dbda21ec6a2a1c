"""Reading and deciding, one post after another, without a browser's help."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine
from selectolax.lexbor import LexborHTMLParser

from models import Checkout, Flag, Review, Verdict
from models.clock import utcnow
from models.db import DatabaseError
from monitor.review import desk, verdicts
from monitor.review.verdicts import Decision
from monitor.web.page import COOKIE, VISITOR_COOKIE
from tests.monitor.made_posts import add_wording, make_office, make_post, make_version


@pytest.fixture
def waiting(db):
    """Six flagged posts, from the least to the most certain."""
    with db.write() as session:
        office, version = make_office(session), make_version(session)
        made = [
            make_post(
                session,
                office,
                f"Post {number} of the border.",
                number=number,
                version=version,
                probability=0.5 + number / 20,
                themes=["invasion"],
            )
            for number in range(6)
        ]
        return [post.id for post in made]


def reviews(db):
    with db.read() as session:
        return list(session.execute(sa.select(Review).order_by(Review.id)).scalars())


def number_of(response):
    assert response.status_code == 303, response.text
    found = re.fullmatch(r"/queue/(\d+)", response.headers["location"])
    assert found, response.headers["location"]
    return int(found[1])


async def test_deciding_leads_on_to_the_next_until_nothing_waits(db, log_in, waiting):
    ana = log_in()
    at = number_of(await ana.post("/queue/next"))
    seen = []
    while True:
        seen.append(at)
        page = await ana.get(f"/queue/{at}")
        assert f"Post {at - 1} of the border." in re.sub(r"<[^>]+>", "", page.text)
        answer = await ana.post(f"/queue/{at}", {"verdict": "confirmed", "theme": "invasion"})
        if answer.headers["location"] == "/queue":
            break
        at = number_of(answer)
    assert sorted(seen) == waiting
    assert "Nothing waits for you" in (await ana.get("/queue")).text
    assert {(r.verdict, r.reviewer, r.via, tuple(r.themes)) for r in reviews(db)} == {
        (Verdict.CONFIRMED, "Ana", "web", ("invasion",))
    }


async def test_two_people_are_never_handed_the_same_post(log_in, waiting):
    ana, ben = log_in("Ana"), log_in("Ben")
    handed = [number_of(await person.post("/queue/next")) for _ in range(3) for person in (ana, ben)]
    assert sorted(handed) == waiting
    assert (await ben.post("/queue/next")).headers["location"] == "/queue"


async def test_a_post_left_on_a_desk_is_offered_again_after_a_while(db, log_in, waiting, page_config):
    ana, ben = log_in("Ana"), log_in("Ben")
    for _ in waiting:
        await ana.post("/queue/next")
    assert (await ben.post("/queue/next")).headers["location"] == "/queue"
    later = utcnow() + timedelta(seconds=page_config.review.checkout_s + 1)
    with time_machine.travel(later, tick=False):
        number_of(await ben.post("/queue/next"))


async def test_who_opens_a_post_of_a_colleague_is_told_so(log_in, waiting):
    ana, ben = log_in("Ana"), log_in("Ben")
    at = number_of(await ana.post("/queue/next"))
    assert "Ana is reading this post, too" in (await ben.get(f"/queue/{at}")).text
    assert "is reading this post" not in (await ana.get(f"/queue/{at}")).text


async def test_a_rejection_needs_its_reason_and_keeps_what_was_typed(db, log_in, waiting):
    ana = log_in()
    answer = await ana.post(
        "/queue/1", {"verdict": "rejected", "note": "The press <b>quotes</b> it", "theme": "burden"}
    )
    assert answer.status_code == 400
    assert "Choose the reason" in answer.text
    assert "The press &lt;b&gt;quotes&lt;/b&gt; it</textarea>" in answer.text
    assert re.search(r'value="burden" checked', answer.text)
    assert reviews(db) == []
    await ana.post("/queue/1", {"verdict": "rejected", "reason": "quote", "note": "The press quotes it"})
    assert [(r.verdict, r.reason, r.note) for r in reviews(db)] == [(Verdict.REJECTED, "quote", "The press quotes it")]


@pytest.mark.parametrize(
    "given",
    [{}, {"verdict": "maybe"}, {"verdict": "rejected", "reason": "because"}, {"verdict": "confirmed", "theme": "x"}],
)
async def test_a_verdict_that_is_none_is_refused(db, log_in, waiting, given):
    assert (await log_in().post("/queue/1", given)).status_code == 400
    assert reviews(db) == []


async def test_the_same_form_sent_twice_is_one_verdict(db, log_in, waiting):
    ana = log_in()
    for _ in range(2):
        await ana.post("/queue/1", {"verdict": "unsure"})
    assert len(reviews(db)) == 1


async def test_undo_takes_back_the_last_verdict_within_ten_minutes(db, log_in, waiting):
    ana, ben = log_in("Ana"), log_in("Ben")
    await ana.post("/queue/1", {"verdict": "confirmed"})
    await ana.post("/queue/2", {"verdict": "unsure"})
    await ben.post("/queue/3", {"verdict": "confirmed"})
    assert number_of(await ana.post("/queue/undo")) == 2
    assert number_of(await ana.post("/queue/undo")) == 1
    assert [(r.post_id, r.revoked_at is not None) for r in reviews(db)] == [(1, True), (2, True), (3, False)]
    assert (await ana.post("/queue/undo")).headers["location"] == "/queue"
    with time_machine.travel(utcnow() + desk.UNDO_WITHIN + timedelta(seconds=1), tick=False):
        assert (await ben.post("/queue/undo")).headers["location"] == "/queue"
    assert reviews(db)[2].revoked_at is None


async def test_an_edit_while_reading_is_shown_before_anything_is_stored(db, log_in, waiting):
    ana = log_in()
    wording = re.search(r'name="wording" value="(\d+)"', (await ana.get("/queue/1")).text)[1]
    with db.write() as session:
        from models import Post

        add_wording(session, session.get(Post, 1), "Post 0, softened.")
    answer = await ana.post("/queue/1", {"verdict": "confirmed", "wording": wording, "note": "half typed"})
    assert answer.status_code == 409
    assert "softened" in answer.text
    assert "half typed" in answer.text
    assert reviews(db) == []
    renewed = re.search(r'name="wording" value="(\d+)"', answer.text)[1]
    assert (await ana.post("/queue/1", {"verdict": "confirmed", "wording": renewed})).status_code == 303


async def test_a_note_survives_a_session_that_ended(db, log_in, browser, waiting, monkeypatch):
    from monitor import users

    log_in()
    monkeypatch.setattr(users, "fits", lambda *_: True)
    stranger = log_in().__class__(browser())
    given = {"verdict": "rejected", "reason": "quote", "note": "half typed <&>"}
    answer = await stranger.post("/queue/1", given)
    assert answer.status_code == 401
    assert 'name="held.note" value="half typed &lt;&amp;&gt;"' in answer.text
    stranger.token = stranger.client.cookies[VISITOR_COOKIE]
    held = {f"held.{name}": value for name, value in given.items()}
    back = await stranger.post("/login", {"name": "Ana", "password": "x", "next": "/queue/1", **held})
    assert back.status_code == 200
    assert "half typed &lt;&amp;&gt;</textarea>" in back.text
    assert 'action="/queue/1"' in back.text
    stranger.token = stranger.client.cookies[COOKIE]
    assert stranger.form_token in back.text
    assert (await stranger.post("/queue/1", given)).status_code == 303
    assert reviews(db)[0].note == "half typed <&>"


async def test_a_note_survives_a_database_that_does_not_answer(db, log_in, waiting, monkeypatch):
    ana = log_in()

    def locked(*_, **__):
        raise DatabaseError("The database is busy.")

    with monkeypatch.context() as broken:
        broken.setattr(verdicts, "decide", locked)
        answer = await ana.post("/queue/1", {"verdict": "confirmed", "note": "half typed"})
    assert answer.status_code == 503
    assert "half typed</textarea>" in answer.text
    assert "Wait a moment" in answer.text
    with monkeypatch.context() as broken:
        broken.setattr("monitor.sessions.find", locked)
        answer = await ana.post("/queue/1", {"verdict": "confirmed", "note": "half typed"})
    assert answer.status_code == 503
    assert "half typed" in answer.text


@pytest.mark.parametrize(
    "path", ["/queue/999", "/posts/999", "/queue/0", "/posts/abc", "/posts/9999999999999", "/queue/-1"]
)
async def test_an_unknown_post_is_a_page_that_says_what_to_do(log_in, waiting, path):
    answer = await log_in().get(path)
    assert answer.status_code == 404
    assert "Search finds every post" in answer.text


async def test_blind_mode_hides_score_and_verdicts_until_one_has_decided(db, log_in, waiting, page_config):
    page_config.review.blind = True
    verdicts.decide(db, Decision(1, Verdict.CONFIRMED, "Ben", note="clear case"), now=utcnow())
    ana = log_in()
    for path in ("/queue/1", "/posts/1"):
        page = (await ana.get(path)).text
        assert "Blind mode" in page
        for hidden in ("clear case", "Ben", "0.50", "confirmed</span>"):
            assert hidden not in page, f"{hidden} on {path}"
    assert "0.5" not in re.sub(r"<[^>]+>", "", (await ana.get("/queue")).text)
    await ana.post("/queue/1", {"verdict": "unsure"})
    assert "clear case" in (await ana.get("/posts/1")).text
    assert "clear case" in (await log_in("Lea", "lead").get("/queue/1")).text


async def test_with_two_readers_a_post_waits_for_a_second_one(db, log_in, waiting, page_config):
    page_config.review.readers = 2
    ana, ben, cas = log_in("Ana"), log_in("Ben"), log_in("Cas")
    await ana.post("/queue/1", {"verdict": "confirmed"})
    with db.write() as session:
        session.execute(sa.delete(Checkout))  # what was handed to Ana next
    with db.read() as session:
        counts = {name: desk.count(session, page_config, name, now=utcnow()) for name in ("Ana", "Ben")}
    assert counts == {"Ana": 5, "Ben": 6}
    await ben.post("/queue/1", {"verdict": "rejected", "reason": "quote"})
    with db.write() as session:
        session.execute(sa.delete(Checkout))
    handed = [number_of(await cas.post("/queue/next")) for _ in range(5)]
    assert 1 not in handed
    page = (await log_in("Lea", "lead").get("/agreement")).text
    assert "1 to settle" in page
    assert "Ana and Ben" in page


async def test_the_mix_is_a_setting(db, log_in, waiting, page_config):
    page_config.review.top, page_config.review.random = 1.0, 0.0
    ana = log_in()
    assert [number_of(await ana.post("/queue/next")) for _ in range(2)] == [6, 5]
    page_config.review.top = 0.0
    assert [number_of(await ana.post("/queue/next")) for _ in range(2)] == [1, 2]
    with db.write() as session:
        session.execute(sa.delete(Checkout))
    page_config.review.random = 1.0
    first = set()
    for _ in range(30):
        first.add(number_of(await ana.post("/queue/next")))
        with db.write() as session:
            session.execute(sa.delete(Checkout))
    assert len(first) > 3


async def test_what_people_brought_comes_first_and_the_test_sentence_never(db, log_in, waiting):
    with db.write() as session:
        office = make_office(session, name="Other County Sheriff", address="other.test")
        brought = make_post(session, office, "Brought by hand.", number=90)
        test = make_post(session, office, "Test sentence.", number=91)
        session.add(Flag(post_id=brought.id, probability=0.0, origin="person"))
        session.add(Flag(post_id=test.id, probability=1.0, origin="test"))
    ana = log_in()
    handed = [number_of(await ana.post("/queue/next")) for _ in range(7)]
    assert handed[0] == brought.id
    assert test.id not in handed


async def test_after_long_reading_a_break_is_suggested(db, log_in, waiting, page_config):
    now = utcnow()
    for minute in range(50, -1, -10):
        verdicts.decide(db, Decision(1 + minute // 10, Verdict.UNSURE, "Ana"), now=now - timedelta(minutes=minute))
    page = (await log_in().get("/queue")).text
    assert "decided 6 posts" in page
    page_config.review.rest_after_min = 60
    assert "A break does you good" not in (await log_in().get("/queue")).text


async def test_pictures_and_severe_text_are_veiled_until_asked_for(db, log_in, page_config):
    with db.write() as session:
        office, version = make_office(session), make_version(session)
        make_post(session, office, "Hard words.", version=version, probability=0.9, themes=["dehumanizing"])
        make_post(session, office, "Soft words.", number=2, version=version, probability=0.9, themes=["invasion"])
    ana = log_in()
    assert "may be hard to read" in (await ana.get("/queue/1")).text
    assert "may be hard to read" not in (await ana.get("/queue/2")).text
    page_config.review.blur = False
    assert "may be hard to read" not in (await ana.get("/posts/1")).text


async def test_severe_text_is_veiled_in_every_list_it_stands_in(db, log_in, page_config):
    """The queue's list, an agency's newest, where people differ, and the same words elsewhere."""
    words = "Words that are hard to read, about people who crossed a river, at some length."
    with db.write() as session:
        office, version = make_office(session), make_version(session)
        other = make_office(session, "Other County Sheriff", "TX", address="other.test")
        for number, account in enumerate((office, other)):
            post = make_post(
                session, account, words, number=number, version=version, probability=0.9, themes=["dehumanizing"]
            )
        agency = office.agency_id
    verdicts.decide(db, Decision(post.id, Verdict.CONFIRMED, "Ben"), now=utcnow())
    verdicts.decide(db, Decision(post.id, Verdict.REJECTED, "Cleo", reason="quote"), now=utcnow())
    lea = log_in("Lea", "lead")
    for path in ("/queue", f"/agencies/{agency}", "/agreement", f"/posts/{post.id}", "/posts"):
        page = LexborHTMLParser((await lea.get(path)).text)
        shown = [node for node in page.css("p, span, a, div") if words[:30] in node.text(deep=False)]
        assert shown, path
        for node in shown:
            while node is not None and "veil" not in (node.attributes.get("class") or ""):
                node = node.parent
            assert node is not None, f"{path} shows it unasked"
    page_config.review.blur = False
    assert 'class="veil' not in (await lea.get("/queue")).text
