"""A post's words as the page shows them: its parts, and in them what moved the score and how much."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from classifier import in_words
from models.classifier import Score
from models.post import PostVersion

_SPACE = re.compile(r"\s+")
_LEAST_SHARE = 0.2
"""Words that weigh less than this share of the strongest are not marked: they would colour everything."""


_Mark = tuple[int, int, float, str]
"""Where a stretch begins and ends, its share of the strongest one's weight, and what it is."""


class Piece(NamedTuple):  # hundreds stand on a page, and a frozen dataclass takes three times as long to make
    """A stretch of text; marked when ``level`` is 1 (a little) to 4 (most)."""

    text: str
    level: int = 0
    weight: float = 0.0
    name: str = ""
    found: bool = False
    """Whether a search asked for it."""


@dataclass(frozen=True)
class Part:
    """One part of a post in reading order."""

    label: str
    """What it is, empty for the post's own text."""
    pieces: list[Piece]


@dataclass(frozen=True)
class Weight:
    """One word, sign or group of signs and how far it moved the score, in log-odds."""

    name: str
    kind: str
    weight: float


def parts_of(version: PostVersion, score: Score | None) -> list[Part]:
    """The parts of a wording, marked with what the score says of this wording."""
    text = version.readable()
    marks = _marks_in(version, score)
    title = "" if version.title and version.text.startswith(version.title) else version.title
    given = [("Title", title), ("", version.text)]
    given += [("Picture text", alt) for alt in version.alt_texts] + [("Linked page", t) for t in version.link_titles]
    parts, at = [], 0
    for label, words in given:
        if words:
            parts.append(Part(label, _cut(text, at, at + len(words), marks)))
            at += len(words) + 2  # readable() puts an empty line between parts
    return parts


def excerpt_of(
    version: PostVersion, score: Score | None, found: Sequence[tuple[int, int]] = (), width: int = 320
) -> list[Piece]:
    """Some ``width`` characters of a wording on one line, marked, about the first place that a search found (or else
    the most telling one).
    """
    text = version.readable()
    marks = _marks_in(version, score)
    focus = found[0][0] if found else max(marks, key=lambda mark: mark[2])[0] if marks else 0
    start, end = _window(text, min(focus, len(text)), width)
    edges = sorted({start, end, *(edge for span in found for edge in span if start < edge < end)})
    pieces = []
    for here, there in itertools.pairwise(edges):
        hit = any(span[0] <= here and span[1] >= there for span in found)
        pieces += [
            Piece(_SPACE.sub(" ", piece.text), piece.level, piece.weight, piece.name, hit)
            for piece in _cut(text, here, there, marks)
        ]
    before, after = [Piece("… ")] if start else [], [Piece(" …")] if end < len(text) else []
    return before + pieces + after


def _window(text: str, focus: int, width: int) -> tuple[int, int]:
    """Where to cut, at words where there are some."""
    if len(text) <= width:
        return 0, len(text)
    start = max(0, min(focus - width // 3, len(text) - width))
    if start and (space := _SPACE.search(text, start, focus)):
        start = space.end()
    end = min(len(text), start + width)
    if end < len(text) and (last := text.rfind(" ", max(start, focus, end - 40), end)) > 0:
        end = last
    return start, end


def weights_of(score: Score | None, most: int = 12) -> list[Weight]:
    """What moved the score most, up or down, the strongest first."""
    return [] if score is None else heaviest(score.explanation, most)


def heaviest(explanation: Sequence[Mapping[str, Any]], most: int) -> list[Weight]:
    """The words and signs of an explanation that weigh most, and the meaning as a whole."""
    told = [item for item in explanation if item["kind"] in ("word", "cue", "embedding")]
    ranked = sorted(told, key=lambda item: -abs(item["weight"]))[:most]
    return [Weight(named(item["kind"], item["name"]), item["kind"], item["weight"]) for item in ranked]


def named(kind: str, name: str) -> str:
    """The name of what moved a score, as people read it."""
    return in_words(name) if kind == "cue" else name


def marked(text: str, explanation: Sequence[Mapping[str, Any]]) -> list[Piece]:
    """The whole text in pieces, the telling ones marked."""
    return _cut(text, 0, len(text), _marks(explanation))


def _marks_in(version: PostVersion, score: Score | None) -> list[_Mark]:
    """The marks of a wording; none when the score is of another one."""
    return _marks(score.explanation) if score is not None and score.post_version_id == version.id else []


def _marks(explanation: Sequence[Mapping[str, Any]]) -> list[_Mark]:
    pushing = [item for item in explanation if item["weight"] > 0 and item["kind"] in ("word", "cue")]
    strongest = max((item["weight"] for item in pushing), default=0.0)
    return [
        (int(start), int(end), item["weight"] / strongest, named(item["kind"], item["name"]))
        for item in pushing
        if item["weight"] >= strongest * _LEAST_SHARE
        for start, end in item["spans"]
    ]


def _cut(text: str, start: int, end: int, marks: Sequence[_Mark]) -> list[Piece]:
    """The text from ``start`` to ``end`` in pieces; where marks overlap the strongest counts."""
    inside = sorted((m for m in marks if m[0] < end and m[1] > start), key=lambda m: -m[2])
    edges = sorted({start, end, *(min(max(edge, start), end) for m in inside for edge in m[:2])})
    pieces: list[Piece] = []
    for here, there in itertools.pairwise(edges):
        top = next((m for m in inside if m[0] <= here and m[1] >= there), None)
        piece = Piece(text[here:there], _level(top[2]), top[2], top[3]) if top else Piece(text[here:there])
        last = pieces[-1] if pieces else None
        if last is not None and last.level == piece.level and last.name == piece.name:
            pieces[-1] = Piece(last.text + piece.text, piece.level, piece.weight, piece.name)
        else:
            pieces.append(piece)
    return pieces


def _level(share: float) -> int:
    return 1 + min(3, int(share * 4))
