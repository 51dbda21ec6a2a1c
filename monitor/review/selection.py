"""What to review next: where a verdict teaches most, spread over different posts, with some sure ones and the audit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account
from models.classifier import Score
from models.flag import Flag
from models.post import Authorship, Post, PostVersion
from models.review import Review
from monitor.learning.likeness import groups_of
from monitor.posttexts import decided_lately
from monitor.scoring import TEST_PLATFORM
from monitor.versions import Active

TOP_SHARE = 0.2
"""Share of the surest flags in what is offered: they are what people came for."""
AUDIT_SHARE = 0.2
"""Share of the random sample of posts that raised no flag."""
_POOL = 400
_REMEMBERED = 1000
"""Decided texts whose near copies are not offered."""


@dataclass(frozen=True)
class Candidate:
    """A post somebody might review."""

    post_id: int
    text: str
    probability: float
    origin: str = ""
    """Of its flag: ``classifier``, ``audit`` …; empty when it raised none."""


@dataclass(frozen=True)
class Pick:
    """A post to review next, and why this one."""

    post_id: int
    probability: float
    why: str
    """``uncertain``, ``top`` or ``audit``."""
    text: str

    def to_dict(self) -> dict[str, Any]:
        """The pick as JSON."""
        return dict(self.__dict__)


def uncertainty(probability: float, threshold: float) -> float:
    """How little is known: 0 is the least certain, larger is surer. In log-odds from the threshold, where the decision
    turns.
    """
    return abs(_log_odds(probability) - _log_odds(threshold))


def choose(candidates: Sequence[Candidate], threshold: float, *, size: int, decided: Sequence[str] = ()) -> list[Pick]:
    """Choose ``size`` posts: most by uncertainty, some of the surest flags, some of the audit; no two near copies, and
    none of the texts ``decided`` already.

    What one part cannot fill goes to the uncertain ones.
    """
    numbers = groups_of([*decided, *(candidate.text for candidate in candidates)])
    groups = dict(zip(candidates, numbers[len(decided) :], strict=True))
    audit = [c for c in candidates if c.origin == "audit"]
    others = [c for c in candidates if c.origin != "audit"]
    surest = sorted((c for c in others if c.probability >= threshold), key=lambda c: (-c.probability, c.post_id))
    unsure = sorted(others, key=lambda c: (uncertainty(c.probability, threshold), c.post_id))
    taken = set(numbers[: len(decided)])
    picks: list[Pick] = []

    def take(ranked: Sequence[Candidate], most: int, why: str) -> None:
        for candidate in ranked:
            if most <= 0:
                return
            if groups[candidate] not in taken:
                taken.add(groups[candidate])
                picks.append(Pick(candidate.post_id, candidate.probability, why, candidate.text))
                most -= 1

    take(sorted(audit, key=lambda c: c.post_id), round(size * AUDIT_SHARE), "audit")
    take(surest, round(size * TOP_SHARE), "top")
    take(unsure, size - len(picks), "uncertain")
    take(surest, size - len(picks), "top")
    return _woven(picks)


def next_up(session: Session, active: Active, *, limit: int = 20, reviewer: str = "") -> list[Pick]:
    """The posts to review next, flagged or not, that nobody (or, with ``reviewer``, not this person) has decided, nor a
    near copy of it lately.
    """
    decided = sa.select(col(Review.post_id)).where(col(Review.revoked_at).is_(None))
    if reviewer:
        decided = decided.where(col(Review.reviewer) == reviewer)
    query = (
        sa.select(Score, Post, PostVersion, Flag)
        .join(PostVersion, col(PostVersion.id) == col(Score.post_version_id))
        .join(Post, col(Post.current_version_id) == col(PostVersion.id))
        .join(Account, col(Account.id) == col(Post.account_id))
        .outerjoin(Flag, col(Flag.post_id) == col(Post.id))
        .where(
            col(Score.classifier_version_id) == active.row_id,
            col(Account.platform) != TEST_PLATFORM,
            col(Post.authorship) != Authorship.SHARED,
            col(Post.id).not_in(decided),
        )
    )
    parts = (
        query.order_by(sa.func.abs(col(Score.probability) - active.queue_threshold), col(Post.id)).limit(_POOL),
        query.order_by(col(Score.probability).desc(), col(Post.id)).limit(limit * 4),
        query.where(col(Flag.origin) == "audit").order_by(col(Post.id)).limit(limit * 4),
    )
    found: dict[int, Candidate] = {}
    for part in parts:
        for score, post, version, flag in session.execute(part):
            found[post.id] = Candidate(post.id, version.readable(), score.probability, flag.origin if flag else "")
    lately = decided_lately(session, reviewer=reviewer, most=_REMEMBERED)
    return choose(list(found.values()), active.queue_threshold, size=limit, decided=lately)


def _woven(picks: Sequence[Pick]) -> list[Pick]:
    """The parts mixed evenly, so that whoever stops early has read some of each."""
    sizes: dict[str, int] = {}
    for pick in picks:
        sizes[pick.why] = sizes.get(pick.why, 0) + 1
    seen: dict[str, int] = {}
    placed = []
    for pick in picks:
        seen[pick.why] = seen.get(pick.why, 0) + 1
        placed.append(((seen[pick.why] - 0.5) / sizes[pick.why], pick))
    return [pick for _, pick in sorted(placed, key=lambda item: item[0])]


def _log_odds(probability: float) -> float:
    inside = min(1 - 1e-9, max(1e-9, probability))
    return math.log(inside / (1 - inside))
