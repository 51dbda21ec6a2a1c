"""Slack: by bot token, or by incoming webhook as the simple mode.

``chat.postMessage`` has no idempotency key, and slack_sdk's default handlers send again after a reset although Slack
may have taken the first: so no handler is set, each message carries its alert id as metadata, and an unclear answer is
looked up in ``conversations.history`` before anything is sent again (docs.slack.dev/messaging/message-metadata).
"""

from datetime import datetime
from typing import Any, ClassVar

import aiohttp
from pydantic import Field, PrivateAttr, SecretStr
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from monitor.alerts import Channel, Message
from monitor.alerts._slack_blocks import blocks_of, fallback_text
from monitor.errors import DeliveryError

EVENT_TYPE = "sheriff_alert"
_TIMEOUT_S = 30
_PERMANENT = {
    "invalid_auth": "the token is not valid",
    "not_authed": "no token was sent",
    "token_revoked": "the token was revoked",
    "token_expired": "the token has expired",
    "account_inactive": "the token's account or workspace is gone",
    "missing_scope": "the token lacks a scope",
    "channel_not_found": "there is no such channel, or the app may not see it",
    "not_in_channel": "the app is not in the channel: invite it",
    "is_archived": "the channel is archived",
    "restricted_action": "the workspace does not let the app post there",
    "no_service": "the webhook was revoked",
    "action_prohibited": "the workspace does not let the webhook post",
    "channel_is_archived": "the channel is archived",
}
_REDUCE = {"msg_too_long", "msg_blocks_too_long", "invalid_blocks", "invalid_blocks_format", "no_text"}
_PASSING = {"internal_error", "fatal_error", "service_unavailable", "request_timeout"}


