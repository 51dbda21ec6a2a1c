import numpy as np
import pytest

import classifier
from classifier import Classifier, Row, Thresholds, load_frozen, load_functional
from monitor.learning import gate
from monitor.learning.gate import Comparison, Difference, Judged

from .made import weights

FROZEN, FUNCTIONAL = load_frozen()[::3], load_functional()[::10]


def difference(change, *, on=gate.FROZEN, figure="F1", better=0.95, margin=0.01):
    return Difference(on, figure, 0.8, 0.8 + change, change - 0.02, change + 0.02, better, margin)


@pytest.mark.parametrize(
    ("changes", "passes", "says"),
    [
        ([difference(0.02)], True, "better"),
        ([difference(0.02), difference(-0.009, figure="recall")], True, "not worse anywhere"),
        ([difference(0.05), difference(-0.011, on=gate.FUNCTIONAL, figure="accuracy")], False, "functional suite"),
        ([difference(0.0, better=0.0)], False, "not better anywhere"),
        ([difference(0.01, better=0.6)], False, "not better anywhere"),
    ],
)
def test_a_candidate_passes_only_when_better_somewhere_and_worse_nowhere(changes, passes, says):
    passed, reason = gate.decide(Comparison("old", "new", changes))
    assert passed is passes
    assert says in reason


def test_what_must_go_is_replaced_by_what_is_not_better_but_never_by_what_is_worse():
    """What a hostile reviewer taught may show in no figure."""
    same, worse = Comparison("old", "new", [difference(0.0)]), Comparison("old", "new", [difference(-0.02)])
    assert gate.decide(same, better_needed=False) == (True, "not worse anywhere")
    assert not gate.decide(worse, better_needed=False)[0]


def test_one_version_against_itself_is_not_better():
    bundled = classifier.load()
    found = gate.compare(bundled, bundled, FROZEN, FUNCTIONAL)
    assert {d.change for d in found.differences} == {0.0}
    assert not gate.decide(found)[0]
    assert found.words == []


def test_a_version_that_forgot_everything_is_refused_with_figures():
    bundled, blank = classifier.load(), Classifier(weights("blank", blank=True), "blank")
    found = gate.compare(bundled, blank, FROZEN, FUNCTIONAL)
    passed, reason = gate.decide(found)
    assert not passed
    assert "recall on the frozen set" in reason
    assert found.words, "the words that lost their weight are named"
    assert all(t.after == 0 for t in found.themes)


def test_the_way_back_from_a_blank_version_passes():
    bundled, blank = classifier.load(), Classifier(weights("blank", blank=True), "blank")
    assert gate.decide(gate.compare(blank, bundled, FROZEN, FUNCTIONAL))[0]


def test_reviews_count_only_when_there_are_enough_of_both_kinds():
    bundled = classifier.load()
    rows = [Row("Illegals are invading us", 1), Row("Road closed", 0)]

    def compared(labels):
        scores = np.full(len(labels), 0.5)
        reviews = Judged(gate.REVIEWS, np.array(labels), scores, scores)
        return {d.on for d in gate.compare(bundled, bundled, rows, rows, reviews=reviews).differences}

    assert gate.REVIEWS in compared([0, 1] * 10)
    assert gate.REVIEWS not in compared([0, 1] * 9)
    assert gate.REVIEWS not in compared([1] * 30)


def test_the_bootstrap_is_paired_so_that_a_sure_gain_is_told_from_chance():
    labels = np.array([1, 0] * 50)
    before = np.where(labels == 1, 0.6, 0.4)
    before[:20] = 1 - before[:20]
    after = before.copy()
    after[:20] = 1 - after[:20]  # ten of the misses and ten of the false alarms are mended, nothing else changes
    limits = Thresholds(0.5, 0.5)
    (f1, _) = gate._differences(Judged(gate.REVIEWS, labels, before, after), limits, limits, 0.01)
    assert f1.before == pytest.approx(0.8)
    assert f1.after == 1.0
    assert f1.low > 0
    assert f1.better == 1.0
