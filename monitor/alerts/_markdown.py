"""Messages in Markdown, as Mattermost and Discord read it.

A backslash makes a mark of Markdown harmless (spec.commonmark.org, 2.4). It does not help where programs look for
names, channels, emoji and addresses before they read Markdown, or where only one of the two knows a sign: there a
zero-width space stands behind it.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from monitor.alerts import Message
from monitor.alerts import _saying as saying
from monitor.alerts._saying import Piece
from monitor.alerts._text import GAP, line, unlinked, web_address

_MARKS = re.compile(r"([\\`*_\[\](){}|~!])")
_SIGNS = re.compile(r"([@#<>&$^~])|(:)(?=[\w+\-])")
_BEGINNINGS = re.compile(r"(?=[#>+\-=]|\d{1,9}\\?[.)])")
_IN_ADDRESS = "/:?&=#%+,;$'.-"
"""What may stand in an address without being a mark of Markdown or the beginning of a mention."""


class Markdown:
    """How Mattermost and Discord write."""

    def words(self, text: str) -> str:
        """Foreign words on one line: no marks, mentions, channels, emoji, links, headings or lists."""
        shown = _SIGNS.sub(rf"\g<0>{GAP}", _MARKS.sub(r"\\\1", unlinked(text)))
        return _BEGINNINGS.sub(GAP, shown, count=1) if _BEGINNINGS.match(shown) else shown

    def strong(self, text: str) -> str:
        """Bold, the spaces at its ends outside, where Markdown wants them."""
        inner = text.strip()
        if not inner:
            return text
        before, _, after = text.partition(inner)
        return f"{before}**{inner}**{after}"

    def gone(self, text: str) -> str:
        """Struck out."""
        inner = text.strip()
        return text.replace(inner, f"~~{inner}~~", 1) if inner else text

    def link(self, label: str, url: str) -> str:
        """A link; only the label when the address is none of the web."""
        address = web_address(url, keep=_IN_ADDRESS)
        return f"[{self.words(line(label))}]({address})" if address else self.words(line(label))

    def moment(self, at: datetime, zone: str) -> str:
        """In the configured zone, with its name."""
        return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}"


def blocks(message: Message, dialect: Markdown, most: int, *, shows_picture: bool = False) -> list[list[str]]:
    """All of a message below its title, a list of lines each; ``most`` characters of foreign text before escaping."""
    links = [" · ".join(dialect.link(label, url) for label, url in saying.addresses(message))]
    remarks = saying.remarks(message, shows_picture=shows_picture)
    belongs = [line for line in [saying.about(message, dialect)] if line]
    if not message.quote:
        return [
            belongs,
            saying.body(message, dialect, most),
            quote(saying.difference(message, most), dialect),
            [link for link in links if link],
            remarks,
        ]
    return [
        belongs,
        list(saying.who(message, dialect)),
        quote(saying.quoted(message, most), dialect),
        saying.places(message, dialect),
        list(saying.why(message, dialect)),
        [" · ".join(saying.facts(message, dialect))],
        [link for link in links if link],
        list(saying.decided(message, dialect)),
        remarks,
    ]


def quote(pieces: Iterable[Piece], dialect: Markdown) -> list[str]:
    """Pieces as a block quote; empty lines are left out, since they would end it."""
    lines = [""]
    for piece in pieces:
        for number, part in enumerate(piece.text.splitlines() or [""]):
            if number:
                lines.append("")
            lines[-1] += _piece(part, piece.how, dialect)
        if piece.text.endswith("\n"):
            lines.append("")
    return [f"> {text.strip()}" for text in lines if text.strip(f" \t{GAP}")]


def _piece(text: str, how: str, dialect: Markdown) -> str:
    words = dialect.words(text)
    if how in ("told", "new"):
        return dialect.strong(words)
    return dialect.gone(words) if how == "gone" else words


def units(text: str) -> int:
    """Characters as the strictest count them: those outside the basic plane, such as emoji, are two."""
    return len(text.encode("utf-16-le")) // 2
