"""What training finds and an artifact keeps: vocabularies, weights, calibration, thresholds, terms. Always checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.features import Scales
from classifier.values import REASONS, THEMES, Thresholds

Floats = NDArray[np.float64]
SERIES = "2026.11"
"""What the name of a version begins with."""
COLUMNS = ("match", *THEMES, *REASONS)
"""What is predicted of a text, one value each."""
FITTED = (*COLUMNS, "match_implied")
"""What has a column of weights. The match is fitted twice: the last column is for texts that say nothing in plain words
(:data:`classifier.cues.PLAIN`). The same words mean more where the rest is left to the reader."""
MATCH, IMPLIED = 0, len(COLUMNS)


@dataclass(frozen=True)
class Block:
    """The features of one kind: their names, idf (1 for cues), and a row of weights for each."""

    names: tuple[str, ...]
    idf: Floats
    weights: Floats

    def __post_init__(self) -> None:
        rows = len(self.names)
        if self.idf.shape != (rows,) or self.weights.shape != (rows, len(FITTED)):
            raise ValueError(f"{rows} feature names, but weights of shape {self.weights.shape}")
        if not (np.isfinite(self.idf).all() and np.isfinite(self.weights).all()):
            raise ValueError("weights that are not finite numbers")

    @cached_property
    def index(self) -> dict[str, int]:
        """Return each name's row."""
        return dict(zip(self.names, range(len(self.names)), strict=True))


@dataclass(frozen=True)
class Embedding:
    """What sentence embeddings weigh: a row of weights for each of their numbers, after ``mean`` was taken off."""

    encoder: str
    """Its name, :data:`classifier.semantic.NAME`."""
    mean: Floats
    weights: Floats

    def __post_init__(self) -> None:
        if self.mean.ndim != 1 or self.weights.shape != (len(self.mean), len(FITTED)):
            raise ValueError(f"an embedding of {self.mean.shape}, but weights of shape {self.weights.shape}")


def centred(vectors: Floats, mean: Floats) -> Floats:
    """Return the vectors without their mean, at length 1 again."""
    moved = vectors - mean
    result: Floats = moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)
    return result


@dataclass(frozen=True)
class Weights:
    """Everything a version is. ``calibration`` is (slope, offset) of Platt's scaling of the match column."""

    word: Block
    char: Block
    cue: Block
    bias: Floats
    scales: Scales
    calibration: tuple[float, float]
    thresholds: Thresholds
    theme_thresholds: Mapping[str, float]
    cues: Mapping[str, Sequence[str]]
    plain_words: Sequence[str]
    about: Mapping[str, Any]
    """Where it comes from: corpus digest, counts, seed, figures out of fold; anything JSON holds."""
    embedding: Embedding | None = None
    """Only in a version trained with the extra ``[semantic]``."""

    def __post_init__(self) -> None:
        if self.bias.shape != (len(FITTED),) or not np.isfinite(self.bias).all():
            raise ValueError("a bias that is not one finite number a column")
        slope, offset = self.calibration
        numbers = (slope, offset, *self.theme_thresholds.values())
        if not all(np.isfinite(numbers)) or slope <= 0:
            raise ValueError("a calibration that is not finite and rising")
        if not 0 < self.thresholds.queue <= self.thresholds.alert < 1:
            raise ValueError("thresholds that are not 0 < queue <= alert < 1")
        if set(self.theme_thresholds) != set(THEMES):
            raise ValueError("theme thresholds for other themes than the codebook's")
