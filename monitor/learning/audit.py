"""The audit: a random sample of what raised no flag, so that people measure what the classifier misses."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account
from models.audit import AuditDraw, AuditPost
from models.classifier import Score
from models.db import Database
from models.evidence import Event
from models.flag import Flag
from models.post import Authorship, Post, PostVersion
from models.review import Verdict
from monitor.config import LearningConfig
from monitor.review.verdicts import agreed, in_force
from monitor.scoring import TEST_PLATFORM
from monitor.versions import Active

EVERY = timedelta(days=7)
MONTH = timedelta(days=31)


def draw(db: Database, rules: LearningConfig, duty: Active, *, now: datetime) -> AuditDraw | None:
    """Draw the week's sample: each drawn post gets a flag of origin ``audit``, and no alert.

    The stretch begins where the last one ended, so no post can be drawn twice. None when the last draw is younger
    than a week, before the first week is over, when there is nothing to draw from, or when
    ``learning.audit_per_week`` is 0.
    """
    if not rules.audit_per_week:
        return None
    with db.write() as session:
        last = session.execute(sa.select(AuditDraw).order_by(col(AuditDraw.until).desc()).limit(1)).scalar()
        if last is not None and now - last.until < EVERY:
            return None
        if last is None:
            first = session.execute(sa.select(sa.func.min(Post.first_seen_at))).scalar()
            if first is None or now - first < EVERY:
                return None
        since = last.until if last else now - EVERY
        population = session.execute(_unflagged(duty, since, now)).all()
        if not population:
            return None
        # The system's randomness: whoever can foretell the sample could keep out of it.
        sample = random.SystemRandom().sample(population, min(rules.audit_per_week, len(population)))
        drawn = AuditDraw(
            drawn_at=now,
            since=since,
            until=now,
            population=len(population),
            size=len(sample),
            version=duty.version,
        )
        session.add(drawn)
        session.flush()
        for post_id, score_id, probability in sample:
            session.add(
                Flag(post_id=post_id, score_id=score_id, probability=probability, origin="audit", created_at=now)
            )
            session.add(AuditPost(draw_id=drawn.id or 0, post_id=post_id, probability=probability))
        session.add(
            Event(
                at=now,
                kind="audit.drawn",
                subject=f"audit:{drawn.id}",
                data={"population": drawn.population, "size": drawn.size, "version": duty.version},
            )
        )
    return drawn


@dataclass(frozen=True)
class Estimate:
    """What the audit says of a stretch of time. The intervals are 95 %, exact (Clopper-Pearson)."""

    unflagged: int
    """Posts that raised no flag, in the stretches drawn from."""
    drawn: int
    decided: int
    """Drawn posts that people agree on."""
    missed: int
    """Of these, matches."""
    missed_share: float | None
    missed_low: float | None
    missed_high: float | None
    found: float
    """Matches among the flagged posts of the same stretches: the flagged posts times the share of them confirmed."""
    recall: float | None
    recall_low: float | None
    recall_high: float | None
    of: str
    """The time the draws are of, as people say it."""

    @property
    def sentence(self) -> str:
        """The estimate in words, for the overview."""
        if self.missed_share is None or self.missed_low is None or self.missed_high is None:
            return (
                f"Of about {self.unflagged:,} unflagged posts {self.of} {self.drawn} were drawn at random; "
                "none is decided yet. The queue and “sheriffwatch review next” offer them."
                if self.drawn
                else "No audit sample was drawn yet: how much is missed is not known."
            )
        missed = (
            f"Of about {self.unflagged:,} unflagged posts {self.of}, {_percent(self.missed_share)} "
            f"({_percent(self.missed_low, unit='')}–{_percent(self.missed_high)}) are matches, "
            f"by {self.decided} read at random."
        )
        if self.recall is None or self.recall_low is None or self.recall_high is None:
            return missed
        recall, low, high = (round(share * 100) for share in (self.recall, self.recall_low, self.recall_high))
        return f"{missed} Recall is about {recall} % ({low}–{high} %)."

    def to_dict(self) -> dict[str, Any]:
        """The estimate as JSON."""
        return {**self.__dict__, "sentence": self.sentence}


def estimate(session: Session, *, since: datetime | None = None) -> Estimate:
    """What share of the unflagged posts are matches, and the recall that follows, of the draws since a moment.

    The draws are taken together; the recall's interval is that of the misses, the count of the found is taken as it is.
    """
    query = sa.select(AuditDraw).order_by(col(AuditDraw.id))
    if since is not None:
        query = query.where(col(AuditDraw.until) > since)
    draws = session.execute(query).scalars().all()
    drawn = (
        session.execute(
            sa.select(col(AuditPost.post_id)).where(col(AuditPost.draw_id).in_([item.id for item in draws]))
        )
        .scalars()
        .all()
    )
    unflagged = sum(item.population for item in draws)
    verdicts = [verdict for verdict in _verdicts(session, drawn).values() if verdict is not Verdict.UNSURE]
    missed = sum(verdict is Verdict.CONFIRMED for verdict in verdicts)
    found = _found(session, draws)
    of = "in all" if since is None else f"since {since:%-d %B}"
    if not verdicts:
        return Estimate(unflagged, len(drawn), 0, 0, None, None, None, found, None, None, None, of)
    share, (low, high) = missed / len(verdicts), interval(missed, len(verdicts))
    recalls = [found / (found + unflagged * part) if found else None for part in (share, high, low)]
    return Estimate(
        unflagged, len(drawn), len(verdicts), missed, share, low, high, found, recalls[0], recalls[1], recalls[2], of
    )


def interval(hits: int, of: int) -> tuple[float, float]:
    """The exact 95 % interval of a share."""
    from scipy.special import betaincinv  # scipy.stats has it ready-made, and takes two seconds to import

    low = float(betaincinv(hits, of - hits + 1, 0.025)) if hits else 0.0
    high = float(betaincinv(hits + 1, of - hits, 0.975)) if hits < of else 1.0
    return low, high


def _percent(share: float, unit: str = " %") -> str:
    return f"{share * 100:.1f}{unit}" if share >= 0.01 else f"{share * 100:.2f}{unit}"


def _unflagged(duty: Active, since: datetime, until: datetime) -> Any:
    return (
        sa.select(col(Post.id), col(Score.id), col(Score.probability))
        .join(PostVersion, col(PostVersion.id) == col(Post.current_version_id))
        .join(Score, col(Score.post_version_id) == col(PostVersion.id))
        .join(Account, col(Account.id) == col(Post.account_id))
        .outerjoin(Flag, col(Flag.post_id) == col(Post.id))
        .where(
            col(Post.first_seen_at) >= since,
            col(Post.first_seen_at) < until,
            col(Score.classifier_version_id) == duty.row_id,
            col(Flag.id).is_(None),
            col(Post.authorship) != Authorship.SHARED,
            col(Account.platform) != TEST_PLATFORM,
        )
        .order_by(col(Post.id))
    )


def _found(session: Session, draws: Sequence[AuditDraw]) -> float:
    found = 0.0
    for item in draws:
        flagged = (
            session.execute(
                sa.select(col(Flag.post_id))
                .join(Post, col(Post.id) == col(Flag.post_id))
                .where(
                    col(Flag.origin) == "classifier",
                    col(Post.first_seen_at) >= item.since,
                    col(Post.first_seen_at) < item.until,
                )
            )
            .scalars()
            .all()
        )
        verdicts = [verdict for verdict in _verdicts(session, flagged).values() if verdict is not Verdict.UNSURE]
        if verdicts:
            found += len(flagged) * sum(verdict is Verdict.CONFIRMED for verdict in verdicts) / len(verdicts)
    return found


def _verdicts(session: Session, post_ids: Sequence[int]) -> dict[int, Verdict]:
    by_post: dict[int, list[Any]] = {}
    for start in range(0, len(post_ids), 500):
        for review in in_force(session, post_ids[start : start + 500]):
            by_post.setdefault(review.post_id, []).append(review)
    return {post_id: verdict for post_id, reviews in by_post.items() if (verdict := agreed(reviews)) is not None}
