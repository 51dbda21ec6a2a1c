"""Normalised text as words, with the marks that carry meaning: sentence ends, quotation marks, exclamations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

# "!", "?", a full stop after a word of two letters or more (so that "8 U.S.C. 1324" stays one sentence), a colon,
# an empty line, a double quotation mark.
_TOKEN = re.compile(r"""\w+(?:'\w+)*|[!?]+|(?<=\w\w)\.+(?=[\s"')\]]|$)|:(?=\s)|"|\n[ \t]*\n\s*|#""")
ENDS = frozenset((".", "!", "?", "\n"))


class Token(NamedTuple):
    """A word or mark, in small letters, and where it stands in the normalised text."""

    text: str
    start: int
    end: int


def words_of(text: str) -> list[str]:
    """Return the tokens' texts, in small letters."""
    return _TOKEN.findall(text.lower())


def tokens_of(text: str) -> list[Token]:
    """Return the same tokens with their places."""
    return [Token(match[0], match.start(), match.end()) for match in _TOKEN.finditer(text.lower())]


def is_word(token: str) -> bool:
    """Whether the token is a word and no mark."""
    return token[0].isalnum() or token[0] == "_"


def sentence_numbers(words: Sequence[str]) -> list[int]:
    """Return for each token the number of the sentence it stands in."""
    numbers, number = [], 0
    for word in words:
        numbers.append(number)
        if word[0] in ENDS:
            number += 1
    return numbers
