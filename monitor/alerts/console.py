"""The terminal: alerts as they would stand in Slack, for a first look and for where no other channel is set up."""

import sys
from typing import Any, ClassVar, TextIO

from rich.console import Console as Terminal
from rich.markup import escape
from rich.panel import Panel
from rich.text import Text

from monitor.alerts import Channel, Message


class Console(Channel):
    """Alerts on the standard error of this process, so that what a command answers stays clean."""

    name: ClassVar[str] = "console"

    async def send(self, message: Message) -> dict[str, Any]:
        """Print one alert."""
        print_message(message, sys.stderr)
        return {}


def print_message(message: Message, stream: TextIO) -> None:
    """Print a message as a panel; foreign text can neither colour nor steer the terminal."""
    Terminal(file=stream, highlight=False, soft_wrap=False).print(panel(message))


def panel(message: Message) -> Panel:
    """The message as it stands in a terminal."""
    return Panel(_body(message), title=escape(_plain(message.headline)), title_align="left", expand=False)


def _body(message: Message) -> Text:
    text = Text()
    if not message.quote:
        return text.append(_plain(message.body))
    place = ", ".join(part for part in (message.agency, message.state) if part)
    text.append(_plain(place), style="bold")
    who = " · ".join(part for part in (message.platform, message.account, message.account_role) if part)
    text.append(f"\n{_plain(who)}")
    if message.posted_at:
        text.append(f" · {message.posted_at:%Y-%m-%d %H:%M} UTC")
    text.append("\n\n")
    start = len(text)
    text.append(_plain(message.quote))
    for mark_start, mark_end in message.marks:
        text.stylize("bold reverse", start + mark_start, start + mark_end)
    if message.cut:
        text.append(" …")
    text.append("\n\nWhy: " + ", ".join(f"{_plain(word.text)} {word.weight:+.2f}" for word in message.words))
    if message.themes:
        text.append("\nThemes: " + ", ".join(message.themes))
    if message.score is not None:
        text.append(f"\nScore {message.score:.2f} by {message.version}")
    if message.earlier_count:
        text.append(f" · {message.earlier_count} earlier matches of this office")
    if message.post_url:
        text.append(f"\n{_plain(message.post_url)}")
    if message.possible_repeat:
        text.append("\n(possible repeat)", style="dim")
    return text


def _plain(text: str) -> str:
    """The text without control characters: same length, so that marks still fit."""
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)
