"""``sheriffwatch init``, ``doctor``, ``db upgrade``, ``backup``, ``restore`` and ``version``"""

import sqlite3
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

import monitor
from models.clock import utcnow
from models.db import SCHEMA, DatabaseError, open_db, upgrade
from monitor import doctor as examination
from monitor.cli import app
from monitor.cli.common import ConfigOption, JsonOption, out, print_json, print_table, run_async, workspace
from monitor.config import DEFAULT_FILE, load
from monitor.errors import SheriffwatchError, UsageError
from monitor.schedule import RunLock

database = typer.Typer(help="The database.", no_args_is_help=True)
app.add_typer(database, name="db")


@app.command("init")
def init(
    config: ConfigOption = None,
) -> None:
    """Write config.toml and make the database. Asks nothing; nothing that exists is overwritten."""
    file = config or DEFAULT_FILE
    if file.exists():
        out.print(f"{file} exists and stays as it is.", markup=False)
    else:
        try:
            file.write_text(example_config(), "utf-8")
            file.chmod(0o600)
        except OSError as error:
            raise SheriffwatchError(f"{file} cannot be written: {error.strerror}.") from None
        out.print(f"Wrote {file}.", markup=False)
    with workspace(file) as space:
        out.print(f"The database is {space.db.path or 'PostgreSQL'}, schema {SCHEMA}.", markup=False)
    out.print("Next: sheriffwatch account add PLATFORM HANDLE_OR_URL, then sheriffwatch poll --once.")


def example_config() -> str:
    """The text of ``config.example.toml``, from the checkout or from the installed package."""
    beside = Path(monitor.__file__).parent.parent / "config.example.toml"
    if beside.is_file():
        return beside.read_text("utf-8")
    return resources.files("monitor").joinpath("config.example.toml").read_text("utf-8")


@app.command("doctor")
def doctor(config: ConfigOption = None, json_: JsonOption = False) -> None:
    """Look over configuration, database, tokens, clock, disk and SQLite; say what to do about each."""
    with workspace(config) as space:
        findings = run_async(lambda: examination.examine(space.db, space.config, now=utcnow()))
    if json_:
        print_json(findings)
    else:
        print_table("Doctor", ["", "what", "finding"], ((f.level, f.what, f.sentence) for f in findings))
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(1)


@app.command("version")
def version(json_: JsonOption = False) -> None:
    """The release and the schema it needs."""
    if json_:
        print_json({"version": monitor.__version__, "schema": SCHEMA})
    else:
        out.print(f"sheriffwatch {monitor.__version__}, schema {SCHEMA}")


@database.command("upgrade")
def db_upgrade(config: ConfigOption = None) -> None:
    """Bring the database to this release's schema."""
    db = open_db(load(config).database_url, migrate=False)
    try:
        before = upgrade(db)
    finally:
        db.close()
    out.print(f"Schema {SCHEMA}." if before is None else f"Schema {before} → {SCHEMA}.")


@app.command("backup")
def backup(file: Annotated[Path, typer.Argument()], config: ConfigOption = None) -> None:
    """Copy the SQLite database into FILE while everything goes on."""
    if file.exists():
        raise UsageError(f"{file} exists; give a new file name.")
    with workspace(config) as space:
        if space.db.path is None:
            raise UsageError("PostgreSQL is backed up with pg_dump; “sheriffwatch backup” is for SQLite.")
        part = file.with_name(file.name + ".part")
        try:
            with sqlite3.connect(space.db.path) as source, sqlite3.connect(part) as target:
                source.backup(target)
                sound = target.execute("PRAGMA integrity_check").fetchone()[0]
            target.close()
            source.close()
            if sound != "ok":
                raise SheriffwatchError(f"The copy is not sound ({sound}); the database may be damaged.")
            part.chmod(0o600)
            part.rename(file)
        except (OSError, sqlite3.Error) as error:
            raise SheriffwatchError(f"{file} cannot be written: {error}.") from None
        finally:
            part.unlink(missing_ok=True)
    out.print(f"Backed up to {file} ({file.stat().st_size:,} bytes).", markup=False)


@app.command("restore")
def restore(file: Annotated[Path, typer.Argument()], config: ConfigOption = None) -> None:
    """Put a backup in the place of the database; the old file is kept beside it."""
    settings = load(config)
    if not settings.database_url.startswith("sqlite:///"):
        raise UsageError("PostgreSQL is restored with pg_restore; “sheriffwatch restore” is for SQLite.")
    place = Path(settings.database_url.removeprefix("sqlite:///"))
    _check_backup(file)
    if place.exists():
        db = open_db(settings.database_url, migrate=False)
        lock = RunLock(db)
        if not lock.acquire():
            raise SheriffwatchError(f"sheriffwatch is running on {place} ({lock.holder()}); stop it first.")
        db.close()
        aside = place.with_name(f"{place.name}.before-restore-{utcnow():%Y%m%dT%H%M%S}")
        place.rename(aside)
        for suffix in ("-wal", "-shm"):
            place.with_name(place.name + suffix).unlink(missing_ok=True)
        out.print(f"The old database is kept as {aside}.", markup=False)
        lock.release()
    with sqlite3.connect(file) as source, sqlite3.connect(place) as target:
        source.backup(target)
    target.close()
    source.close()
    place.chmod(0o600)
    with workspace(config):
        out.print(f"Restored {place} from {file}.", markup=False)


def _check_backup(file: Path) -> None:
    if not file.is_file():
        raise UsageError(f"{file} is not a file.")
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        connection.execute("SELECT version_num FROM alembic_version").fetchone()
        if connection.execute("PRAGMA quick_check").fetchone()[0] != "ok":
            raise DatabaseError(f"{file} is damaged; nothing was changed.")
    except sqlite3.DatabaseError:
        raise DatabaseError(f"{file} is no sheriffwatch backup; nothing was changed.") from None
    finally:
        connection.close()
