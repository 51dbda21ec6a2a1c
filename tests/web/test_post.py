"""One post with all that is kept of it; how it is marked, compared and found elsewhere."""

import io
import random
import re

import pytest
from PIL import Image
from sklearn.metrics import cohen_kappa_score

from models import Post, PostVersion, Review, Score, Verdict
from models.clock import utcnow
from monitor import posts
from monitor.byhand import HandPost, add
from monitor.captures import keep_blob
from monitor.duplicates import elsewhere
from monitor.review import verdicts
from monitor.review.agreement import agreements, differences, kappa
from monitor.review.verdicts import Decision
from monitor.telling import parts_of
from monitor.wordings import changes
from tests.monitor.made_posts import add_wording, make_office, make_post, make_version


def words(html):
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_telling_words_are_marked_where_they_stand():
    version = PostVersion(id=1, title="On crime", text="They bring crime here.", alt_texts=["A crime map"])
    text = version.readable()
    spans = [[found.start(), found.end()] for found in re.finditer("crime", text)]
    score = Score(
        post_version_id=1,
        explanation=[
            {"kind": "word", "name": "crime", "weight": 2.0, "spans": spans},
            {"kind": "word", "name": "here", "weight": 0.5, "spans": [[text.index("here"), text.index("here") + 4]]},
            {"kind": "word", "name": "bring", "weight": 0.1, "spans": [[text.index("bring"), text.index("bring") + 5]]},
            {"kind": "bias", "name": "bias", "weight": 9.0, "spans": []},
            {"kind": "word", "name": "They", "weight": -1.0, "spans": [[text.index("They"), text.index("They") + 4]]},
        ],
    )
    parts = parts_of(version, score)
    assert [part.label for part in parts] == ["Title", "", "Picture text"]
    assert ["".join(piece.text for piece in part.pieces) for part in parts] == [
        "On crime",
        "They bring crime here.",
        "A crime map",
    ]
    marked = [(piece.text, piece.level) for part in parts for piece in part.pieces if piece.level]
    assert marked == [("crime", 4), ("crime", 4), ("here", 2), ("crime", 4)]


def test_marks_that_overlap_lose_no_letter():
    rng = random.Random(3)
    for _ in range(200):
        text = "".join(rng.choice("ab c") for _ in range(40)).strip() or "x"
        items = [
            {"kind": "word", "name": str(n), "weight": rng.random(), "spans": [sorted(rng.sample(range(45), 2))]}
            for n in range(6)
        ]
        parts = parts_of(PostVersion(id=1, text=text), Score(post_version_id=1, explanation=items))
        assert "".join(piece.text for part in parts for piece in part.pieces) == text


def test_a_score_of_another_wording_marks_nothing():
    item = {"kind": "word", "name": "a", "weight": 1.0, "spans": [[0, 1]]}
    parts = parts_of(PostVersion(id=2, text="a b"), Score(post_version_id=1, explanation=[item]))
    assert [piece.level for part in parts for piece in part.pieces] == [0]


def test_a_difference_is_told_in_whole_words_and_loses_nothing():
    before, after = "They are illegals, all of them.", "They are people, most of them, we hear."
    told = changes(before, after)
    assert [(c.kind, c.text) for c in told][:4] == [
        ("same", "They are "), ("gone", "illegals"), ("new", "people"), ("same", ", "),
    ]  # fmt: skip
    assert "".join(c.text for c in told if c.kind != "new") == before
    assert "".join(c.text for c in told if c.kind != "gone") == after


def test_the_difference_of_long_texts_takes_no_long_time():
    import time

    before = "\n".join(f"line {n} of many words that change" for n in range(4000))
    begun = time.perf_counter()
    told = changes(before, before.replace("line 2000", "line two thousand"))
    assert [c.kind for c in told] == ["same", "gone", "new", "same"]
    assert time.perf_counter() - begun < 2


def test_near_copies_are_found_and_others_are_not(db):
    text = "Release: deputies close the northern bridge until Friday because of flooding, says the county engineer."
    with db.write() as session:
        one, other = make_office(session), make_office(session, name="Other County Sheriff", address="other.test")
        first = make_post(session, one, text).id
        copy = make_post(session, other, text, number=1).id
        near = make_post(session, other, text.replace("Friday", "Monday"), number=2).id
        make_post(session, other, "Deputies close the northern office; the county engineer says so.", number=3)
    with db.read() as session:
        found = elsewhere(session, posts.get(session, first))
        assert [kept.post.id for kept in found.posts] == [near, copy]


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_what_scikit_learn_says(seed):
    rng = random.Random(seed)
    pairs = [(rng.choice(list(Verdict)), rng.choice(list(Verdict))) for _ in range(30)]
    expected = cohen_kappa_score(*zip(*pairs, strict=True), labels=list(Verdict))
    assert kappa(pairs) == pytest.approx(expected)
    assert kappa([]) is None
    assert kappa([(Verdict.CONFIRMED, Verdict.CONFIRMED)] * 3) is None


