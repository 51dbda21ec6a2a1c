"""Posts on which two versions decide differently."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from classifier import Classifier
from models.account import Account
from models.post import Authorship, Post, PostVersion
from monitor.scoring import TEST_PLATFORM

BATCH = 500
NEWEST = 1000
"""Posts that a report looks through for flips."""


@dataclass(frozen=True)
class Flip:
    """One post whose decision changes."""

    post_id: int
    account: str
    text: str
    before: float
    after: float
    flagged: bool
    """Whether it is flagged afterwards."""

    def to_dict(self) -> dict[str, Any]:
        """The flip as JSON."""
        return dict(self.__dict__)


def current_wordings(
    session: Session, *, since: datetime | None = None, newest_first: bool = False, limit: int | None = None
) -> Iterator[list[tuple[Post, Account, PostVersion]]]:
    """The current wording of each post in an office's own words, in batches; posts seen or posted since a moment."""
    query = (
        sa.select(Post, Account, PostVersion)
        .join(Account, col(Account.id) == col(Post.account_id))
        .join(PostVersion, col(PostVersion.id) == col(Post.current_version_id))
        .where(col(Account.platform) != TEST_PLATFORM, col(Post.authorship) != Authorship.SHARED)
    )
    if since is not None:
        query = query.where(sa.func.coalesce(col(Post.posted_at), col(Post.first_seen_at)) >= since)
    given, last = 0, None
    while limit is None or given < limit:
        page = query.order_by(col(Post.id).desc() if newest_first else col(Post.id))
        if last is not None:
            page = page.where(col(Post.id) < last if newest_first else col(Post.id) > last)
        rows = [
            tuple(row) for row in session.execute(page.limit(BATCH if limit is None else min(BATCH, limit - given)))
        ]
        if not rows:
            return
        yield rows
        given += len(rows)
        last = rows[-1][0].id


def flips_between(session: Session, before: Classifier, after: Classifier, *, most: int = NEWEST) -> list[Flip]:
    """Among the newest posts, those that one version flags and the other does not; the largest change first."""
    found: list[Flip] = []
    for rows in current_wordings(session, newest_first=True, limit=most):
        texts = [version.readable() for _, _, version in rows]
        old, new = before.probabilities(texts), after.probabilities(texts)
        for (post, account, _), text, was, became in zip(rows, texts, old, new, strict=True):
            if (was >= before.thresholds.queue) != (became >= after.thresholds.queue):
                flagged = bool(became >= after.thresholds.queue)
                found.append(
                    Flip(post.id or 0, account.name or account.address, text, float(was), float(became), flagged)
                )
    return sorted(found, key=lambda flip: -abs(flip.after - flip.before))


def count(flips: Sequence[Flip]) -> str:
    """How many go which way, in words."""
    up = sum(flip.flagged for flip in flips)
    return f"{up} newly flagged, {len(flips) - up} no longer"
