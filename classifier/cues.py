"""Cues: what the term files say about a text, as named features.

A cue alone (``expel``), a cue inside quotation marks (``slur_people:quoted``), and two cues in one sentence, in their
order (``says>slur_people``, ``immigrant>crime``); then what the text as a whole shows: how many hostile frames it has
(``frames:2`` is two or more), the same where nothing hints at other voices, at an objection or at a law
(``bare frames:2``), and that it speaks of nobody (``nobody``) or hostile of nothing (``no frame``). The weights of all
these are learned like those of words. What is counted over the whole text needs no neighbourhood, so it carries over
to short posts of tags whose word pairs were never seen.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from classifier.terms import Terms
from classifier.tokens import ENDS, QUOTE

_NEAR = 14
"""Words between two cues of a pair, at most: farther apart they seldom have to do with each other."""

_LONGEST_QUOTE = 60
"""Tokens; a mark without its twin opens none."""

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
_PEOPLE = frozenset(
    (
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
)
_QUALIFYING = frozenset(("says", "speaker", "counter", "term_debate", "statute"))
"""Cues of somebody else's words, of an objection, of a law."""
_MOST_FRAMES = 4


PLAIN = frozenset(("slur_people", "criminal_alien", "invasion"))
"""Cues of texts that say it in plain words."""

Ranges = tuple[tuple[int, int], ...]
"""First token and end of each place."""


def cues_of(words: Sequence[str], terms: Terms) -> dict[str, Ranges]:
    """Return every cue of the text with the token ranges it rests on, where it was first found."""
    found = terms.find(words)
    if not found:
        return {"nobody": (), "no frame": ()}
    found.sort()
    ends = [i for i, word in enumerate(words) if word[0] in ENDS]
    sentences = [bisect_left(ends, start) for start, _, _ in found]
    quotes = _quotes(words) if QUOTE in words else ()
    cues: dict[str, Ranges] = {}
    for k, (start, end, name) in enumerate(found):
        here = ((start, end),)
        cues.setdefault(name, here)
        if quotes and any(low < start < high for low, high in quotes):
            cues.setdefault(name + ":quoted", here)
        sentence, last = sentences[k], end + _NEAR
        for place in range(k + 1, len(found)):
            later, later_end, other = found[place]
            if later > last or sentences[place] != sentence:
                break
            if later >= end and other != name:
                pair = f"{name}>{other}"
                if pair not in cues:
                    cues[pair] = ((start, end), (later, later_end))
    cues.update(_of_the_whole(cues))
    return cues


_WHOLE_IN_WORDS = {
    "nobody": "nobody named whom it could be about",
    "no frame": "nothing hostile",
    "frames": "hostile signs, at least",
    "bare frames": "hostile signs with no other voice or objection, at least",
}


def in_words(name: str) -> str:
    """Return a cue's name as people read it: ``immigrant>crime`` is “immigrant, then crime”."""
    whole, _, count = name.partition(":")
    if whole in _WHOLE_IN_WORDS:
        return f"{_WHOLE_IN_WORDS[whole]} {count}".strip()
    quoted = "in quotation marks: " if count == "quoted" else ""
    return quoted + whole.replace("_", " ").replace(">", ", then ")


def _quotes(words: Sequence[str]) -> list[tuple[int, int]]:
    """Return where quotations begin and end."""
    quotes: list[tuple[int, int]] = []
    begun = -1
    for i, word in enumerate(words):
        if word != QUOTE:
            continue
        if begun >= 0 and i - begun <= _LONGEST_QUOTE:
            quotes.append((begun, i))
            begun = -1
        else:
            begun = i
    return quotes


def _of_the_whole(cues: Mapping[str, Ranges]) -> dict[str, Ranges]:
    """Return what the text as a whole shows; ``cues`` are those found by themselves and in pairs."""
    frames = [name for name in _FRAMES if name in cues]
    people = not _PEOPLE.isdisjoint(cues)
    if people and "crime" in cues:
        frames.append("crime")
    whole: dict[str, Ranges] = {} if people else {"nobody": ()}
    if not frames:
        whole["no frame"] = ()
        return whole
    ranges = tuple(cues[name][0] for name in frames)
    counts = range(1, min(len(frames), _MOST_FRAMES) + 1)
    whole.update((f"frames:{count}", ranges) for count in counts)
    if _QUALIFYING.isdisjoint(cues):
        whole.update((f"bare frames:{count}", ranges) for count in counts)
    return whole
