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
    """What the thresholds must keep, on corpus texts held out.

    The corpus is made of hard cases: its ordinary rows carry dangerous words on purpose, its other negatives are about
    immigration. A share of right flags reached here is exceeded on real posts, of which most are plainly ordinary; the
    evaluation report shows the precision at several prevalences.
    """

    queue_precision: float = 0.905
    alert_precision: float = 0.95


def choose(
    decisions: Floats, labels: Sequence[int], target: Target, weights: Floats | None = None
) -> tuple[float, float]:
    """Return the (queue, alert) limits as decision values: the lowest at which what is flagged has the asked precision.

    ``weights`` says how much each example counts; none means all alike. What is flagged counts as a whole: a handful of
    wrong labels with the highest scores of all must not drive the limit up to where nothing is found any more.
    """
    label = np.asarray(labels)
    weight = np.ones(len(label)) if weights is None else weights
    grid = np.unique(np.quantile(decisions, np.linspace(0.3, 0.995, 400)))

    def lowest(precision: float) -> float:
        for limit in grid:
            flagged = decisions >= limit
            if np.average(label[flagged], weights=weight[flagged]) >= precision:
                return float(limit)
        return float(grid[-1])

    queue = lowest(target.queue_precision)
    return queue, max(queue, lowest(target.alert_precision))


def precision_at(recall: float, false_share: float, prevalence: float) -> float:
    """Return the precision when ``prevalence`` of posts match and ``false_share`` of the others are flagged."""
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
