"""How long a server asks us to wait."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 86_400.0
"""No server may silence us for longer than a day."""
_SURELY_EPOCH = 1_000_000_000
_SURELY_MILLISECONDS = 100_000_000_000


def requested_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds the server asks us to wait, at least 0 and at most a day, or None if it does not say.

    ``Retry-After`` is seconds or a date (RFC 9110, 10.2.3). Platforms give their own reset instead: Bluesky
    ``ratelimit-reset`` in epoch seconds, Mastodon ``x-ratelimit-reset`` as an ISO 8601 time, others seconds from now.
    """
    now = _date(headers.get("date", "")) or now  # a date is meant by the server's clock, and ours may be wrong
    for name in ("retry-after", "ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset"):
        value = headers.get(name, "").strip()
        if value and (wait := _seconds(value, now)) is not None:
            return min(max(wait, 0.0), LONGEST_S)
    return None


def _seconds(value: str, now: datetime) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return _until_date(value, now)
    if not math.isfinite(number):
        return None
    if number >= _SURELY_MILLISECONDS and number < 10 * 1000 * _SURELY_EPOCH:
        return number / 1000 - now.timestamp()
    if _SURELY_EPOCH <= number < _SURELY_MILLISECONDS:
        return number - now.timestamp()
    return number


def _until_date(value: str, now: datetime) -> float | None:
    moment = _date(value)
    return (moment - now).total_seconds() if moment else None


def _date(value: str) -> datetime | None:
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(value)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return None
