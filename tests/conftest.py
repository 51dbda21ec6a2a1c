"""What the tests share: fresh databases (SQLite always, PostgreSQL where it is installed) and a sample server."""

import shutil
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

import classifier
from classifier import Classifier
from models.db import Database, open_db
from monitor.config import Config, load
from monitor.sample import SampleServer
from tests import postgres

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Recorded answers and evaluation data that may lie beside a checkout; tests that use them skip without them."""


@pytest.fixture(scope="session", autouse=True)
def bundled_classifier_read_once() -> Iterator[None]:
    """Reading the classifier that comes with the program takes longer than most tests; what has a path is read anew."""
    read = classifier.load
    bundled = cache(read)

    def load(path: Path | None = None, sha256: str | None = None) -> Classifier:
        return bundled() if path is None else read(path, sha256)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "load", load)
        yield


class OneDialect(SQLiteDialect_pysqlite):
    """SQLite's dialect, of which all engines have the same one: SQLAlchemy keeps what it compiled by the dialect."""

    only: ClassVar[Self | None] = None
    supports_statement_cache = True

    def __new__(cls, **_given: Any) -> Self:
        """The one that is there already."""
        cls.only = cls.only or super().__new__(cls)
        return cls.only

    def __init__(self, **given: Any) -> None:
        if not vars(self):
            super().__init__(**given)


@pytest.fixture(scope="session", autouse=True)
def statements_compiled_once() -> Iterator[None]:
    """Each test has an engine of its own, and the engines of a run share the statements that were compiled."""
    create, compiled = sa.create_engine, LRUCache(5000)

    def create_engine(url: sa.URL, **given: Any) -> sa.Engine:
        if sa.make_url(url).drivername == "sqlite":
            given["execution_options"] = {"compiled_cache": compiled}
        return create(url, **given)

    registry.register("sqlite", __name__, OneDialect.__name__)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sa, "create_engine", create_engine)
        yield
    registry.deregister("sqlite")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL of our own on a loopback port: its URL without a database name."""
    programs = postgres.binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    with postgres.cluster(programs) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of a fresh, empty PostgreSQL database."""
    name = f"test_{uuid.uuid4().hex}"
    admin = sa.create_engine(
        postgres_server.replace("postgresql:", "postgresql+psycopg:") + "/postgres", isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield f"{postgres_server}/{name}"
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database: each test that asks for it runs on SQLite, and on PostgreSQL in the slow suite."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with this release's schema, to copy: migrating once is enough for all tests."""
    file = tmp_path_factory.mktemp("schema") / "migrated.db"
    open_db(f"sqlite:///{file}").close()
    return file


@pytest.fixture
def db(database_url: str, migrated_sqlite: Path) -> Iterator[Database]:
    """An open, empty database."""
    file = database_url.removeprefix("sqlite:///") if database_url.startswith("sqlite:///") else ""
    if file:
        shutil.copy(migrated_sqlite, file)
    database = open_db(database_url, migrate=not file)
    if file:
        # Nobody needs this file after a power loss, and waiting for the disk is most of what a commit takes.
        sa.event.listen(database.engine, "connect", lambda opened, _: opened.execute("PRAGMA synchronous=OFF"))
    yield database
    database.close()


@pytest.fixture(scope="session")
def one_server() -> Iterator[SampleServer]:
    with SampleServer() as running:
        yield running


@pytest.fixture
def server(one_server: SampleServer) -> SampleServer:
    """The invented offices on a loopback port, as they are at the start."""
    one_server.reset()
    return one_server


@pytest.fixture
def config_file(tmp_path: Path, server: SampleServer, db: Database, database_url: str) -> Path:
    """A configuration that reads the sample server, polls without waiting, and alerts on what it finds at first.

    ``db`` is asked for so that the database stands before a command opens it.
    """
    file = tmp_path / "config.toml"
    file.write_text(
        f"""
[database]
url = "{database_url}"
[http]
allow_private = ["127.0.0.1:{server.port}"]
[poll]
interval_s = 1
alert_on_backfill = true
deletion_gap_s = 0
[sources.bluesky]
appview = "{server.url}"
"""
    )
    return file


@pytest.fixture
def config(config_file: Path) -> Config:
    """The loaded test configuration."""
    return load(config_file, environment={})
