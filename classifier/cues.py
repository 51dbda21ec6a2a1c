"""Cues: what the term files say about a text, as named features.

A cue alone (``expel``), a cue inside quotation marks (``slur_people:quoted``), and two cues in one sentence, in their
order (``says>slur_people``, ``immigrant>crime``): the weights of these are learned like those of words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from classifier.terms import Terms
from classifier.tokens import ENDS

_NEAR = 14
"""Words between two cues of a pair, at most: farther apart they seldom have to do with each other."""


class Cue(NamedTuple):
    """A cue's name and the token ranges it rests on."""

    name: str
    ranges: tuple[tuple[int, int], ...]


def cues_of(words: Sequence[str], terms: Terms) -> list[Cue]:
    """Return every cue of the text once, with the place where it was first found."""
    found = terms.find(words)
    if not found:
        return []
    found.sort()
    sentence, quoted, open_quote = 0, [], -1
    sentences: list[int] = []
    for i, word in enumerate(words):
        sentences.append(sentence)
        first = word[0]
        if first in ENDS:
            sentence += 1
        elif first == '"':
            if open_quote >= 0 and i - open_quote <= 60:
                quoted.append((open_quote, i))
                open_quote = -1
            else:
                open_quote = i
    cues: dict[str, tuple[tuple[int, int], ...]] = {}
    for k, (start, end, name) in enumerate(found):
        here = ((start, end),)
        cues.setdefault(name, here)
        if quoted and any(low < start < high for low, high in quoted):
            cues.setdefault(name + ":quoted", here)
        for later, later_end, other in found[k + 1 :]:
            if sentences[later] != sentences[start] or later - end > _NEAR:
                break
            if other != name and later >= end:
                cues.setdefault(f"{name}>{other}", ((start, end), (later, later_end)))
    return [Cue(name, ranges) for name, ranges in cues.items()]
