"""Looking everything over before it hurts: configuration, database, tokens, clock, disk, SQLite's version."""

import shutil
import sqlite3
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import col

from models.db import SCHEMA, Database, schema_version
from models.evidence import Capture
from monitor.config import Config
from monitor.errors import SheriffwatchError
from monitor.versions import active

_FREE_SHARE = 0.10
_CLOCK_OFF_S = 300.0


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    what: str
    level: str
    """``ok``, ``warning`` or ``error``."""
    sentence: str


async def examine(db: Database, config: Config, *, now: datetime) -> list[Finding]:
    """Look everything over. Changes nothing, asks only the channels that are set up."""
    findings = [_database(db), _sqlite(db), _synchronous(db), _disk(db), _clock(db), _classifier(db, config)]
    for name, channel in config.ready_channels.items():
        faults = await channel.check()
        findings += [Finding(f"channel {name}", "error", fault) for fault in faults]
        if not faults:
            findings.append(Finding(f"channel {name}", "ok", "is set up."))
    return findings


def _database(db: Database) -> Finding:
    version = schema_version(db)
    return Finding("database", "ok" if version == SCHEMA else "error", f"has schema {version} of {SCHEMA}.")


def _sqlite(db: Database) -> Finding:
    version = sqlite3.sqlite_version
    if not db.is_sqlite:
        return Finding("SQLite", "ok", "is not used.")
    if sqlite3.sqlite_version_info < (3, 51, 3):
        return Finding(
            "SQLite",
            "warning",
            f"is {version}; releases before 3.51.3 can corrupt a file that two processes write at the same moment "
            "(sqlite.org/wal.html#walresetbug). sheriffwatch lets one write at a time: let no other program write to "
            "the file, and use PostgreSQL for several workers.",
        )
    return Finding("SQLite", "ok", f"is {version}.")


def _synchronous(db: Database) -> Finding:
    if not db.is_sqlite:
        return Finding("durability", "ok", "is PostgreSQL's own.")
    with db.engine.connect() as connection:
        level = connection.execute(sa.text("PRAGMA synchronous")).scalar()
        journal = connection.execute(sa.text("PRAGMA journal_mode")).scalar()
    good = level == 2 and journal == "wal"
    return Finding(
        "durability", "ok" if good else "error", f"synchronous={level}, journal_mode={journal} (wanted 2, wal)."
    )


def _disk(db: Database) -> Finding:
    usage = shutil.disk_usage(db.path.parent if db.path else ".")
    free = usage.free / usage.total
    sentence = f"{usage.free / 1e9:.1f} GB free ({free:.0%})."
    if free < _FREE_SHARE:
        return Finding("disk", "warning", f"{sentence} Below 10 %: make room, or polling stops when it is full.")
    return Finding("disk", "ok", sentence)


def _clock(db: Database) -> Finding:
    """Compare our clock with the Date headers of the last answers, as platforms' clocks are right."""
    with db.read() as session:
        rows = session.execute(
            sa.select(col(Capture.headers), col(Capture.answered_at)).order_by(col(Capture.id).desc()).limit(20)
        ).all()
    from email.utils import parsedate_to_datetime

    offsets = []
    for headers, answered_at in rows:
        for key, value in headers:
            if key.lower() == "date":
                try:
                    offsets.append(abs((answered_at - parsedate_to_datetime(value)).total_seconds()))
                except (ValueError, TypeError):
                    continue
    if not offsets:
        return Finding("clock", "ok", "no answers yet to compare it with.")
    off_s = sorted(offsets)[len(offsets) // 2]
    if off_s > _CLOCK_OFF_S:
        return Finding(
            "clock", "error", f"is {off_s:.0f} s off the platforms' clocks: set it, or Slack refuses signatures."
        )
    return Finding("clock", "ok", f"agrees with the platforms within {off_s:.0f} s.")


def _classifier(db: Database, config: Config) -> Finding:
    try:
        duty = active(db, config)
    except SheriffwatchError as error:
        return Finding("classifier", "error", str(error))
    return Finding(
        "classifier",
        "ok",
        f"is {duty.version}: queue at {duty.queue_threshold:.2f}, alert at {duty.alert_threshold:.2f}.",
    )
