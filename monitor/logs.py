"""Logging: one JSON line an event on standard error, quiet unless something is wrong."""

import logging
import os
import sys

import structlog


def configure_logging(level: str | None = None) -> None:
    """Log from ``level`` up (``SHERIFFWATCH_LOG``, default ``warning``); libraries' own chatter stays off.

    Values are JSON strings, so a post or an error text cannot forge a line.
    """
    wanted = (level or os.environ.get("SHERIFFWATCH_LOG", "warning")).upper()
    threshold = getattr(logging, wanted, logging.WARNING)
    renderer = structlog.processors.JSONRenderer(ensure_ascii=True)
    chain: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if os.environ.get("SHERIFFWATCH_DEBUG"):
        chain.append(structlog.processors.format_exc_info)
    else:
        chain.append(_brief_exception)
    structlog.configure(
        processors=[*chain, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        # Asked for at each line, since a test or a daemon may have put another standard error in place.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    for name in ("apscheduler", "httpx", "slack_sdk", "alembic", "sqlalchemy.pool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _brief_exception(
    _logger: structlog.typing.WrappedLogger, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """An exception as its type and first line; tracebacks are for SHERIFFWATCH_DEBUG."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["error"] = f"{type(error).__name__}: {error}"[:500]
    return event
