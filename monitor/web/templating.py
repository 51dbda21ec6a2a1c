"""The templates, and how they write times, numbers, links and marked text. Everything is escaped."""

import hashlib
from datetime import datetime
from functools import cache
from importlib.resources import files
from urllib.parse import urlsplit

import jinja2

from models.clock import utcnow

STATIC = files("monitor.web") / "static"


@cache
def environment() -> jinja2.Environment:
    """The environment, one for the process: autoescaping on, an unknown name is an error."""
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("monitor.web", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    for written in (ago, moment, iso, weblink, percent, tenths, shorten):
        env.filters[written.__name__] = written
    env.globals["static"] = static_url
    return env


def read_all(env: jinja2.Environment) -> None:
    """Have all templates compiled, or else who asks for a page first waits for it, some tens of milliseconds."""
    for name in env.list_templates(extensions=["html"]):
        env.get_template(name)


def static_url(name: str) -> str:
    """The URL of a static file, which changes with its content, so that browsers may keep it."""
    return f"/static/{name}?v={_stamps()[name]}"


def _stamps() -> dict[str, str]:
    if not _KNOWN:
        for file in STATIC.iterdir():
            _KNOWN[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    return _KNOWN


_KNOWN: dict[str, str] = {}


def ago(when: datetime | None) -> str:
    """How long ago, as people say it."""
    if when is None:
        return "never"
    seconds = (utcnow() - when).total_seconds()
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return "just now" if seconds > -60 else moment(when)


def moment(when: datetime | None) -> str:
    """Day and minute, in UTC."""
    return f"{when:%Y-%m-%d %H:%M} UTC" if when else "unknown"


def iso(when: datetime | None) -> str:
    """For the datetime attribute."""
    return when.isoformat(timespec="seconds") if when else ""


def weblink(url: str) -> str:
    """The URL if a browser may be led to it, else nothing: a post may carry ``javascript:``."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.hostname and url.isprintable() else ""


def percent(share: float | None) -> str:
    """A share as a whole percentage."""
    return "–" if share is None else f"{share * 100:.0f} %"


def tenths(share: float | None) -> str:
    """A share as a percentage with one decimal."""
    return "–" if share is None else f"{share * 100:.1f} %"


def shorten(text: str, width: int = 160) -> str:
    """The text on one line, cut at ``width`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"
