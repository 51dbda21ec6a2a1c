"""What a message says, in sentences, for channels that write it in their own dialect: HTML, Markdown, plain text.

The order and the wording are the same everywhere; only a :class:`Dialect` knows what is markup.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from monitor.alerts import Message, Said
from monitor.alerts._slack_blocks import REASONS
from monitor.alerts._text import clean, cut, line, unlinked, web_address

MOST_SAID = 8
MOST_PLACES = 10
SIGNS = {"confirmed": "✅", "rejected": "❌", "unsure": "❔", "second_look": "👀"}
STANDING = {
    "confirmed": "Confirmed",
    "rejected": "Rejected",
    "unsure": "Unsure",
    "second_look": "Needs a second look",
}
_WHERE = {"web": " on the page", "cli": " on the command line", "import": " by import"}


class Dialect(Protocol):
    """How one kind of channel writes. What it is handed is on one line and clean, but foreign."""

    def words(self, text: str) -> str:
        """Foreign words in which nothing is markup, a mention or a link."""
        ...

    def strong(self, text: str) -> str:
        """Words set off; they have been through ``words``."""
        ...

    def link(self, label: str, url: str) -> str:
        """A link; only the label when the address is none of the web."""
        ...

    def moment(self, at: datetime, zone: str) -> str:
        """A time, in the reader's own zone where the channel knows it, else in ``zone``."""
        ...


class Plain:
    """Text without any markup."""

    def words(self, text: str) -> str:
        """As it is, with addresses that mail programs do not make into links."""
        return unlinked(text)

    def strong(self, text: str) -> str:
        """As it is."""
        return text

    def link(self, label: str, url: str) -> str:
        """The address behind its label."""
        address, words = web_address(url), self.words(line(label))
        return f"{words}: {address}" if address else words

    def moment(self, at: datetime, zone: str) -> str:
        """In the configured zone, with its name."""
        return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}"


@dataclass(frozen=True)
class Piece:
    """Some words of a quote or of a difference."""

    text: str
    how: str = ""
    """``told`` for telling words, ``gone`` and ``new`` for what an edit took and brought, else empty."""


def title(message: Message, most: int = 200) -> str:
    """The first line: what it is and of whom, and what was decided on it."""
    place = f", {message.state}" if message.state else ""
    standing = f"{STANDING[message.standing]}: " if message.standing in STANDING else ""
    return cut(line(f"{standing}{message.headline}{place}") or "sheriffwatch", most)


def notice(message: Message, most: int = 280) -> str:
    """The line of a notification: the title and how it goes on."""
    more = line(message.quote or message.body)
    return cut(f"{title(message, most)}: {more}" if more else title(message, most), most)


def about(message: Message, dialect: Dialect) -> str:
    """To which match a message belongs that stands by itself, but tells what became of that match."""
    if not message.about:
        return ""
    return "About: " + dialect.link(cut(line(message.about), 200), message.about_url)


def who(message: Message, dialect: Dialect) -> Iterator[str]:
    """Agency, place, account and its role, agreements."""
    office = dialect.strong(dialect.words(cut(line(message.agency), 200)))
    yield office + (f", {dialect.words(line(message.state))}" if message.state else "")
    account = dialect.link(cut(line(message.account), 150), message.account_url)
    parts = [dialect.words(message.platform), account, dialect.words(message.account_role)]
    yield " · ".join(part for part in parts if part)
    if message.agreements:
        yield f"287(g) agreements: {dialect.words(', '.join(message.agreements))}"


def quoted(message: Message, most: int) -> list[Piece]:
    """The words themselves, the telling ones apart."""
    text = cut(message.quote, most)
    pieces: list[Piece] = []
    at = 0
    for start, end in message.marks:
        end = min(end, len(text))
        if start < at or start >= end:
            continue
        if start > at:
            pieces.append(Piece(clean(text[at:start])))
        pieces.append(Piece(clean(text[start:end]), "told"))
        at = end
    if at < len(text):
        pieces.append(Piece(clean(text[at:])))
    if message.cut:
        pieces.append(Piece(" …"))
    return pieces


