"""Texts as numbers: three blocks of features whose weighted sum is the decision.

* ``word``: TF-IDF over words and pairs of words (each counted once a text), length 1.
* ``char``: for each distinct word the TF-IDF of its letter sequences, length 1; the text's are their sum over the
  square root of their number. So a word's share is known once and for all, and can be kept: this is what makes
  scoring fast.
* ``cue``: cues present, each as large as :class:`Scales` says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from classifier.cues import cues_of
from classifier.terms import Terms
from classifier.tokens import is_word

CHAR_SIZES = (3, 4, 5)
LONGEST_WORD = 30


@dataclass(frozen=True, slots=True)
class Scales:
    """How large each block is made before the regularised fit: a larger block is cheaper to use."""

    word: float = 1.5
    char: float = 0.7
    cue: float = 0.12
    embedding: float = 0.5


def word_terms(words: Sequence[str]) -> set[str]:
    """Return the words and word pairs of a text."""
    terms = set(words)
    terms.update(map(" ".join, pairwise(words)))
    return terms


def letter_terms(word: str) -> list[str]:
    """Return the letter sequences of one word, with a blank as its edge."""
    padded = f" {word[:LONGEST_WORD]} "
    return sorted({padded[i : i + n] for n in CHAR_SIZES for i in range(max(1, len(padded) - n + 1))})


def distinct_words(words: Sequence[str]) -> list[str]:
    """Return the distinct words, marks left out, in order."""
    return [word for word in dict.fromkeys(words) if is_word(word)]


def cue_terms(words: Sequence[str], terms: Terms) -> list[str]:
    """Return the names of the cues of a text."""
    return list(cues_of(words, terms))


def unit(values: Iterable[float]) -> float:
    """Return what to multiply ``values`` by so that their length is 1 (0 for none)."""
    length = math.sqrt(sum(value * value for value in values))
    return 1.0 / length if length else 0.0
