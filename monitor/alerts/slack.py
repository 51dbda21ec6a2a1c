"""Slack: by bot token with buttons and threads, or by incoming webhook as the simple mode.

``chat.postMessage`` has no idempotency key, and slack_sdk's default handlers send again after a reset although Slack
may have taken the first: so no handler is set, each message carries its alert id as metadata, and an unclear answer is
looked up in ``conversations.history`` before anything is sent again (docs.slack.dev/messaging/message-metadata).
"""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

import structlog
from pydantic import Field, PrivateAttr, SecretStr

from monitor.alerts import Channel, Message
from monitor.alerts._picture import kind_of, shown_anywhere
from monitor.alerts._slack_blocks import blocks_of, fallback_text, in_words, said_lines, whole_text
from monitor.alerts._slack_client import CANNOT_UPDATE, PLACE_IS_GONE, UNREADABLE, SlackClient, SlackError, fault
from monitor.alerts._slack_parts import Block, cut, mrkdwn, plain
from monitor.errors import CannotLookUpError, DeliveryError

log = structlog.get_logger()

EVENT_TYPE = "sheriff_alert"
_FILE_READY_S = (0.5, 1.5, 3.0)
"""A picture just uploaded may not be ready to stand in a message; Slack then refuses the blocks."""


_MOST_PAGES = 20
"""Pages of a hundred messages that are looked through for one whose answer was lost."""


