import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

import classifier
from classifier import Trained
from models import Alert, ClassifierVersion, Event
from monitor import retrain as retraining
from monitor.errors import SheriffwatchError
from monitor.learning import duties, labels, promotion
from monitor.versions import active

from .made import keep


def test_two_labels_are_too_few_and_the_sentence_says_how_many_are_needed(desk, db, config, now):
    desk.keep_and_decide(2)
    desk.decide(desk.keep("undecided"), "unsure")
    with pytest.raises(SheriffwatchError, match=r"2 agreed labels are too few to retrain: 20 are needed\. On 1 more"):
        retraining.retrain(db, config, by="Lead", now=now)


@pytest.mark.slow
def test_labels_lead_to_a_promoted_version_with_a_report_an_event_and_the_way_back(desk, db, config, now, small_corpus):
    blank = keep(db, config, "blank", now=now - timedelta(30), blank=True)
    bundled = active(db, config).version
    promotion.promote(db, config, blank.version, by="Lead", now=now - timedelta(29))
    desk.keep_and_decide(40)
    desk.keep("Illegals are overrunning our county. Invaders, all of them. <script>alert(1)</script>")
    outcome = retraining.retrain(db, config, by="Lead", now=now, corpus=small_corpus)
    assert outcome.promoted, outcome.reason
    assert active(db, config).version == outcome.version
    assert outcome.after["frozen set F1"] > outcome.before["frozen set F1"]
    assert "reviews F1" in outcome.after, "labels given since the last version was trained are judged too"
    with db.read() as session:
        event = session.execute(sa.select(Event).where(Event.kind == "classifier.retrained")).scalar()
        assert event.actor == "Lead"
        assert event.data["labels"] == 40
        assert len(event.data["examples_sha256"]) == len(event.data["artifact_sha256"]) == 64
        alert = session.execute(sa.select(Alert).where(Alert.kind == "retraining")).scalar()
        assert "promoted" in alert.payload["headline"]
        assert "newly flagged" in alert.payload["body"]
    page = Path(outcome.report).read_text("utf-8")
    assert "Invaders, all of them" in page
    assert "<script>" not in page
    assert promotion.rollback(db, config, by="Lead", now=now + timedelta(1)).version == blank.version
    assert bundled != outcome.version


@pytest.mark.slow
def test_a_worse_candidate_is_kept_with_the_reason_and_the_one_on_duty_stays(desk, db, config, now, small_corpus):
    before = active(db, config).version
    desk.keep_and_decide(30, wrong=True)
    outcome = retraining.retrain(db, config, by="Lead", now=now, corpus=small_corpus)
    assert not outcome.promoted
    assert "worse:" in outcome.reason
    assert active(db, config).version == before
    with db.read() as session:
        row = promotion.get(session, outcome.version)
        assert (row.status, row.reason) == ("candidate", outcome.reason)
        json.dumps(row.figures, allow_nan=False)


def test_a_candidate_that_cannot_be_trained_changes_nothing_and_is_logged(desk, db, config, now):
    before = active(db, config).version
    for number in range(20):
        desk.decide(desk.keep(f"Some text {number} about illegals"), "confirmed")
    with pytest.raises(SheriffwatchError, match=r"could not be trained.*goes on working"):
        retraining.retrain(db, config, by="Lead", now=now, corpus=[])
    assert active(db, config).version == before
    with db.read() as session:
        assert session.execute(sa.select(sa.func.count(ClassifierVersion.id))).scalar() == 1
        assert (
            session.execute(sa.select(Event.actor).where(Event.kind == "classifier.training_failed")).scalar() == "Lead"
        )


def test_labels_of_one_kind_only_are_remarked_on():
    from monitor.learning.labels import Labels

    from .test_labels import label

    (note,) = retraining._notes(Labels([label("a"), label("b")]))
    assert note.startswith("All 2 labels are matches")


def test_who_mostly_says_the_opposite_of_all_else_is_named_to_the_leads(config):
    from .test_labels import label

    said = [label(f"text {n}", reviewers=("Mallory" if n % 2 else "Ana",)) for n in range(50)]
    examples = tuple(labels.examples(said, config.learning))
    held_out = np.zeros((50, 18))
    held_out[:, 0] = [-9.0 if n % 2 else 9.0 for n in range(50)]  # every label says match
    (note,) = retraining._at_odds(said, Trained(classifier.load().weights, held_out, examples))
    assert note.startswith("Mallory differs from what everything else teaches on 25 of 25 labels")
    assert "labels revert --by Mallory --retrain" in note


