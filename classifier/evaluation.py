"""How good a classifier is on labelled texts: figures with intervals, by kind, theme, subset and platform."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.examples import Row
from classifier.pipeline import Classifier
from classifier.thresholds import ORDINARY_REASONS, precision_at, wilson
from classifier.values import THEMES, ScoreValues, Thresholds
from classifier.weights import Floats

PREVALENCES = (0.005, 0.01, 0.05)
_ORDINARY_KINDS = ORDINARY_REASONS | {"illegal_other", "alien_other"}
_RESAMPLES = 400
_BINS = 10
_MOST_MISTAKES = 10

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its 95 % interval; ``value`` is None where the rows cannot tell (no match among them, say)."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one kind, subset, platform, language or function: how many, how many flagged, how many right."""

    name: str
    rows: int
    matches: int
    flagged: int
    right: int

    @property
    def accuracy(self) -> float:
        """Share decided as labelled."""
        return self.right / self.rows


@dataclass(frozen=True, slots=True)
class ThemeFigures:
    """Precision, recall and F1 of one theme, over the rows whose themes are known."""

    theme: str
    rows: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Bin:
    """One line of the reliability table: what was said, and what came true."""

    low: float
    high: float
    rows: int
    said: float
    true: float


@dataclass(frozen=True, slots=True)
class AtPrevalence:
    """Precision of flags if ``prevalence`` of posts matched, the others being ordinary posts."""

    prevalence: float
    queue: Figure
    alert: Figure


@dataclass(frozen=True, slots=True)
class Mistake:
    """A row decided otherwise than labelled."""

    id: str
    text: str
    label: int
    kind: str
    probability: float


@dataclass(frozen=True)
class Report:
    """All that was measured, in plain values; :mod:`classifier.report` turns it into text, Markdown, HTML and JSON."""

    version: str
    rows: int
    matches: int
    thresholds: Thresholds
    figures: dict[str, Figure]
    groups: dict[str, list[Group]]
    themes: list[ThemeFigures]
    reliability: list[Bin]
    prevalences: list[AtPrevalence]
    missed: list[Mistake]
    false_alarms: list[Mistake]
    curve: list[tuple[float, float]] = field(default_factory=list)
    """Points (recall, precision) for the plot."""

    def figure(self, name: str) -> float:
        """Return a figure's value, 0 where the rows cannot tell."""
        return self.figures[name].value or 0.0

    @property
    def f1(self) -> float:
        """F1 at the queue threshold."""
        return self.figure("f1")

    @property
    def average_precision(self) -> float:
        """Average precision over all thresholds."""
        return self.figure("average_precision")

    @property
    def accuracy(self) -> float:
        """Share of rows decided as labelled, at the queue threshold."""
        return self.figure("accuracy")

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON holds it."""
        return asdict(self)


def evaluate(classifier: Classifier, rows: Sequence[Row], *, seed: int = 1, resamples: int = _RESAMPLES) -> Report:
    """Measure at the version's own thresholds. Raises ValueError for no rows."""
    if not rows:
        raise ValueError("there are no labelled rows to evaluate on")
    scores = classifier.score([row.text for row in rows])
    probability = np.array([score.probability for score in scores])
    label = np.array([row.label for row in rows])
    limits = classifier.thresholds
    measures = _measures(rows, limits)
    figures = _with_intervals(measures, probability, label, seed, resamples)
    flagged = probability >= limits.queue
    return Report(
        version=classifier.version,
        rows=len(rows),
        matches=int(label.sum()),
        thresholds=limits,
        figures=figures,
        groups=_groups(rows, flagged),
        themes=_themes(rows, scores),
        reliability=_reliability(probability, label),
        prevalences=[
            AtPrevalence(share, _precision(probability, label, rows, limits.queue, share),
                         _precision(probability, label, rows, limits.alert, share))
            for share in PREVALENCES
        ],
        missed=_mistakes(rows, probability, ~flagged & (label == 1), ascending=True),
        false_alarms=_mistakes(rows, probability, flagged & (label == 0), ascending=False),
        curve=_curve(probability, label),
    )  # fmt: skip


# --- single figures -------------------------------------------------------------------------------------------------

Measure = Callable[[Floats, Labels, NDArray[np.intp]], float | None]


def _measures(rows: Sequence[Row], limits: Thresholds) -> dict[str, Measure]:
    ordinary = np.array([row.kind in _ORDINARY_KINDS for row in rows])

    def flagged_share(of_ordinary: bool) -> Measure:
        def measure(p: Floats, y: Labels, i: NDArray[np.intp]) -> float | None:
            chosen = (y == 0) & (ordinary[i] == of_ordinary)
            return float((p[chosen] >= limits.queue).mean()) if chosen.any() else None

        return measure

    return {
        "precision": lambda p, y, i: _rate(y[p >= limits.queue]),
        "recall": lambda p, y, i: _rate((p >= limits.queue)[y == 1]),
        "f1": lambda p, y, i: f1_of(p >= limits.queue, y),
        "average_precision": lambda p, y, i: average_precision(p, y),
        "recall_at_p90": lambda p, y, i: recall_at_precision(p, y, 0.9),
        "ordinary_flagged": flagged_share(True),
        "hard_flagged": flagged_share(False),
        "accuracy": lambda p, y, i: float(((p >= limits.queue) == y).mean()),
        "alert_recall": lambda p, y, i: _rate((p >= limits.alert)[y == 1]),
        "alert_precision": lambda p, y, i: _rate(y[p >= limits.alert]),
        "brier": lambda p, y, i: float(((p - y) ** 2).mean()),
    }


