"""Asking the database something for so long and no longer."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session

_STEPS = 500
"""Steps of SQLite's machine between two looks at the clock: tens of microseconds, where no step looks for a phrase."""


@dataclass
class Patience:
    """Whether the time was up."""

    spent: bool = False


@contextmanager
def patience(session: Session, seconds: float) -> Iterator[Patience]:
    """Break off what the block asks of the database after so many seconds; the block ends there, without an error.

    With ``math.inf`` nothing is broken off.
    """
    told = Patience()
    if math.isinf(seconds):
        yield told
        return
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        driver = connection.connection.driver_connection
        assert driver is not None
        end = time.monotonic() + seconds
        driver.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
        try:
            yield told
        except sa.exc.OperationalError as error:
            if "interrupted" not in str(error.orig):
                raise
            told.spent = True
        finally:
            driver.set_progress_handler(None, 0)
        return
    # What is broken off would take the whole transaction with it, and so would the limit stay.
    limit = f"SET LOCAL statement_timeout = {max(1, round(seconds * 1000))}"
    connection.exec_driver_sql(f"SAVEPOINT patience; {limit}")
    try:
        yield told
    except BaseException as error:
        if not connection.invalidated:  # a connection that was lost has nothing to go back to
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT patience")
        if not (isinstance(error, sa.exc.OperationalError) and getattr(error.orig, "sqlstate", "") == "57014"):
            raise
        told.spent = True
    else:
        connection.exec_driver_sql("SET LOCAL statement_timeout TO DEFAULT; RELEASE SAVEPOINT patience")
