from datetime import timedelta

import pytest
import sqlalchemy as sa

import classifier
from classifier import Example
from classifier.weights import COLUMNS
from models import Event, Post, PostVersion, Review, Verdict
from models.user import UserRole
from monitor import users
from monitor.config import LearningConfig
from monitor.errors import UsageError
from monitor.learning import labels
from monitor.learning.labels import Label, Voice
from monitor.learning.likeness import groups_of

from .conftest import NOW

YES, NO, UNSURE = Verdict.CONFIRMED, Verdict.REJECTED, Verdict.UNSURE


def voices(*said):
    return [Voice(f"reviewer {n}", verdict, weight, NOW + timedelta(n)) for n, (verdict, weight) in enumerate(said)]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([(YES, 1)], 1),
        ([(NO, 1)], 0),
        ([(UNSURE, 1)], None),
        ([(YES, 1), (NO, 1)], None),
        ([(YES, 1), (UNSURE, 1)], None),
        ([(YES, 1), (YES, 1), (UNSURE, 1)], 1),
        ([(YES, 1), (NO, 1), (NO, 1)], 0),
        ([(YES, 1), (NO, 0.2)], None),
        ([(YES, 1), (NO, 0.3), (NO, 0.3)], None),
        ([(YES, 0), (NO, 1)], 0),
        ([(YES, 0)], None),
        ([(YES, 1), (YES, 1), (NO, 1), (NO, 1)], None),
    ],
)
def test_one_voice_is_enough_until_somebody_differs(said, expected):
    label = labels.weigh(voices(*said), "text", quorum=2)
    assert (label.label if label else None) == expected


def test_the_latest_verdict_of_a_person_counts(desk, db):
    post = desk.keep("Some text")
    desk.decide(post, "confirmed", themes=["illegals"])
    desk.decide(post, "rejected", reason="news", at=NOW + timedelta(1))
    (label,) = agreed(db)
    assert (label.label, label.reason, label.themes, label.reviewers) == (0, "news", (), ("Ana",))


def test_the_wording_that_was_judged_is_learned_not_a_later_edit(desk, db):
    post = desk.keep("Illegals out of my county")
    desk.decide(post, "confirmed")
    with db.write() as session:
        edit = PostVersion(post_id=post, content_sha256="e" * 64, text="A kinder wording")
        session.add(edit)
        session.flush()
        session.get(Post, post).current_version_id = edit.id
    assert [label.text for label in agreed(db)] == ["Illegals out of my county"]


def test_opposite_labels_of_one_text_cancel_out_and_are_counted(desk, db):
    for account, verdict in ((0, "confirmed"), (1, "rejected")):
        desk.decide(desk.keep("The very same  TEXT", account=account), verdict, by=f"reviewer {account}")
    desk.decide(desk.keep("another one"), "confirmed")
    with db.read() as session:
        found = labels.gather(session, LearningConfig())
    assert [label.text for label in found.agreed] == ["another one"]
    assert found.contradictory == 2


def test_reverting_a_person_takes_back_all_labels_and_deafens_to_new_ones(desk, db):
    for n in range(3):
        desk.decide(desk.keep(f"text {n}"), "confirmed", by="Mallory")
    desk.decide(desk.keep("honest"), "confirmed", by="Ana")
    assert labels.revert(db, "Mallory", by="Lead", now=NOW) == 3
    assert labels.revert(db, "Mallory", by="Lead", now=NOW) == 0
    desk.decide(desk.keep("again"), "confirmed", by="Mallory")
    assert [label.reviewers for label in agreed(db)] == [("Ana",)]
    with db.read() as session:
        assert session.execute(sa.select(sa.func.count(Review.id))).scalar() == 5, "rows stay"
        event = (
            session.execute(sa.select(Event).where(Event.kind == "labels.reverted").order_by(Event.id))
            .scalars()
            .first()
        )
        assert (event.actor, event.subject, event.data) == ("Lead", "reviewer:Mallory", {"labels": 3})
    labels.set_trust(db, "Mallory", 1.0, by="Lead", now=NOW)
    assert len(agreed(db)) == 2