class Slack(Channel):
    """``[slack]``"""

    name: ClassVar[str] = "slack"
    rate_per_s: ClassVar[float] = 1.0
    """Slack takes about one message a second and channel."""

    bot_token: SecretStr = SecretStr("")
    """``xoxb-…``"""
    app_token: SecretStr = SecretStr("")
    """``xapp-…``: buttons and commands over Socket Mode, which needs no public address."""
    signing_secret: SecretStr = SecretStr("")
    """Buttons and commands by signed HTTP requests instead, when there is no app token."""
    listen: str = Field(default="127.0.0.1:8010", pattern=r"^[^\s]+:\d{1,5}$")
    """Where signed requests are taken, for a reverse proxy with TLS in front."""
    channel: str = ""
    """The channel's id, ``C…``."""
    webhook_url: SecretStr = SecretStr("")
    base_url: str = Field(default="https://slack.com/api/", pattern=r"^https?://[^\s]+$")
    reviewers: list[str] = Field(default_factory=list)
    """User ids (``U…``) that may decide and command."""
    leads: list[str] = Field(default_factory=list)
    """User ids that may also have the classifier retrained."""
    reviewer_group: str = Field(default="", pattern=r"^(S[A-Z0-9]+)?$")
    """A user group (``S…``) whose members may decide and command; needs the scope ``usergroups:read``."""
    workspace: str = Field(default="", pattern=r"^([TE][A-Z0-9]+)?$")
    """The workspace's id, ``T…``: requests from any other are refused. Empty: the bot token's own."""

    _client: SlackClient | None = PrivateAttr(default=None)
    _loop: asyncio.AbstractEventLoop | None = PrivateAttr(default=None)

    @property
    def ready(self) -> bool:
        """A token with a channel, or a webhook."""
        return self.has_app or bool(self.webhook_url.get_secret_value())

    @property
    def has_app(self) -> bool:
        """Whether messages go out by bot token."""
        return bool(self.bot_token.get_secret_value() and self.channel)

    @property
    def listens(self) -> bool:
        """Whether buttons are answered: only then are they shown."""
        return self.has_app and bool(self.app_token.get_secret_value() or self.signing_secret.get_secret_value())

    @property
    def can_find(self) -> bool:
        """A webhook can look nothing up."""
        return self.has_app

    @property
    def can_update(self) -> bool:
        """A webhook learns no id of what it sent."""
        return self.has_app

    @property
    def default_destination(self) -> str:
        """The configured channel."""
        return self.channel

    async def send(self, message: Message) -> dict[str, Any]:
        """Post one message. What Slack refuses for its form is sent once more as plain text."""
        if not self.has_app:
            return await self._send_by_webhook(message)
        try:
            return await self._send_by_app(message)
        except SlackError as error:
            if error.word not in PLACE_IS_GONE or self._place(message) == (message.destination or self.channel):
                raise
            # It belongs to a message in a channel that is used no more: no reason to stop the one that is.
            raise DeliveryError(f"{error}: the message it belongs to stands there", reduce=True) from None

    async def _send_by_app(self, message: Message) -> dict[str, Any]:
        if message.replaces.get("ts"):
            return await self._update(message)
        blocks = blocks_of(message, buttons=self.listens and message.kind == "match")
        try:
            if message.picture:
                return await self._post_with_picture(message, blocks)
            return await self._post(message, blocks)
        except SlackError as error:
            if not error.reduce:
                raise
            log.warning("slack.form_refused", alert=message.id, error=error.word, detail=error.detail)
        return await self._post(message, None)

    async def find(self, message: Message, since: datetime) -> dict[str, Any] | None:
        """Look for the alert's id in the channel's history, or in the thread it belongs to, since ``since``.

        Raises CannotLookUpError when the token may not read the channel's history, or too much was said since.
        """
        if message.replaces:
            return None  # giving a message its new form twice changes nothing
        place = self._place(message)
        asked = {"channel": place, "oldest": f"{since.timestamp():.6f}", "include_all_metadata": True, "limit": 100}
        method = "conversations.history"
        if message.thread.get("ts"):
            method, asked["ts"] = "conversations.replies", message.thread["ts"]
        cursor = ""
        for _ in range(_MOST_PAGES):
            try:
                answer = await self.call(method, **asked, **({"cursor": cursor} if cursor else {}))
            except SlackError as error:
                if error.word in ("missing_scope", "unknown_method"):
                    raise CannotLookUpError(str(error)) from None
                raise
            for item in answer.get("messages", []):
                metadata = item.get("metadata") or {}
                payload = metadata.get("event_payload") or {}
                if metadata.get("event_type") == EVENT_TYPE and str(payload.get("alert_id")) == message.id:
                    return {"channel": place, "ts": item["ts"], **_file_in(item)}
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return None
        raise CannotLookUpError("more messages came since than can be looked through")

    async def check(self) -> list[str]:
        """Ask Slack whether the token works and the channel can be seen."""
        if not self.has_app:
            return []
        try:
            await self.call("auth.test")
            await self.call("conversations.info", channel=self.channel)
        except DeliveryError as error:
            return [f"Slack: {error}."]
        return []

    async def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Ask one method of Slack's Web API. Raises DeliveryError."""
        return await self._web().call(method, **arguments)

    async def call_with_headers(self, method: str, **arguments: Any) -> tuple[dict[str, Any], dict[str, str]]:
        """As :meth:`call`, with the headers of the answer: they tell the token's scopes and Slack's clock."""
        return await self._web().call_with_headers(method, **arguments)

    async def answer_at(self, response_url: str, body: dict[str, Any]) -> None:
        """Answer a button or command at the address it brought along. Raises DeliveryError."""
        status, said, headers = await self._web().post_to(response_url, body)
        if status != 200:
            raise fault(said.strip().split("\n")[0][:60], status, headers)

    async def close(self) -> None:
        """Give back the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _place(self, message: Message) -> str:
        receipt = message.replaces or message.thread
        return str(receipt.get("channel") or message.destination or self.channel)

    async def _post(self, message: Message, blocks: list[Block] | None) -> dict[str, Any]:
        answer = await self.call(
            "chat.postMessage",
            channel=self._place(message),
            text=fallback_text(message) if blocks else whole_text(message),
            unfurl_links=False,
            unfurl_media=False,
            link_names=False,
            parse="none",
            metadata=_metadata(message),
            **({"blocks": blocks} if blocks else {}),
            **({"thread_ts": message.thread["ts"]} if message.thread.get("ts") else {}),
        )
        if not answer.get("ts"):
            raise DeliveryError(UNREADABLE, ambiguous=True)
        return {"channel": str(answer.get("channel") or self._place(message)), "ts": str(answer["ts"])}

    async def _post_with_picture(self, message: Message, blocks: list[Block]) -> dict[str, Any]:
        """A picture that cannot be uploaded or shown costs nobody the message."""
        picture = await asyncio.to_thread(shown_anywhere, message.picture or b"")
        name = f"alert-{message.id}.{kind_of(picture) or 'png'}"
        try:
            file_id = await self._web().upload(name, picture, message.picture_alt)
        except DeliveryError as error:
            if error.retry_after:
                raise
            log.warning("slack.picture_refused", alert=message.id, error=str(error))
            return await self._post(message, [*blocks, *in_words(message)])
        for wait_s in _FILE_READY_S:
            try:
                receipt = await self._post(message, _with_picture(blocks, message, file_id))
                return receipt | {"file": file_id}
            except SlackError as error:
                if not error.reduce:
                    raise
            await asyncio.sleep(wait_s)
        return await self._post(message, [*blocks, *in_words(message)])

    async def _update(self, message: Message) -> dict[str, Any]:
        """Give a message its new form. Where that is not allowed any more, say in its thread what was decided."""
        place = message.replaces
        whole = blocks_of(message, buttons=self.listens)
        if place.get("file"):
            whole = _with_picture(whole, message, str(place["file"]))
        for blocks in (whole, None):
            try:
                await self.call(
                    "chat.update",
                    channel=place["channel"],
                    ts=place["ts"],
                    text=fallback_text(message) if blocks else whole_text(message),
                    link_names=False,
                    parse="none",
                    metadata=_metadata(message),
                    blocks=blocks or [],  # left out, the old ones would stay
                )
                return dict(place)
            except SlackError as error:
                if error.word in CANNOT_UPDATE:
                    break
                if not error.reduce or blocks is None:
                    raise
        text = said_lines(message) if message.said else "No verdict stands any more."
        told = replace(message, quote="", replaces={}, thread=place)
        await self._post(told, [{"type": "section", "text": mrkdwn(text)}])
        return dict(place)

    async def _send_by_webhook(self, message: Message) -> dict[str, Any]:
        url = self.webhook_url.get_secret_value()
        for blocks in ([*blocks_of(message), *in_words(message)], None):
            text = fallback_text(message) if blocks else whole_text(message)
            body = {"text": text, "unfurl_links": False, "unfurl_media": False}
            status, said, headers = await self._web().post_to(url, body | ({"blocks": blocks} if blocks else {}))
            if status == 200:
                return {}
            word = said.strip().split("\n")[0][:60]
            if word in ("invalid_payload", "invalid_blocks") and blocks:
                continue
            raise fault(word, status, headers)
        raise DeliveryError("Slack refused the message in every form", reduce=True)

    def _web(self) -> SlackClient:
        loop = asyncio.get_running_loop()  # one event loop owns a client and its connections
        if self._client is None or self._client.closed or self._loop is not loop:
            self._client, self._loop = SlackClient(self.base_url, self.bot_token.get_secret_value()), loop
        return self._client


def _metadata(message: Message) -> dict[str, Any]:
    return {"event_type": EVENT_TYPE, "event_payload": {"alert_id": message.id}}


def _with_picture(blocks: list[Block], message: Message, file_id: str) -> list[Block]:
    """The blocks with a picture that was uploaded, below the words it belongs to."""
    alt = cut(message.picture_alt or "The picture of the post", 2000)
    shown = {"type": "image", "slack_file": {"id": file_id}, "alt_text": plain(alt)["text"]}
    return [*blocks[:3], shown, *blocks[3:]]


def _file_in(item: dict[str, Any]) -> dict[str, str]:
    """The uploaded picture of a message in the channel's history, as its receipt keeps it."""
    files = [block.get("slack_file") or {} for block in item.get("blocks") or [] if block.get("type") == "image"]
    return next(({"file": str(file["id"])} for file in files if file.get("id")), {})
