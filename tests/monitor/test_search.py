import contextlib
import random
import time

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor import posts, search
from monitor.errors import UsageError
from monitor.postfilter import PostFilter
from monitor.postquery import has_words, words_index
from tests.monitor.made_posts import add_wording, make_office, make_post

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
        ('"the fence is broken" border', {"border"}),
        ('"the fence" OR "harvest parade"', {"border", "parade"}),
        ('border -"the fence"', {"wall"}),
        ('"were disc*"', {"deport"}),
        ('"and release was n*"', {"deport"}),
        ('"niño la"', set()),
        ('"el NIÑO"', {"spanish"}),
        ("says-the-council's", set()),
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


WORDS = ("border", "bordering", "wall", "walls", "the", "sheriff")
LETTERS = st.sampled_from(WORDS)
TERMS = st.builds(search.Term, st.lists(LETTERS, min_size=1, max_size=3).map(tuple), st.booleans())
NODES = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.builds(search.Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(
            lambda wanted, unwanted: search.And((*wanted, *map(search.Not, unwanted))),
            st.lists(inner, min_size=1, max_size=3),
            st.lists(inner, max_size=1),
        ),
    ),
    max_leaves=6,
)


@pytest.fixture
def scribbled(db):
    rng = random.Random(5)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(1, 9))) for _ in range(80)]
    with db.write() as session:
        office = make_office(session)
        for number, text in enumerate(texts):
            make_post(session, office, text, number=number)
    return db, texts


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(node=NODES)
def test_however_phrases_and_operators_are_nested_just_the_posts_are_found_that_fit(scribbled, node):
    db, texts = scribbled
    with db.read() as session:
        found = session.execute(sa.select(words_index(session)).where(has_words(session, node))).scalars()
        assert sorted(found) == [number for number, text in enumerate(texts, start=1) if fits(node, text.split())]


def fits(node, words):
    if isinstance(node, search.Not):
        return not fits(node.part, words)
    if isinstance(node, search.And | search.Or):
        return (all if isinstance(node, search.And) else any)(fits(part, words) for part in node.parts)
    *whole, last = node.words
    places = (words[at : at + len(node.words)] for at in range(len(words) - len(whole)))
    return any(
        there[:-1] == whole and (there[-1] == last or (node.prefix and there[-1].startswith(last))) for there in places
    )


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
