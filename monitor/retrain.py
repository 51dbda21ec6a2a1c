"""The way back: agreed labels become examples, a candidate is trained, and it goes on duty only if it is not worse."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

import classifier
from classifier import Example
from models.account import Account
from models.db import Database
from models.evidence import Event
from models.post import Post, PostVersion
from models.review import Verdict
from monitor.config import Config
from monitor.errors import SheriffwatchError
from monitor.learning import promotion
from monitor.review.verdicts import agreed, in_force
from monitor.scoring import TEST_PLATFORM
from monitor.versions import active

LEAST_LABELS = 20
MARGIN = 0.01
"""How much worse a candidate may be on the frozen set, in F1 and in average precision, and still be promoted."""
REVIEW_WEIGHT = 2.0
"""A reviewed real post weighs as much as this many rows of the corpus."""


@dataclass(frozen=True)
class Outcome:
    """What a retraining came to."""

    version: str
    promoted: bool
    reason: str
    labels: int
    before: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The outcome in one line."""
        verb = "promoted" if self.promoted else "kept as a candidate"
        return f"{self.version} from {self.labels} labels: {verb}, {self.reason}"


def labelled_examples(session: Session) -> list[Example]:
    """The posts on which the verdicts in force agree, as examples to learn from."""
    by_post: dict[int, list[Any]] = {}
    for review in in_force(session):
        by_post.setdefault(review.post_id, []).append(review)
    rows = session.execute(
        sa.select(Post, PostVersion, Account)
        .join(PostVersion, col(PostVersion.id) == col(Post.current_version_id))
        .join(Account, col(Account.id) == col(Post.account_id))
        .where(col(Post.id).in_(by_post), col(Account.platform) != TEST_PLATFORM)
        .order_by(col(Post.id))
    ).all()
    examples = []
    for post, version, _ in rows:
        verdict = agreed(by_post[post.id])
        if verdict in (Verdict.CONFIRMED, Verdict.REJECTED):
            themes = tuple(sorted({theme for review in by_post[post.id] for theme in review.themes}))
            reason = next((review.reason for review in by_post[post.id] if review.reason), "")
            examples.append(
                Example(
                    version.readable(),
                    int(verdict is Verdict.CONFIRMED),
                    themes,
                    REVIEW_WEIGHT,
                    f"post:{post.id}",
                    "review",
                    reason,
                )
            )
    return examples


def retrain(db: Database, config: Config, *, by: str, now: datetime, least_labels: int = LEAST_LABELS) -> Outcome:
    """Train a candidate on the corpus and the agreed labels, and promote it if it is not worse on the frozen set.

    The classifier on duty goes on working whatever happens. Raises SheriffwatchError when there are too few labels.
    """
    with db.read() as session:
        labels = labelled_examples(session)
    if len(labels) < least_labels:
        raise SheriffwatchError(
            f"{len(labels)} agreed labels are too few to retrain: {least_labels} are needed. "
            "“sheriffwatch review list” shows what waits."
        )
    duty = active(db, config)
    trained = classifier.train([*classifier.load_corpus(), *labels])
    row = promotion.keep_candidate(
        db, config, trained, by=by, now=now, reason="retrained from labels", parent=duty.version
    )
    candidate = classifier.load(Path(row.path), sha256=row.sha256)
    frozen = classifier.load_frozen()
    before = _figures(classifier.evaluate(duty.classifier, frozen))
    after = _figures(classifier.evaluate(candidate, frozen))
    worse = [
        f"{name} {after[name]:.3f} against {before[name]:.3f}" for name in before if after[name] < before[name] - MARGIN
    ]
    promoted = not worse
    reason = (
        f"not worse on the frozen set (F1 {before['f1']:.3f} → {after['f1']:.3f})"
        if promoted
        else f"worse: {', '.join(worse)}"
    )
    with db.write() as session:
        row = promotion.get(session, row.version)
        row.figures, row.reason = {"frozen": after, "labels": len(labels)}, reason
        session.add(row)
        if promoted:
            promotion.activate(session, row, by=by, now=now, reason=reason)
        session.add(
            Event(
                at=now,
                kind="classifier.retrained",
                actor=by,
                subject=f"classifier:{row.version}",
                data={"promoted": promoted, "reason": reason, "before": before, "after": after, "labels": len(labels)},
            )
        )
    return Outcome(row.version, promoted, reason, len(labels), before, after)


def _figures(report: Any) -> dict[str, float]:
    return {"f1": report.f1, "ap": report.average_precision}
