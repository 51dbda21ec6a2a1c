"""The thread that a post stands in: what it goes on from, and what goes on from it, as far as we keep it."""

from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlmodel import Session, col

from models.post import Post
from monitor import posts
from monitor.posts import KeptPost

MOST = 20
"""Posts looked up before this one, and after it."""


@dataclass(frozen=True)
class Thread:
    """The kept posts of one conversation around one post, the oldest first."""

    before: list[KeptPost] = field(default_factory=list)
    after: list[KeptPost] = field(default_factory=list)
    begins_elsewhere: bool = False
    """Whether the first of them answers a post that we do not keep."""


def before(session: Session, post: Post) -> Thread:
    """What the post goes on from: the account's own posts, one answering the other."""
    found: list[int] = []
    here = post
    while here.reply_to and len(found) < MOST:
        parent = session.execute(
            sa.select(Post).where(col(Post.account_id) == post.account_id, col(Post.external_id) == here.reply_to)
        ).scalar()
        if parent is None or parent.id is None or parent.id == post.id or parent.id in found:
            break
        found.append(parent.id)
        here = parent
    return Thread(before=posts.load(session, found[::-1]), begins_elsewhere=bool(here.reply_to) and len(found) < MOST)


def around(session: Session, post: Post) -> Thread:
    """The same with what goes on from it: posts of any watched account that answer it, and the answers to these."""
    earlier = before(session, post)
    known = {post.id, *(kept.post.id for kept in earlier.before)}
    found: list[int] = []
    keys = [post.external_id]
    while keys and len(found) < MOST:
        answers = session.execute(
            sa.select(col(Post.id), col(Post.external_id))
            .where(col(Post.reply_to).in_(keys), sa.text("reply_to <> ''"))
            .order_by(col(Post.shown_at), col(Post.id))
            .limit(MOST)
        ).all()
        new = [(id_, key) for id_, key in answers if id_ not in known]
        known |= {id_ for id_, _ in new}
        found += [id_ for id_, _ in new]
        keys = [key for _, key in new]
    return Thread(earlier.before, posts.load(session, found[:MOST]), earlier.begins_elsewhere)
