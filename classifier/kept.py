"""A bounded memory of what a function gives for a word, as fast to ask as a dictionary."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

_MOST_WORDS = 100_000
"""The words come from strangers, so that there is no end to them."""


class Kept(dict[str, Value]):
    """``kept[word]`` is ``make(word)``, worked out once.

    functools.lru_cache does the same for every call at three times the cost of a look-up, which is most of what a text
    costs. Emptied when full.
    """

    def __init__(self, make: Callable[[str], Value]) -> None:
        self._make = make

    def __missing__(self, word: str) -> Value:
        if len(self) >= _MOST_WORDS:
            self.clear()
        value = self[word] = self._make(word)
        return value
