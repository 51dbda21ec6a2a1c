"""Reading posts again with the version on duty, without crying out about old ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from classifier import ScoreValues
from models.account import Account
from models.classifier import ClassifierVersion, Score
from models.db import Database
from models.evidence import Event
from models.flag import Flag
from models.post import Post, PostVersion
from monitor.config import Config
from monitor.deletions import watch_for_deletion
from monitor.learning.flips import Flip, current_wordings
from monitor.scoring import queue_match, score_texts, store_scores
from monitor.versions import Active

_MOST_FLIPS = 1000


@dataclass
class Rescored:
    """What a rescoring did, or would do."""

    version: str
    texts: int = 0
    newly_flagged: int = 0
    no_longer: int = 0
    """Posts flagged before whose score fell under the threshold. Their flags stay: people may have decided on them."""
    over_alert: int = 0
    """Newly flagged ones that also reach the alert threshold."""
    alerts: int = 0
    """Posts for which alerts were queued: none unless asked."""
    dry_run: bool = False
    flips: list[Flip] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON."""
        return {**self.__dict__, "flips": [flip.to_dict() for flip in self.flips]}


def rescore(
    db: Database,
    config: Config,
    duty: Active,
    *,
    since: datetime | None,
    by: str,
    now: datetime,
    dry_run: bool = False,
    alert: bool = False,
) -> Rescored:
    """Score the current wording of each post since a moment with the version on duty, and flag what now reaches the
    queue threshold. With ``dry_run`` nothing is stored. Alerts are queued only with ``alert``.

    Each batch is a transaction of its own, scores and flags together, so that no other process sees a score without
    its flag and takes the post for a new one. Again changes nothing.
    """
    done = Rescored(duty.version, dry_run=dry_run)
    with db.read() as session:
        for rows in current_wordings(session, since=since):
            values = score_texts(duty, [version.readable() for _, _, version in rows])
            before = _decisions(session, [version.id or 0 for _, _, version in rows], duty)
            flagged = _flagged(session, [post.id or 0 for post, _, _ in rows])
            fresh = []
            for (post, account, version), value in zip(rows, values, strict=True):
                over = value.probability >= duty.queue_threshold
                was_flagged, was = before.get(version.id or 0, (False, 0.0))
                was_flagged = was_flagged or post.id in flagged
                if over != was_flagged:
                    _count(done, post, account, version, was, value, duty)
                if over and post.id not in flagged:
                    fresh.append((post, version, value))
            done.texts += len(rows)
            if not dry_run:
                done.alerts += _store(db, config, duty, rows, values, fresh, alert=alert, now=now)
    if not dry_run:
        with db.write() as session:
            data = {"texts": done.texts, "newly_flagged": done.newly_flagged, "no_longer": done.no_longer}
            session.add(
                Event(
                    at=now,
                    kind="posts.rescored",
                    actor=by,
                    subject=f"classifier:{duty.version}",
                    data={**data, "alerts": done.alerts, "since": since.isoformat() if since else None},
                )
            )
    return done


def _count(
    done: Rescored, post: Post, account: Account, version: PostVersion, was: float, value: ScoreValues, duty: Active
) -> None:
    over = value.probability >= duty.queue_threshold
    done.newly_flagged += over
    done.no_longer += not over
    done.over_alert += value.probability >= duty.alert_threshold
    if len(done.flips) < _MOST_FLIPS:
        name = account.name or account.address
        done.flips.append(Flip(post.id or 0, name, version.readable(), was, value.probability, over))


def _decisions(session: Session, version_ids: Sequence[int], duty: Active) -> dict[int, tuple[bool, float]]:
    """What was decided of each wording before: by the latest score, of another version if there is one."""
    rows = session.execute(
        sa.select(
            col(Score.post_version_id),
            col(Score.probability),
            col(ClassifierVersion.queue_threshold),
            col(ClassifierVersion.id),
        )
        .join(ClassifierVersion, col(ClassifierVersion.id) == col(Score.classifier_version_id))
        .where(col(Score.post_version_id).in_(version_ids))
        .order_by(col(ClassifierVersion.id) != duty.row_id, col(Score.id))
    )
    decided = {}
    for post_version_id, probability, threshold, classifier_version_id in rows:
        limit = duty.queue_threshold if classifier_version_id == duty.row_id else threshold
        decided[post_version_id] = (probability >= limit, probability)
    return decided


def _flagged(session: Session, post_ids: Sequence[int]) -> set[int]:
    query = sa.select(col(Flag.post_id)).where(col(Flag.post_id).in_(post_ids), col(Flag.origin) != "audit")
    return set(session.execute(query).scalars())


def _store(
    db: Database,
    config: Config,
    duty: Active,
    rows: Sequence[tuple[Post, Account, PostVersion]],
    values: Sequence[ScoreValues],
    fresh: Sequence[tuple[Post, PostVersion, ScoreValues]],
    *,
    alert: bool,
    now: datetime,
) -> int:
    alerts = 0
    with db.write() as session:
        store_scores(session, duty, [version for _, _, version in rows], values)
        session.flush()
        score_ids: dict[int, int | None] = dict(
            session.execute(
                sa.select(col(Score.post_version_id), col(Score.id)).where(
                    col(Score.classifier_version_id) == duty.row_id,
                    col(Score.post_version_id).in_([version.id for _, version, _ in fresh]),
                )
            ).all()
        )
        known = set(
            session.execute(
                sa.select(col(Flag.post_id)).where(col(Flag.post_id).in_([post.id for post, _, _ in fresh]))
            ).scalars()
        )
        for post, version, value in fresh:
            if post.id in known:
                continue
            raised = Flag(
                post_id=post.id or 0,
                score_id=score_ids.get(version.id or 0),
                probability=value.probability,
                created_at=now,
            )
            session.add(raised)
            session.flush()
            watch_for_deletion(session, post.id or 0, now)
            if alert and value.probability >= duty.alert_threshold:
                queue_match(session, config, raised, now=now)
                alerts += 1
    return alerts