@pytest.mark.parametrize("obstacle", ["pinned", "configured", "another on duty"])
def test_a_candidate_that_passed_is_held_back_when_people_decided_otherwise(db, config, now, obstacle):
    duty = active(db, config)
    row = keep(db, config, "second", now=now)
    if obstacle == "pinned":
        promotion.pin(db, config, duty.version, by="Lead", now=now)
    elif obstacle == "configured":
        config.classifier.version = duty.version
    else:
        promotion.promote(db, config, row.version, by="Lead", now=now + timedelta(1))
    with db.read() as session:
        held = retraining._held_back(session, config, duty)
    assert held.startswith("it passed the gate, but")


def test_a_retraining_is_due_after_enough_new_labels_or_a_week(desk, db, config, now):
    config.learning.after_labels = 30

    def due(moment):
        with db.read() as session:
            return duties.retraining_due(session, config, now=moment)

    desk.keep_and_decide(19)
    assert due(now) == "", "too few altogether"
    desk.keep_and_decide(6, by="Ben")
    assert due(now) == "25 labels and no retraining yet"
    with db.write() as session:
        session.add(Event(at=now, kind="classifier.retrained"))
    assert due(now + timedelta(30)) == "", "nothing new"
    desk.decide(desk.keep("one more"), "confirmed", at=now + timedelta(1))
    assert due(now + timedelta(2)) == ""
    assert due(now + timedelta(8)) == "1 new labels in 7 days"
    config.learning.after_labels = 1
    assert due(now + timedelta(2)) == "1 new labels"
    config.learning.automatic = False
    assert due(now + timedelta(8)) == ""


@pytest.fixture
def learned(desk, db, config, now):
    """A version is on duty that learned from Mallory's labels and from Ana's."""
    desk.keep_and_decide(6, by="Mallory")
    for number in range(3):
        desk.decide(desk.keep(f"Coats are given out at the annex in ward {number}"), "rejected")
    row = keep(db, config, "learned", now=now, figures={"labels": 9}, blank=True)
    promotion.promote(db, config, row.version, by="Lead", now=now + timedelta(1))
    return row


def taken_back(db, at):
    labels.revert(db, "Mallory", by="Lead", now=at)
    with db.read() as session:
        return duties.taken_back(session, promotion.versions(session)[0])


def test_labels_that_are_taken_back_make_a_retraining_due_once(learned, db, config, now):
    assert taken_back(db, now + timedelta(2)) == "Mallory"
    with db.read() as session:
        due = duties.retraining_due(session, config, now=now + timedelta(2))
    assert due == "the labels of Mallory were taken back"
    with db.write() as session:
        session.add(Event(at=now + timedelta(3), kind="classifier.retrained"))
    with db.read() as session:
        assert duties.retraining_due(session, config, now=now + timedelta(3)) == ""


def test_labels_taken_back_before_the_version_on_duty_learned_taint_nothing(learned, db, now):
    assert taken_back(db, now - timedelta(1)) == ""


@pytest.mark.slow
def test_what_learned_from_labels_taken_back_is_replaced_however_few_are_left(learned, db, config, now, small_corpus):
    labels.revert(db, "Mallory", by="Lead", now=now + timedelta(2))
    outcome = retraining.retrain(db, config, by="Lead", now=now + timedelta(3), corpus=small_corpus)
    assert (outcome.promoted, outcome.labels) == (True, 3), outcome.reason
    assert outcome.reason.endswith("and without the labels of Mallory that were taken back")
    assert active(db, config).version == outcome.version


def test_what_the_version_on_duty_may_have_learned_does_not_judge_the_candidate(desk, db, config, now):
    before, after = now - timedelta(1), now + timedelta(1)
    seen = desk.keep("Coats are given out at the annex in winter, all are welcome there")
    desk.decide(seen, "unsure", at=before)
    desk.decide(seen, "rejected", at=after)
    copy = desk.keep("Coats are given out at the annex in winter, all are welcome there! https://office.example/2")
    desk.decide(copy, "rejected", by="Ben", at=after)
    fresh = desk.keep("The parade starts at noon on Main Street")
    desk.decide(fresh, "rejected", at=after)
    with db.read() as session:
        agreed = labels.gather(session, config.learning).agreed
    bundled = classifier.load()
    trained = Trained(bundled.weights, np.zeros((3, 18)), tuple(labels.examples(agreed, config.learning)))
    row = keep(db, config, "learned", now=now, figures={"labels": 1})
    judged = retraining._judged_reviews(agreed, row, bundled, trained)
    assert len(judged.labels) == 1
    assert judged.before[0] == pytest.approx(bundled.probabilities(["The parade starts at noon on Main Street"])[0])
    row.figures = {}
    assert len(retraining._judged_reviews(agreed, row, bundled, trained).labels) == 3, "it learned from no label"
