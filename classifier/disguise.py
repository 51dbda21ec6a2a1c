"""Which words a disguise could be hiding: splits hashtags and run-together words, reads digits and signs as letters."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from functools import lru_cache

_READS = {
    "0": "o", "1": "il", "2": "z", "3": "e", "4": "a", "5": "s", "6": "g", "7": "t", "8": "b", "9": "g",
    "@": "a", "$": "s", "!": "il", "|": "il", "+": "t", "*": "", "_": "",
}  # fmt: skip
_MOST_READINGS = 64
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z']+|\d+|[^\W\d_]+")


class Lexicon:
    """The words that matter (``terms``), and plain words that only help to split what was written together."""

    def __init__(self, terms: Iterable[str], plain: Iterable[str] = ()) -> None:
        self._terms = frozenset(term for term in terms if len(term) >= 4)
        self._words = frozenset(terms) | frozenset(plain)
        self._longest = max(map(len, self._words), default=0)
        # Bounded: the words come from strangers.
        self.split = lru_cache(maxsize=20_000)(self._split)
        self.unleet = lru_cache(maxsize=20_000)(self._unleet)

    def is_term(self, word: str) -> bool:
        """Whether ``word`` is one of the words that matter, long enough to be no accident."""
        return word.lower() in self._terms

    def _split(self, word: str) -> str:
        """Split ``StopTheInvasion`` or ``stoptheinvasion`` into words; unknown words come back whole."""
        if len(word) > 60:
            return word
        parts = _CAMEL.findall(word) if word.lower() != word and word.upper() != word else [word]
        return " ".join(part for piece in parts for part in self._segment(piece.replace("_", " ")).split())

    def _segment(self, word: str) -> str:
        lower = word.lower()
        if lower in self._words or len(lower) < 6 or " " in word:
            return word
        # best[i] = fewest words that make up lower[:i]
        best: list[tuple[int, int] | None] = [(0, 0)] + [None] * len(lower)
        for end in range(1, len(lower) + 1):
            for start in range(max(0, end - self._longest), end):
                before = best[start]
                if before is not None and lower[start:end] in self._words:
                    candidate = (before[0] + 1, start)
                    if best[end] is None or candidate < best[end]:  # type: ignore[operator]
                        best[end] = candidate
        if best[-1] is None:
            return word
        cuts, end = [], len(lower)
        while end:
            start = best[end][1]  # type: ignore[index]
            cuts.append(word[start:end])
            end = start
        return " ".join(reversed(cuts))

    def _unleet(self, word: str) -> str | None:
        """Return the term that ``word`` spells with digits and signs, or None."""
        lower = word.lower()
        if len(lower) > 30 or lower in self._words:
            return None
        choices = [_READS.get(char, char) or ("", *"aeiou", char) for char in lower]
        count = 1
        for choice in choices:
            count *= len(choice)
        if count > _MOST_READINGS:
            choices = [choice[0] if isinstance(choice, str) else ("",) for choice in choices]
        for letters in itertools.product(*choices):
            reading = "".join(letters)
            if reading in self._terms:
                return reading
        return None
