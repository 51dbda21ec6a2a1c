"""Opening the database: SQLite by default, PostgreSQL by URL, brought to this release's schema."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, make_url
from sqlmodel import Session

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_S = 8.0
"""How long a writer waits for another before it gives up, in seconds."""

_WRITE = "sheriffwatch_write"


class DatabaseError(Exception):
    """The database cannot be used; the message says why and what to do."""


class Database:
    """One open database. ``read()`` and ``write()`` give sessions; a write session commits when its block ends."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writing = engine.execution_options(**{_WRITE: True})
        self._lock = _WriteLock(self.path)

    @property
    def path(self) -> Path | None:
        """The SQLite file, or None on PostgreSQL."""
        return Path(self.engine.url.database) if self.is_sqlite and self.engine.url.database else None

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a SQLite file."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading: sees one consistent state, blocks nobody, commits nothing."""
        with Session(self.engine, autoflush=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose block is one transaction: committed at its end, rolled back when it raises.

        On SQLite one process writes at a time. Raises DatabaseError when another holds the database for longer than
        ``BUSY_TIMEOUT_S``, or the disk is full.
        """
        with self._lock, Session(self._writing, expire_on_commit=False) as session:
            try:
                yield session
                session.commit()
            except sa.exc.OperationalError as error:
                session.rollback()
                raise DatabaseError(_sentence(error, self.path)) from error
            except sa.exc.DBAPIError as error:
                session.rollback()
                if error.connection_invalidated:
                    raise DatabaseError(
                        f"The database connection was lost ({_first_line(error)}). Try again."
                    ) from error
                raise

    def close(self) -> None:
        """Give back all connections. The last one to leave a SQLite file folds its write-ahead log in."""
        with self._lock:
            self.engine.dispose()


class _WriteLock:
    """One writer at a time, among the threads of this process and, for a SQLite file, among processes.

    SQLite before 3.51.3 can corrupt a file when two connections write and checkpoint at the same moment
    (https://sqlite.org/wal.html#walresetbug), and Debian 12 ships 3.40.1. Its own lock comes too late for that, so
    writers and the checkpoints at the end of their commits queue up here.
    """

    def __init__(self, path: Path | None) -> None:
        self._thread_lock = threading.RLock()
        self._path = path.with_name(path.name + ".write-lock") if path else None
        self._depth = 0
        self._file: int | None = None

    def __enter__(self) -> None:
        if not self._thread_lock.acquire(timeout=BUSY_TIMEOUT_S):
            raise DatabaseError("The database is busy: another task of this process is writing. Try again in a moment.")
        self._depth += 1
        if self._path is None or self._depth > 1:
            return
        try:
            self._file = lock_file(self._path, wait_s=BUSY_TIMEOUT_S)
        except BaseException:
            self._depth -= 1
            self._thread_lock.release()
            raise
        if self._file is None:
            self._depth -= 1
            self._thread_lock.release()
            raise DatabaseError(f"The database is busy: another process is writing to {self._path.name}. Try again.")

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0 and self._file is not None:
            os.close(self._file)
            self._file = None
        self._thread_lock.release()


def lock_file(path: Path, *, wait_s: float = 0.0) -> int | None:
    """Take an exclusive lock on ``path`` for as long as the returned descriptor is open; None if another holds it."""
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    give_up_at = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() >= give_up_at:
                os.close(descriptor)
                return None
            time.sleep(0.002)
        except BaseException:
            os.close(descriptor)
            raise


def open_db(url: str, *, migrate: bool = True) -> Database:
    """Open the database at ``url`` (``sqlite:///file.db`` or ``postgresql://…``) and bring its schema up to date.

    Raises DatabaseError when the URL is not understood, the database does not answer, or it was written by a newer
    release.
    """
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError:
        raise DatabaseError(
            "database.url is not a database URL. Use sqlite:///sheriffwatch.db or postgresql://user@host/name."
        ) from None
    if parsed.drivername == "sqlite":
        engine = _open_sqlite(parsed)
    elif parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        engine = _open_postgres(parsed)
    else:
        raise DatabaseError(
            f"database.url begins with “{parsed.drivername}”; only sqlite and postgresql are supported."
        )
    database = Database(engine)
    try:
        if migrate:
            upgrade(database)
    except BaseException:
        engine.dispose()
        raise
    return database


def upgrade(database: Database) -> str | None:
    """Run the migrations that are still missing. Returns the old schema number if there was work, else None."""
    current = schema_version(database)
    if current == SCHEMA:
        return None
    if current > SCHEMA:
        raise DatabaseError(
            f"The database has schema {current}, and this release of sheriffwatch knows {SCHEMA}: "
            "a newer release wrote it. Install that release, or restore a backup."
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database._lock, database._writing.begin() as connection:
        _serialise_upgrades(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return current or "none"


def schema_version(database: Database) -> str:
    """The schema number of the database, empty when it is new. Raises DatabaseError if it is unreachable."""
    try:
        with database.engine.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return ""
            return str(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() or "")
    except sa.exc.DBAPIError as error:
        raise DatabaseError(_sentence(error, database.path)) from error


def _head() -> str:
    return max(file.name[:4] for file in (MIGRATIONS / "versions").glob("[0-9][0-9][0-9][0-9]_*.py"))


SCHEMA = _head()
"""The schema number this release needs: the number of the last migration."""


def _open_sqlite(url: sa.URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise DatabaseError("database.url needs a file name: sqlite:///sheriffwatch.db.")
    path = Path(url.database)
    try:
        # Posts under review and the list of watched offices are nobody else's business.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise DatabaseError(f"The database {path} cannot be opened: {error.strerror}. Check database.url.") from None
    engine = sa.create_engine(
        url, connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}, json_deserializer=_read_json
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: pysqlite's own begins too late for DDL and reads
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "mmap_size=0"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get(_WRITE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _open_postgres(url: sa.URL) -> Engine:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise DatabaseError("PostgreSQL needs the extra: pip install 'sheriffwatch[postgres]'.") from None
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=5, json_deserializer=_read_json
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # Queries are short and depend much on what they ask for: compiling one, sharing it among processes, or planning
        # it for any value costs more than it saves. In memory, a page of an index costs what one in a row does.
        wanted = {
            "jit": "off",
            "plan_cache_mode": "force_custom_plan",
            "random_page_cost": "1.1",
            "max_parallel_workers_per_gather": "0",
        }
        settings = (f"set_config('{name}', '{value}', false)" for name, value in wanted.items())
        connection.execute(f"SELECT {', '.join(settings)}")
        connection.commit()

    return engine


def _read_json(text: str | bytes) -> Any:
    """Most columns of JSON hold nothing, and there are several in a row."""
    return [] if text in ("[]", b"[]") else {} if text in ("{}", b"{}") else json.loads(text)


def _serialise_upgrades(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(7231984)"))


def _first_line(error: sa.exc.DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__


def _sentence(error: sa.exc.DBAPIError, path: Path | None) -> str:
    cause = _first_line(error)
    where = f"The database {path}" if path else "The database"
    if "locked" in cause:
        return f"{where} is busy: another process is using it. Try again in a moment."
    if "full" in cause or "No space" in cause:
        return f"{where} could not be written: the disk is full. Nothing stored is lost; free some space and try again."
    if "not a database" in cause or "malformed" in cause:
        return (
            f"{where} is damaged or not a database ({cause}). Restore a backup, or choose another file in database.url."
        )
    return f"{where} cannot be used: {cause}."
