"""Normalised text as words, with the marks that carry meaning: sentence ends, quotation marks, exclamations."""

from __future__ import annotations

import re
from typing import NamedTuple

# "!", "?", a full stop after a word of two letters or more (so that "8 U.S.C. 1324" stays one sentence), a colon,
# an empty line, a double quotation mark.
_TOKEN = re.compile(r"""\w+(?:'\w+)*|[!?]+|(?<=\w\w)\.+(?=[\s"')\]]|$)|:(?=\s)|"|\n[ \t]*\n\s*|#""")
ENDS = frozenset((".", "!", "?", "\n"))

QUOTE = '"'

EMPTY_LINE = "\n\n"
"""The token of any number of empty lines. No token holds a blank, so that two make a pair with one between them."""


class Token(NamedTuple):
    """A word or mark, in small letters, and where it stands in the normalised text."""

    text: str
    start: int
    end: int


def words_of(text: str) -> list[str]:
    """Return the tokens' texts, in small letters."""
    found = _TOKEN.findall(text.lower())
    return [_named(token) for token in found] if "\n" in text else found


def tokens_of(text: str) -> list[Token]:
    """Return the same tokens with their places."""
    return [Token(_named(match[0]), match.start(), match.end()) for match in _TOKEN.finditer(text.lower())]


def is_word(token: str) -> bool:
    """Whether the token is a word and no mark."""
    return token[0].isalnum() or token[0] == "_"


def _named(token: str) -> str:
    return EMPTY_LINE if token[0] == "\n" else token
