"""Pages of posts: every filter and order, from page to page, and how many there are."""

import random
from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import Review, Verdict
from models.clock import utcnow
from monitor import finding, patience, postquery, posts
from monitor.errors import UsageError
from monitor.learning import labels
from monitor.postfilter import PostFilter
from monitor.review import verdicts
from monitor.review.verdicts import Decision, agreed
from tests.monitor.made_posts import START, make_office, make_post, make_version


@pytest.fixture
def mixed(db):
    with db.write() as session:
        version = make_version(session)
        ohio = make_office(session)
        texas = make_office(session, "Sample County Sheriff", "TX", "mastodon", "sample@s.test")
        make_post(
            session, ohio, "one", number=1, version=version, probability=0.9, verdict="confirmed", themes=["invasion"]
        )
        make_post(session, ohio, "two", number=2, version=version, probability=0.5, verdict="rejected", lang="es")
        make_post(
            session, texas, "three", number=3, version=version, probability=0.1, media=[{"kind": "image", "url": "x"}]
        )
        make_post(session, texas, "four", number=4, version=version, probability=0.8, version_count=2, deleted_at=START)
        make_post(session, texas, "five", number=0, posted_at=None, first_seen_at=START - timedelta(days=9))
    return db


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["five", "four", "three", "two", "one"]),
        ({"state": "oh"}, ["two", "one"]),
        ({"platform": "mastodon"}, ["five", "four", "three"]),
        ({"agency": "1"}, ["two", "one"]),
        ({"account": "2"}, ["five", "four", "three"]),
        ({"account": "77"}, []),
        ({"flagged": "yes"}, ["four", "two", "one"]),
        ({"verdict": "confirmed"}, ["one"]),
        ({"verdict": "none", "flagged": "yes"}, ["four"]),
        ({"theme": "invasion"}, ["one"]),
        ({"score_min": "0.5", "score_max": "0.8"}, ["four", "two"]),
        ({"deleted": "yes"}, ["four"]),
        ({"deleted": "no", "state": "TX"}, ["five", "three"]),
        ({"edited": "yes"}, ["four"]),
        ({"picture": "yes"}, ["three"]),
        ({"lang": "es"}, ["two"]),
        ({"since": "2026-03-01"}, ["four", "three", "two", "one"]),
        ({"until": "2026-02-28"}, ["five"]),
        ({"sort": "score"}, ["one", "four", "two", "three"]),
        ({"sort": "date"}, ["four", "three", "two", "one", "five"]),
        ({"sort": "relevance", "q": "one OR two"}, None),
        ({"sort": "score", "q": "one OR two OR three"}, ["one", "two", "three"]),
        ({"since": "2026-03-01", "q": "one OR two OR five"}, ["two", "one"]),
        ({"account": "1", "q": "two OR three OR one"}, ["two", "one"]),
        ({"agency": "2", "q": "two OR three OR four", "sort": "score"}, ["four", "three"]),
        ({"q": "two OR three OR four", "deleted": "no", "sort": "score"}, ["two", "three"]),
        ({"q": "two OR three OR four", "deleted": "yes", "edited": "yes", "since": "2026-01-01"}, ["four"]),
        ({"q": "one OR two", "flagged": "yes", "verdict": "rejected", "state": "OH"}, ["two"]),
        ({"state": "TX", "deleted": "yes", "q": "four OR three"}, ["four"]),
        ({"state": "TX", "score_min": "0.1", "sort": "score"}, ["four", "three"]),
        ({"theme": "invasion", "state": "OH", "q": "one"}, ["one"]),
        ({"theme": "invasion", "platform": "mastodon"}, []),
        ({"flagged": "yes", "state": "OH"}, ["two", "one"]),
        ({"flagged": "yes", "q": "one OR two OR three", "sort": "score"}, ["one", "two"]),
        ({"verdict": "confirmed", "q": "one OR two", "until": "2026-12-31"}, ["one"]),
        ({"verdict": "none", "since": "2026-01-01", "sort": "score"}, ["four", "three"]),
    ],
)
@pytest.mark.parametrize(
    "as_if", ["few posts", "many posts", "many posts, fewer hits", "hits of low scores", "found late"]
)
def test_each_filter_and_order_gives_its_posts_page_by_page(mixed, monkeypatch, query, expected, as_if):
    """Of many posts the database is asked in other ways, which give the same."""
    if as_if != "few posts":
        monkeypatch.setattr(postquery, "_MANY", 0)
        monkeypatch.setattr(postquery, "_FEW_ACCOUNTS", 0)
        monkeypatch.setattr(finding, "_FEW_HITS", 0)
        monkeypatch.setattr(finding, "_STRETCHES", (1, 2))
        monkeypatch.setattr(finding, "_RANKED_STRETCHES", (1, 2))
    if as_if == "many posts":
        monkeypatch.setattr(postquery, "_MANY_HITS", 0)
    if as_if == "hits of low scores":
        monkeypatch.setattr(finding, "_HIGHEST", 1)
    if as_if == "found late":
        monkeypatch.setattr(finding, "_WALKED_S", 0)
        monkeypatch.setattr(patience, "_STEPS", 1)
    wanted = PostFilter.from_query(query)
    seen, after = [], ""
    with mixed.read() as session:
        for _ in range(9):
            page = posts.page(session, wanted, after=after, limit=2)
            seen += [kept.current.text for kept in page.posts]
            if not (after := page.after):
                break
    if expected is None:
        assert sorted(seen) == ["one", "two"]
    else:
        assert seen == expected


