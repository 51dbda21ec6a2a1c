"""What all commands share: their options, the open workspace, and how they print."""

import asyncio
import dataclasses
import json
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.db import Database, open_db
from monitor.config import Config, load
from monitor.errors import UsageError
from monitor.http import Web
from monitor.logs import configure_logging

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="The configuration file. Default: ./config.toml if there is one.", metavar="FILE"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class Workspace:
    """The configuration and the open database that a command works with."""

    config: Config
    db: Database

    def web(self) -> Web:
        """The way out to the network, with the configured limits."""
        poll = self.config.poll
        return Web(self.config.http, per_host=poll.per_host, concurrency=poll.concurrency)


@contextmanager
def workspace(config_file: Path | None) -> Iterator[Workspace]:
    """Load the configuration and open the database for one command."""
    config = load(config_file)
    configure_logging()
    db = open_db(config.database_url)
    try:
        yield Workspace(config, db)
    finally:
        db.close()


T = TypeVar("T")


def run_async(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run asynchronous work to its end."""
    return asyncio.run(work())


def print_json(value: Any) -> None:
    """One JSON value on standard output."""
    sys.stdout.write(json.dumps(value, default=jsonable, ensure_ascii=False, indent=2) + "\n")


def jsonable(value: Any) -> Any:
    """Dates, enums, paths and dataclasses as JSON."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "to_dict"):
        return value.to_dict()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table on standard output; foreign text in it cannot style or steer the terminal."""
    table = Table(*columns, title=title, title_justify="left", header_style="bold")
    for row in rows:
        table.add_row(*(Text(plain("" if cell is None else str(cell))) for cell in row))
    out.print(table)


def plain(text: str) -> str:
    """The text without control characters, which a terminal would obey."""
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)


def shorten(text: str, width: int = 90) -> str:
    """The text on one line, at most ``width`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago, as people say it."""
    if moment is None:
        return "never"
    seconds = (now - moment).total_seconds()
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(0, seconds):.0f} s ago"


def parse_since(text: str | None, now: datetime) -> datetime | None:
    """``2026-11-01``, ``2026-11-01T12:00`` or a span such as ``7d``, ``12h``, ``30min`` before now.

    Raises UsageError with the forms that are understood.
    """
    if not text:
        return None
    units = {"d": 86_400, "h": 3600, "min": 60, "w": 604_800}
    for unit, size in units.items():
        number = text.removesuffix(unit)
        if number != text and number.isdigit():
            return now - timedelta(seconds=int(number) * size)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"“{text}” is not a date: write 2026-11-01, or a span such as 7d or 12h.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
