"""Text as the classifier reads it: disguise taken off, links masked, hashtags split. The original is never changed.

Every step is a list of edits, so one implementation serves both uses: fast without offsets (scoring), and with each
character's place in the original (explaining and quoting).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from classifier import lookalikes
from classifier.disguise import Lexicon

_URL = re.compile(
    r"(?:https?://|www\.|t\.co/|pic\.twitter\.com/)\S+|\b[\w.+-]{1,64}@[\w-]{1,64}\.\w[\w.]*", re.IGNORECASE
)
_MENTION = re.compile(r"(?<!\w)[@＠]\w[\w.]*")
_HASHTAG = re.compile(r"[#＃](\w+)")
_ENTITY = re.compile(r"&(?:#\d{1,6}|#x[0-9a-fA-F]{1,5}|[a-zA-Z]{2,8});")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_WORD = re.compile(r"\w+")
_SPACED = re.compile(r"(?<![\w'])[^\W_](?:[ .\-_*|/]{1,3}[^\W_]){3,60}(?![\w'])")
_ODD_WORD = re.compile(r"(?<![\w$@!|*])(?=[\w$@!|*+]*[A-Za-z])[\w@$!|*+]*(?:\d|[@$!|*+_])[\w@$!|*+]*\w")

_ODD_SIGN = re.compile(r"[\d@$!|*+_][\w@$!|*+]*\w")
"""What every odd word has, and is sooner looked for."""


class Edit(NamedTuple):
    """Replace ``[start, end)`` by ``text``; ``backwards`` when the replacement runs from the end to the start."""

    start: int
    end: int
    text: str
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class Normalised:
    """``text`` for scoring; ``disguise`` names the tricks found; ``spans`` the original place of every character."""

    text: str
    disguise: tuple[str, ...] = ()
    spans: tuple[tuple[int, int], ...] | None = None
    unchanged: bool = False
    """Whether the text came in as it is scored; then every place is its own."""

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the offsets in the original text of ``[start, end)`` of the normalised one."""
        if self.unchanged:
            return (start, end)
        if self.spans is None:
            raise ValueError("normalised without offsets: call normalise(..., offsets=True)")
        inside = self.spans[start:end]
        if not inside:
            return (0, 0)
        return min(span[0] for span in inside), max(span[1] for span in inside)


class _Draft:
    """A text on its way through the steps, with the original span of each character when offsets are wanted."""

    def __init__(self, text: str, offsets: bool) -> None:
        self.text = text
        self.spans = [(i, i + 1) for i in range(len(text))] if offsets else None

    def apply(self, edits: Iterable[Edit]) -> None:
        pieces: list[str] = []
        spans: list[tuple[int, int]] = []
        done = 0
        for edit in edits:
            pieces += (self.text[done : edit.start], edit.text)
            if self.spans is not None:
                spans += self.spans[done : edit.start]
                old = self.spans[edit.start : edit.end]
                if edit.backwards:
                    spans += old[::-1]
                elif len(old) == len(edit.text):
                    spans += old
                elif edit.text:
                    spans += [(min(o[0] for o in old), max(o[1] for o in old))] * len(edit.text)
            done = edit.end
        if done:
            self.text = "".join(pieces) + self.text[done:]
            if self.spans is not None:
                self.spans = spans + self.spans[done:]


def normalise(text: str, lexicon: Lexicon, *, offsets: bool = False) -> Normalised:
    """Return ``text`` as it is scored, in the letter case it came in.

    Plain ASCII without special signs, which most posts are, passes with a handful of searches.
    """
    draft = _Draft(text, offsets)
    found: set[str] = set()
    if not text.isascii():
        found.update(_tricks(text))
        if "\u202e" in text:
            # The marks themselves are dropped by the folding below.
            draft.apply(
                Edit(m.start(1), m.end(1), m[1][::-1], backwards=True) for m in lookalikes.REVERSED_RUN.finditer(text)
            )
        if offsets:
            draft.apply(_folds(draft.text))
        else:
            draft.text = draft.text.translate(lookalikes.FOLD)
        if not draft.text.isascii():
            draft.apply(_unmask(draft.text, found))
    elif _CONTROL.search(text):
        draft.apply(Edit(m.start(), m.end(), " " if m[0] in "\r\x0b\x0c" else "") for m in _CONTROL.finditer(text))
    if "&" in draft.text:
        draft.apply(Edit(m.start(), m.end(), html.unescape(m[0])) for m in _ENTITY.finditer(draft.text))
    if "/" in draft.text or "@" in draft.text or "www." in draft.text:
        draft.apply(Edit(m.start(), m.end(), " ") for m in _URL.finditer(draft.text))
        draft.apply(Edit(m.start(), m.end(), "@") for m in _MENTION.finditer(draft.text))
    if "#" in draft.text:
        draft.apply(Edit(m.start(), m.end(), "# " + lexicon.split(m[1]) + " ") for m in _HASHTAG.finditer(draft.text))
    draft.apply(_despace(draft.text, lexicon, found))
    if _ODD_SIGN.search(draft.text):
        draft.apply(_unleet(draft.text, lexicon, found))
    spans = None if draft.spans is None else tuple(draft.spans)
    return Normalised(draft.text, tuple(sorted(found)), spans, unchanged=draft.text == text)


def _tricks(text: str) -> Iterator[str]:
    if lookalikes.HIDDEN_IN_WORD.search(text):
        yield "invisible characters"
    if lookalikes.BIDI_OVERRIDE.search(text):
        yield "reversed text"
    if lookalikes.STYLED_WORD.search(text):
        yield "styled letters"
    if lookalikes.STACKED_MARKS.search(text):
        yield "stacked marks"


def _folds(text: str) -> Iterator[Edit]:
    for i, char in enumerate(text):
        folded = lookalikes.FOLD[ord(char)]
        if folded != char:
            yield Edit(i, i + 1, folded)


def _unmask(text: str, found: set[str]) -> Iterator[Edit]:
    for match in _WORD.finditer(text):
        if match[0].isascii():
            continue
        plain = lookalikes.unmask_word(match[0])
        if plain is not None:
            found.add("look-alike letters")
            yield Edit(match.start(), match.end(), plain)


def _despace(text: str, lexicon: Lexicon, found: set[str]) -> Iterator[Edit]:
    for match in _SPACED.finditer(text):
        words = [re.sub(r"\W|_", "", part) for part in re.split(r"\s{2,}|\s[|/]\s", match[0])]
        joined = " ".join(lexicon.split(word) for word in words if word)
        if any(lexicon.is_term(word) for word in joined.split()):
            found.add("spaced letters")
        yield Edit(match.start(), match.end(), joined)


def _unleet(text: str, lexicon: Lexicon, found: set[str]) -> Iterator[Edit]:
    for match in _ODD_WORD.finditer(text):
        plain = lexicon.unleet(match[0])
        if plain is not None:
            found.add("signs for letters")
            yield Edit(match.start(), match.end(), plain)