def test_a_verdict_is_searched_as_it_is_shown_whatever_people_said_and_took_back(db):
    rng = random.Random(11)
    with db.write() as session:
        office, now = make_office(session), utcnow()
        for number in range(60):
            post = make_post(session, office, f"Post {number}.", number=number)
            for _ in range(rng.randrange(6)):
                said = {"reviewer": rng.choice("abc"), "verdict": rng.choice(list(Verdict))}
                session.add(Review(post_id=post.id, revoked_at=now if rng.random() < 0.3 else None, **said))
                session.flush()
    with db.read() as session:
        every = posts.page(session, PostFilter(), limit=100).posts
        shown = {kept.post.id: agreed(kept.reviews) for kept in every}
        for verdict in (*Verdict, "none"):
            wanted = None if verdict == "none" else verdict
            found = [kept.post.id for kept in posts.page(session, PostFilter(verdict=verdict), limit=100).posts]
            assert found == [number for number in shown if shown[number] == wanted], verdict
            assert finding.count(session, PostFilter(verdict=verdict), most=100) == len(found)
        assert len(set(shown.values())) == 4


def test_a_verdict_that_is_taken_back_is_no_longer_searched_for(db):
    with db.write() as session:
        post_id = make_post(session, make_office(session), "Post.", flagged=False).id

    def found():
        with db.read() as session:
            every = {word: posts.find(session, PostFilter(verdict=word)) for word in (*Verdict, "none")}
            return [word for word, kept in every.items() if list(kept)]

    assert found() == ["none"]
    first = verdicts.decide(db, Decision(post_id, Verdict.CONFIRMED, "ana"), now=START)
    assert found() == ["confirmed"]
    verdicts.decide(db, Decision(post_id, Verdict.REJECTED, "ben"), now=START)
    assert found() == ["unsure"]
    verdicts.decide(db, Decision(post_id, Verdict.REJECTED, "ana"), now=START)
    assert found() == ["rejected"]
    labels.revert(db, "ben", by="lead", now=START)
    assert found() == ["rejected"]
    labels.revert(db, "ana", by="lead", now=START)
    assert first.id is not None
    assert found() == ["none"]
    with db.write() as session:
        session.add(Review(post_id=post_id, reviewer="carla", verdict=Verdict.UNSURE))
        session.flush()
        session.execute(sa.delete(Review))
    assert found() == ["none"]


@pytest.mark.parametrize("after", ["x", "1_2_3", "-5", "²", "nan_4", "9" * 40, "2026-01-01_4", "0.5_"])
@pytest.mark.parametrize("sort", ["newest", "score", "date", "relevance"])
def test_a_cursor_that_was_made_up_is_refused(mixed, sort, after):
    wanted = PostFilter.from_query({"sort": sort, "q": "one"})
    with mixed.read() as session, pytest.raises(UsageError, match="first page"):
        posts.page(session, wanted, after=after)


@pytest.fixture
def sixty(db):
    with db.write() as session:
        version, office = make_version(session), make_office(session)
        for number in range(60):
            text = "A gate and a barn." if number % 2 else "A fence."
            make_post(session, office, text, number=number, version=version, probability=number / 100)
    return db


COUNTED = [
    ({}, 60),
    ({"q": "gate"}, 30),
    ({"q": "ga*"}, 30),
    ({"q": '"a barn"'}, 30),
    ({"q": "nothing"}, 0),
    ({"q": "gate", "sort": "relevance"}, 30),
    ({"q": "gate", "sort": "score"}, 30),
    ({"q": "gate", "score_min": "0.5"}, 5),
    ({"q": "gate", "since": "2026-01-01"}, 30),
    ({"state": "OH", "q": "fence"}, 30),
]


@pytest.mark.parametrize(("query", "expected"), COUNTED)
def test_there_are_as_many_posts_as_are_counted(sixty, query, expected):
    wanted = PostFilter.from_query(query)
    with sixty.read() as session:
        assert finding.count(session, wanted, most=1000) == expected
        assert finding.count(session, wanted, most=1000, within_s=20) == expected
        assert finding.count(session, wanted, most=25) == min(expected, 26), "counting ends one beyond"
        assert len(list(posts.find(session, wanted, batch=20))) == expected


def test_counting_is_given_up_when_it_takes_too_long_and_the_session_goes_on(sixty, monkeypatch):
    if not sixty.is_sqlite:
        pytest.skip("PostgreSQL can be given no less than a millisecond, in which it counts sixty posts")
    monkeypatch.setattr("monitor.patience._STEPS", 1)
    with sixty.read() as session:
        for query in ({"q": "gate"}, {"q": "ga*"}, {}, {"q": "gate", "sort": "score"}):
            assert finding.count(session, PostFilter.from_query(query), most=1000, within_s=0) is None, query
        assert finding.count(session, PostFilter(search="gate"), most=1000) == 30
