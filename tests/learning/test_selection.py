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
