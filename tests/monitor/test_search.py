import contextlib
import random
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import Review, Verdict
from models.clock import utcnow
from monitor import postfilter, posts, search
from monitor.errors import UsageError
from monitor.learning import labels
from monitor.postfilter import PostFilter
from monitor.review import verdicts
from monitor.review.verdicts import Decision, agreed
from tests.monitor.made_posts import START, add_wording, make_office, make_post, make_version

TEXTS = {
    "border": "The border is open and the fence is broken.",
    "wall": "A wall at the border, says the council.",
    "parade": "Join us at the harvest parade on Saturday!",
    "spanish": "La inmigración no es un delito, dice el niño.",
    "deport": "Deportations were discussed; catch and release was not.",
}


@pytest.fixture
def found(db):
    with db.write() as session:
        account = make_office(session)
        for number, text in enumerate(TEXTS.values()):
            make_post(session, account, text, number=number)
    names = {text: name for name, text in TEXTS.items()}

    def ask(words, **more):
        with db.read() as session:
            return {names[kept.current.text] for kept in posts.find(session, PostFilter(search=words, **more))}

    return ask


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("border", {"border", "wall"}),
        ("BORDER Wall", {"wall"}),
        ("border AND wall", {"wall"}),
        ("wall OR parade", {"wall", "parade"}),
        ("border -wall", {"border"}),
        ("border NOT wall", {"border"}),
        ('"catch and release"', {"deport"}),
        ('"release and catch"', set()),
        ("deport*", {"deport"}),
        ("deport", set()),
        ("inmigracion", {"spanish"}),
        ("NIÑO", {"spanish"}),
        ("(wall OR fence) border", {"border", "wall"}),
        ("border -(wall OR parade)", {"border"}),
        ("catch-and-release", {"deport"}),
        ("parade!!!", {"parade"}),
    ],
)
def test_words_phrases_and_operators_find_what_they_say(found, words, expected):
    assert found(words) == expected


@pytest.mark.parametrize(
    "words",
    [
        "-wall",
        "NOT wall",
        "border OR -wall",
        "OR",
        "wall OR",
        '"open',
        "(wall",
        "wall)",
        "!!!",
        "NOT",
        "(" * 40,
        "a" * 501,
    ],
)
def test_a_search_that_makes_no_sense_is_told_in_a_sentence(found, words):
    with pytest.raises(UsageError, match=r"search"):
        found(words)


@pytest.mark.parametrize(
    "words",
    [
        "body:border", "NEAR(a b)", "border^2", "{body}", "a' OR 1=1 --", "'; DROP TABLE post; --", "a:* & b", "!a | b",
        "<-> <2>", "\\'", "a\x00b", "*", "col : x", "+ border", "rowid", "a\tb\nc", "٣٤", "🚨 border",
        "ﬁ", "_", "%", "a_b",
    ],
)  # fmt: skip
def test_operators_of_the_database_do_not_get_through(db, found, words):
    with contextlib.suppress(UsageError):
        found(words)
    with db.read() as session:
        assert session.execute(sa.text("SELECT count(*) FROM post")).scalar() == len(TEXTS)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.text(alphabet=st.one_of(st.sampled_from("ab\"() -*:^{}'\\&|!<>ORNTD\x00é"), st.characters(codec="utf-8")))
)
def test_any_text_is_searched_for_or_refused(found, words):
    with contextlib.suppress(UsageError):
        found(words)


def test_a_hostile_search_is_read_in_no_time():
    started = time.perf_counter()
    for words in ('"' * 500, "(" * 500, "-" * 500, "a OR " * 100, " " * 500, "a*" * 250):
        with pytest.raises(UsageError):
            search.fts5(search.parse(words + "("))
    assert time.perf_counter() - started < 0.5


def test_titles_alt_texts_and_link_titles_are_searched(db):
    with db.write() as session:
        make_post(
            session,
            make_office(session),
            "See below.",
            title="Weekly notice",
            alt_texts=["A poster with a pelícano"],
            link_titles=["Read the bulletin"],
        )
    with db.read() as session:
        for word in ("weekly", "pelicano", "bulletin", "below"):
            assert len(list(posts.find(session, PostFilter(search=word)))) == 1, word


def test_after_an_edit_the_current_wording_is_found_and_the_old_is_not(db):
    with db.write() as session:
        post = make_post(session, make_office(session), "The first words.")
        add_wording(session, post, "The later words.")
    with db.read() as session:
        assert not list(posts.find(session, PostFilter(search="first")))
        assert len(list(posts.find(session, PostFilter(search="later")))) == 1


def test_a_very_long_post_is_kept_and_found(db):
    with db.write() as session:
        make_post(session, make_office(session), "beginning " + " ".join(f"word{n}" for n in range(150_000)))
    with db.read() as session:
        assert len(list(posts.find(session, PostFilter(search="beginning")))) == 1


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
    ],
)
@pytest.mark.parametrize("as_if", ["few posts", "many posts"])
def test_each_filter_and_order_gives_its_posts_page_by_page(mixed, monkeypatch, query, expected, as_if):
    """Of many posts SQLite is asked in another way, which gives the same."""
    if as_if == "many posts":
        monkeypatch.setattr(postfilter, "_MANY", 0)
        monkeypatch.setattr(postfilter, "_MANY_HITS", 0)
        monkeypatch.setattr(postfilter, "_FEW_ACCOUNTS", 0)
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
            assert posts.count(session, PostFilter(verdict=verdict), most=100) == len(found)
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


@pytest.mark.parametrize(
    "query",
    [
        {"account": "x"}, {"agency": "²"}, {"score_min": "nan"}, {"score_max": "2"}, {"since": "tomorrow"},
        {"until": "9999-12-31"}, {"deleted": "perhaps"}, {"theme": "'"}, {"verdict": "guilty"}, {"sort": "up"},
        {"state": "Ohio"}, {"q": "-x"}, {"account": "9" * 30}, {"since": "0001-01-01T00:00:00+14:00"},
    ],
)  # fmt: skip
def test_a_parameter_that_is_wrong_is_named(query):
    with pytest.raises(UsageError) as refusal:
        PostFilter.from_query(query)
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize("after", ["x", "1_2_3", "-5", "²", "nan_4", "9" * 40, "2026-01-01_4", "0.5_"])
@pytest.mark.parametrize("sort", ["newest", "score", "date", "relevance"])
def test_a_cursor_that_was_made_up_is_refused(mixed, sort, after):
    wanted = PostFilter.from_query({"sort": sort, "q": "one"})
    with mixed.read() as session, pytest.raises(UsageError, match="first page"):
        posts.page(session, wanted, after=after)
