"""Microsoft Teams, by the webhook of a workflow (or of an older connector): Adaptive Cards.

Facts: the workflow “Post to a channel when a webhook request is received” wants ``attachments`` with one card, of
version 1.4 at most (atc0005/go-teams-notify#265), and answers 202 before the card is shown; a message is at most 28 KB
(learn.microsoft.com, …/how-to/add-incoming-webhook), measured by others at 21 KB, so 20,000 bytes are used; four
requests a second. Connectors answer 200 also when Teams refused the card, and say so in words. Foreign text stands in
``TextRun``, which knows no Markdown (learn.microsoft.com/adaptive-cards/authoring-cards/text-features); a mention needs
an entry in ``msteams.entities``, of which there is none. Pictures would have to be on the Internet, so there are none.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import Field, SecretStr

from monitor.alerts import Message
from monitor.alerts import _saying as saying
from monitor.alerts._posting import Answered, Hook, SafeAddress, as_json, ask, in_any_form, taken
from monitor.alerts._saying import Piece, Plain
from monitor.alerts._text import GAP, line, unlinked, web_address
from monitor.errors import DeliveryError

_SERVICE = "Teams"
_MOST = 20_000
_MOST_LINES = 40
_OFF = re.compile(r"Disabled|NotEnabled|NotFound|Suspended|Stopped")
_FAILED = re.compile(r"delivery failed.*?HTTP error (\d{3})", re.DOTALL)
_COLOURS = {"confirmed": "Attention", "rejected": "Default", "unsure": "Warning", "second_look": "Accent"}
Block = dict[str, Any]


class _Dialect(Plain):
    """Words of a ``TextRun``."""

    def words(self, text: str) -> str:
        """As they are, but for what the card's own language knows (``{{DATE(…)}}``, ``<at>``)."""
        return re.sub(r"[<@{]", rf"\g<0>{GAP}", unlinked(text))

    def link(self, label: str, url: str) -> str:
        """Only the label: the card has buttons for its links."""
        return self.words(line(label))


class _Dated(_Dialect):
    """Words of a ``TextBlock``, of which only ours are put there."""

    def words(self, text: str) -> str:
        """Letters, digits, dots and hyphens."""
        return re.sub(r"[^\w.-]", "", text)

    def moment(self, at: datetime, zone: str) -> str:
        """Teams shows each reader his own time."""
        utc = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        return f"{{{{DATE({utc}, COMPACT)}}}} {{{{TIME({utc})}}}}"


class Teams(Hook):
    """``[teams]``"""

    name: ClassVar[str] = "teams"
    rate_per_s: ClassVar[float] = 1.0

    webhook_url: SafeAddress = SecretStr("")
    webhooks: dict[str, SafeAddress] = Field(default_factory=dict)

    async def send(self, message: Message) -> dict[str, Any]:
        """Post one card. What is refused for its form is sent once more as its title and links only."""
        address = self.address(message.destination)

        async def post(card: Block) -> None:
            headers = {"Content-Type": "application/json"}
            _taken(await ask(_SERVICE, address, data=as_json(card), headers=headers, timeout_s=self.timeout_s))

        await in_any_form([payload_of(message), brief(message)], post)
        return {"alert": message.id}


def payload_of(message: Message) -> Block:
    """The whole message, with as much of the foreign text as there is room for."""
    for most in (1200, 600, 300, 100):
        payload = _payload(message, _card_body(message, most))
        # Escaped, as the most that a program on the way may make of it.
        if len(json.dumps(payload)) <= _MOST:
            return payload
    return brief(message)


def brief(message: Message) -> Block:
    """The title and the links."""
    return _payload(message, [_title(message, 150)])


def _payload(message: Message, body: list[Block]) -> Block:
    notice = _Dialect().words(saying.notice(message, 200))
    card: Block = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": notice,
        "msteams": {"width": "Full"},
        "body": body,
    }
    links = saying.addresses(message)
    if message.about:
        links += [("The match", message.about_url)]
    actions = [
        {"type": "Action.OpenUrl", "title": label, "url": address}
        for label, url in links
        if (address := web_address(url))
    ]
    if actions:
        card["actions"] = actions
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "summary": notice, "attachments": [content]}


def _card_body(message: Message, most: int) -> list[Block]:
    dialect = _Dialect()
    blocks = [_title(message, 200)]
    belongs = saying.about(message, dialect)
    if belongs:
        blocks.append(_lines([belongs]))
    if not message.quote:
        blocks += _paragraphs(saying.body(message, dialect, most * 3))
        blocks += _quote(saying.difference(message, most))
    else:
        blocks.append(_lines(list(saying.who(message, dialect))))
        blocks += _quote(saying.quoted(message, most))
        blocks += _paragraphs(saying.places(message, dialect))
        blocks += _paragraphs(list(saying.why(message, dialect)))
        facts = " · ".join(saying.facts(message, _Dated()))
        if facts:
            blocks.append({"type": "TextBlock", "text": facts, "wrap": True, "isSubtle": True, "size": "Small"})
        blocks += _paragraphs(list(saying.decided(message, dialect)))
    return blocks + _paragraphs(saying.remarks(message, shows_picture=False))


def _title(message: Message, most: int) -> Block:
    run = {
        "type": "TextRun",
        "text": _Dialect().words(saying.title(message, most)),
        "weight": "Bolder",
        "size": "Medium",
    }
    if message.standing in _COLOURS:
        run["color"] = _COLOURS[message.standing]
    return {"type": "RichTextBlock", "inlines": [run]}


def _lines(texts: list[str]) -> Block:
    """Lines that belong together, one block each, since what a line break does in a run is not documented."""
    return {"type": "Container", "spacing": "Small", "items": _paragraphs(texts)}


def _paragraphs(texts: list[str]) -> list[Block]:
    return [
        {"type": "RichTextBlock", "spacing": "Small", "inlines": [{"type": "TextRun", "text": text}]}
        for text in texts[:_MOST_LINES]
        if text.strip()
    ]


def _quote(pieces: list[Piece]) -> list[Block]:
    rows: list[list[Block]] = [[]]
    for piece in pieces:
        for number, part in enumerate(piece.text.split("\n")):
            if number and rows[-1]:
                rows.append([])
            if part.strip():
                rows[-1].append(_run(part, piece.how))
    items = [{"type": "RichTextBlock", "spacing": "None", "inlines": row} for row in rows[:_MOST_LINES] if row]
    return [{"type": "Container", "style": "emphasis", "items": items}] if items else []


def _run(text: str, how: str) -> Block:
    run: Block = {"type": "TextRun", "text": _Dialect().words(text)}
    if how in ("told", "new"):
        run |= {"weight": "Bolder", "highlight": how == "told"}
    elif how == "gone":
        run["strikethrough"] = True
    return run


def _taken(answered: Answered) -> None:
    """Raise DeliveryError unless Teams took the card."""
    error = answered.data.get("error")
    word = str(error.get("code", "")) if isinstance(error, dict) else ""
    if answered.status == 400 and _OFF.search(word):
        raise DeliveryError(f"Teams says {word}: the workflow is switched off or was deleted", permanent=True)
    failed = _FAILED.search(answered.text)
    if answered.status == 200 and failed:
        answered = Answered(int(failed[1]), failed[0], answered.headers)
    taken(_SERVICE, answered, detail=word)
