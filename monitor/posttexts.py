"""The words of posts, without all that belongs to them: for those who only compare."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlmodel import Session, col

from models.post import Post, PostVersion, readable
from models.review import Review

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


def texts(session: Session, post_ids: Sequence[int]) -> dict[int, str]:
    """What these posts say now, all text that a reader sees."""
    return {row[0]: readable(*row[1:]) for row in session.execute(_CURRENT, {"ids": post_ids})} if post_ids else {}


def decided_lately(session: Session, *, reviewer: str = "", most: int) -> list[str]:
    """The texts of the posts that were decided last, by anybody or, with ``reviewer``, by this person."""
    query = _DECIDED.where(col(Review.reviewer) == reviewer) if reviewer else _DECIDED
    return [readable(*row) for row in session.execute(query.limit(most))]
