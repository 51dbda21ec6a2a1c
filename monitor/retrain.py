"""The way back: agreed verdicts become examples, a candidate is trained, and it goes on duty only if it is not worse."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

import classifier
from classifier import Example
from models.account import Account
from models.classifier import ClassifierVersion
from models.db import Database
from models.evidence import Event
from models.post import Post, PostVersion
from models.review import Verdict
from monitor.config import Config
from monitor.errors import SheriffwatchError
from monitor.review.verdicts import agreed, in_force
from monitor.scoring import TEST_PLATFORM
from monitor.versions import active, active_row

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
    directory = config.folder / config.classifier.directory
    saved = classifier.save(trained, directory)
    candidate = classifier.load(saved.path, sha256=saved.sha256)
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
        row = _row(session, saved.version)
        if row is None:
            row = ClassifierVersion(version=saved.version, sha256=saved.sha256, queue_threshold=0, alert_threshold=0)
            session.add(row)
        row.path, row.sha256 = str(saved.path), saved.sha256
        row.queue_threshold, row.alert_threshold = candidate.thresholds.queue, candidate.thresholds.alert
        row.figures = {"frozen": after, "labels": len(labels)}
        row.parent, row.trained_at, row.trained_by, row.reason = duty.version, now, by, reason
        session.flush()
        if promoted:
            _activate(session, row, by=by, now=now)
        session.add(
            Event(
                at=now,
                kind="classifier.retrained",
                actor=by,
                subject=f"classifier:{row.version}",
                data={"promoted": promoted, "reason": reason, "before": before, "after": after, "labels": len(labels)},
            )
        )
    return Outcome(saved.version, promoted, reason, len(labels), before, after)


def promote(db: Database, version: str, *, by: str, now: datetime) -> ClassifierVersion:
    """Put a version on duty. Running processes take it up at their next pass."""
    with db.write() as session:
        row = _row(session, version)
        if row is None:
            raise SheriffwatchError(f"There is no version “{version}”. “sheriffwatch classifier list” shows them.")
        if row.path and not Path(row.path).is_file():
            raise SheriffwatchError(f"The artifact of {version} is not at {row.path} any more.")
        _activate(session, row, by=by, now=now)
    return row


def rollback(db: Database, *, by: str, now: datetime) -> ClassifierVersion:
    """Put the version back on duty that was on duty before this one."""
    with db.read() as session:
        current = active_row(session)
        before = session.execute(
            sa.select(ClassifierVersion)
            .where(
                col(ClassifierVersion.activated_at).is_not(None),
                col(ClassifierVersion.id) != (current.id if current else 0),
            )
            .order_by(col(ClassifierVersion.activated_at).desc())
            .limit(1)
        ).scalar()
    if before is None:
        raise SheriffwatchError("There is no earlier version to go back to.")
    return promote(db, before.version, by=by, now=now)


def versions(session: Session) -> list[ClassifierVersion]:
    """All versions, the newest first."""
    return list(session.execute(sa.select(ClassifierVersion).order_by(col(ClassifierVersion.id).desc())).scalars())


def _activate(session: Session, row: ClassifierVersion, *, by: str, now: datetime) -> None:
    current = active_row(session)
    if current is not None and current.id != row.id:
        current.status = "retired"
        session.add(current)
    row.status, row.activated_at = "active", now
    session.add(row)
    session.add(Event(at=now, kind="classifier.activated", actor=by, subject=f"classifier:{row.version}"))


def _row(session: Session, version: str) -> ClassifierVersion | None:
    return session.execute(sa.select(ClassifierVersion).where(col(ClassifierVersion.version) == version)).scalar()


def _figures(report: Any) -> dict[str, float]:
    return {"f1": report.f1, "ap": report.average_precision}