def _rate(values: NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None


def f1_of(flagged: NDArray[np.bool_], label: Labels) -> float | None:
    """Return F1, None where nothing is a match."""
    if not label.any():
        return None
    return float(2 * (flagged & (label == 1)).sum() / (flagged.sum() + label.sum()))


def _ranked(probability: Floats, label: Labels) -> tuple[Floats, Floats]:
    """Return (precision, recall) after each distinct probability, from the highest down."""
    order = np.argsort(-probability, kind="stable")
    p, y = probability[order], label[order]
    last = np.append(np.diff(p) != 0, True)
    hits = np.cumsum(y)[last]
    return hits / (np.flatnonzero(last) + 1), hits / max(1, int(label.sum()))


def average_precision(probability: Floats, label: Labels) -> float | None:
    """Return the average precision as scikit-learn defines it, None where nothing is a match."""
    if not label.any():
        return None
    precision, recall = _ranked(probability, label)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def recall_at_precision(probability: Floats, label: Labels, precision: float) -> float | None:
    """Return the largest recall at which the precision is still reached."""
    if not label.any():
        return None
    found, recall = _ranked(probability, label)
    good = recall[found >= precision]
    return float(good.max()) if len(good) else 0.0


def _with_intervals(
    measures: dict[str, Measure], probability: Floats, label: Labels, seed: int, resamples: int
) -> dict[str, Figure]:
    """Bootstrap over rows: resample, measure again, take the middle 95 %."""
    random = np.random.default_rng(seed)
    everything = np.arange(len(label))
    values: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(resamples):
        chosen = random.integers(0, len(label), len(label))
        p, y = probability[chosen], label[chosen]
        for name, measure in measures.items():
            if (value := measure(p, y, chosen)) is not None:
                values[name].append(value)
    figures = {}
    for name, measure in measures.items():
        low, high = np.quantile(values[name], [0.025, 0.975]).tolist() if values[name] else (None, None)
        figures[name] = Figure(measure(probability, label, everything), low, high)
    return figures


def _precision(p: Floats, y: Labels, rows: Sequence[Row], limit: float, prevalence: float) -> Figure:
    """Scale to a prevalence: recall from the matches, false flags from the ordinary rows (all, if none is ordinary)."""
    ordinary = np.array([row.kind in _ORDINARY_KINDS for row in rows]) & (y == 0)
    negatives = p[ordinary] if ordinary.any() else p[y == 0]
    caught, false = int((p[y == 1] >= limit).sum()), int((negatives >= limit).sum())
    matches = int(y.sum())
    if not matches or not len(negatives):
        return Figure(None)
    recall_low, recall_high = wilson(caught, matches)
    false_low, false_high = wilson(false, len(negatives))
    return Figure(
        precision_at(caught / matches, false / len(negatives), prevalence),
        precision_at(recall_low, false_high, prevalence),
        precision_at(recall_high, false_low, prevalence),
    )


# --- tables ---------------------------------------------------------------------------------------------------------


def _groups(rows: Sequence[Row], flagged: NDArray[np.bool_]) -> dict[str, list[Group]]:
    groups: dict[str, list[Group]] = {}
    for by in ("kind", "subset", "platform", "lang", "function"):
        members: dict[str, list[int]] = {}
        for i, row in enumerate(rows):
            if name := getattr(row, by):
                members.setdefault(name, []).append(i)
        table = [
            Group(
                name,
                len(numbers),
                sum(rows[i].label for i in numbers),
                int(sum(flagged[i] for i in numbers)),
                sum(bool(flagged[i]) == bool(rows[i].label) for i in numbers),
            )
            for name, numbers in sorted(members.items())
        ]
        if table:
            groups[by] = table
    return groups


def _themes(rows: Sequence[Row], scores: Sequence[ScoreValues]) -> list[ThemeFigures]:
    known = [(row, score) for row, score in zip(rows, scores, strict=True) if row.label == 0 or row.themes]
    if not any(row.themes for row, _ in known):
        return []
    table = []
    for theme in THEMES:
        has = sum(theme in row.themes for row, _ in known)
        said = sum(theme in score.theme_list for _, score in known)
        both = sum(theme in row.themes and theme in score.theme_list for row, score in known)
        if has:
            table.append(ThemeFigures(theme, has, both / said if said else 0.0, both / has, 2 * both / (has + said)))
    return table


def _reliability(probability: Floats, label: Labels) -> list[Bin]:
    place = np.minimum((probability * _BINS).astype(int), _BINS - 1)
    return [
        Bin(
            b / _BINS,
            (b + 1) / _BINS,
            int(inside.sum()),
            float(probability[inside].mean()),
            float(label[inside].mean()),
        )
        for b in range(_BINS)
        if (inside := place == b).any()
    ]


def _mistakes(rows: Sequence[Row], probability: Floats, which: NDArray[np.bool_], *, ascending: bool) -> list[Mistake]:
    numbers = sorted(np.flatnonzero(which).tolist(), key=lambda i: probability[i] if ascending else -probability[i])
    return [
        Mistake(rows[i].id, rows[i].text[:400], rows[i].label, rows[i].kind, round(float(probability[i]), 4))
        for i in numbers[:_MOST_MISTAKES]
    ]


def _curve(probability: Floats, label: Labels) -> list[tuple[float, float]]:
    if not label.any():
        return []
    precision, recall = _ranked(probability, label)
    points = list(zip(recall.round(4).tolist(), precision.round(4).tolist(), strict=True))
    step = max(1, len(points) // 300)
    return [*points[::step], points[-1]]
