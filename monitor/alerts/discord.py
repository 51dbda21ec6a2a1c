"""Discord, by webhook: messages as embeds, which are given a new form when somebody decides.

Facts (docs.discord.com/developers/resources/webhook and …/message): ``content`` 2,000 characters, an embed's
description 4,096, all embeds of a message 6,000, a thread's name 100; ``allowed_mentions: {"parse": []}`` lets no text
mention anybody; ``?wait=true`` answers with the message, so that it can be edited; a message of a webhook answers
another one only in a forum, where each match is a thread (``thread_name``, then ``thread_id``). Five requests in two
seconds and about thirty messages a minute are taken of one webhook. Addresses without a version are version 6, whose
``Retry-After`` is in milliseconds (discord/discord-api-docs#2360); so version 10 is asked.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar

import aiohttp
from pydantic import AfterValidator, Field, SecretStr

from monitor.alerts import Message
from monitor.alerts import _markdown as markdown
from monitor.alerts import _saying as saying
from monitor.alerts._markdown import Markdown, units
from monitor.alerts._picture import kind_of
from monitor.alerts._posting import Answered, Hook, SafeAddress, as_json, ask, in_any_form, pause_s, taken
from monitor.alerts._text import clean, cut
from monitor.errors import DeliveryError

_SERVICE = "Discord"
_MOST_DESCRIPTION = 4000
_MOST_PICTURE = 8_000_000
_UNKNOWN_MESSAGE = 10008
_COLOURS = {"confirmed": 0xB3261E, "rejected": 0x6B7280, "unsure": 0xB58900, "second_look": 0x7C3AED}
_PARTS = re.compile(r"(https?://[^/]+/api)/(?:v\d+/)?webhooks/(\d+)/([\w-]+)/?")


def _checked(address: SecretStr) -> SecretStr:
    text = address.get_secret_value()
    if text and not _PARTS.fullmatch(text):
        raise ValueError("this is no address of a Discord webhook: copy it from the channel's settings")
    return address


_WebhookAddress = Annotated[SafeAddress, AfterValidator(_checked)]


class _Dialect(Markdown):
    def moment(self, at: datetime, zone: str) -> str:
        """Discord shows each reader his own time."""
        return f"<t:{int(at.timestamp())}:f>"


_DIALECT = _Dialect()


@dataclass(frozen=True)
class _Form:
    body: dict[str, Any]
    picture: bytes | None = None


class Discord(Hook):
    """``[discord]``"""

    name: ClassVar[str] = "discord"
    rate_per_s: ClassVar[float] = 0.5

    webhook_url: _WebhookAddress = SecretStr("")
    webhooks: dict[str, _WebhookAddress] = Field(default_factory=dict)
    forum: bool = False
    """The webhook belongs to a forum: each match becomes a thread, and what becomes of it is told in it."""

    @property
    def can_update(self) -> bool:
        """By the message's id, which Discord tells."""
        return True

    async def send(self, message: Message) -> dict[str, Any]:
        """Post one message, or give one that stands its new form. What is refused is sent once more in short."""
        forms = [_Form(body_of(message), message.picture)] if _shows(message) else []
        forms += [_Form(body_of(message, with_picture=False)), _Form(brief(message))]
        return await in_any_form(forms, lambda form: self._send(message, form))

    async def check(self) -> list[str]:
        """Ask Discord about the webhooks, which sends nothing."""
        faults = []
        for name in ["", *self.webhooks] if self.ready else []:
            try:
                taken(_SERVICE, await ask(_SERVICE, self._place(name), method="GET", timeout_s=self.timeout_s))
            except DeliveryError as error:
                faults.append(f"{name or 'webhook_url'}: {error}.")
        return faults

    async def _send(self, message: Message, form: _Form) -> dict[str, Any]:
        place, standing = self._place(message.destination), message.replaces
        thread = standing.get("thread") or message.thread.get("thread")
        if standing.get("message"):
            url = f"{place}/messages/{standing['message']}" + (f"?thread_id={thread}" if thread else "")
            answered = await self._ask(url, form, method="PATCH")
            if answered.status == 404 and answered.data.get("code") == _UNKNOWN_MESSAGE:
                return dict(standing)  # somebody deleted it, so there is nothing left to be kept true
            self._taken(answered)
            return dict(standing)
        body = dict(form.body)
        if self.forum and not thread:
            body["thread_name"] = cut(clean(saying.title(message)), 100)
        url = f"{place}?wait=true" + (f"&thread_id={thread}" if thread else "")
        answered = self._taken(await self._ask(url, _Form(body, form.picture)))
        receipt = {"alert": message.id, "message": str(answered.data.get("id", ""))}
        if self.forum:  # the thread of a forum's post has its channel's id
            receipt["thread"] = str(thread or answered.data.get("channel_id", ""))
        return receipt

    async def _ask(self, url: str, form: _Form, *, method: str = "POST") -> Answered:
        if not form.picture:
            headers = {"Content-Type": "application/json"}
            return await ask(
                _SERVICE, url, method=method, data=as_json(form.body), headers=headers, timeout_s=self.timeout_s
            )
        parts = aiohttp.FormData(default_to_multipart=True)
        parts.add_field("payload_json", json.dumps(form.body), content_type="application/json")
        kind = f"image/{kind_of(form.picture)}"
        parts.add_field("files[0]", form.picture, filename=_file_name(form.picture), content_type=kind)
        return await ask(_SERVICE, url, method=method, data=parts, timeout_s=self.timeout_s)

    def _taken(self, answered: Answered) -> Answered:
        if answered.status == 429 and "retry_after" in answered.data:  # finer than the header
            raise DeliveryError("Discord asks us to slow down", retry_after=pause_s(str(answered.data["retry_after"])))
        return taken(_SERVICE, answered, detail=str(answered.data.get("message", "")))

    def _place(self, destination: str) -> str:
        """The webhook's address in version 10 of the interface."""
        found = _PARTS.fullmatch(self.address(destination))
        assert found is not None  # checked with the configuration
        return f"{found[1]}/v10/webhooks/{found[2]}/{found[3]}"


