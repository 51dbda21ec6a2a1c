"""The classifier: text in, score out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from classifier.disguise import Lexicon
from classifier.explain import contributions_of
from classifier.language import language_of
from classifier.passages import LONG, Span, sentences_of, windows_of
from classifier.scorer import Scorer
from classifier.terms import Terms
from classifier.text import Normalised, normalise
from classifier.tokens import words_of
from classifier.values import DISGUISE, REASONS, THEMES, Contribution, ScoreValues, Thresholds
from classifier.weights import Floats, Weights

Rows = NDArray[np.intp]

_TELLING = 0.5
"""A passage is looked up from this share of the queue threshold on."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A text ready to be scored: what it became, and the tokens of each passage."""

    normal: Normalised
    spans: tuple[Span, ...]
    passages: tuple[list[str], ...]


class Classifier:
    """A loaded version. Knows no database and no network; safe to use from several threads of one process."""

    def __init__(self, weights: Weights, version: str, sha256: str = "") -> None:
        self.weights = weights
        self.version = version
        self.sha256 = sha256
        self.terms = Terms(weights.cues, weights.plain_words)
        self.lexicon = Lexicon(*self.terms.plain_words())
        self.scorer = Scorer(weights, self.terms)

    @property
    def thresholds(self) -> Thresholds:
        """The version's own thresholds, chosen in training on texts held out."""
        return self.weights.thresholds

    @cached_property
    def _theme_limits(self) -> Floats:
        return np.array([self.weights.theme_thresholds[theme] for theme in THEMES])

    def score(self, texts: Sequence[str], *, explain: bool = False) -> list[ScoreValues]:
        """Score texts of any length, language or cleanliness; the order is kept.

        A text longer than :data:`classifier.passages.LONG` characters is scored by passage; the strongest decides.
        """
        read = [self._read(text) for text in texts]
        docs = [words for text in read for words in text.passages]
        decisions = self.scorer.decisions(docs)
        best = self._strongest(read, decisions)
        places = [int(row) - first for row, first in zip(best, _firsts(read), strict=True)]
        values = self._values(texts, read, places, decisions[best])
        if explain:
            values = [
                replace(value, contributions=self._contributions(text, text_read, place))
                for value, text, text_read, place in zip(values, texts, read, places, strict=True)
            ]
        return values

    def explain(self, text: str) -> ScoreValues:
        """Score one text with the exact contributions of its words, letters and cues."""
        return self.score([text], explain=True)[0]

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """Return only the calibrated probabilities, for measuring."""
        read = [self._read(text) for text in texts]
        decisions = self.scorer.decisions([words for text in read for words in text.passages])
        return self._calibrate(decisions[self._strongest(read, decisions), 0])

    def _read(self, text: str) -> _Read:
        normal = normalise(text, self.lexicon)
        if len(normal.text) <= LONG:
            return _Read(normal, ((0, len(normal.text)),), (words_of(normal.text),))
        spans = tuple(windows_of(normal.text))
        return _Read(normal, spans, tuple(words_of(normal.text[start:end]) for start, end in spans))

    @staticmethod
    def _strongest(read: Sequence[_Read], decisions: Floats) -> Rows:
        rows, row = np.zeros(len(read), dtype=np.intp), 0
        for i, text in enumerate(read):
            count = len(text.passages)
            rows[i] = row if count == 1 else row + int(decisions[row : row + count, 0].argmax())
            row += count
        return rows

    def _calibrate(self, decision: Floats) -> Floats:
        slope, offset = self.weights.calibration
        return logistic(decision * slope + offset)

    def _values(
        self, texts: Sequence[str], read: Sequence[_Read], places: Sequence[int], decisions: Floats
    ) -> list[ScoreValues]:
        """Return the scores; ``places`` says which passage of each text decides, ``decisions`` what was decided."""
        probability = self._calibrate(decisions[:, 0]).tolist()
        themes = logistic(decisions[:, 1 : 1 + len(THEMES)])
        over = themes >= self._theme_limits
        order = np.argsort(-themes, axis=1, kind="stable").tolist()
        likely = decisions[:, 1 + len(THEMES) :].argmax(axis=1).tolist()
        rows, match = themes.tolist(), decisions[:, 0].tolist()
        telling = [i for i, value in enumerate(probability) if value >= self.thresholds.queue * _TELLING]
        passages = dict(zip(telling, self._telling_passages(texts, read, places, telling), strict=True))
        values = []
        for i, text in enumerate(read):
            flagged = probability[i] >= self.thresholds.queue
            reasons = [] if flagged else [REASONS[likely[i]]]
            listed = tuple(THEMES[t] for t in order[i] if over[i, t]) if i in passages else ()
            if flagged:
                reasons = list(listed or (THEMES[order[i][0]],))
            if text.normal.disguise:
                reasons.append(DISGUISE)
            values.append(
                ScoreValues(
                    probability=probability[i],
                    decision=match[i],
                    themes=dict(zip(THEMES, rows[i], strict=True)),
                    theme_list=listed,
                    reasons=tuple(reasons),
                    lang=language_of(text.passages[places[i]], texts[i]),
                    passage=passages.get(i),
                    disguise=text.normal.disguise,
                )
            )
        return values

    def _telling_passages(
        self, texts: Sequence[str], read: Sequence[_Read], places: Sequence[int], telling: Sequence[int]
    ) -> list[Span | None]:
        """Return for each text in ``telling`` the sentence of its best window that is the strongest by itself.

        As offsets in the original.
        """
        normals = [self._with_offsets(texts[i], read[i].normal) for i in telling]
        sentences = []
        for i, normal in zip(telling, normals, strict=True):
            start, end = read[i].spans[places[i]]
            sentences.append([(start + a, start + b) for a, b in sentences_of(normal.text[start:end])])
        # A single sentence needs no comparison, and most posts are one.
        compared = [
            normal.text[a:b] for normal, mine in zip(normals, sentences, strict=True) if len(mine) > 1 for a, b in mine
        ]
        strengths = iter(self.scorer.decisions_of_texts(compared)[:, 0].tolist())
        passages: list[Span | None] = []
        for normal, mine in zip(normals, sentences, strict=True):
            strongest = mine[0] if mine else (0, 0)
            if len(mine) > 1:
                # In this order: zip() takes one from the first iterator before it finds the second at its end.
                strongest, _ = max(zip(mine, strengths, strict=False), key=lambda pair: pair[1])
            start, end = normal.original(*strongest)
            passages.append((start, end) if end > start else None)
        return passages

    def _with_offsets(self, text: str, normal: Normalised) -> Normalised:
        return normal if normal.unchanged else normalise(text, self.lexicon, offsets=True)

    def _contributions(self, text: str, read: _Read, place: int) -> tuple[Contribution, ...]:
        return contributions_of(self.scorer, self._with_offsets(text, read.normal), read.spans[place])


def _firsts(read: Sequence[_Read]) -> list[int]:
    firsts, row = [], 0
    for text in read:
        firsts.append(row)
        row += len(text.passages)
    return firsts


def logistic(values: Floats) -> Floats:
    """Return 1 / (1 + exp(-x)), without overflow."""
    result: Floats = 1.0 / (1.0 + np.exp(-np.clip(values, -500, 500)))
    return result
