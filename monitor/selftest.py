"""The test sentence, sent through score, flag and alert like any post."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from classifier import TEST_SENTENCE
from models.account import Account
from models.db import Database
from models.flag import Alert, AlertState, Flag
from models.post import FetchedPost
from monitor import keep, outbox, pipeline, scoring
from monitor.config import Config
from monitor.errors import SheriffwatchError
from monitor.keep import Brought
from monitor.sources import Reading
from monitor.versions import active


@dataclass(frozen=True)
class TestWalk:
    """How far the test sentence came."""

    post_id: int
    probability: float
    alerts: list[dict[str, Any]]

    @property
    def arrived(self) -> bool:
        """Whether every channel that is set up took the message."""
        return bool(self.alerts) and all(alert["state"] == AlertState.SENT for alert in self.alerts)


async def send_test(db: Database, config: Config, *, now: datetime) -> TestWalk:
    """Walk the test sentence through everything, and tell for each channel whether it arrived."""
    duty = active(db, config)
    with db.write() as session:
        account_id = _test_account(session, now)
        post = FetchedPost(external_id=f"test:{now.isoformat()}", text=TEST_SENTENCE, posted_at=now)
        (kept,) = keep.keep_readings(session, [Brought(account_id, Reading(posts=[post]), [], now)])
    post_id = kept.new[0]
    pipeline.score(db, duty)
    pipeline.flag(db, duty, config, now=now)
    with db.read() as session:
        flag = session.execute(sa.select(Flag).where(col(Flag.post_id) == post_id)).scalar()
    if flag is None:
        raise SheriffwatchError(
            "The test sentence was not flagged: the queue threshold is too high, or the classifier is not sound. "
            "“sheriffwatch explain” shows what it makes of a text."
        )
    try:
        await pipeline.alert(db, config, patience_s=10.0)
    finally:
        await outbox.close(config.ready_channels)
    with db.read() as session:
        alerts = session.execute(sa.select(Alert).where(col(Alert.flag_id) == flag.id)).scalars().all()
        walk = [{"channel": alert.channel, "state": alert.state, "error": alert.last_error} for alert in alerts]
    return TestWalk(post_id, flag.probability, walk)


def _test_account(session: Session, now: datetime) -> int:
    account = session.execute(sa.select(Account).where(col(Account.platform) == scoring.TEST_PLATFORM)).scalar()
    if account is None:
        account = Account(
            platform=scoring.TEST_PLATFORM, address="test", name="sheriffwatch test", added_at=now, paused_at=now
        )
        session.add(account)
        session.flush()
    assert account.id is not None
    return account.id
