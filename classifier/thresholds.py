"""From scores of texts not trained on: calibration, and the two thresholds that keep a promise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from classifier.values import Thresholds
from classifier.weights import Floats

ORDINARY_REASONS = frozenset({"ordinary", "other_illegal", "other_alien"})
"""Reason codes of posts that have nothing to do with immigration; the other negatives are *hard*."""


@dataclass(frozen=True, slots=True)
class Target:
    """What the thresholds must keep.

    ``ordinary``: largest share of ordinary posts in the review queue; ``hard``: of posts about immigration that are no
    match. ``prevalence``: expected share of matches among all posts; ``hard_among_posts``: expected share of posts about
    immigration without a match; ``precision``: of alerts at that prevalence.
    """

    ordinary: float = 0.005
    hard: float = 0.05
    prevalence: float = 0.01
    hard_among_posts: float = 0.03
    precision: float = 0.75


def tail_share(scores: Floats, limit: float) -> float:
    """Return the share of ``scores`` at or above ``limit``, counted where there are enough, else from a fitted tail.

    Beyond the tenth largest score a count is mostly chance; an exponential tail through the upper tenth takes over.
    """
    above = int((scores >= limit).sum())
    if above >= 10 or len(scores) < 20:
        return above / max(1, len(scores))
    start = float(np.quantile(scores, 0.9))
    excess = scores[scores > start] - start
    if limit <= start or not len(excess):
        return above / len(scores)
    return float(0.1 * math.exp(-(limit - start) / max(1e-9, float(excess.mean()))))


def choose(decisions: Floats, labels: Sequence[int], reasons: Sequence[str], target: Target) -> tuple[float, float]:
    """Return the (queue, alert) limits as decision values.

    ``queue`` is the lowest limit that keeps both shares; ``alert`` the lowest from there with the asked precision.
    """
    label = np.asarray(labels)
    matches = decisions[label == 1]
    is_ordinary = np.array([reason in ORDINARY_REASONS for reason in reasons])
    ordinary = decisions[(label == 0) & is_ordinary]
    hard = decisions[(label == 0) & ~is_ordinary]
    grid = np.unique(np.quantile(decisions, np.linspace(0.05, 0.999, 400)))
    queue = next(
        (
            float(limit)
            for limit in grid
            if tail_share(ordinary, limit) <= target.ordinary and tail_share(hard, limit) <= target.hard
        ),
        float(grid[-1]),
    )

    def precision(limit: float) -> float:
        caught = float((matches >= limit).mean()) * target.prevalence
        wrong = tail_share(hard, limit) * target.hard_among_posts
        wrong += tail_share(ordinary, limit) * (1 - target.prevalence - target.hard_among_posts)
        return caught / (caught + wrong) if caught else 0.0

    alert = next((float(limit) for limit in grid if limit >= queue and precision(limit) >= target.precision), None)
    return queue, alert if alert is not None else max(queue, float(np.median(matches)))


def precision_at(recall: float, false_share: float, prevalence: float) -> float:
    """Return the precision when ``prevalence`` of posts match, ``recall`` is caught and ``false_share`` flagged wrongly."""
    caught = recall * prevalence
    return caught / (caught + false_share * (1 - prevalence)) if caught else 0.0


def wilson(hits: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a share."""
    if not total:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, spread = hits / total, z * z / total
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / total + spread / 4 / total) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def as_thresholds(queue: float, alert: float, calibration: tuple[float, float]) -> Thresholds:
    """Turn limits on decision values into limits on the calibrated probability, rounded to four places."""
    slope, offset = calibration

    def probability(limit: float) -> float:
        return min(0.9999, max(0.0001, round(1 / (1 + math.exp(-(limit * slope + offset))), 4)))

    low, high = probability(queue), probability(alert)
    return Thresholds(queue=low, alert=max(low, high))