def difference(message: Message, most: int) -> list[Piece]:
    """An edit as on paper: what went, what came, and what stayed around it."""
    pieces: list[Piece] = []
    for kind, text in message.changes:
        if most <= 0 or len(pieces) >= 200:
            pieces.append(Piece(" …"))
            break
        shown = clean(text) if kind != "same" or len(text) <= 240 else clean(f"{text[:110]} … {text[-110:]}")
        shown = cut(shown, most)
        most -= len(shown)
        pieces.append(Piece(shown, kind if kind in ("gone", "new") else ""))
    return pieces


def places(message: Message, dialect: Dialect) -> list[str]:
    """Where else the same words stand, under a line that says so."""
    if not message.places:
        return []
    shown = [f"• {dialect.words(cut(line(place), 160))}" for place in message.places[:MOST_PLACES]]
    if len(message.places) > MOST_PLACES:
        shown.append(f"• and {len(message.places) - MOST_PLACES} more")
    return ["The same words also stand here:", *shown]


def why(message: Message, dialect: Dialect) -> Iterator[str]:
    """Themes, telling words with their weights, and disguise."""
    if message.themes:
        named = ", ".join(theme.replace("_", " ") for theme in message.themes)
        yield f"{dialect.strong('Themes:')} {dialect.words(cut(line(named), 300))}"
    if message.words:
        listed = ", ".join(f"{dialect.words(cut(line(word.text), 60))} {word.weight:+.2f}" for word in message.words)
        yield f"{dialect.strong('Why:')} {listed}"
    if "disguise" in message.reasons:
        yield "The text is disguised (look-alike or hidden characters)."


def facts(message: Message, dialect: Dialect) -> list[str]:
    """Score and version, the times, and earlier matches of the office."""
    found = []
    if message.score is not None:
        found.append(f"score {message.score:.2f} by {dialect.words(line(message.version))}")
    if message.posted_at:
        found.append(f"posted {dialect.moment(message.posted_at, message.zone)}")
    if message.seen_at:
        found.append(f"seen {dialect.moment(message.seen_at, message.zone)}")
    if message.earlier_count:
        last = f", the last {dialect.moment(message.earlier_last, message.zone)}" if message.earlier_last else ""
        found.append(f"{message.earlier_count} earlier matches of this office{last}")
    return found


def decided(message: Message, dialect: Dialect) -> Iterator[str]:
    """Who decided what and when, and what it adds up to."""
    if not message.said:
        return
    yield f"{SIGNS.get(message.standing, '')} {dialect.strong(STANDING.get(message.standing, 'Decided'))}".strip()
    if len(message.said) > MOST_SAID:
        yield f"{len(message.said) - MOST_SAID} earlier verdicts are on the page."
    for said in message.said[-MOST_SAID:]:
        yield _verdict(said, message.zone, dialect)


def addresses(message: Message) -> list[tuple[str, str]]:
    """The links of a message: label and address."""
    pairs = [("The post", message.post_url), ("Our copy", message.kept_url)]
    return [(label, url) for label, url in pairs if web_address(url)]


def body(message: Message, dialect: Dialect, most: int) -> list[str]:
    """The lines of a message that is not a match, at most ``most`` characters of them before they are written."""
    lines = []
    listed = message.kind == "digest" and bool(message.extra.get("flags"))
    for text in message.body.strip().splitlines():
        if most <= 0:
            lines.append("…")
            break
        shown = cut(line(text), most)
        most -= len(shown) + 1
        words, _, last = shown.rpartition(" ")
        if listed and words and web_address(last):  # a digest ends each match with the address to read it at
            lines.append(f"{dialect.words(words)} {dialect.link('Open', last)}")
        else:
            lines.append(dialect.words(shown))
    return lines


def remarks(message: Message, *, shows_picture: bool) -> list[str]:
    """What a reader should know of the message itself."""
    said = []
    if message.picture and not shows_picture:
        said.append("There is a picture; it stands with our copy.")
    if message.possible_repeat:
        said.append("Possible repeat: the first answer was lost.")
    return said


def _verdict(said: Said, zone: str, dialect: Dialect) -> str:
    reason = f" ({dialect.words(line(REASONS.get(said.reason, said.reason)))})" if said.reason else ""
    name = dialect.words(cut(line(said.who), 80))
    return f"{name}: {said.verdict}{reason}{_WHERE.get(said.via, '')}, {dialect.moment(said.at, zone)}"


def joined(blocks: Sequence[Sequence[str]]) -> str:
    """Blocks of lines with an empty line between them; empty blocks are left out."""
    return "\n\n".join("\n".join(block) for block in blocks if block)
