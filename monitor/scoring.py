"""Scoring posts and flagging what a person should look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from classifier import ScoreValues
from models.account import Account
from models.classifier import Score
from models.db import Database
from models.flag import Flag
from models.post import Authorship, Post, PostVersion
from monitor import noise
from monitor.config import Config
from monitor.deletions import watch_for_deletion
from monitor.versions import Active

BATCH = 500
FLAGS_AT_ONCE = 200
TEST_PLATFORM = "test"
"""The platform of the account that ``send-test`` posts under: no source reads it."""


def score(db: Database, active: Active, *, limit: int | None = None) -> int:
    """Score each wording the active classifier has not read yet. Returns how many; again gives 0."""
    done = 0
    while limit is None or done < limit:
        with db.read() as session:
            batch = (
                session.execute(
                    sa.select(PostVersion)
                    .where(col(PostVersion.pending_score))
                    .order_by(col(PostVersion.id))
                    .limit(BATCH)
                )
                .scalars()
                .all()
            )
        if not batch:
            return done
        values = score_texts(active, [version.readable() for version in batch])
        with db.write() as session:
            store_scores(session, active, batch, values)
        done += len(batch)
    return done


def score_texts(active: Active, texts: Sequence[str]) -> list[ScoreValues]:
    """Score texts, with the exact explanation for those a person is going to see."""
    values = active.classifier.score(list(texts))
    return [
        active.classifier.explain(text) if value.probability >= active.queue_threshold else value
        for text, value in zip(texts, values, strict=True)
    ]


def store_scores(
    session: Session, active: Active, versions: Sequence[PostVersion], values: Sequence[ScoreValues]
) -> None:
    """Write the scores of these wordings; a wording this classifier version has already scored keeps its score."""
    ids = [version.id for version in versions]
    scored = set(
        session.execute(
            sa.select(col(Score.post_version_id)).where(
                col(Score.classifier_version_id) == active.row_id, col(Score.post_version_id).in_(ids)
            )
        ).scalars()
    )
    session.add_all(
        score_row(active, version.id or 0, value)
        for version, value in zip(versions, values, strict=True)
        if version.id not in scored
    )
    session.execute(
        sa.update(PostVersion).where(col(PostVersion.id).in_(ids)).values(pending_score=False),
        execution_options={"synchronize_session": False},
    )


def score_row(active: Active, version_id: int, value: ScoreValues) -> Score:
    """The row for what the classifier said of one wording."""
    start, end = value.passage or (None, None)
    return Score(
        post_version_id=version_id,
        classifier_version_id=active.row_id,
        probability=value.probability,
        themes=dict(value.themes),
        theme_list=list(value.theme_list),
        reasons=list(value.reasons),
        lang=value.lang,
        passage_start=start,
        passage_end=end,
        explanation=value.to_dict()["contributions"],
    )


@dataclass(frozen=True)
class Flagged:
    """One flag just raised."""

    flag_id: int
    post_id: int
    account_id: int
    alerted: bool


def flag(db: Database, active: Active, config: Config, *, now: datetime, old_posts: bool = False) -> list[Flagged]:
    """Flag each post whose newest score reaches the queue threshold, and queue alerts for those above the alert
    threshold. A post is flagged once; again gives an empty list.

    Posts of an account's first poll are flagged but alert only when ``poll.alert_on_backfill`` or ``old_posts`` say so.
    A flood is written in several transactions, so that nobody else waits long.
    """
    flagged: list[Flagged] = []
    while some := _flag_some(db, active, config, now=now, old_posts=old_posts):
        flagged += some
    return flagged


def _flag_some(db: Database, active: Active, config: Config, *, now: datetime, old_posts: bool) -> list[Flagged]:
    with db.write() as session:
        rows = session.execute(
            sa.select(
                col(Score.id).label("score_id"),
                col(Score.probability),
                col(Post.id).label("post_id"),
                col(Post.account_id),
                col(Post.backfilled),
                col(Account.muted_until),
                col(Account.platform),
                col(Flag.id).label("audit_id"),
            )
            .join(PostVersion, col(PostVersion.id) == col(Score.post_version_id))
            .join(Post, col(Post.current_version_id) == col(PostVersion.id))
            .join(Account, col(Account.id) == col(Post.account_id))
            .outerjoin(Flag, col(Flag.post_id) == col(Post.id))
            .where(
                col(Score.classifier_version_id) == active.row_id,
                col(Score.probability) >= active.queue_threshold,
                sa.or_(col(Flag.id).is_(None), col(Flag.origin) == "audit"),
                col(Post.authorship) != Authorship.SHARED,
            )
            .order_by(col(Post.posted_at), col(Post.id))
            .limit(FLAGS_AT_ONCE)
        ).all()
        flagged = []
        for row in rows:
            # A post drawn for the audit bears a flag already; an edit that makes it a match takes that flag over.
            raised = session.get_one(Flag, row.audit_id) if row.audit_id else Flag(post_id=row.post_id, probability=0)
            raised.score_id, raised.probability, raised.created_at = row.score_id, row.probability, now
            raised.origin = "test" if row.platform == TEST_PLATFORM else "classifier"
            session.add(raised)
            session.flush()
            backfill_ok = old_posts or config.poll.alert_on_backfill or not row.backfilled
            muted = row.muted_until is not None and row.muted_until > now
            alerted = row.probability >= active.alert_threshold and backfill_ok and not muted
            alerted = alerted and queue_match(session, config, raised, now=now)
            watch_for_deletion(session, row.post_id, now)
            flagged.append(Flagged(raised.id or 0, row.post_id, row.account_id, alerted))
    return flagged


def queue_match(session: Session, config: Config, flag: Flag, *, now: datetime) -> bool:
    """Put the alerts for this flag into the outbox, where it belongs. False when it waits for a digest or another
    alert speaks for it.
    """
    return noise.place_match(session, config, flag, now=now) > 0
