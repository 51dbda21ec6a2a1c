"""What the tests share: fresh databases (SQLite always, PostgreSQL where it is installed) and a sample server."""

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from models.db import Database, open_db
from monitor.config import Config, load
from monitor.sample import SampleServer

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Recorded answers and evaluation data that may lie beside a checkout; tests that use them skip without them."""


def _postgres_bin() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    on_path = shutil.which("initdb")
    return found[0].parent if found else Path(on_path).parent if on_path else None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL of our own on a loopback port: its URL without a database name."""
    binaries = _postgres_bin()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="sheriffwatch-pg-"))
    run_as: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres")
        run_as = ["runuser", "-u", "postgres", "--"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    initdb = [*run_as, str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=60"
    control = [*run_as, str(binaries / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log")]
    subprocess.run([*initdb, "--locale=C.UTF-8"], check=True, capture_output=True, cwd=folder)
    subprocess.run([*control, "-o", options, "start"], check=True, capture_output=True, cwd=folder)
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True, cwd=folder)
        shutil.rmtree(folder, ignore_errors=True)


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
    if database_url.startswith("sqlite:///"):
        shutil.copy(migrated_sqlite, database_url.removeprefix("sqlite:///"))
    database = open_db(database_url)
    yield database
    database.close()


@pytest.fixture
def server() -> Iterator[SampleServer]:
    """The invented offices on a loopback port."""
    with SampleServer() as running:
        yield running


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
