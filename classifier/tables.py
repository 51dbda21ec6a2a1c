"""Files of rows with named values: JSON lines, CSV and TSV, row by row with the line they begin in."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TABLES = {".csv": ",", ".tsv": "\t"}
"""The endings of tables, and what parts their columns."""
_LONGEST_FIELD = 10_000_000


class TableError(ValueError):
    """A file that cannot be read; the message names it, and the line."""


def rows_of(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give each row and its line number: of a table where the ending of the name says so, else of JSON lines.

    Raises TableError.
    """
    delimiter = TABLES.get(path.suffix.lower())
    yield from json_lines(path) if delimiter is None else delimited(path, delimiter)


def delimited(path: Path, delimiter: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Give each row of a table with a first line of names, which are returned in small letters. Raises TableError."""
    csv.field_size_limit(_LONGEST_FIELD)
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter=delimiter)
            for row in reader:
                yield line + 1, {key.strip().lower(): value or "" for key, value in row.items() if key}
                line = reader.line_num
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TableError(f"{path} is not UTF-8 text") from None
    except csv.Error as error:
        raise TableError(f"{path}, line {line + 1}: is no row of a table ({error})") from None


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give each object of a file with one a line. Raises TableError."""
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TableError(f"{path} is not UTF-8 text") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, _object(line, f"{path}, line {number}")


def _object(line: str, place: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise TableError(f"{place}: is not JSON") from None
    if not isinstance(value, dict):
        raise TableError(f"{place}: is not a JSON object")
    return value
