"""The words of posts, without all that belongs to them; and what changed from one wording to the next."""

import difflib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col

from models.post import Post, PostVersion, readable
from models.review import Review

_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")
_MOST_TOKENS = 4000
"""Longer texts are compared line by line: comparing words takes time that grows with their square."""

# Columns and no objects: of a hundred texts that are only compared, objects take most of the time.
_PARTS = (col(PostVersion.title), col(PostVersion.text), col(PostVersion.alt_texts), col(PostVersion.link_titles))
_CURRENT = (
    sa.select(col(Post.id), *_PARTS)
    .join(PostVersion, col(PostVersion.id) == col(Post.current_version_id))
    .where(col(Post.id).in_(sa.bindparam("ids", expanding=True)))
)
_DECIDED = (
    sa.select(*_PARTS)
    .join(Review, col(Review.post_version_id) == col(PostVersion.id))
    .where(col(Review.revoked_at).is_(None))
    .order_by(col(Review.id).desc())
)


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


def texts(session: Session, post_ids: Sequence[int]) -> dict[int, str]:
    """What these posts say now, all text that a reader sees."""
    return {row[0]: readable(*row[1:]) for row in session.execute(_CURRENT, {"ids": post_ids})} if post_ids else {}


def decided_lately(session: Session, *, reviewer: str = "", most: int) -> list[str]:
    """The texts of the posts that were decided last, by anybody or, with ``reviewer``, by this person."""
    query = _DECIDED.where(col(Review.reviewer) == reviewer) if reviewer else _DECIDED
    return [readable(*row) for row in session.execute(query.limit(most))]


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
