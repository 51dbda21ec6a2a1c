"""A retraining in a process of its own, so that pages, polling and Slack go on undisturbed."""

import asyncio
import multiprocessing
import os
import threading
from collections.abc import Callable
from datetime import datetime
from multiprocessing.context import SpawnProcess

from models.clock import utcnow
from models.db import Database, open_db
from models.retraining import Retraining
from monitor.config import Config
from monitor.errors import SheriffwatchError
from monitor.learning import labels, runs


def begin(db: Database, config: Config, *, by: str, now: datetime) -> Retraining:
    """Begin a retraining in the background and return at once: for a button on the page, a command in Slack.

    ``by`` is the person who asks; that they may is for the caller to see to. How far it is stands in
    ``runs.under_way``, what it came to in ``runs.last``; every channel that is set up is told by the retraining itself.
    Raises SheriffwatchError with a sentence when one runs already or there are too few labels.
    """
    needed = config.learning.least_labels
    with db.read() as session:
        if not labels.plenty(session, needed):  # the retraining itself looks again, exactly
            labels.check_enough(labels.gather(session, config.learning), needed)
    run = runs.claim(db, by=by, now=now)
    process = _start(config, by, run.id or 0)
    threading.Thread(target=_see_to_the_end, args=(db, process, run.id or 0), daemon=True).start()
    return run


async def retrain_apart(db: Database, config: Config, *, by: str, stopping: Callable[[], bool]) -> None:
    """Retrain and wait for its end; given up when this process is to stop. Does nothing when one runs already."""
    try:
        run = runs.claim(db, by=by, now=utcnow())
    except SheriffwatchError:
        return
    process = _start(config, by, run.id or 0)
    while process.is_alive():
        if stopping():
            process.terminate()
        await asyncio.sleep(0.2)
    await asyncio.to_thread(_see_to_the_end, db, process, run.id or 0)


def _start(config: Config, by: str, run_id: int) -> SpawnProcess:
    process = multiprocessing.get_context("spawn").Process(
        target=_retrain, args=(config.for_another_process(), by, run_id), daemon=True
    )
    process.start()
    return process


def _see_to_the_end(db: Database, process: SpawnProcess, run_id: int) -> None:
    process.join()
    code = process.exitcode
    process.close()
    if code:
        runs.break_off(db, run_id, f"(Signal {-code}.)" if code < 0 else "")


def _retrain(config: Config, by: str, run_id: int) -> None:
    from monitor.retrain import retrain

    os.nice(10)
    db = open_db(config.database_url)
    try:
        retrain(db, config, by=by, now=utcnow(), run_id=run_id)
    except SheriffwatchError:
        pass  # stands in the record
    finally:
        db.close()
