"""Telling from the first answer of a poll that nothing has changed, without trusting a server's cache for ever."""

from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.errors import FetchError
from monitor.http import Answer
from monitor.sources._shape import mapping, moment, string

READER = 1
"""Raised when parsing changes, so that unchanged bytes are read again once."""
_DAILY = timedelta(days=1)


class Validators:
    """What is kept of the last full answer: its ETag and Last-Modified verbatim, its SHA-256, and when it came."""

    def __init__(self, cursor: dict[str, Any]) -> None:
        kept = mapping(cursor.get("last"))
        self._kept = kept if kept.get("reader") == READER else {}
        full_at = moment(self._kept.get("full_at"))
        self.stale = full_at is None or not timedelta() <= datetime.now(UTC) - full_at < _DAILY
        """Whether a full answer is due: the first time, and once a day, since some servers say 304 for ever."""

    def headers(self) -> dict[str, str]:
        """The request headers of a conditional GET, values byte for byte as the server gave them."""
        if self.stale:
            return {}
        pairs = (("If-None-Match", "etag"), ("If-Modified-Since", "modified"))
        return {header: string(self._kept.get(key)) for header, key in pairs if string(self._kept.get(key))}

    def unchanged(self, answer: Answer) -> bool:
        """Whether the answer is a 304, or the same bytes as last time. Raises FetchError for a 304 nobody asked for."""
        if answer.status == 304:
            if not self.headers():
                raise FetchError(f"{answer.host} answered 304 to an unconditional request", kind="malformed")
            return True
        return answer.status == 200 and bool(answer.body) and answer.sha256 == self._kept.get("sha256")

    def after(self, answer: Answer) -> dict[str, Any]:
        """What to keep in the cursor under ``last``."""
        if answer.status == 304:
            etag = string(answer.headers.get("etag")) or self._kept.get("etag", "")
            return {**self._kept, "etag": etag}
        return {
            "reader": READER,
            "etag": string(answer.headers.get("etag")),
            "modified": string(answer.headers.get("last-modified")),
            "sha256": answer.sha256,
            "full_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
