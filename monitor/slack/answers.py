"""Private answers: said to one person, whatever they asked from, and seen by nobody else."""

from typing import Any
from urllib.parse import urlsplit

import structlog

from monitor.alerts._slack_blocks import in_parts
from monitor.alerts._slack_parts import plain, short
from monitor.alerts.slack import Slack
from monitor.errors import DeliveryError
from monitor.slack.payloads import Asked

log = structlog.get_logger()


class Answers:
    """Says things in private."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack

    async def say(self, by: Asked, text: str) -> None:
        """Answer where the request says, else in its channel, else in a message to the person. Raises DeliveryError."""
        if self._is_slacks(by.response_url):
            await self._slack.answer_at(by.response_url, private(text) | {"replace_original": False})
        elif by.channel:
            await self._slack.call("chat.postEphemeral", channel=by.channel, user=by.user, **shown(text))
        else:
            await self._slack.call("chat.postMessage", channel=by.user, unfurl_links=False, **shown(text))

    async def try_to_say(self, by: Asked, text: str) -> None:
        """As :meth:`say`; that it cannot be said is only logged."""
        try:
            await self.say(by, text)
        except DeliveryError as error:
            log.warning("slack.no_answer", error=str(error))

    def _is_slacks(self, url: str) -> bool:
        """Whether an address belongs to Slack, or to the server that stands for it."""
        try:
            parts, base = urlsplit(url), urlsplit(self._slack.base_url)
        except ValueError:
            return False
        if (parts.scheme, parts.netloc) == (base.scheme, base.netloc):
            return True
        return parts.scheme == "https" and parts.netloc == "hooks.slack.com" and _is_slack_com(base.hostname or "")


def private(text: str) -> dict[str, Any]:
    """An answer that only the person who asked sees."""
    return {"response_type": "ephemeral", **shown(text)}


def shown(text: str) -> dict[str, Any]:
    """A plain answer as text for notifications and as blocks in which nothing is markup."""
    parts = in_parts(text) or ["Done."]
    return {"text": short(parts[0], 280), "blocks": [{"type": "section", "text": plain(part)} for part in parts]}


def _is_slack_com(host: str) -> bool:
    return host == "slack.com" or host.endswith(".slack.com")
