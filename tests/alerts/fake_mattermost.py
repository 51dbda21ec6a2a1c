"""A strict Mattermost: it refuses what Mattermost refuses, on a server with the smaller limit."""

from aiohttp import web

from tests.alerts.hookserver import HookServer
from tests.alerts.reading import live_in_markdown

_KNOWN = {"text", "username", "icon_url", "icon_emoji", "channel", "props", "attachments", "type", "priority"}


class FakeMattermost(HookServer):
    channel = "mattermost"
    key = "abcdefghijklmnopqrstuvwxyz"

    @property
    def settings(self):
        return {"webhook_url": f"{self.url}/hooks/{self.key}"}

    async def take(self, request):
        if request.path != f"/hooks/{self.key}":
            return self.refuse(400, "Invalid webhook.")  # and not 404
        body = await request.json()
        if not isinstance(body.get("text"), str) or not body["text"].strip() or set(body) - _KNOWN:
            return self.refuse(400, "no text, or a field that is not known")
        if len(body["text"]) > 4000:
            return self.refuse(400, "the text would be split")
        self.taken.append(body)
        return web.Response(text="ok")

    def said(self, item):
        return item["text"]

    def live(self, item):
        return live_in_markdown(item["text"])
