"""Where else the same words stand: other posts that are near copies of one."""

import re
from dataclasses import dataclass

from sqlmodel import Session, col

from models.post import Post
from monitor.learning.likeness import groups_of
from monitor.postfilter import PostFilter
from monitor.postquery import statement
from monitor.posts import KeptPost, load
from monitor.posttexts import texts

_WORD = re.compile(r"[^\W\d_]{4,}")
_ASKED = 6
_LOOKED_AT = 60
_LEAST_WORDS = 4


@dataclass(frozen=True)
class Elsewhere:
    """Near copies of a post."""

    posts: list[KeptPost]
    more: bool
    """Whether there may be others than the ones looked at."""


def elsewhere(session: Session, kept: KeptPost, *, most: int = 8) -> Elsewhere:
    """Other posts with nearly the same words, the newest first.

    The index of words gives the newest posts that hold the longest words of this one; those are compared pair by pair.
    """
    text = kept.current.readable()
    words = list(dict.fromkeys(word.casefold() for word in _WORD.findall(re.sub(r"https?://\S+", " ", text))))
    if len(words) < _LEAST_WORDS or kept.post.id is None:
        return Elsewhere([], more=False)
    rarest = sorted(words[:200], key=lambda word: (-len(word), word))[:_ASKED]
    ids = list(
        session.execute(
            statement(session, PostFilter(search=" ".join(rarest)))
            .where(col(Post.id) != kept.post.id)
            .order_by(col(Post.id).desc())
            .limit(_LOOKED_AT)
        ).scalars()
    )
    read = texts(session, ids)
    others = [post_id for post_id in ids if post_id in read]
    groups = groups_of([text, *(read[post_id] for post_id in others)])
    same = [post_id for post_id, group in zip(others, groups[1:], strict=True) if group == groups[0]]
    return Elsewhere(load(session, same[:most]), more=len(same) > most or len(ids) == _LOOKED_AT)
