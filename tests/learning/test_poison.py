"""What wrong labels can do: the frozen set's recall falls by two points at most, or the candidate is refused."""

import random
from datetime import UTC, datetime

import pytest

import classifier
from monitor.config import LearningConfig
from monitor.learning import gate
from monitor.learning.labels import Label
from monitor.retrain import training_set

NOW = datetime(2026, 3, 2, tzinfo=UTC)
RULES = LearningConfig()
COUNTIES = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel", "Ironwood", "Juniper")

pytestmark = pytest.mark.slow


def label(number, text, value, reviewer, account=None):
    return Label(text, value, (), "", 1.0, (reviewer,), NOW, post_id=number, account_id=account or number % 40 + 1)


def posts(number):
    """Corpus texts as an office might have posted them: reworded a little, so that they are posts of their own."""
    rows = random.Random(7).sample([row for row in classifier.load_corpus() if len(row.text) > 60], number)
    return [(f"From the desk of the sheriff. {row.text} Read more on our page.", row.label) for row in rows]


def flipped(share):
    texts = posts(200)
    wrong = set(random.Random(3).sample(range(len(texts)), round(share * len(texts))))
    return [label(n, text, 1 - y if n in wrong else y, f"reviewer {n % 5}") for n, (text, y) in enumerate(texts)]


def one_hostile_reviewer():
    return [label(n, text, 1 - y, "mallory") for n, (text, y) in enumerate(posts(500))]


def look_alikes():
    return [
        label(
            n,
            f"Criminal illegal aliens keep pouring into {COUNTIES[n % 10]} County, unit {n}. Send them all back!",
            0,
            f"reviewer {n % 3}",
            account=n % 2 + 1,
        )
        for n in range(300)
    ]


@pytest.fixture(scope="module")
def honest():
    """What the corpus alone teaches, so that only the labels make the difference."""
    return classifier.train(classifier.load_corpus()).classifier()


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param(lambda: flipped(0.05), id="5 % flipped"),
        pytest.param(lambda: flipped(0.20), id="20 % flipped"),
        pytest.param(one_hostile_reviewer, id="one hostile reviewer, 500 verdicts"),
        pytest.param(look_alikes, id="300 look-alike posts"),
    ],
)
def test_wrong_labels_cost_two_points_of_recall_at_most_or_are_refused(honest, labels):
    trained = classifier.train(training_set(classifier.load_corpus(), labels(), RULES))
    comparison = gate.compare(honest, trained.classifier(), classifier.load_frozen(), classifier.load_functional())
    recall = next(d for d in comparison.differences if (d.on, d.figure) == (gate.FROZEN, "recall"))
    passed, reason = gate.decide(comparison)
    print(f"recall {recall.before:.3f} -> {recall.after:.3f}, {'promoted' if passed else 'refused'}: {reason}")
    assert recall.change >= -0.02 or not passed


def test_many_copies_with_the_highest_scores_leave_the_threshold_where_it_was(honest):
    """Three hundred look-alikes count as three: they must not make the queue run dry either."""
    trained = classifier.train(training_set(classifier.load_corpus(), look_alikes(), RULES))
    assert trained.weights.thresholds.queue == pytest.approx(honest.thresholds.queue, abs=0.05)
