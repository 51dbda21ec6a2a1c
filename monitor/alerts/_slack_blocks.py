"""A message as Slack's blocks: within the limits, and with foreign text that can neither mention, link nor break out.

Facts of Block Kit: 50 blocks a message, 3,000 characters a section, 150 a header, about 13,200 over all blocks before
``msg_blocks_too_long`` (docs.slack.dev/reference/block-kit; the total from slackapi/bolt-js#2509). Post text goes into
``rich_text`` and ``plain_text`` elements, in which nothing is markup.
"""

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from monitor.alerts import Message

Block = dict[str, Any]

MOST_QUOTE = 2400
MOST_TEXT = 2900
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")


def fallback_text(message: Message) -> str:
    """The line of a notification and of screen readers, at most 300 characters."""
    place = f", {message.state}" if message.state else ""
    start = f"{message.headline}{place}"
    if message.quote:
        start += f": {_line(message.quote)}"
    return escape(cut(start, 280))


def blocks_of(message: Message) -> list[Block]:
    """All blocks of a message."""
    if not message.quote:
        return _plain_blocks(message)
    blocks = [
        {"type": "header", "text": _plain(cut(_line(message.headline), 148))},
        {"type": "section", "text": _mrkdwn(_who(message))},
        _quote(message),
    ]
    if message.places:
        listed = "\n".join(f"• {line}" for line in message.places[:10])
        blocks.append({"type": "section", "text": _plain(cut(f"The same words also stand here:\n{listed}", 1500))})
    why = _why(message)
    if why:
        blocks.append({"type": "section", "text": _mrkdwn(why)})
    blocks.append({"type": "context", "elements": [_mrkdwn(_facts(message))]})
    links = _links(message)
    if links:
        blocks.append({"type": "section", "text": _mrkdwn(" · ".join(links))})
    if message.possible_repeat:
        blocks.append({"type": "context", "elements": [_plain("Possible repeat: the first answer was lost.")]})
    return blocks


def escape(text: str) -> str:
    """Text for ``mrkdwn``: Slack's three characters escaped, its marks of emphasis and bidi controls made harmless."""
    safe = _BIDI.sub("", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([*_~`|])", "\u200b\\1\u200b", safe)


def link(url: str, label: str) -> str:
    """A link in ``mrkdwn``, or only the label when the address is none of the web."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return escape(label)
    address = quote(url, safe="/:?&=#%+,;@!$'()~.-_[]*")
    return f"<{address[:2900]}|{escape(_line(label)).replace('|', '')}>"


def moment(at: datetime) -> str:
    """A time that Slack shows in each reader's own zone."""
    utc = at.astimezone(UTC)
    return f"<!date^{int(utc.timestamp())}^{{date_short_pretty}} {{time}}|{utc:%Y-%m-%d %H:%M} UTC>"


def cut(text: str, most: int) -> str:
    """At most ``most`` characters, cut with an ellipsis."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _plain_blocks(message: Message) -> list[Block]:
    blocks: list[Block] = [{"type": "header", "text": _plain(cut(_line(message.headline) or "sheriffwatch", 148))}]
    body = message.body.strip()
    parts = (body[start : start + MOST_TEXT] for start in range(0, min(len(body), 3 * MOST_TEXT), MOST_TEXT))
    return blocks + [{"type": "section", "text": _plain(part)} for part in parts]


def _who(message: Message) -> str:
    place = f"*{escape(cut(message.agency, 200))}*" + (f", {escape(message.state)}" if message.state else "")
    account = escape(cut(message.account, 150))
    if message.account_url:
        account = link(message.account_url, cut(message.account, 150))
    parts = [escape(message.platform), account]
    if message.account_role:
        parts.append(escape(message.account_role))
    lines = [place, " · ".join(part for part in parts if part)]
    if message.agreements:
        lines.append(f"287(g) agreements: {escape(', '.join(message.agreements))}")
    return "\n".join(lines)


def _quote(message: Message) -> Block:
    """The words themselves, the telling ones bold: ``rich_text`` knows no markup, so they stay what they are."""
    text = message.quote
    if len(text) > MOST_QUOTE:
        text = cut(text, MOST_QUOTE)
    elements: list[Block] = []
    at = 0
    for start, end in message.marks:
        if start >= len(text) or start < at:
            continue
        end = min(end, len(text))
        if start > at:
            elements.append(_words(text[at:start]))
        if end > start:
            elements.append(_words(text[start:end], bold=True))
        at = end
    if at < len(text):
        elements.append(_words(text[at:]))
    if message.cut:
        elements.append(_words(" …"))
    return {"type": "rich_text", "elements": [{"type": "rich_text_quote", "elements": elements}]}


def _words(text: str, *, bold: bool = False) -> Block:
    element: Block = {"type": "text", "text": _BIDI.sub("", text)}
    if bold:
        element["style"] = {"bold": True}
    return element


def _why(message: Message) -> str:
    lines = []
    if message.themes:
        lines.append("*Themes:* " + escape(", ".join(theme.replace("_", " ") for theme in message.themes)))
    if message.words:
        listed = ", ".join(f"{escape(cut(word.text, 60))} {word.weight:+.2f}" for word in message.words)
        lines.append(f"*Why:* {listed}")
    if "disguise" in message.reasons:
        lines.append("The text is *disguised* (look-alike or hidden characters).")
    return cut("\n".join(lines), MOST_TEXT)


def _facts(message: Message) -> str:
    facts = []
    if message.score is not None:
        facts.append(f"score {message.score:.2f} by {escape(message.version)}")
    if message.posted_at:
        facts.append(f"posted {moment(message.posted_at)}")
    if message.seen_at:
        facts.append(f"seen {moment(message.seen_at)}")
    if message.earlier_count:
        last = f", the last {moment(message.earlier_last)}" if message.earlier_last else ""
        facts.append(f"{message.earlier_count} earlier matches of this office{last}")
    return cut(" · ".join(facts) or "sheriffwatch", MOST_TEXT)


def _links(message: Message) -> list[str]:
    links = []
    if message.post_url:
        links.append(link(message.post_url, "The post"))
    if message.kept_url:
        links.append(link(message.kept_url, "Our copy"))
    return links


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": _BIDI.sub("", text) or " ", "emoji": False}


def _mrkdwn(text: str) -> Block:
    # verbatim: without it Slack makes links, channels and some mentions of bare words.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _line(text: str) -> str:
    return " ".join(text.split())