def test_agreement_counts_each_persons_latest_verdict(db):
    with db.write() as session:
        office = make_office(session)
        ids = [make_post(session, office, f"Post {n}.", number=n).id for n in range(4)]
    said = {"Ana": "ccrr", "Ben": "crrr", "Cas": "c..u"}
    meant = {"c": Verdict.CONFIRMED, "r": Verdict.REJECTED, "u": Verdict.UNSURE}
    verdicts.decide(db, Decision(ids[0], Verdict.REJECTED, "Ana"), now=utcnow())
    for name, row in said.items():
        for post_id, letter in zip(ids, row, strict=True):
            if letter in meant:
                verdicts.decide(db, Decision(post_id, meant[letter], name), now=utcnow())
    with db.read() as session:
        rows = {row.people: (row.posts, row.same) for row in agreements(session)}
        open_ = [one.post_id for one in differences(session, quorum=2)]
    assert rows == {"All pairs": (8, 5), "Ana and Ben": (4, 3), "Ana and Cas": (2, 1), "Ben and Cas": (2, 1)}
    assert open_ == [ids[1]]  # of the last, two of three say the same


async def test_the_page_shows_wordings_provenance_verdicts_and_quotes(db, log_in):
    with db.write() as session:
        office, version = make_office(session), make_version(session)
        post = make_post(session, office, "They are illegals.", version=version, probability=0.9, themes=["illegals"])
        add_wording(session, post, "They are people.")
        session.get(Post, post.id).version_count = 2
        wording = session.get(PostVersion, post.current_version_id)
        wording.quoted_text, wording.quoted_author = "Words of a neighbour.", "@neighbour"
        session.add(Review(post_id=post.id, reviewer="Ben", verdict=Verdict.REJECTED, reason="quote", note="A <note>"))
    page = await log_in("Vi", "viewer").get("/posts/1")
    assert page.status_code == 200
    text = words(page.text)
    for expected in (
        "2 wordings", "Quotes @neighbour", "Words of a neighbour.", "rejected by Ben", "Reason: quote",
        "A &lt;note&gt;", "SHA-256 of this wording", "not yet", "none on record",
    ):  # fmt: skip
        assert expected in text, expected
    assert re.search(r"<del>.*illegals</del>", page.text)
    assert re.search(r"<ins>.*people</ins>", page.text)
    assert "Decide it" not in text  # a viewer does not


def png(colour="red"):
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(stream, "PNG")
    return stream.getvalue()


async def test_pictures_come_from_our_copy_sandboxed_with_their_words(db, log_in, monkeypatch):
    monkeypatch.setattr("monitor.imagetext.read", lambda _: "WORDS IN IT")
    with db.write() as session:
        account = make_office(session).id
    wanted = HandPost(account, "https://x.example/1", "See the picture.", "Ana", picture=png(), picture_alt="A flyer")
    post_id = add(db, wanted, now=utcnow()).post_id
    ana = log_in()
    page = (await ana.get(f"/posts/{post_id}")).text
    source = re.search(r'<img src="(/pictures/[0-9a-f]{64})" alt="A flyer"', page)[1]
    assert "WORDS IN IT" in page
    picture = await ana.get(source)
    assert picture.content == png()
    assert picture.headers["content-type"] == "image/png"
    assert "sandbox" in picture.headers["content-security-policy"]
    assert picture.headers["content-disposition"].startswith("attachment")
    assert picture.headers["x-content-type-options"] == "nosniff"


async def test_kept_bytes_that_are_no_picture_are_not_served(db, log_in):
    with db.write() as session:
        page = keep_blob(session, b"<html><script>alert(1)</script>")
        svg = keep_blob(session, b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>')
    ana = log_in()
    for sha256 in (page, svg, "0" * 64, "x", "é" * 64):
        assert (await ana.get(f"/pictures/{sha256}")).status_code == 404


async def test_only_links_a_browser_may_follow_are_links(db, log_in):
    with db.write() as session:
        office = make_office(session)
        for number, url in enumerate(["javascript:alert(1)", "https://ok.example/p", "data:text/html,x", "//x"]):
            make_post(session, office, "Text.", number=number, url=url)
    ana = log_in()
    linked = [
        bool(re.search(r'rel="noopener noreferrer"[^>]*>As published', (await ana.get(f"/posts/{n}")).text))
        for n in range(1, 5)
    ]
    assert linked == [False, True, False, False]


async def test_the_thread_around_a_post_is_shown_before_and_after_it(db, log_in):
    with db.write() as session:
        office = make_office(session)
        other = make_office(session, "Other County Sheriff", "TX", address="other.test")
        first = make_post(session, office, "First of all.", number=1, reply_to="not-kept")
        second = make_post(session, office, "Secondly, this.", number=2, reply_to=first.external_id)
        third = make_post(session, office, "And third.", number=3, reply_to=second.external_id)
        last = make_post(session, office, "At last.", number=4, reply_to=third.external_id)
        answer = make_post(session, other, "We agree.", number=5, reply_to=second.external_id)
        alone = make_post(session, office, "Alone.", number=6)
        circle = make_post(session, office, "Round and round.", number=7)
        circle.reply_to = circle.external_id
        session.add(circle)
    ana = log_in()
    html = words((await ana.get(f"/posts/{second.id}")).text)
    for before, after in (("First of all.", ": this post"), (": this post", "And third."), ("And third.", "At last.")):
        assert html.index(before) < html.index(after)
    assert "The thread begins with a post that is not kept here." in html
    assert "Other County Sheriff We agree." in html
    assert answer.id != last.id
    assert "Its thread" not in (await ana.get(f"/posts/{alone.id}")).text
    assert (await ana.get(f"/posts/{circle.id}")).status_code == 200
    reading = words((await ana.get(f"/queue/{third.id}")).text)
    assert "Secondly, this." in reading
    assert "At last." not in reading