def test_labels_of_a_reviewer_who_left_stay_until_they_are_taken_back(desk, db):
    users.add(db, "Ana", UserRole.REVIEWER, by="Lead", now=NOW)
    desk.decide(desk.keep("text"), "confirmed", by="Ana")
    users.disable(db, "Ana", by="Lead", now=NOW)
    assert [label.reviewers for label in agreed(db)] == [("Ana",)]
    assert labels.revert(db, "Ana", by="Lead", now=NOW) == 1
    assert agreed(db) == []


def test_reverting_nobody_names_the_reviewers(desk, db):
    desk.decide(desk.keep("text"), "confirmed", by="Ana")
    with pytest.raises(UsageError, match="“Eve” gave no label"):
        labels.revert(db, "Eve", by="Lead", now=NOW)


def test_no_person_and_no_account_outweighs_its_cap():
    rules = LearningConfig(cap_per_reviewer=10, cap_per_account=1000, label_weight=1)
    many = [label(f"{word} {n}", reviewers=("Mallory",)) for n, word in enumerate(DISTINCT)]
    few = [label(f"good {word} day", reviewers=("Ana",)) for word in DISTINCT[:5]]
    examples = labels.examples([*many, *few], rules)
    assert sum(example.weight for example in examples[: len(many)]) == pytest.approx(10, rel=1e-3)
    assert [example.weight for example in examples[len(many) :]] == [1] * 5
    rules = LearningConfig(cap_per_account=4, label_weight=1)
    examples = labels.examples([label(word, account_id=7) for word in DISTINCT[:8]], rules)
    assert sum(example.weight for example in examples) == pytest.approx(4, rel=1e-3)


def test_near_copies_share_a_group_and_weigh_like_a_few():
    copies = [
        label(f"Deputies will hold a food drive at the annex on day {n}, all are welcome there") for n in range(50)
    ]
    other = label("Coats are given out in winter")
    examples = labels.examples([*copies, other], LearningConfig(label_weight=1))
    assert len({example.group for example in examples}) == 2
    assert sum(example.weight for example in examples[:-1]) == pytest.approx(3, rel=1e-3)
    assert examples[-1].weight == 1


def test_texts_are_near_copies_whatever_their_digits_links_and_capitals():
    texts = ["Illegals out NOW! https://a.example/1", "illegals out now 2", "Food drive at noon today", "", "  ", "¡¡¡"]
    groups = groups_of(texts)
    assert groups[0] == groups[1] != groups[2]
    assert len(groups) == len(texts)


def test_a_rejection_becomes_a_hard_negative_of_its_kind(desk, db):
    desk.decide(desk.keep("A reporter quoted the word"), "rejected", reason="quote")
    (example,) = labels.examples(agreed(db), LearningConfig())
    assert (example.label, example.reason, example.source) == (0, "quote", "review")


DISTINCT = [f"{a}{b} river{a} stone{b}" for a in "abcdefgh" for b in "klmnop"]


def label(text, *, reviewers=("Ana",), account_id=None):
    return Label(text, 1, ("illegals",), "", 1.0, reviewers, NOW, account_id=account_id)


def agreed(db):
    with db.read() as session:
        return labels.gather(session, LearningConfig()).agreed


@pytest.mark.slow
@pytest.mark.parametrize(("label", "column"), [(1, "illegals"), (0, "quote")])
def test_a_bare_verdict_speaks_against_no_theme_and_no_reason(label, column):
    corpus = classifier.load_corpus()[::40]
    text = "Illegals are overrunning our county" if label else "“Illegals”, a reporter quoted the sheriff"
    bare = [Example(f"{text}, case {n}", label, (), 2.0, f"case {n}") for n in range(20)]
    number = COLUMNS.index(column)
    before, after = (classifier.train(rows).weights.bias[number] for rows in (corpus, [*corpus, *bare]))
    assert after == pytest.approx(before, abs=0.1)
