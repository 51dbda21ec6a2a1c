"""Cues: what the term files say about a text, as named features.

A cue alone (``expel``), a cue inside quotation marks (``slur_people:quoted``), and two cues in one sentence, in their
order (``says>slur_people``, ``immigrant>crime``); then what the text as a whole shows: how many hostile frames it has
(``frames:2`` is two or more), the same where nothing hints at other voices, at an objection or at a law
(``bare frames:2``), and that it speaks of nobody (``nobody``) or hostile of nothing (``no frame``). The weights of all
these are learned like those of words. What is counted over the whole text needs no neighbourhood, so it carries over
to short posts of tags whose word pairs were never seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from classifier.terms import Terms
from classifier.tokens import ENDS

_NEAR = 14
"""Words between two cues of a pair, at most: farther apart they seldom have to do with each other."""

_FRAMES = (
    "slur_people",
    "coinage",
    "criminal_alien",
    "invasion",
    "dehumanise",
    "burden",
    "expel",
    "replacement",
)
_PEOPLE = (
    "slur_people",
    "coinage",
    "criminal_alien",
    "alien",
    "immigrant",
    "refugee",
    "origin",
    "caravan",
    "border",
    "immigration",
    "they",
)
_QUALIFYING = frozenset(("says", "speaker", "counter", "term_debate", "statute"))
"""Cues of somebody else's words, of an objection, of a law."""
_MOST_FRAMES = 4


Ranges = tuple[tuple[int, int], ...]


class Cue(NamedTuple):
    """A cue's name and the token ranges it rests on."""

    name: str
    ranges: Ranges


def cues_of(words: Sequence[str], terms: Terms) -> list[Cue]:
    """Return every cue of the text once, with the place where it was first found."""
    found = terms.find(words)
    if not found:
        return list(_NOTHING)
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
    cues: dict[str, Ranges] = {}
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
    return [Cue(name, ranges) for name, ranges in cues.items()] + _of_the_whole(cues)


_NOTHING = (Cue("nobody", ()), Cue("no frame", ()))


def _of_the_whole(cues: Mapping[str, Ranges]) -> list[Cue]:
    """Return what the text as a whole shows; ``cues`` are those found by themselves and in pairs."""
    frames = [name for name in _FRAMES if name in cues]
    people = any(name in cues for name in _PEOPLE)
    if people and "crime" in cues:
        frames.append("crime")
    whole = [] if people else [_NOTHING[0]]
    if not frames:
        return [*whole, _NOTHING[1]]
    ranges = tuple(cues[name][0] for name in frames)
    counts = range(1, min(len(frames), _MOST_FRAMES) + 1)
    whole += [Cue(f"frames:{count}", ranges) for count in counts]
    if _QUALIFYING.isdisjoint(cues):
        whole += [Cue(f"bare frames:{count}", ranges) for count in counts]
    return whole
