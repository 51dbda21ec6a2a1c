"""The features of many passages, counted once, so that any part of them can be fitted without counting again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from classifier.features import Scales, distinct_words, letter_terms, word_terms
from classifier.weights import Floats, centred


@dataclass(frozen=True)
class Known:
    """The features that a part of the passages knows, and the matrix of all passages in them."""

    features: Any
    """A row for every passage (a scipy sparse matrix), known or not: words, letters, cues and embeddings in a row."""
    names: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    """Of the words, the letter sequences and the cues."""
    idf: tuple[Floats, Floats, Floats]
    mean: Floats
    """Of the embeddings of these passages; empty without."""


class FeatureMatrix:
    """Words, letter sequences and cues of passages, each given as its words and the names of its cues.

    ``embeddings`` has a row for each passage, of length 1, and no columns without the extra ``[semantic]``.
    """

    def __init__(
        self, words: Sequence[Sequence[str]], cues: Sequence[Sequence[str]], embeddings: Floats, scales: Scales
    ) -> None:
        self._scales = scales
        self._embeddings = embeddings
        # Every count is one: what comes of it is scikit-learn's TF-IDF of a binary count.
        self._word, self._words = _present(map(word_terms, words))
        vocabulary = sorted({word for doc in words for word in distinct_words(doc)})
        self._letter, self._letters = _present(map(letter_terms, vocabulary))
        self._average = _average(words, {word: number for number, word in enumerate(vocabulary)})
        self._cue, self._cues = _present(map(set, cues))

    def known_by(self, rows: Sequence[int], *, word: int, letters: int | None, cue: int) -> Known:
        """Weigh the features by the passages ``rows`` alone.

        Known is what occurs in at least ``word`` of these passages (words), ``letters`` of their distinct words (letter
        sequences; None leaves them out), ``cue`` of these passages (cues).
        """
        from scipy import sparse

        by_word, word_names, word_idf = _tf_idf(self._word, rows, word, self._words)
        blocks = [by_word * self._scales.word]
        letter_names: tuple[str, ...] = ()
        letter_idf = np.zeros(0)
        if letters is not None:
            in_use = np.unique(self._average[rows].indices)
            by_letters, letter_names, letter_idf = _tf_idf(self._letter, in_use, letters, self._letters)
            blocks.append(self._average @ by_letters * self._scales.char)
        frequent = np.flatnonzero(_occurrences(self._cue, rows) >= cue)
        blocks.append(self._cue[:, frequent] * self._scales.cue)
        mean = self._embeddings[rows].mean(axis=0).round(6)
        if len(mean):
            blocks.append(sparse.csr_matrix(centred(self._embeddings, mean) * self._scales.embedding))
        features = sparse.hstack(blocks).tocsr()
        features.sort_indices()  # once here, instead of once a fit
        names = (word_names, letter_names, tuple(self._cues[frequent].tolist()))
        return Known(features, names, (word_idf, letter_idf, np.ones(len(frequent))), mean)


def _present(docs: Iterable[Iterable[str]]) -> tuple[Any, Any]:
    """Return which terms each text has, as a matrix of ones, and the terms in the order of its columns.

    ``docs`` has each term of a text once. CountVectorizer does the same in nearly twice the time.
    """
    from scipy import sparse

    number: dict[str, int] = {}
    met: list[int] = []
    ends = [0]
    for doc in docs:
        met += [number.setdefault(term, len(number)) for term in doc]
        ends.append(len(met))
    terms = sorted(number)
    column = np.empty(len(terms), np.int32)
    column[[number[term] for term in terms]] = np.arange(len(terms))
    matrix = sparse.csr_matrix((np.ones(len(met)), column[met], ends), shape=(len(ends) - 1, len(terms)))
    matrix.sort_indices()
    return matrix, np.array(terms, dtype=object)


def _tf_idf(counts: Any, rows: Any, least: int, names: Any) -> tuple[Any, tuple[str, ...], Floats]:
    from sklearn.feature_extraction.text import TfidfTransformer

    frequent = np.flatnonzero(_occurrences(counts, rows) >= least)
    part = counts[:, frequent]
    weighed = TfidfTransformer().fit(part[rows])
    return weighed.transform(part), tuple(names[frequent].tolist()), np.asarray(weighed.idf_, dtype=np.float64)


def _occurrences(counts: Any, rows: Any) -> Any:
    return np.bincount(counts[rows].indices, minlength=counts.shape[1])


def _average(docs: Sequence[Sequence[str]], number: dict[str, int]) -> Any:
    """Return the matrix that sums each text's distinct words over the square root of their number."""
    from scipy import sparse

    rows, columns, values = [], [], []
    for row, words in enumerate(docs):
        distinct = distinct_words(words)
        rows += [row] * len(distinct)
        columns += [number[word] for word in distinct]
        values += [1.0 / np.sqrt(len(distinct))] * len(distinct)
    return sparse.csr_matrix((values, (rows, columns)), shape=(len(docs), len(number)))