def body_of(message: Message, *, with_picture: bool = True) -> dict[str, Any]:
    """The whole message, with as much of the foreign text as there is room for."""
    shows = with_picture and _shows(message)
    for most in (1200, 600, 300, 100):
        text = saying.joined(markdown.blocks(message, _DIALECT, most, shows_picture=shows))
        if units(text) <= _MOST_DESCRIPTION:
            break
    else:
        return brief(message)
    embed: dict[str, Any] = {"description": text or _DIALECT.words(saying.title(message))}
    if message.standing in _COLOURS:
        embed["color"] = _COLOURS[message.standing]
    body = _addressed(message, embeds=[embed])
    if shows and message.picture:
        name = _file_name(message.picture)
        embed["image"] = {"url": f"attachment://{name}"}
        alt = cut(clean(message.picture_alt) or "The picture of the post", 1000)
        body["attachments"] = [{"id": 0, "filename": name, "description": alt}]
    return body


def brief(message: Message) -> dict[str, Any]:
    """The title and the links."""
    links = saying.joined([[_DIALECT.link(label, url) for label, url in saying.addresses(message)]])
    return _addressed(message, embeds=[{"description": links}] if links and units(links) <= _MOST_DESCRIPTION else [])


def _addressed(message: Message, **body: Any) -> dict[str, Any]:
    title = _DIALECT.strong(_DIALECT.words(saying.title(message)))
    return {"content": title, "allowed_mentions": {"parse": []}, **body}


def _shows(message: Message) -> bool:
    return bool(message.picture and kind_of(message.picture) and len(message.picture) <= _MOST_PICTURE)


def _file_name(picture: bytes) -> str:
    return f"picture.{kind_of(picture)}"
