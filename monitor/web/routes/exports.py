"""What a search finds, as a file to take away. A form and not a link, since it is written down who took what."""

import itertools
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response, StreamingResponse

from models.user import UserRole
from monitor import exports, finding
from monitor.errors import UsageError
from monitor.exports import Format
from monitor.posts import KeptPost
from monitor.spreadsheets import write_xlsx
from monitor.web.filters import Asked
from monitor.web.page import Page, Visit
from monitor.web.routes.queue import blind_for
from monitor.web.routes.search import is_blind, wanted_by

MOST_IN_WORKBOOK = 50_000
"""A workbook is written as a whole before it is sent, and programs open larger ones slowly."""
_KINDS = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.JSONL: "application/x-ndjson; charset=utf-8",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_LINES_AT_ONCE = 200
_KNOWN_AFTER_DECIDING = ("score", "flagged", "verdict")


def download(visit: Visit) -> Response:
    """All posts that the search finds, in its order."""
    try:
        format_ = Format(visit.field("format", 10))
    except ValueError:
        raise UsageError("Choose how the export is written: CSV, XLSX or JSONL.") from None
    with visit.db.read() as session:
        asked = Asked.of({name: visit.field(name) for name in visit.form}).settle(session)
        wanted = wanted_by(visit, asked)
        if format_ is Format.XLSX and (finding.count(session, wanted, most=MOST_IN_WORKBOOK) or 0) > MOST_IN_WORKBOOK:
            raise UsageError(f"These are more than {MOST_IN_WORKBOOK:,} posts. Take CSV, or narrow the search.")
    rows = (_seen(visit, kept) for kept in exports.found(visit.db, wanted))
    name = f"sheriffwatch-posts-{visit.now:%Y-%m-%d}.{format_.value}"
    if format_ is Format.XLSX:
        return _workbook(visit, asked, rows, name)
    pieces = _pieces(exports.lines(format_, rows))
    first = next(pieces, b"")  # before anything is said, so that a fault is still told on a page
    exports.record(visit.db, asked.typed, format_, by=visit.user.name, now=visit.now)
    return StreamingResponse(
        itertools.chain([first], pieces),
        media_type=_KINDS[format_],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _workbook(visit: Visit, asked: Asked, rows: Iterable[dict[str, Any]], name: str) -> Response:
    with tempfile.NamedTemporaryFile(prefix="sheriffwatch-", suffix=".xlsx", delete=False) as file:
        path = Path(file.name)
    try:
        write_xlsx(path, rows)
        exports.record(visit.db, asked.typed, Format.XLSX, by=visit.user.name, now=visit.now)
    except BaseException:
        path.unlink()
        raise
    return FileResponse(path, filename=name, media_type=_KINDS[Format.XLSX], background=BackgroundTask(path.unlink))


def _pieces(lines: Iterator[str]) -> Iterator[bytes]:
    """Many lines at once: each piece costs a change of threads."""
    while some := "".join(itertools.islice(lines, _LINES_AT_ONCE)):
        yield some.encode()


def _seen(visit: Visit, kept: KeptPost) -> dict[str, Any]:
    """The post's object, without what blind mode hides from this person."""
    row = kept.to_dict()
    if is_blind(visit) and blind_for(visit, kept):
        row |= {**dict.fromkeys(_KNOWN_AFTER_DECIDING), "themes": []}
    return row


PAGES = (Page("POST", "/posts/export", download, UserRole.VIEWER),)
