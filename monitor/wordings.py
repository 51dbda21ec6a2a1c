"""What changed from one wording of a post to the next, word by word."""

import difflib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from models.post import PostVersion

_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")
_MOST_TOKENS = 4000
"""Longer texts are compared line by line: comparing words takes time that grows with their square."""


@dataclass(frozen=True)
class Change:
    """A stretch of text that stayed (``same``), went (``gone``) or came (``new``)."""

    kind: str
    text: str


@dataclass(frozen=True)
class Step:
    """One wording, with what changed since the one before. The first has no changes."""

    version: PostVersion
    changes: list[Change]


def steps(versions: Sequence[PostVersion]) -> list[Step]:
    """The wordings in the order they were first seen, each against the one before."""
    told = [Step(version, []) for version in versions[:1]]
    for before, after in itertools.pairwise(versions):
        told.append(Step(after, changes(before.readable(), after.readable())))
    return told


def changes(before: str, after: str) -> list[Change]:
    """The difference as a reader would mark it on paper: whole words, with what stayed between them."""
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    if len(old) + len(new) > _MOST_TOKENS:
        old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    told: list[Change] = []
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind == "equal":
            told.append(Change("same", "".join(old[i:j])))
            continue
        if i != j:
            told.append(Change("gone", "".join(old[i:j])))
        if k != m:
            told.append(Change("new", "".join(new[k:m])))
    return told
