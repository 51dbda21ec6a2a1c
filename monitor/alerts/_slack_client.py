"""Slack's Web API with one answer to every fault: a DeliveryError that says whether asking again helps."""

from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from monitor.errors import DeliveryError

TIMEOUT_S = 30
UNREADABLE = "what answered for Slack could not be read: is a proxy or a log-in page in between?"
_PERMANENT = {
    "invalid_auth": "the token is not valid",
    "not_authed": "no token was sent",
    "not_allowed_token_type": "this kind of token cannot do that",
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
_REDUCE = {
    "msg_too_long",
    "msg_blocks_too_long",
    "invalid_blocks",
    "invalid_blocks_format",
    "no_text",
    "invalid_arguments",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "metadata_too_large",
    "too_many_attachments",
    "cannot_reply_to_message",
    *(CANNOT_UPDATE := frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "unknown_method"})),
    "thread_not_found",
}
PLACE_IS_GONE = frozenset({"channel_not_found", "not_in_channel", "is_archived", "restricted_action"})
_LATE = frozenset({"expired_trigger_id", "trigger_expired", "trigger_exchanged", "exchanged_trigger_id"})
_PASSING = {"internal_error", "fatal_error", "service_unavailable", "request_timeout"}
_READS = frozenset(
    {
        "conversations.history",
        "conversations.info",
        "conversations.replies",
        "files.getUploadURLExternal",
        "usergroups.users.list",
        "chat.getPermalink",
    }
)
"""Methods that read take their arguments as a form: only “most write methods” understand JSON, and some drop what they
do not understand in silence (docs.slack.dev/apis/web-api)."""


class SlackError(DeliveryError):
    """Slack answered with an error word, kept in ``word``; ``detail`` is what Slack's validation wrote."""

    word = ""
    detail = ""


class SlackClient:
    """One token's way to Slack. No retry handlers: slack_sdk's default sends a message again after a reset, although
    Slack may have taken the first. No proxy from the environment.
    """

    def __init__(self, base_url: str, token: str) -> None:
        self._session = aiohttp.ClientSession(trust_env=False, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        self._client = AsyncWebClient(
            token=token, base_url=base_url, timeout=TIMEOUT_S, session=self._session, retry_handlers=[]
        )
        self._client.proxy = None  # the constructor takes one from HTTPS_PROXY

    @property
    def closed(self) -> bool:
        """Whether the connections were given back."""
        return self._session.closed

    async def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Ask one method; the answer without its wrapping."""
        return (await self.call_with_headers(method, **arguments))[0]

    async def call_with_headers(self, method: str, **arguments: Any) -> tuple[dict[str, Any], dict[str, str]]:
        """As :meth:`call`, with the answer's headers (names in lower case)."""
        how: dict[str, Any] = {"json": arguments}
        if method in _READS:
            how = {"data": {key: _as_form(value) for key, value in arguments.items()}}
        try:
            answer = await self._client.api_call(method, **how)
        except SlackApiError as error:
            raise _api_fault(error) from None
        except TimeoutError:
            raise DeliveryError("Slack did not answer in time", ambiguous=True) from None
        except aiohttp.ClientConnectorError as error:
            # No connection was made, so nothing can have arrived.
            raise DeliveryError(f"Slack could not be reached: {error.os_error}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise DeliveryError(f"the connection to Slack broke ({type(error).__name__})", ambiguous=True) from None
        except (AttributeError, TypeError, ValueError):  # slack_sdk on JSON that is cut off, or no object
            raise DeliveryError(UNREADABLE, ambiguous=True) from None
        data = dict(answer.data) if isinstance(answer.data, dict) else {}
        return data, {str(key).lower(): str(value) for key, value in (answer.headers or {}).items()}

    async def upload(self, name: str, body: bytes, alt: str) -> str:
        """Put a file into the workspace, in no channel, and return its id.

        Three steps (docs.slack.dev/messaging/working-with-files): ask for an address, send the bytes there, complete.
        """
        place = await self.call("files.getUploadURLExternal", filename=name, length=len(body), alt_txt=alt[:900])
        try:
            async with self._session.post(place["upload_url"], data=body) as answer:
                if answer.status != 200:
                    raise DeliveryError(f"Slack did not take a picture (HTTP {answer.status})")
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise DeliveryError(f"Slack did not take a picture ({type(error).__name__})") from None
        await self.call("files.completeUploadExternal", files=[{"id": place["file_id"], "title": name}])
        return str(place["file_id"])

    async def post_to(self, url: str, body: dict[str, Any]) -> tuple[int, str, dict[str, Any]]:
        """Send JSON to an incoming webhook or a ``response_url``: status, text and headers of the answer."""
        client = AsyncWebhookClient(url, timeout=TIMEOUT_S, session=self._session, retry_handlers=[])
        client.proxy = None
        try:
            answer = await client.send_dict(body)
        except TimeoutError:
            raise DeliveryError("the Slack webhook did not answer in time", ambiguous=True) from None
        except aiohttp.ClientConnectorError as error:
            raise DeliveryError(f"the Slack webhook could not be reached: {error.os_error}") from None
        except (aiohttp.ClientError, OSError):
            raise DeliveryError("the connection to the Slack webhook broke", ambiguous=True) from None
        return answer.status_code, answer.body, dict(answer.headers or {})

    async def close(self) -> None:
        """Give back the connections."""
        await self._session.close()


def fault(word: str, status: int, headers: dict[str, Any]) -> SlackError:
    """What one of Slack's error words means for sending."""
    lowered = {str(key).lower(): value for key, value in headers.items()}
    if status == 429 or word in ("ratelimited", "rate_limited"):
        made = SlackError("Slack asks us to slow down", retry_after=_seconds(lowered.get("retry-after")))
    elif word in _LATE:
        made = SlackError("the form took longer than the three seconds that Slack waits; press again")
    elif word in _PERMANENT:
        made = SlackError(f"Slack says {word}: {_PERMANENT[word]}", permanent=True)
    elif word in _REDUCE:
        made = SlackError(f"Slack refused the form of a message ({word})", reduce=True)
    elif status >= 500 or word in _PASSING:
        made = SlackError(f"Slack has a fault of its own ({word}, HTTP {status})", ambiguous=True)
    else:
        made = SlackError(f"Slack says {word} (HTTP {status})", permanent=True)
    made.word = word
    return made


def _api_fault(error: SlackApiError) -> SlackError:
    # JSON that is cut off comes as aiohttp's own response, without data.
    data = getattr(error.response, "data", None)
    data = data if isinstance(data, dict) else {}
    if getattr(error.response, "status_code", 200) == 200 and not data.get("error"):
        return SlackError(UNREADABLE, ambiguous=True)
    word = str(data.get("error") or f"HTTP {error.response.status_code}")
    made = fault(word, error.response.status_code, dict(error.response.headers))
    said = (data.get("response_metadata") or {}).get("messages") or data.get("errors") or []
    if data.get("needed"):
        made = SlackError(f"{made} (needed: {data['needed']})", permanent=True)
        made.word = word
    made.detail = "; ".join(str(item) for item in said)[:500]
    return made


def _as_form(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _seconds(value: Any) -> float:
    """Retry-After in seconds, between one second and an hour; anything unreadable is half a minute."""
    try:
        return min(max(float(value), 1.0), 3600.0)
    except (TypeError, ValueError):
        return 30.0
