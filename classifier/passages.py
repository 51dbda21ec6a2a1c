"""Where sentences begin and end, and the windows of a long text that are scored one by one."""

from __future__ import annotations

import re

LONG = 600
"""Characters from which a text is scored by passage instead of as one."""
_WINDOW = 360
_SENTENCE_LIMIT = 420
_BREAK = re.compile(r"""(?<=[.!?])["')\]]{0,2}\s+|\n[ \t]*\n\s*""")

Span = tuple[int, int]


def sentences_of(text: str) -> list[Span]:
    """Return the sentences' ``(start, end)``; one that never ends is cut at a blank."""
    spans: list[Span] = []
    start = 0
    for gap in [*_BREAK.finditer(text), None]:
        end = gap.start() if gap else len(text)
        while end - start > _SENTENCE_LIMIT:
            cut = text.rfind(" ", start + _SENTENCE_LIMIT // 2, start + _SENTENCE_LIMIT)
            cut = cut if cut > 0 else start + _SENTENCE_LIMIT
            spans.append((start, cut))
            start = cut
        if text[start:end].strip():
            spans.append((start, end))
        if gap:
            start = gap.end()
    return spans


def windows_of(text: str) -> list[Span]:
    """Return overlapping windows of one to a few sentences that together cover a long text."""
    sentences = sentences_of(text)
    windows: list[Span] = []
    first = 0
    while first < len(sentences):
        last = first
        while last + 1 < len(sentences) and sentences[last + 1][1] - sentences[first][0] <= _WINDOW:
            last += 1
        windows.append((sentences[first][0], sentences[last][1]))
        if last + 1 >= len(sentences):
            break
        # The next window begins with the last sentence of this one, so that no pair of neighbours is torn apart.
        first = last if last > first else first + 1
    return windows or [(0, len(text))]
