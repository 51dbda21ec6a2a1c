"""A strict Discord: limits of embeds, uploads, edits and forums as its documentation has them."""

import itertools
import json
import re

from aiohttp import web

from tests.alerts.hookserver import HookServer
from tests.alerts.reading import live_in_markdown

_KNOWN = {"content", "embeds", "allowed_mentions", "attachments", "thread_name", "flags", "username"}
_EMBED = {"title", "description", "url", "color", "image", "fields", "footer"}


class FakeDiscord(HookServer):
    channel = "discord"
    id = "123456789012345678"
    token = "aB3_x-yZ" * 8

    def __init__(self, forum=False):
        super().__init__()
        self.forum = forum
        self.files = {}
        self._ids = itertools.count(1000)

    @property
    def follows_in_thread(self):
        return self.forum

    @property
    def settings(self):
        return {"webhook_url": f"{self.url}/api/webhooks/{self.id}/{self.token}"} | (
            {"forum": True} if self.forum else {}
        )

    def slow_down(self):
        # The header of version 10 is in whole seconds; the body is finer.
        try:
            finer = float(self.retry_after)
        except ValueError:
            finer = self.retry_after
        body = {"message": "You are being rate limited.", "retry_after": finer, "global": False}
        return web.json_response(body, status=429, headers={"Retry-After": "1"})

    async def take(self, request):
        place = re.fullmatch(r"/api/v10/webhooks/(\d+)/([\w-]+)(?:/messages/(\d+))?", request.path)
        if not place:
            return self.refuse(404, "404: Not Found")
        if place[1] != self.id:
            return self.problem(404, 10015, "Unknown Webhook")
        if place[2] != self.token:
            return self.problem(401, 50027, "Invalid Webhook Token")
        if request.method == "GET":
            return web.json_response({"id": self.id, "name": "watch"})
        body, files = await self._parts(request)
        wrong = self._wrong(body, files)
        if wrong:
            return self.problem(400, 50035, f"Invalid Form Body: {wrong}")
        thread = request.query.get("thread_id", "")
        if request.method == "PATCH":
            return self._edit(place[3], body, thread)
        if request.query.get("wait") != "true":
            return web.Response(status=204)
        if self.forum and not thread and not body.get("thread_name"):
            return self.problem(400, 220001, "Webhooks posted to forum channels must have a thread_name or thread_id")
        if not self.forum and (thread or body.get("thread_name")):
            return self.problem(400, 220003, "Webhooks can only create threads in forum channels")
        number = str(next(self._ids))
        body |= {"id": number, "channel_id": thread or (number if self.forum else "77"), "thread": thread}
        self.files[number] = files
        self.taken.append(body)
        return web.json_response({"id": number, "channel_id": body["channel_id"]})

    def problem(self, status, code, why):
        self.refusals.append(why)
        return web.json_response({"message": why, "code": code}, status=status)

    def _edit(self, number, body, thread):
        for item in self.taken:
            if item["id"] == number and (not self.forum or item["channel_id"] == thread):
                item.update(body)
                return web.json_response({"id": number})
        return self.problem(404, 10008, "Unknown Message")

    async def _parts(self, request):
        if request.content_type == "application/json":
            return await request.json(), {}
        form = await request.post()
        files = {name: field.file.read() for name, field in form.items() if name.startswith("files[")}
        return json.loads(form["payload_json"]), files

    def _wrong(self, body, files):
        if set(body) - _KNOWN or any(set(embed) - _EMBED for embed in body.get("embeds", [])):
            return "a field that is not known"
        if body.get("allowed_mentions", {}).get("parse") != []:
            return "this test wants no mention allowed"
        if not body.get("content") and not body.get("embeds"):
            return "empty"
        if len(body.get("content", "")) > 2000 or len(body.get("thread_name", "")) > 100:
            return "content or thread_name too long"
        if any(not embed.get("description") or len(embed["description"]) > 4096 for embed in body.get("embeds", [])):
            return "description too long or empty"
        if (
            sum(len(text) for embed in body.get("embeds", []) for text in embed.values() if isinstance(text, str))
            > 6000
        ):
            return "embeds too long"
        names = {f"attachment://{one['filename']}" for one in body.get("attachments", [])}
        shown = {embed["image"]["url"] for embed in body.get("embeds", []) if "image" in embed}
        if shown - names or len(names) != len(files):
            return "a picture that is not there"
        return ""

    def said(self, item):
        return "\n".join([item["content"], *(embed["description"] for embed in item.get("embeds", []))])

    def live(self, item):
        # "<t:…>" is a time of ours, which Discord shows in each reader's zone
        return [found for text in self.said(item).split("\n\n") for found in live_in_markdown(text, own=r"<t:\d+:f>")]
