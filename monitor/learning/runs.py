"""Retrainings under way and past: one at a time over all processes, with a progress that everybody can read."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlmodel import Session, col

from models.clock import utcnow
from models.db import Database, DatabaseError
from models.evidence import Event
from models.retraining import Retraining
from monitor.errors import SheriffwatchError

log = structlog.get_logger()

LEASE = timedelta(minutes=3)
"""A retraining whose process has been silent for so long is given up, and another may begin."""
BEAT_S = 15.0
_BROKEN_OFF = "It was broken off: its process ended before it was done. The classifier on duty is the one from before."


def claim(db: Database, *, by: str, now: datetime) -> Retraining:
    """Begin a retraining in the record. Raises SheriffwatchError when one runs already, in whatever process."""
    with db.write() as session:
        _end_silent_ones(session)
        other = session.execute(sa.select(Retraining).where(col(Retraining.ended_at).is_(None))).scalar()
        if other is not None:
            raise SheriffwatchError(_runs_already(other))
    run = Retraining(begun_by=by, begun_at=now, seen_at=utcnow(), stage="beginning")
    try:
        with db.write() as session:
            session.add(run)
    except sa.exc.IntegrityError:
        raise SheriffwatchError("A retraining has just begun elsewhere. Wait until it is done.") from None
    return run


@contextmanager
def carried(db: Database, run_id: int, *, by: str, now: datetime) -> Iterator[Callable[[str], None]]:
    """Keep a claimed retraining alive while the block runs; the block is handed a function that tells the stage.

    When the block raises, the retraining has failed, and that is an event; else :func:`finish` must have been called.
    """
    over = threading.Event()
    beating = threading.Thread(target=_beat, args=(db, run_id, over), daemon=True)
    beating.start()
    try:
        yield lambda stage: _say(db, run_id, stage=stage)
    except BaseException as error:
        fail(db, run_id, sentence_of(error), by=by, now=now)
        raise
    finally:
        over.set()
        beating.join()


def finish(
    session: Session, run_id: int, *, version: str, promoted: bool, sentence: str, report: dict[str, Any]
) -> None:
    """Write down what a retraining came to, within the write that promotes the candidate."""
    session.execute(
        sa.update(Retraining)
        .where(col(Retraining.id) == run_id)
        .values(
            ended_at=utcnow(),
            failed=False,
            version=version,
            promoted=promoted,
            sentence=sentence,
            report=report,
            stage="done",
            seen_at=utcnow(),
        ),
        execution_options={"synchronize_session": False},
    )


def fail(db: Database, run_id: int, sentence: str, *, by: str, now: datetime) -> None:
    """Write down that a retraining failed, and why; once."""
    with db.write() as session:
        ended = session.connection().execute(
            sa.update(Retraining)
            .where(col(Retraining.id) == run_id, col(Retraining.ended_at).is_(None))
            .values(ended_at=utcnow(), failed=True, sentence=sentence, stage="failed")
        )
        if ended.rowcount:
            session.add(Event(at=now, kind="classifier.training_failed", actor=by, data={"error": sentence[:500]}))


def break_off(db: Database, run_id: int, why: str = "") -> None:
    """Write down that the process of a retraining ended before it was done."""
    fail(db, run_id, f"{_BROKEN_OFF} {why}".strip(), by="", now=utcnow())


def under_way(session: Session) -> Retraining | None:
    """The retraining that runs now, in whatever process."""
    return session.execute(
        sa.select(Retraining).where(col(Retraining.ended_at).is_(None), col(Retraining.seen_at) > utcnow() - LEASE)
    ).scalar()


def last(session: Session) -> Retraining | None:
    """The newest retraining that has ended, well or not."""
    return session.execute(
        sa.select(Retraining).where(col(Retraining.ended_at).is_not(None)).order_by(col(Retraining.id).desc()).limit(1)
    ).scalar()


def of_version(session: Session, version: str) -> Retraining | None:
    """The newest retraining that made this version."""
    return session.execute(
        sa.select(Retraining)
        .where(col(Retraining.version) == version, col(Retraining.ended_at).is_not(None))
        .order_by(col(Retraining.id).desc())
        .limit(1)
    ).scalar()


def sentence_of(error: BaseException) -> str:
    """What to tell people of a fault: our own sentence, or that it is a fault of ours."""
    if isinstance(error, SheriffwatchError | DatabaseError):
        return str(error)
    if isinstance(error, MemoryError):
        return "There is not enough memory to train. The classifier on duty goes on working."
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return _BROKEN_OFF
    return f"A fault of ours ({type(error).__name__}); the log has it. The classifier on duty goes on working."


def _runs_already(other: Retraining) -> str:
    who = f" by {other.begun_by}" if other.begun_by else ""
    return (
        f"A retraining runs already, begun{who} at {other.begun_at:%H:%M} UTC ({other.stage}). Wait until it is done."
    )


def _end_silent_ones(session: Session) -> None:
    session.execute(
        sa.update(Retraining)
        .where(col(Retraining.ended_at).is_(None), col(Retraining.seen_at) <= utcnow() - LEASE)
        .values(ended_at=utcnow(), failed=True, sentence=_BROKEN_OFF, stage="failed"),
        execution_options={"synchronize_session": False},
    )


def _say(db: Database, run_id: int, **values: Any) -> None:
    with db.write() as session:
        session.execute(
            sa.update(Retraining).where(col(Retraining.id) == run_id).values(seen_at=utcnow(), **values),
            execution_options={"synchronize_session": False},
        )


def _beat(db: Database, run_id: int, over: threading.Event) -> None:
    while not over.wait(BEAT_S):
        try:
            _say(db, run_id)
        except (DatabaseError, sa.exc.SQLAlchemyError) as error:  # the next beat may come through
            log.warning("retraining.beat_failed", error=str(error)[:200])
