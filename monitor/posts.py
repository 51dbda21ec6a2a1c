"""Finding posts with all that belongs to them, for listing and export."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account
from models.agency import Agency
from models.classifier import Score
from models.evidence import Capture
from models.flag import Flag
from models.post import Post, PostVersion
from models.review import Review
from monitor.messages import themes_of
from monitor.review.verdicts import agreed, in_force
from monitor.scoring import TEST_PLATFORM


@dataclass(frozen=True)
class PostFilter:
    """Which posts are wanted; an empty filter is all."""

    flagged: bool = False
    account_ids: Sequence[int] = ()
    since: datetime | None = None
    search: str = ""
    """Words that must all stand in the text, in any order, in either case."""
    deleted: bool | None = None


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
    """The wanted posts, newest first, a batch of rows in memory at a time."""
    offset_id: int | None = None
    given = 0
    while limit is None or given < limit:
        size = batch if limit is None else min(batch, limit - given)
        ids = _ids(session, wanted, offset_id, size)
        if not ids:
            return
        yield from _load(session, ids)
        given += len(ids)
        offset_id = ids[-1]


def get(session: Session, post_id: int) -> KeptPost | None:
    """One post with all that belongs to it."""
    return next(iter(_load(session, [post_id])), None)


def captures_of(session: Session, kept: KeptPost) -> list[Capture]:
    """The captured answers in which the post's wordings were first and last seen."""
    ids = {i for v in kept.versions for i in (v.first_capture_id, v.last_capture_id) if i is not None}
    return list(session.execute(sa.select(Capture).where(col(Capture.id).in_(ids)).order_by(col(Capture.id))).scalars())


def _ids(session: Session, wanted: PostFilter, below: int | None, limit: int) -> list[int]:
    query = (
        sa.select(col(Post.id))
        .join(Account, col(Account.id) == col(Post.account_id))
        .where(col(Account.platform) != TEST_PLATFORM)
        .order_by(col(Post.id).desc())
        .limit(limit)
    )
    if below is not None:
        query = query.where(col(Post.id) < below)
    if wanted.flagged:
        query = query.join(Flag, col(Flag.post_id) == col(Post.id))
    if wanted.account_ids:
        query = query.where(col(Post.account_id).in_(wanted.account_ids))
    if wanted.since is not None:
        query = query.where(sa.func.coalesce(col(Post.posted_at), col(Post.first_seen_at)) >= wanted.since)
    if wanted.deleted is not None:
        query = query.where(col(Post.deleted_at).is_not(None) == wanted.deleted)
    if wanted.search:
        query = query.join(PostVersion, col(PostVersion.id) == col(Post.current_version_id))
        for word in wanted.search.split():
            query = query.where(
                sa.or_(
                    col(PostVersion.text).icontains(word, autoescape=True),
                    col(PostVersion.title).icontains(word, autoescape=True),
                )
            )
    return [int(post_id) for post_id in session.execute(query).scalars()]


def _load(session: Session, ids: list[int]) -> list[KeptPost]:
    rows = session.execute(
        sa.select(Post, Account, Agency, Flag)
        .join(Account, col(Account.id) == col(Post.account_id))
        .outerjoin(Agency, col(Agency.id) == col(Account.agency_id))
        .outerjoin(Flag, col(Flag.post_id) == col(Post.id))
        .where(col(Post.id).in_(ids))
        .order_by(col(Post.id).desc())
    ).all()
    versions: dict[int, list[PostVersion]] = {}
    for version in session.execute(
        sa.select(PostVersion).where(col(PostVersion.post_id).in_(ids)).order_by(col(PostVersion.id))
    ).scalars():
        versions.setdefault(version.post_id, []).append(version)
    scores = {
        score.post_version_id: score
        for score in session.execute(
            sa.select(Score)
            .join(PostVersion, col(PostVersion.id) == col(Score.post_version_id))
            .where(col(PostVersion.post_id).in_(ids))
            .order_by(col(Score.id))
        ).scalars()
    }
    reviews: dict[int, list[Review]] = {}
    for review in in_force(session, ids):
        reviews.setdefault(review.post_id, []).append(review)
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
        for post, account, agency, flag in rows
    ]
