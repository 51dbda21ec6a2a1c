"""Mattermost, by incoming webhook: messages in Markdown, which cannot be changed or found again.

Facts: a post is at most 16,383 characters, on servers whose database was made before release 5.0 at most 4,000, and a
longer text is split into several posts (docs.mattermost.com/developers/integrate/webhooks/incoming); so 3,900 are used.
A webhook takes no ``root_id``, so there are no threads, and no files, so there is no picture. Names are looked for in
the raw text (``@channel``, ``@all``, ``@here``, ``~channel``), before Markdown.
"""

from typing import Any, ClassVar

from monitor.alerts import Message
from monitor.alerts import _markdown as markdown
from monitor.alerts import _saying as saying
from monitor.alerts._markdown import Markdown, units
from monitor.alerts._posting import Hook, in_any_form, post_json

_MOST = 3900
_SERVICE = "Mattermost"
_DIALECT = Markdown()


class Mattermost(Hook):
    """``[mattermost]``"""

    name: ClassVar[str] = "mattermost"
    rate_per_s: ClassVar[float] = 2.0

    async def send(self, message: Message) -> dict[str, Any]:
        """Post one message. What is refused for its form is sent once more as its title and links only."""
        address = self.address(message.destination)

        async def post(text: str) -> None:
            await post_json(_SERVICE, address, {"text": text}, timeout_s=self.timeout_s)

        await in_any_form([text_of(message), brief(message)], post)
        return {"alert": message.id}


def text_of(message: Message) -> str:
    """The whole message, with as much of the foreign text as there is room for."""
    title = _DIALECT.strong(_DIALECT.words(saying.title(message)))
    for most in (1200, 600, 300, 100):
        text = saying.joined([[title], *markdown.blocks(message, _DIALECT, most)])
        if units(text) <= _MOST:
            return text
    return brief(message)


def brief(message: Message) -> str:
    """The title and the links."""
    title = _DIALECT.strong(_DIALECT.words(saying.title(message, 150)))
    return saying.joined([[title], [_DIALECT.link(label, url) for label, url in saying.addresses(message)]])
