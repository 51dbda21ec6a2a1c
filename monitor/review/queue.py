"""What waits to be read."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account
from models.agency import Agency
from models.flag import Flag
from models.post import Post, PostVersion
from models.review import Review


@dataclass(frozen=True)
class Waiting:
    """One flagged post without a verdict."""

    post_id: int
    agency: str
    state: str
    account: str
    platform: str
    url: str
    text: str
    posted_at: datetime | None
    probability: float
    flagged_at: datetime

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON."""
        return {**self.__dict__, "posted_at": _iso(self.posted_at), "flagged_at": _iso(self.flagged_at)}


def waiting(session: Session, *, limit: int = 50, reviewer: str = "") -> list[Waiting]:
    """Flagged posts that nobody (or, with ``reviewer``, not this person) has decided, the most certain first."""
    decided = sa.select(col(Review.post_id)).where(col(Review.revoked_at).is_(None))
    if reviewer:
        decided = decided.where(col(Review.reviewer) == reviewer)
    rows = session.execute(
        sa.select(Flag, Post, Account, Agency, PostVersion)
        .join(Post, col(Post.id) == col(Flag.post_id))
        .join(Account, col(Account.id) == col(Post.account_id))
        .join(PostVersion, col(PostVersion.id) == col(Post.current_version_id))
        .outerjoin(Agency, col(Agency.id) == col(Account.agency_id))
        .where(col(Flag.origin) != "test", col(Flag.post_id).not_in(decided))
        .order_by(col(Flag.probability).desc(), col(Flag.id))
        .limit(limit)
    ).all()
    return [
        Waiting(
            post_id=post.id,
            agency=agency.name if agency else "",
            state=agency.state if agency else "",
            account=account.name or account.address,
            platform=account.platform,
            url=post.url,
            text=version.readable(),
            posted_at=post.posted_at,
            probability=flag.probability,
            flagged_at=flag.created_at,
        )
        for flag, post, account, agency, version in rows
    ]


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
