"""Decision values of many texts at once, from the weights alone: numpy, no scikit-learn.

Gives what scikit-learn's vectorizers and a matrix product give with the same weights (a test compares them). It is
faster: a word's letter sequences are summed once and kept, and every text is then a handful of rows to add up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from classifier.cues import cues_of
from classifier.features import distinct_words, letter_terms, unit, word_terms
from classifier.terms import Terms
from classifier.tokens import words_of
from classifier.weights import COLUMNS, Floats, Weights

_KEPT_WORDS = 100_000
_AT_ONCE = 512


class Scorer:
    """Adds up what words, letters and cues weigh."""

    def __init__(self, weights: Weights, terms: Terms) -> None:
        self.weights = weights
        self.terms = terms
        self._word = weights.word.weights * weights.word.idf[:, None] * weights.scales.word
        self._word_idf = weights.word.idf.tolist()
        self._cue = weights.cue.weights * weights.scales.cue
        self._kept: dict[str, int] = {}
        self._letters = np.zeros((1024, len(COLUMNS)))

    def decisions(self, docs: Sequence[Sequence[str]]) -> Floats:
        """Return one row of :data:`COLUMNS` for each text, given as its tokens."""
        if not docs:
            return np.zeros((0, len(COLUMNS)))
        return np.concatenate([self._chunk(docs[i : i + _AT_ONCE]) for i in range(0, len(docs), _AT_ONCE)])

    def decisions_of_texts(self, texts: Sequence[str]) -> Floats:
        """Return the same for normalised texts."""
        return self.decisions([words_of(text) for text in texts])

    def _chunk(self, docs: Sequence[Sequence[str]]) -> Floats:
        word_index, cue_index = self.weights.word.index.get, self.weights.cue.index.get
        idf = self._word_idf
        word_rows: list[int] = []
        word_counts, word_units = [], []
        letter_rows: list[int] = []
        letter_counts, letter_units = [], []
        cue_rows: list[int] = []
        cue_counts = []
        if len(self._kept) > _KEPT_WORDS:
            self._kept.clear()
        for words in docs:
            rows = [row for row in map(word_index, word_terms(words)) if row is not None]
            word_rows += rows
            word_counts.append(len(rows))
            length = 0.0
            for row in rows:
                length += idf[row] * idf[row]
            word_units.append(1.0 / math.sqrt(length) if length else 0.0)
            distinct = distinct_words(words)
            letter_rows += map(self._letter_row, distinct)
            letter_counts.append(len(distinct))
            letter_units.append(1.0 / math.sqrt(len(distinct)) if distinct else 0.0)
            cues = [number for cue in cues_of(words, self.terms) if (number := cue_index(cue.name)) is not None]
            cue_rows += cues
            cue_counts.append(len(cues))
        total: Floats = self.weights.bias + _sums(self._word, word_rows, word_counts) * np.array(word_units)[:, None]
        total += _sums(self._letters, letter_rows, letter_counts) * np.array(letter_units)[:, None]
        total += _sums(self._cue, cue_rows, cue_counts)
        return total

    def _letter_row(self, word: str) -> int:
        kept = self._kept.get(word)
        if kept is not None:
            return kept
        row = len(self._kept)
        if row == len(self._letters):
            self._letters = np.concatenate([self._letters, np.zeros_like(self._letters)])
        self._letters[row] = self.letters_of(word)
        self._kept[word] = row
        return row

    def letters_of(self, word: str) -> Floats:
        """Return what the letters of one word weigh, in a text of this word alone."""
        block = self.weights.char
        rows = [row for term in letter_terms(word) if (row := block.index.get(term)) is not None]
        values = block.idf[rows]
        sums: Floats = values @ block.weights[rows] * (unit(values) * self.weights.scales.char)
        return sums

    def words_weigh(self, words: Sequence[str]) -> list[tuple[str, float]]:
        """Return each known word or word pair of the text with its share of the match decision."""
        index = self.weights.word.index
        known = [(term, row) for term in sorted(word_terms(words)) if (row := index.get(term)) is not None]
        length = unit(self._word_idf[row] for _, row in known)
        return [(term, float(self._word[row, 0]) * length) for term, row in known]

    def letters_weigh(self, words: Sequence[str]) -> list[tuple[str, float]]:
        """Return each distinct word of the text with the share its letters have in the match decision."""
        distinct = distinct_words(words)
        return [(word, float(self.letters_of(word)[0]) / math.sqrt(len(distinct))) for word in distinct]

    def cue_weighs(self, name: str) -> float:
        """Return what a cue adds to the match decision, 0 for one never seen in training."""
        row = self.weights.cue.index.get(name)
        return 0.0 if row is None else float(self._cue[row, 0])


def _sums(table: Floats, rows: Sequence[int], counts: Sequence[int]) -> Floats:
    """Return for each text the sum of its rows of ``table``; ``counts`` says how many rows each text has."""
    sums = np.zeros((len(counts), table.shape[1]))
    sizes = np.array(counts)
    filled = sizes > 0
    if filled.any():
        starts = (np.cumsum(sizes) - sizes)[filled]
        sums[filled] = np.add.reduceat(table[rows], starts, axis=0)
    return sums
