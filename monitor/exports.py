"""Posts as files, the same from the command line and the page: which posts, and how they are written."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from models.db import Database
from models.evidence import Event
from monitor.postfilter import PostFilter, Sort
from monitor.posts import KeptPost, page
from monitor.spreadsheets import CSV_COLUMNS, csv_row

BATCH = 500


class Format(StrEnum):
    """How an export is written."""

    JSONL = "jsonl"
    CSV = "csv"
    XLSX = "xlsx"


def found(db: Database, wanted: PostFilter) -> Iterator[KeptPost]:
    """The wanted posts in the wanted order; all of them, so by relevance they come newest first.

    Each batch is read for itself, so that a slow reader holds no transaction open: what is kept meanwhile may be
    missing, and nothing is given twice.
    """
    if wanted.sort is Sort.RELEVANCE:  # which only knows the newest of them
        wanted = replace(wanted, sort=Sort.NEWEST)
    cursor = ""
    while True:
        with db.read() as session:
            batch = page(session, wanted, after=cursor, limit=BATCH)
        yield from batch.posts
        if not batch.after:
            return
        cursor = batch.after


def rows(db: Database, wanted: PostFilter) -> Iterator[dict[str, Any]]:
    """One object for each wanted post."""
    return (kept.to_dict() for kept in found(db, wanted))


def record(db: Database, query: Mapping[str, str], format_: Format, *, by: str, now: datetime) -> None:
    """Write down who took which posts away, before the first of them leaves."""
    data = {"query": dict(query), "format": format_.value}
    with db.write() as session:
        session.add(Event(at=now, kind="posts.exported", actor=by, subject="posts", data=data))


def lines(format_: Format, posts: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The lines of a CSV or JSONL file, each with its end, as they become known. A workbook has no lines."""
    if format_ is Format.JSONL:
        return (json.dumps(post, default=_json, ensure_ascii=False) + "\n" for post in posts)
    if format_ is Format.CSV:
        return _csv(posts)
    raise ValueError(format_)


def _csv(posts: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield _csv_line(CSV_COLUMNS)
    for post in posts:
        yield _csv_line(csv_row(post))


def _csv_line(cells: Iterable[Any]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _json(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)
