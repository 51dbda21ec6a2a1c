"""The gate: a candidate is compared with the version on duty, on texts neither was trained on, and passes or not."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier import THEMES, Classifier, Row, Thresholds
from classifier.evaluation import average_precision, f1_of

FROZEN, FUNCTIONAL, REVIEWS = "frozen set", "functional suite", "reviews"
RESAMPLES = 400
LEAST_REVIEWS = 20
"""New labels below which they are too few to judge by."""
RECALL_MARGIN = 0.02
"""The most that recall on the frozen set may fall, whatever margin is configured."""
_BETTER = 0.8
"""Share of the resamples in which a figure must rise to be called better."""
_TELLING_WORDS = 12

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Measure = Callable[[Floats, Labels, float], float | None]


def _recall(probability: Floats, label: Labels, limit: float) -> float | None:
    return float((probability[label == 1] >= limit).mean()) if label.any() else None


_MEASURES: dict[str, dict[str, Measure]] = {
    FROZEN: {
        "F1": lambda p, y, limit: f1_of(p >= limit, y),
        "average precision": lambda p, y, _: average_precision(p, y),
        "recall": _recall,
    },
    FUNCTIONAL: {"accuracy": lambda p, y, limit: float(((p >= limit) == y).mean())},
    REVIEWS: {
        "F1": lambda p, y, limit: f1_of(p >= limit, y),
        "average precision": lambda p, y, _: average_precision(p, y),
    },
}


@dataclass(frozen=True)
class Difference:
    """One figure of both, and the 95 % interval of the difference by paired bootstrap."""

    on: str
    figure: str
    before: float
    after: float
    low: float
    high: float
    better: float
    """Share of the resamples in which it rose."""
    margin: float
    """How far it may fall."""

    @property
    def change(self) -> float:
        """By how much it rose, negative when it fell."""
        return self.after - self.before

    @property
    def sentence(self) -> str:
        """The difference in words."""
        return f"{self.figure} on the {self.on} {self.before:.3f} → {self.after:.3f}"


@dataclass(frozen=True)
class ThemeChange:
    """Recall of one theme on the frozen set, before and after."""

    theme: str
    texts: int
    before: float
    after: float


@dataclass
class Comparison:
    """All that was compared."""

    before: str
    after: str
    differences: list[Difference] = field(default_factory=list)
    themes: list[ThemeChange] = field(default_factory=list)
    words: list[tuple[str, float, float]] = field(default_factory=list)
    """Words whose weight changed most: the word, its weight before and after."""

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Judged:
    """Labelled texts and what each version says of them. ``limit``: from which probability it flags."""

    on: str
    labels: Labels
    before: Floats
    after: Floats


def compare(
    before: Classifier,
    after: Classifier,
    frozen: Sequence[Row],
    functional: Sequence[Row],
    *,
    reviews: Judged | None = None,
    margin: float = 0.01,
) -> Comparison:
    """Compare two versions, each deciding at its own thresholds; the same texts for both."""
    found = Comparison(before.version, after.version)
    judged = [judge(FROZEN, before, after, frozen), judge(FUNCTIONAL, before, after, functional)]
    if reviews is not None and len(reviews.labels) >= LEAST_REVIEWS and 0 < reviews.labels.sum() < len(reviews.labels):
        judged.append(reviews)
    for texts in judged:
        found.differences += _differences(texts, before.thresholds, after.thresholds, margin)
    found.themes = _themes(frozen, judged[0], before.thresholds, after.thresholds)
    found.words = changed_words(before, after)
    return found


def judge(on: str, before: Classifier, after: Classifier, rows: Sequence[Row]) -> Judged:
    """What both say of labelled texts."""
    texts = [row.text for row in rows]
    labels = np.array([row.label for row in rows], dtype=np.int64)
    return Judged(on, labels, before.probabilities(texts), after.probabilities(texts))


def decide(comparison: Comparison, *, better_needed: bool = True) -> tuple[bool, str]:
    """Whether the candidate passes, and why: not worse by more than a margin anywhere, and better somewhere.

    Without ``better_needed`` it is enough not to be worse.
    """
    worse = [d for d in comparison.differences if d.change < -d.margin]
    if worse:
        return False, "worse: " + "; ".join(f"{d.sentence} (may fall by {d.margin:g})" for d in worse)
    better = [d for d in comparison.differences if d.change > 0 and d.better >= _BETTER]
    if not better and not better_needed:
        return True, "not worse anywhere"
    if not better:
        return False, "not better anywhere: " + "; ".join(d.sentence for d in comparison.differences[:2])
    best = max(better, key=lambda d: d.change)
    return True, f"better: {best.sentence}; not worse anywhere"


def changed_words(before: Classifier, after: Classifier) -> list[tuple[str, float, float]]:
    """The words and cues whose weight in the match decision changed most."""
    old, new = _word_weights(before), _word_weights(after)
    names = sorted(old.keys() | new.keys(), key=lambda name: (-abs(new.get(name, 0.0) - old.get(name, 0.0)), name))
    return [
        (name, old.get(name, 0.0), new.get(name, 0.0))
        for name in names[:_TELLING_WORDS]
        if old.get(name) != new.get(name)
    ]


def _word_weights(loaded: Classifier) -> dict[str, float]:
    weights = loaded.weights
    return {
        **{f"cue {name}": float(weights.cue.weights[row, 0]) for name, row in weights.cue.index.items()},
        **{name: float(weights.word.weights[row, 0]) for name, row in weights.word.index.items()},
    }


def _differences(judged: Judged, before: Thresholds, after: Thresholds, margin: float) -> Iterator[Difference]:
    random = np.random.default_rng(1)
    size = len(judged.labels)
    draws = [random.integers(0, size, size) for _ in range(RESAMPLES)]
    for name, measure in _MEASURES[judged.on].items():
        old = measure(judged.before, judged.labels, before.queue)
        new = measure(judged.after, judged.labels, after.queue)
        if old is None or new is None:
            continue
        changes = []
        for draw in draws:
            labels = judged.labels[draw]
            was = measure(judged.before[draw], labels, before.queue)
            became = measure(judged.after[draw], labels, after.queue)
            if was is not None and became is not None:
                changes.append(became - was)
        low, high = np.quantile(changes, [0.025, 0.975]).tolist() if changes else (math.nan, math.nan)
        allowed = min(RECALL_MARGIN, 2 * margin) if name == "recall" else margin
        rose = float(np.mean([change > 0 for change in changes])) if changes else 0.0
        yield Difference(judged.on, name, old, new, low, high, rose, allowed)


def _themes(rows: Sequence[Row], judged: Judged, before: Thresholds, after: Thresholds) -> list[ThemeChange]:
    table = []
    for theme in THEMES:
        has = np.array([theme in row.themes for row in rows])
        if has.any():
            was = float((judged.before[has] >= before.queue).mean())
            became = float((judged.after[has] >= after.queue).mean())
            table.append(ThemeChange(theme, int(has.sum()), was, became))
    return table