class Slack(Channel):
    """``[slack]``"""

    name: ClassVar[str] = "slack"
    rate_per_s: ClassVar[float] = 1.0
    """Slack takes about one message a second and channel."""

    bot_token: SecretStr = SecretStr("")
    """``xoxb-…``"""
    app_token: SecretStr = SecretStr("")
    """``xapp-…``: accepted for the listener to come; nothing listens to Slack in this release."""
    signing_secret: SecretStr = SecretStr("")
    """As ``app_token``."""
    channel: str = ""
    """The channel's id, ``C…``."""
    webhook_url: SecretStr = SecretStr("")
    base_url: str = Field(default="https://slack.com/api/", pattern=r"^https?://[^\s]+$")
    reviewers: list[str] = Field(default_factory=list)
    """As ``app_token``: who may decide in Slack."""

    _client: AsyncWebClient | None = PrivateAttr(default=None)
    _session: aiohttp.ClientSession | None = PrivateAttr(default=None)

    @property
    def ready(self) -> bool:
        """A token with a channel, or a webhook."""
        return self.has_app or bool(self.webhook_url.get_secret_value())

    @property
    def has_app(self) -> bool:
        """Whether messages go out by bot token."""
        return bool(self.bot_token.get_secret_value() and self.channel)

    @property
    def can_find(self) -> bool:
        """A webhook can look nothing up."""
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
            return await self._post(message, blocks_of(message))
        except DeliveryError as error:
            if not error.reduce:
                raise
        return await self._post(message, None)

    async def find(self, message: Message, since: datetime) -> dict[str, Any] | None:
        """Look for the alert's id in the channel's history since ``since``."""
        cursor = ""
        for _ in range(20):
            answer = await self._call(
                "conversations.history",
                channel=message.destination or self.channel,
                oldest=f"{since.timestamp():.6f}",
                include_all_metadata=True,
                limit=100,
                **({"cursor": cursor} if cursor else {}),
            )
            for item in answer.get("messages", []):
                metadata = item.get("metadata") or {}
                payload = metadata.get("event_payload") or {}
                if metadata.get("event_type") == EVENT_TYPE and str(payload.get("alert_id")) == message.id:
                    return {"channel": message.destination or self.channel, "ts": item["ts"]}
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return None
        return None

    async def check(self) -> list[str]:
        """Ask Slack whether the token works and the channel can be seen."""
        if not self.has_app:
            return []
        try:
            await self._call("auth.test")
            await self._call("conversations.info", channel=self.channel)
        except DeliveryError as error:
            return [f"Slack: {error}."]
        return []

    async def close(self) -> None:
        """Give back the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = self._client = None

    async def _post(self, message: Message, blocks: list[dict[str, Any]] | None) -> dict[str, Any]:
        answer = await self._call(
            "chat.postMessage",
            channel=message.destination or self.channel,
            text=fallback_text(message),
            unfurl_links=False,
            unfurl_media=False,
            link_names=False,
            metadata={"event_type": EVENT_TYPE, "event_payload": {"alert_id": message.id}},
            **({"blocks": blocks} if blocks else {}),
            **({"thread_ts": message.thread["ts"]} if message.thread.get("ts") else {}),
        )
        return {"channel": answer["channel"], "ts": answer["ts"]}

    async def _call(self, method: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer = await self._web().api_call(method, json=arguments)
        except SlackApiError as error:
            raise _api_fault(error) from None
        except TimeoutError:
            raise DeliveryError("Slack did not answer in time", ambiguous=True) from None
        except aiohttp.ClientConnectorError as error:
            # No connection was made, so nothing can have arrived.
            raise DeliveryError(f"Slack could not be reached: {error.os_error}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise DeliveryError(f"the connection to Slack broke ({type(error).__name__})", ambiguous=True) from None
        return dict(answer.data) if isinstance(answer.data, dict) else {}

    async def _send_by_webhook(self, message: Message) -> dict[str, Any]:
        for blocks in (blocks_of(message), None):
            client = AsyncWebhookClient(
                self.webhook_url.get_secret_value(), timeout=_TIMEOUT_S, session=self._open_session(), retry_handlers=[]
            )
            try:
                answer = await client.send(
                    text=fallback_text(message), blocks=blocks, unfurl_links=False, unfurl_media=False
                )
            except TimeoutError:
                raise DeliveryError("the Slack webhook did not answer in time", ambiguous=True) from None
            except aiohttp.ClientConnectorError as error:
                raise DeliveryError(f"the Slack webhook could not be reached: {error.os_error}") from None
            except (aiohttp.ClientError, OSError):
                raise DeliveryError("the connection to the Slack webhook broke", ambiguous=True) from None
            if answer.status_code == 200:
                return {}
            word = answer.body.strip().split("\n")[0][:60]
            if word in ("invalid_payload", "invalid_blocks") and blocks:
                continue
            raise _fault(word, answer.status_code, dict(answer.headers or {}))
        raise DeliveryError("Slack refused the message in every form", reduce=True)

    def _web(self) -> AsyncWebClient:
        if self._client is None or self._session is None or self._session.closed:
            self._client = AsyncWebClient(
                token=self.bot_token.get_secret_value(),
                base_url=self.base_url,
                timeout=_TIMEOUT_S,
                session=self._open_session(),
                retry_handlers=[],
            )
        return self._client

    def _open_session(self) -> aiohttp.ClientSession:
        # One event loop owns a session; ours knows no proxy from the environment.
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(trust_env=False, timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S))
        return self._session


def _api_fault(error: SlackApiError) -> DeliveryError:
    data = error.response.data if isinstance(error.response.data, dict) else {}
    word = str(data.get("error") or f"HTTP {error.response.status_code}")
    fault = _fault(word, error.response.status_code, dict(error.response.headers))
    if data.get("needed"):
        return DeliveryError(f"{fault} (needed: {data['needed']})", permanent=True)
    return fault


def _fault(word: str, status: int, headers: dict[str, Any]) -> DeliveryError:
    lowered = {str(key).lower(): value for key, value in headers.items()}
    if status == 429 or word in ("ratelimited", "rate_limited"):
        return DeliveryError("Slack asks us to slow down", retry_after=_seconds(lowered.get("retry-after")))
    if word in _PERMANENT:
        return DeliveryError(f"Slack says {word}: {_PERMANENT[word]}", permanent=True)
    if word in _REDUCE:
        return DeliveryError(f"Slack refused the form of a message ({word})", reduce=True)
    if status >= 500 or word in _PASSING:
        return DeliveryError(f"Slack has a fault of its own ({word}, HTTP {status})", ambiguous=True)
    return DeliveryError(f"Slack says {word} (HTTP {status})", permanent=True)


def _seconds(value: Any) -> float:
    """Retry-After in seconds, between one second and an hour; anything unreadable is half a minute."""
    try:
        return min(max(float(value), 1.0), 3600.0)
    except (TypeError, ValueError):
        return 30.0
