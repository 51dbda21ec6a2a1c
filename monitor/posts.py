"""Finding posts with all that belongs to them, for listing and export."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import defer
from sqlmodel import Session, col

from models.account import Account
from models.agency import Agency
from models.classifier import Score
from models.evidence import Capture
from models.flag import Flag
from models.post import Post, PostVersion
from models.review import Review
from monitor import finding
from monitor.messages import themes_of
from monitor.postfilter import PostFilter, Sort
from monitor.review.verdicts import agreed, in_force

# Made once: putting a statement together takes as long as reading some of its rows.
_IDS: Any = sa.bindparam("ids", expanding=True)
_POSTS = (
    sa.select(Post, Account, Agency, Flag)
    .join(Account, col(Account.id) == col(Post.account_id))
    .outerjoin(Agency, col(Agency.id) == col(Account.agency_id))
    .outerjoin(Flag, col(Flag.post_id) == col(Post.id))
    .where(col(Post.id).in_(_IDS))
)
_VERSIONS = sa.select(PostVersion).where(col(PostVersion.post_id).in_(_IDS)).order_by(col(PostVersion.id))
_SCORES = sa.select(Score).where(col(Score.post_version_id).in_(_IDS)).order_by(col(Score.id))
_WHY: Any = Score.explanation
_BARE_SCORES = _SCORES.options(defer(_WHY))

__all__ = ["KeptPost", "Page", "PostFilter", "Sort", "captures_of", "find", "get", "load", "page"]


@dataclass(frozen=True)
class KeptPost:
    """A post with its account, agency, wordings, newest score and verdicts in force."""

    post: Post
    account: Account
    agency: Agency | None
    versions: list[PostVersion]
    score: Score | None
    flag: Flag | None
    reviews: list[Review]

    @property
    def current(self) -> PostVersion:
        """The wording that stands now, or stood last."""
        return next((v for v in self.versions if v.id == self.post.current_version_id), self.versions[-1])

    def to_dict(self) -> dict[str, Any]:
        """The export's object: one a post."""
        verdict = agreed(self.reviews)
        return {
            "id": self.post.id,
            "account": self.account.name or self.account.address,
            "agency": self.agency.name if self.agency else "",
            "state": self.agency.state if self.agency else "",
            "platform": self.account.platform,
            "external_id": self.post.external_id,
            "url": self.post.url,
            "authorship": self.post.authorship,
            "text": self.current.readable(),
            "posted_at": self.post.posted_at,
            "first_seen_at": self.post.first_seen_at,
            "deleted": self.post.deleted_at is not None,
            "deleted_since": self.post.deleted_at,
            "versions": [
                {
                    "text": version.readable(),
                    "sha256": version.content_sha256,
                    "first_seen_at": version.first_seen_at,
                    "last_seen_at": version.last_seen_at,
                    "quoted_text": version.quoted_text,
                }
                for version in self.versions
            ],
            "score": self.score.probability if self.score else None,
            "flagged": self.flag is not None,
            "themes": list(themes_of(self.score)) if self.flag else [],
            "verdict": verdict.value if verdict else None,
        }


def find(session: Session, wanted: PostFilter, *, limit: int | None = None, batch: int = 500) -> Iterator[KeptPost]:
    """The wanted posts in the wanted order, a batch of rows in memory at a time."""
    cursor = ""
    given = 0
    while limit is None or given < limit:
        found = page(session, wanted, after=cursor, limit=batch if limit is None else min(batch, limit - given))
        yield from found.posts
        given += len(found.posts)
        if not found.after:
            return
        cursor = found.after


@dataclass(frozen=True)
class Page:
    """Some posts, and where the next ones begin."""

    posts: list[KeptPost]
    after: str
    """Give this back for the next page; empty when there is none."""
    among: int | None
    """As in :class:`monitor.finding.Found`."""


def page(
    session: Session,
    wanted: PostFilter,
    *,
    after: str = "",
    limit: int = 50,
    explained: bool = False,
) -> Page:
    """One page of the wanted posts; ``explained`` as in :func:`load`.

    Raises UsageError for a search or cursor that cannot be read.
    """
    found = finding.page(session, wanted, after=after, limit=limit)
    return Page(load(session, found.ids, explained=explained), found.after, found.among)


def get(session: Session, post_id: int) -> KeptPost | None:
    """One post with all that belongs to it."""
    return next(iter(load(session, [post_id], explained=True)), None)


def captures_of(session: Session, kept: KeptPost) -> list[Capture]:
    """The captured answers in which the post's wordings were first and last seen."""
    ids = {i for v in kept.versions for i in (v.first_capture_id, v.last_capture_id) if i is not None}
    return list(session.execute(sa.select(Capture).where(col(Capture.id).in_(ids)).order_by(col(Capture.id))).scalars())


def load(session: Session, ids: list[int], *, explained: bool = False) -> list[KeptPost]:
    """The posts with these ids, in this order, each with all that belongs to it.

    Why a score is what it is takes longest to read, so that is read with ``explained`` only, or when it is asked for.
    """
    if not ids:
        return []
    rows = session.execute(_POSTS, {"ids": ids}).all()
    versions: dict[int, list[PostVersion]] = {}
    for version in session.execute(_VERSIONS, {"ids": ids}).scalars():
        versions.setdefault(version.post_id, []).append(version)
    asked = _SCORES if explained else _BARE_SCORES
    current = [post.current_version_id for post, _, _, _ in rows]
    scores = {score.post_version_id: score for score in session.execute(asked, {"ids": current}).scalars()}
    reviews: dict[int, list[Review]] = {}
    for review in in_force(session, ids):
        reviews.setdefault(review.post_id, []).append(review)
    place = {post_id: number for number, post_id in enumerate(ids)}
    return [
        KeptPost(
            post,
            account,
            agency,
            versions.get(post.id, []),
            scores.get(post.current_version_id),
            flag,
            reviews.get(post.id, []),
        )
        for post, account, agency, flag in sorted(rows, key=lambda row: place[row[0].id])
    ]
