"""The smallest parts of Slack's messages: text objects in which foreign words stay words.

Slack's ``mrkdwn`` has an escape for ``&``, ``<`` and ``>`` only (docs.slack.dev/messaging/formatting-message-text):
everything that would mention somebody or make a link begins with ``<``. For ``*``, ``_``, ``~``, a backtick and ``|``
there is none, so a zero-width space stands around them.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

Block = dict[str, Any]

_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
_MOST_ADDRESS = 1000
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def clean(text: str) -> str:
    """The text without what turns the direction of writing or cannot be shown."""
    return _CONTROL.sub("", _BIDI.sub("", text))


def escape(text: str) -> str:
    """Text for ``mrkdwn``: Slack's three characters escaped, its marks of emphasis and bidi controls made harmless."""
    safe = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([*_~`|])", "\u200b\\1\u200b", safe)


def is_web(url: str) -> bool:
    """Whether an address is one of the web and short enough to be shown whole."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and len(url) <= _MOST_ADDRESS


def link(url: str, label: str) -> str:
    """A link in ``mrkdwn``, or only the label when the address is none of the web."""
    address = quote(clean(url), safe="/:?&=#%+,;@!$'()~.-_[]*").replace("&", "&amp;")
    if not is_web(url) or len(address) > _MOST_ADDRESS:
        return escape(line(label))  # half an address would lead somewhere else
    return f"<{address}|{escape(line(label)).replace('|', '')}>"


def moment(at: datetime) -> str:
    """A time that Slack shows in each reader's own zone."""
    utc = at.astimezone(UTC)
    return f"<!date^{int(utc.timestamp())}^{{date_short_pretty}} {{time}}|{utc:%Y-%m-%d %H:%M} UTC>"


def cut(text: str, most: int) -> str:
    """At most ``most`` characters, cut with an ellipsis."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def short(text: str, most: int) -> str:
    """Foreign words for ``mrkdwn``, on one line and at most ``most`` characters before they are escaped.

    What begins with ``>`` Slack shows as a quotation even when it is escaped: a zero-width space stands before it.
    """
    safe = escape(cut(line(text), most))
    return f"\u200b{safe}" if safe.startswith("&gt;") else safe


def fitting(parts: Iterable[str], most: int, *, between: str = "\n") -> str:
    """As many of the parts as fit into ``most`` characters, whole: half an escape or half a link would be neither."""
    shown = ""
    for part in parts:
        longer = f"{shown}{between}{part}" if shown else part
        if len(longer) > most:
            break
        shown = longer
    return shown


def line(text: str) -> str:
    """The text on one line."""
    return " ".join(text.split())


def plain(text: str) -> Block:
    """A text object in which nothing is markup."""
    return {"type": "plain_text", "text": clean(text) or " ", "emoji": False}


def mrkdwn(text: str) -> Block:
    """A text object with markup; what is foreign in it must have been escaped."""
    # verbatim: without it Slack makes links, channels and some mentions of bare words.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def words(text: str, **style: bool) -> Block:
    """Words of a ``rich_text`` block, which knows no markup."""
    element: Block = {"type": "text", "text": clean(text) or " "}
    if style:
        element["style"] = style
    return element


def button(action: str, label: str, value: str, *, style: str = "") -> Block:
    """A button. Its value is an opaque id and holds nothing of a post."""
    made: Block = {"type": "button", "action_id": action, "text": plain(label), "value": value}
    if style:
        made["style"] = style
    return made


def option(label: str, value: str) -> Block:
    """One choice of a list, at most 75 characters of label."""
    return {"text": plain(cut(line(label), 75)), "value": value}
