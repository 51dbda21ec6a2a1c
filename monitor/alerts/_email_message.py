"""A message as an e-mail: text and HTML of the same words, the picture inside, and names by which mails make a thread.

The ``Message-ID`` is made of the alert's id and time, so a mail that is sent a second time bears the same one: most
mail systems then show it once (RFC 5322, 3.6.4). What becomes of a match later names the first mail in ``In-Reply-To``
and ``References`` and keeps its subject, which some programs thread by.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from monitor.alerts import Message
from monitor.alerts import _saying as saying
from monitor.alerts._picture import kind_of
from monitor.alerts._saying import Dialect, Piece, Plain
from monitor.alerts._text import clean, cut, line, unlinked, web_address

MOST_QUOTE = 4000
MOST_BODY = 20_000
MOST_PICTURE = 5_000_000
"""Bytes; larger pictures stay with our copy, since many mailboxes refuse mails over 10 MB."""
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_NAMED = re.compile(r"\s*(?:\"?([^\"<>\x00-\x1f\x7f]*?)\"?\s*<([^<>\s]+)>|([^<>\s]+))\s*")
_POLICY = SMTP.clone(cte_type="7bit")
_HOW = {
    "told": '<mark style="background:#ffe08a;color:#000;padding:0 2px">',
    "new": '<ins style="background:#d7f5dd;color:#000">',
    "gone": '<del style="background:#f9d6d5;color:#000">',
}
_END = {"told": "</mark>", "new": "</ins>", "gone": "</del>"}


def mailbox(text: str) -> Address:
    """``alerts@example.org`` or ``Alerts <alerts@example.org>``. Raises ValueError with a sentence for all else."""
    found = _NAMED.fullmatch(text)
    address = (found[2] or found[3]) if found else ""
    if not found or not _ADDRESS.fullmatch(address):
        raise ValueError(f"“{cut(line(text), 80)}” is no e-mail address: write alerts@example.org")
    return Address(display_name=line(found[1] or ""), addr_spec=address)


class _Html(Plain):
    """Words of a web page."""

    def words(self, text: str) -> str:
        return escape(unlinked(text))

    def strong(self, text: str) -> str:
        return f"<strong>{text}</strong>"

    def link(self, label: str, url: str) -> str:
        address = web_address(url)
        words = self.words(line(label))
        return f'<a href="{escape(address)}" rel="noopener noreferrer">{words}</a>' if address else words

    def moment(self, at: datetime, zone: str) -> str:
        here = at.astimezone(ZoneInfo(zone))
        return f'<span style="white-space:nowrap">{here:%Y-%m-%d %H:%M %Z}</span>'


def email_of(message: Message, sender: Address, to: Iterable[Address], now: datetime, *, reduced: bool = False) -> Any:
    """The whole mail. ``reduced`` leaves out what the office wrote and the picture, for servers that refuse it."""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = sender
    mail["To"] = tuple(to)
    mail["Subject"] = subject_of(message)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = message_id(message, sender.domain)
    root = str(message.thread.get("message_id", ""))
    if root:
        mail["In-Reply-To"] = root
        mail["References"] = root
    mail["List-Id"] = f"sheriffwatch alerts <alerts.sheriffwatch.{sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["X-Sheriffwatch-Alert"] = line(message.id)
    mail["X-Sheriffwatch-Kind"] = line(message.kind)
    if message.possible_repeat:
        mail["X-Sheriffwatch-Possible-Repeat"] = "yes"
    picture = b"" if reduced else _picture(message)
    mail.set_content(_text(message, shows_picture=bool(picture), reduced=reduced))
    place = f"picture.{message_id(message, sender.domain)[1:-1]}" if picture else ""
    mail.add_alternative(_html(message, place, reduced=reduced), subtype="html")
    if picture:
        kind = kind_of(picture)
        html_part = mail.get_payload()[1]  # type: ignore[index]  # multipart/alternative: the text, then the page
        html_part.add_related(  # type: ignore[union-attr]
            picture, "image", kind, cid=f"<{place}>", disposition="inline", filename=f"picture.{kind}"
        )
    return mail


def subject_of(message: Message) -> str:
    """One line; a follow-up keeps the subject of the match it belongs to."""
    first = line(str(message.thread.get("subject", "")))
    return cut(f"Re: {first}" if first else saying.title(message, 150), 160)


def message_id(message: Message, domain: str) -> str:
    """The same for every attempt at this message, and no other mail's: another database's alerts have other times."""
    at = f".{int(message.queued_at.timestamp() * 1e6):x}" if message.queued_at else ""
    return f"<alert.{re.sub(r'[^A-Za-z0-9]', '', message.id)}{at}@{domain}>"


def _picture(message: Message) -> bytes:
    fits = message.picture and kind_of(message.picture) and len(message.picture) <= MOST_PICTURE
    return message.picture or b"" if fits else b""


def _blocks(message: Message, dialect: Dialect, quote: list[str], *, shows_picture: bool) -> list[list[str]]:
    belongs = saying.about(message, dialect)
    links = [dialect.link(label, url) for label, url in saying.addresses(message)]
    remarks = saying.remarks(message, shows_picture=shows_picture)
    if not message.quote:
        return [[belongs] if belongs else [], saying.body(message, dialect, MOST_BODY), quote, links, remarks]
    return [
        list(saying.who(message, dialect)),
        quote,
        saying.places(message, dialect),
        list(saying.why(message, dialect)),
        saying.facts(message, dialect),
        links,
        list(saying.decided(message, dialect)),
        remarks,
    ]


def _text(message: Message, *, shows_picture: bool, reduced: bool) -> str:
    dialect = Plain()
    pieces = [] if reduced else _pieces(message)
    words = "".join(f"[-{piece.text}-]" if piece.how == "gone" else piece.text for piece in pieces)
    quote = [f"> {dialect.words(row)}" for row in words.splitlines() if row.strip()]
    if reduced:
        links = [dialect.link(label, url) for label, url in saying.addresses(message)]
        blocks = [[dialect.words(saying.title(message))], links, saying.remarks(message, shows_picture=False)]
    else:
        blocks = [[dialect.words(saying.title(message))]]
        blocks += _blocks(message, dialect, quote, shows_picture=shows_picture)
        if any(piece.how == "told" for piece in pieces):
            told = "; ".join(line(piece.text) for piece in pieces if piece.how == "told")
            blocks.insert(3, [f"Telling words: {dialect.words(cut(told, 500))}"])
    return saying.joined(blocks) + "\n"


def _html(message: Message, place: str, *, reduced: bool) -> str:
    dialect = _Html()
    title = dialect.words(saying.title(message))
    quote = "" if reduced else "".join(_marked(piece) for piece in _pieces(message))
    rows = [quote.strip().replace("\n", "<br>\n")] if quote.strip() else []
    if reduced:
        blocks = [[dialect.link(label, url) for label, url in saying.addresses(message)]]
    else:
        blocks = _blocks(message, dialect, rows, shows_picture=bool(place))
    paragraphs = []
    for block in blocks:
        if block and block is rows:
            style = "margin:12px 0;padding:8px 12px;border-left:4px solid #888;overflow-wrap:anywhere"
            paragraphs.append(f'<blockquote style="{style}">{block[0]}</blockquote>')
            if place:
                alt = escape(cut(line(message.picture_alt) or "The picture of the post", 500))
                paragraphs.append(
                    f'<p><img src="cid:{escape(place)}" alt="{alt}" style="max-width:100%;height:auto"></p>'
                )
        elif block:
            paragraphs.append('<p style="margin:10px 0">' + "<br>\n".join(block) + "</p>")
    if place and not rows:  # a digest's chart
        alt = escape(cut(line(message.picture_alt) or "The chart", 500))
        paragraphs.append(f'<p><img src="cid:{escape(place)}" alt="{alt}" style="max-width:100%;height:auto"></p>')
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<title>{title}</title></head>\n"
        '<body style="font:16px/1.5 system-ui,sans-serif;max-width:640px;margin:0 auto;padding:12px">\n'
        f'<h1 style="font-size:19px;margin:0 0 8px">{title}</h1>\n' + "\n".join(paragraphs) + "\n</body></html>\n"
    )


def _pieces(message: Message) -> list[Piece]:
    return saying.quoted(message, MOST_QUOTE) if message.quote else saying.difference(message, MOST_QUOTE)


def _marked(piece: Piece) -> str:
    words = escape(unlinked(clean(piece.text)))
    return f"{_HOW[piece.how]}{words}{_END[piece.how]}" if piece.how in _HOW else words
