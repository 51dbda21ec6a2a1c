"""Any program of yours, by signed JSON: docs/reference/webhook.md tells the format and how to check a signature.

The headers are those of Standard Webhooks 1.0 (standardwebhooks.com), for which there are libraries in most languages:
``webhook-id`` is the same however often a message is sent, ``webhook-signature`` is an HMAC-SHA256 over the id, the
time and the exact body. What was not answered with a 2xx is sent again by the outbox only.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import SecretStr, field_validator, model_validator

from monitor.alerts import Message
from monitor.alerts._posting import Hook, ask, in_any_form, taken
from monitor.alerts._webhook_event import Event, event_of

_SERVICE = "the webhook"
_PREFIX = "whsec_"
_LEAST_KEY = 24


class Webhook(Hook):
    """``[webhook]``"""

    name: ClassVar[str] = "webhook"
    rate_per_s: ClassVar[float] = 20.0

    secret: SecretStr = SecretStr("")
    """``whsec_`` and at least 24 random bytes in base64; the receiver needs it, too."""
    previous_secret: SecretStr = SecretStr("")
    """While the secret is changed: requests are signed with both."""
    pictures: bool = False
    """Whether our copy of a picture is sent along, in base64."""

    @field_validator("secret", "previous_secret")
    @classmethod
    def _is_a_key(cls, secret: SecretStr) -> SecretStr:
        if secret.get_secret_value():
            key_of(secret)
        return secret

    @model_validator(mode="after")
    def _is_signed(self) -> Self:
        if self.webhook_url.get_secret_value() and not self.secret.get_secret_value():
            raise ValueError(
                "secret is missing: make one with “openssl rand -base64 32” and give it to the receiver, too"
            )
        return self

    @property
    def can_update(self) -> bool:
        """Verdicts come as events of their own."""
        return True

    async def send(self, message: Message) -> dict[str, Any]:
        """Send one event. What is refused for its form is sent once more without what the office wrote."""
        address = self.address(message.destination)

        async def post(event: Event) -> None:
            body = event.model_dump_json().encode()
            taken(
                _SERVICE,
                await ask(_SERVICE, address, data=body, headers=self._headers(message, body), timeout_s=self.timeout_s),
            )

        forms = [event_of(message, with_picture=True)] if self.pictures and message.picture else []
        await in_any_form([*forms, event_of(message), event_of(message, reduced=True)], post)
        return {"alert": str((message.replaces or message.thread).get("alert") or message.id)}

    def _headers(self, message: Message, body: bytes) -> Mapping[str, str]:
        name, at = name_of(message), str(int(time.time()))
        secrets = [secret for secret in (self.secret, self.previous_secret) if secret.get_secret_value()]
        return {
            "Content-Type": "application/json",
            "webhook-id": name,
            "Idempotency-Key": name,
            "webhook-timestamp": at,
            "webhook-signature": " ".join(signature(key_of(secret), name, at, body) for secret in secrets),
        }


def name_of(message: Message) -> str:
    """A name that every attempt at this message bears, and no other message."""
    return f"msg_{message.id}" + (f"_{int(message.queued_at.timestamp() * 1e6):x}" if message.queued_at else "")


def signature(key: bytes, name: str, at: str, body: bytes) -> str:
    """``v1,`` and the HMAC-SHA256 over ``name.at.body``, in base64."""
    made = hmac.new(key, f"{name}.{at}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(made).decode("ascii")


def key_of(secret: SecretStr) -> bytes:
    """The key that a secret spells. Raises ValueError with a sentence when it is none, or too short a one."""
    try:
        key = base64.b64decode(secret.get_secret_value().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < _LEAST_KEY:
        raise ValueError("this is no secret: write whsec_ and what “openssl rand -base64 32” prints")
    return key
