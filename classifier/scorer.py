"""Decision values of many texts at once, from the weights alone: numpy, no scikit-learn.

Gives what scikit-learn's vectorizers and a matrix product give with the same weights (a test compares them). It is
faster: each word is numbered when first met and its letter sequences are summed then; a batch of texts is arrays of
numbers from there on, and only cues are looked at text by text.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from classifier.cues import PLAIN, Ranges, cues_of
from classifier.features import distinct_words, letter_terms, unit, word_terms
from classifier.semantic import known_encoder, passage_texts
from classifier.terms import Terms
from classifier.tokens import is_word, words_of
from classifier.weights import COLUMNS, FITTED, IMPLIED, MATCH, Floats, Weights, centred

Numbers = NDArray[np.int64]

_AT_ONCE = 512
_MOST_WORDS = 100_000


class Scorer:
    """Adds up what words, letters and cues weigh."""

    def __init__(self, weights: Weights, terms: Terms) -> None:
        self.weights = weights
        self.terms = terms
        self._word = weights.word.weights * weights.word.idf[:, None] * weights.scales.word
        self._idf_squared = weights.word.idf**2
        self._cue = weights.cue.weights * weights.scales.cue
        used = weights.embedding
        self._encoder = known_encoder(used.encoder, len(used.mean)) if used else None
        self._met = _Met(self)
        self._lock = threading.Lock()

    def decisions(self, docs: Sequence[Sequence[str]]) -> Floats:
        """Return one row of :data:`COLUMNS` for each text, given as its tokens."""
        if not docs:
            return np.zeros((0, len(COLUMNS)))
        with self._lock:  # words are numbered while they are met
            return np.concatenate([self._chunk(docs[i : i + _AT_ONCE]) for i in range(0, len(docs), _AT_ONCE)])

    def decisions_of_texts(self, texts: Sequence[str]) -> Floats:
        """Return the same for normalised texts."""
        return self.decisions([words_of(text) for text in texts])

    def _chunk(self, docs: Sequence[Sequence[str]]) -> Floats:
        if len(self._met) > _MOST_WORDS:
            self._met = _Met(self)
        count, met = len(docs), self._met
        sizes = np.fromiter(map(len, docs), np.int64, count)
        words = np.fromiter(map(met.__getitem__, itertools.chain.from_iterable(docs)), np.int64, int(sizes.sum()))
        doc = np.repeat(np.arange(count), sizes)
        met.learn(words)
        total: Floats = np.repeat(self.weights.bias[None, :], count, axis=0)

        pairs = np.flatnonzero(doc[1:] == doc[:-1])
        rows = np.concatenate([met.row[words], met.rows_of_pairs(words[pairs], words[pairs + 1])])
        known = rows >= 0
        at, row = _distinct(np.concatenate([doc, doc[pairs]])[known], rows[known], len(self._word))
        length = np.sqrt(np.bincount(at, self._idf_squared[row], minlength=count))
        total += _sums(self._word, row, at, count) / np.maximum(length, 1e-12)[:, None]

        real = met.is_word[words]
        at, word = _distinct(doc[real], words[real], len(met))
        distinct = np.bincount(at, minlength=count)
        total += _sums(met.letters, word, at, count) / np.sqrt(np.maximum(distinct, 1))[:, None]

        cue_rows: list[int] = []
        cue_counts: list[int] = []
        implied = []
        row_of = self.weights.cue.index.get
        for i, tokens in enumerate(docs):
            cues = cues_of(tokens, self.terms)
            mine = [number for cue in cues if (number := row_of(cue)) is not None]
            cue_rows += mine
            cue_counts.append(len(mine))
            if PLAIN.isdisjoint(cues):
                implied.append(i)
        at = np.repeat(np.arange(count), cue_counts)
        total += _sums(self._cue, np.array(cue_rows, np.int64), at, count)
        total += self._meaning(docs)
        total[implied, MATCH] = total[implied, IMPLIED]
        return total[:, : len(COLUMNS)]

    def letters_of(self, word: str) -> Floats:
        """Return what the letters of one word weigh (a value of each of FITTED), in a text of this word alone."""
        block = self.weights.char
        rows = [row for term in letter_terms(word) if (row := block.index.get(term)) is not None]
        values = block.idf[rows]
        sums: Floats = values @ block.weights[rows] * (unit(values) * self.weights.scales.char)
        return sums

    def _meaning(self, docs: Sequence[Sequence[str]]) -> Floats:
        """Return what the embeddings of texts weigh; nothing in a version without."""
        if self._encoder is None or self.weights.embedding is None:
            return np.zeros((len(docs), len(FITTED)))
        vectors = centred(self._encoder.encode(passage_texts(docs)), self.weights.embedding.mean)
        weights: Floats = vectors @ self.weights.embedding.weights
        return weights

    def shares(self, words: Sequence[str]) -> Shares:
        """Return what adds up to the match decision of one text, given as its tokens."""
        cues = cues_of(words, self.terms)
        column = IMPLIED if PLAIN.isdisjoint(cues) else MATCH
        return Shares(self, words, cues, column, float(self._meaning([words])[0, column]))


class Shares:
    """The match decision of one text taken apart: bias, words and word pairs, letters of words, cues, meaning."""

    def __init__(
        self, scorer: Scorer, words: Sequence[str], cues: Mapping[str, Ranges], column: int, meaning: float
    ) -> None:
        self._scorer = scorer
        self._words = words
        self._cues = cues
        self._column = column
        self.meaning = meaning
        """The share of the sentence embedding as a whole; 0 in a version without."""

    @property
    def bias(self) -> float:
        """What a text without anything known would have."""
        return float(self._scorer.weights.bias[self._column])

    def words(self) -> Iterator[tuple[str, float]]:
        """Give each known word or word pair with its share."""
        block, scale = self._scorer.weights.word, self._scorer.weights.scales.word
        rows = {term: row for term in sorted(word_terms(self._words)) if (row := block.index.get(term)) is not None}
        length = unit(block.idf[row] for row in rows.values())
        for term, row in rows.items():
            yield term, float(block.weights[row, self._column] * block.idf[row] * scale * length)

    def letters(self) -> Iterator[tuple[str, float]]:
        """Give each distinct word with the share its letters have."""
        distinct = distinct_words(self._words)
        for word in distinct:
            yield word, float(self._scorer.letters_of(word)[self._column]) / math.sqrt(len(distinct))

    def cues(self) -> Iterator[tuple[str, Ranges, float]]:
        """Give each cue that was known in training, the tokens it rests on, and its share."""
        block, scale = self._scorer.weights.cue, self._scorer.weights.scales.cue
        for name, ranges in self._cues.items():
            if name in block.index:
                yield name, ranges, float(block.weights[block.index[name], self._column] * scale)


class _Met(dict[str, int]):
    """Numbers words as they are met; ``row``, ``is_word`` and ``letters`` say by number what is known of them."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        pairs = {term: row for term, row in scorer.weights.word.index.items() if " " in term}
        first, second = ([term.split(" ")[side] for term in pairs] for side in (0, 1))
        words = dict.fromkeys(itertools.chain(first, second))
        self.update(zip(words, range(len(words)), strict=True))
        numbers = (np.fromiter(map(self.__getitem__, side), np.int64, len(pairs)) for side in (first, second))
        codes = np.append(_code(*numbers), -1)  # no pair has this one, and there is always one to find
        order = np.argsort(codes)
        self._codes = codes[order]
        self._pair_rows = np.array([*pairs.values(), -1], np.int64)[order]
        self._words: list[str] = list(self)
        self.row = np.zeros(0, np.int64)
        self.is_word = np.zeros(0, bool)
        self.letters = np.zeros((0, len(FITTED)))
        self._learned = np.zeros(0, bool)

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        return number

    def learn(self, words: Numbers) -> None:
        """Look up what is not known yet of the words with these numbers."""
        if len(self) > len(self.row):
            self._words += itertools.islice(self, len(self._words), None)
            index = self._scorer.weights.word.index
            new = self._words[len(self.row) :]
            room = np.zeros((len(new), len(FITTED)))
            self.row = np.append(self.row, np.array([index.get(word, -1) for word in new], np.int64))
            self.is_word = np.append(self.is_word, np.array([is_word(word) for word in new], bool))
            self.letters = np.concatenate([self.letters, room])
            self._learned = np.append(self._learned, np.zeros(len(new), bool))
        for number in np.unique(words[~self._learned[words]]).tolist():
            self.letters[number] = self._scorer.letters_of(self._words[number])
            self._learned[number] = True

    def rows_of_pairs(self, first: Numbers, second: Numbers) -> Numbers:
        """Return the row of each word pair, -1 for one that training has not seen."""
        codes = _code(first, second)
        place = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
        rows: Numbers = np.where(self._codes[place] == codes, self._pair_rows[place], -1)
        return rows


def _code(first: Numbers, second: Numbers) -> Numbers:
    """Return one number for each pair of words."""
    code: Numbers = (first << 32) | second
    return code


def _distinct(at: Numbers, number: Numbers, numbers: int) -> tuple[Numbers, Numbers]:
    """Return the distinct pairs of a text and a number below ``numbers``, in order."""
    both = np.unique(at * numbers + number)
    return both // numbers, both % numbers


def _sums(table: Floats, rows: Numbers, at: Numbers, count: int) -> Floats:
    """Return for each of ``count`` texts the sum of its rows of ``table``; ``at``, rising, says whose each row is."""
    sums = np.zeros((count, table.shape[1]))
    if len(rows):
        starts = np.flatnonzero(np.append(True, at[1:] != at[:-1]))
        sums[at[starts]] = np.add.reduceat(table[rows], starts, axis=0)
    return sums
