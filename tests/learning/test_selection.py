import random

import pytest

from models import Flag
from monitor.review import desk as page
from monitor.review import selection
from monitor.review.selection import Candidate, choose
from monitor.versions import active

WORDS = ("bridge", "parade", "winter", "library", "market", "river", "school", "harvest", "museum", "garden")


def candidates(*probabilities, origin=""):
    return [
        Candidate(n, f"{WORDS[n % 10]} {WORDS[n // 10 % 10]} alone number {n}", p, origin)
        for n, p in enumerate(probabilities)
    ]


def test_the_least_certain_come_before_the_sure_ones():
    found = candidates(0.001, 0.55, 0.999, 0.002, 0.6, 0.998)
    picks = choose(found, 0.6, size=2)
    assert {pick.post_id for pick in picks} == {1, 4}
    assert {pick.why for pick in picks} == {"uncertain"}


def test_a_share_is_of_the_surest_flags_and_a_share_of_the_random_sample():
    found = candidates(*[0.5 + n / 1000 for n in range(40)], *[0.99] * 10, *[0.01] * 10)
    found = [c if c.post_id < 50 else Candidate(c.post_id, c.text, c.probability, "audit") for c in found]
    why = [pick.why for pick in choose(found, 0.8, size=20)]
    assert (why.count("top"), why.count("audit"), why.count("uncertain")) == (4, 4, 12)
    assert set(why[:6]) == {"top", "audit", "uncertain"}, "who stops early has read some of each"


def test_no_two_near_copies_are_offered():
    copies = [Candidate(n, f"Deputies hold a food drive at the annex, day {n}, all welcome", 0.5) for n in range(10)]
    other = Candidate(99, "Coats are given out", 0.2)
    assert {pick.post_id for pick in choose([*copies, other], 0.6, size=5)} == {0, 99}


def test_what_a_person_has_decided_is_not_offered_to_them_again(desk, db, config):
    first = desk.keep("The parade starts at noon on Main Street", probability=0.5)
    second = desk.keep("Winter coats are given out by the K9 team", probability=0.4)
    desk.decide(first, "rejected", by="Ana")
    duty = active(db, config)
    with db.read() as session:
        assert [pick.post_id for pick in selection.next_up(session, duty, reviewer="Ana")] == [second]
        assert [pick.post_id for pick in selection.next_up(session, duty)] == [second]
        assert {pick.post_id for pick in selection.next_up(session, duty, reviewer="Ben")} == {first, second}


def test_near_copies_of_what_was_decided_are_not_offered_one_by_one(desk, db, config):
    copies = [
        desk.keep(f"Deputies hold a food drive at the annex, day {n}, all welcome", probability=0.6) for n in range(4)
    ]
    other = desk.keep("The parade starts at noon on Main Street", probability=0.2)
    desk.decide(copies[0], "rejected", by="Ana")
    duty = active(db, config)
    with db.read() as session:
        assert [pick.post_id for pick in selection.next_up(session, duty)] == [other]
        second = selection.next_up(session, duty, reviewer="Ben")
    assert len(second) == 2, "somebody else may still read one of them"


@pytest.fixture
def page_config(config):
    config.review.top = config.review.random = 0.0
    return config


def handed(db, config, now):
    """The post that the page would hand to Ana next."""
    with db.read() as session:
        return page.choose(session, config, "Ana", now=now, rng=random.Random(1))


def test_the_page_hands_out_another_text_before_near_copies_of_the_last(desk, db, page_config, now):
    copies = [
        desk.keep(f"Illegals pour over the border, day {n}, send them back", probability=0.9, flag=True)
        for n in range(3)
    ]
    other = desk.keep("A caravan of strangers nears the county line", probability=0.99, flag=True)
    assert handed(db, page_config, now) == copies[0]
    desk.decide(copies[0], "confirmed")
    assert handed(db, page_config, now) == other
    desk.decide(other, "confirmed")
    assert handed(db, page_config, now) == copies[1], "when only copies wait, they are read all the same"


def test_the_random_share_of_the_page_is_of_the_audit_while_it_waits(desk, db, page_config, now):
    page_config.review.random = 1.0
    desk.keep("Illegals pour over the border", probability=0.9, flag=True)
    drawn = desk.keep("The parade starts at noon", probability=0.1)
    with db.write() as session:
        session.add(Flag(post_id=drawn, probability=0.1, origin="audit"))
    assert handed(db, page_config, now) == drawn
    desk.decide(drawn, "rejected")
    assert handed(db, page_config, now) != drawn
