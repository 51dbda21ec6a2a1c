"""Posts as spreadsheets whose cells are inert: a post that begins with ``=`` is shown, never computed."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import xlsxwriter

CSV_COLUMNS = (
    "id",
    "agency",
    "state",
    "account",
    "platform",
    "posted_at",
    "first_seen_at",
    "text",
    "url",
    "score",
    "flagged",
    "themes",
    "verdict",
    "deleted",
    "versions",
    "external_id",
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_MOST_CELL_CHARS = 32_767  # Excel's limit for one cell


def csv_row(post: dict[str, Any]) -> list[Any]:
    """One exported post as cells. Text that a spreadsheet would compute gets an apostrophe before it (CWE-1236)."""
    return [_inert(_cell(post, column)) for column in CSV_COLUMNS]


def write_xlsx(file: Path, posts: Iterable[dict[str, Any]]) -> None:
    """Write posts into an Excel workbook; every text is a text cell."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "in_memory": False}
    with xlsxwriter.Workbook(str(file), options) as workbook:
        sheet = workbook.add_worksheet("posts")
        bold = workbook.add_format({"bold": True})
        sheet.write_row(0, 0, CSV_COLUMNS, bold)
        sheet.freeze_panes(1, 0)
        for line, post in enumerate(posts, 1):
            for column, name in enumerate(CSV_COLUMNS):
                value = _cell(post, name)
                if isinstance(value, int | float) and not isinstance(value, bool):
                    sheet.write_number(line, column, value)
                elif value is not None:
                    sheet.write_string(line, column, str(value)[:_MOST_CELL_CHARS])


def _cell(post: dict[str, Any], column: str) -> Any:
    value = post[column]
    if column == "themes":
        return ", ".join(value)
    if column == "versions":
        return len(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value


def _inert(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return "'" + value
    return value
