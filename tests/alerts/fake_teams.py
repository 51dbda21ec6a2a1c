"""A strict workflow of Microsoft Teams: one Adaptive Card of version 1.4 at most, 21,000 bytes at most."""

import re

from aiohttp import web

from tests.alerts.hookserver import HookServer
from tests.alerts.reading import OURS

_CARD = {"$schema", "type", "version", "fallbackText", "msteams", "body", "actions"}
_BLOCKS = {
    "RichTextBlock": {"type", "inlines", "spacing"},
    "TextRun": {"type", "text", "weight", "size", "color", "highlight", "strikethrough"},
    "Container": {"type", "items", "style", "spacing"},
    "TextBlock": {"type", "text", "wrap", "isSubtle", "size"},
}
_OWN = re.compile(
    r"(score [\d.]+ by [\w.-]+|(posted|seen) M|\d+ earlier matches of this office(, the last M)?)"
    r"( · (score [\d.]+ by [\w.-]+|(posted|seen) M|\d+ earlier matches of this office(, the last M)?))*"
)
_MOMENT = re.compile(r"\{\{DATE\(([\dTZ:-]+), COMPACT\)\}\} \{\{TIME\(\1\)\}\}")


class FakeTeams(HookServer):
    channel = "teams"
    path = "/workflows/0123abc/triggers/manual/paths/invoke"

    @property
    def settings(self):
        return {"webhook_url": f"{self.url}{self.path}?api-version=2016-06-01&sp=%2Ftriggers&sv=1.0&sig=SIGNATURE"}

    async def take(self, request):
        if request.path != self.path:
            return self.problem(404, "WorkflowNotFound")
        if request.query.get("sig") != "SIGNATURE":
            return self.problem(401, "DirectApiAuthorizationRequired")
        raw = await request.read()
        if len(raw) > 21_000:
            return self.problem(413, "RequestEntityTooLarge")
        body = await request.json()
        wrong = self._wrong(body)
        if wrong:
            return self.problem(400, f"TriggerInputSchemaMismatch: {wrong}")
        self.taken.append(body)
        return web.Response(status=202)

    def problem(self, status, code):
        self.refusals.append(code)
        return web.json_response({"error": {"code": code, "message": "as Power Automate says it"}}, status=status)

    def _wrong(self, body):
        attachments = body.get("attachments")
        if body.get("type") != "message" or not isinstance(attachments, list) or len(attachments) != 1:
            return "not one attachment"
        card = attachments[0]["content"]
        if attachments[0]["contentType"] != "application/vnd.microsoft.card.adaptive" or set(card) - _CARD:
            return "no card"
        if card["version"] > "1.4" or card.get("msteams", {}).get("entities"):
            return "version, or mentions"
        for block in blocks_of(card["body"]):
            if set(block) - _BLOCKS.get(block["type"], set()):
                return f"{block['type']} with {sorted(block)}"
            if block["type"] == "TextRun" and not block["text"].strip():
                return "an empty run"
        return "" if card["body"] else "empty"

    def said(self, item):
        card = item["attachments"][0]["content"]
        lines = [
            "".join(run["text"] for run in block["inlines"]) for block in blocks_of(card["body"]) if "inlines" in block
        ]
        lines += [block["text"] for block in blocks_of(card["body"]) if block["type"] == "TextBlock"]
        return "\n".join(lines + [f"{action['title']}: {action['url']}" for action in card.get("actions", [])])

    def live(self, item):
        card = item["attachments"][0]["content"]
        found = [
            f"button to {action['url']}" for action in card.get("actions", []) if not action["url"].startswith(OURS)
        ]
        for block in blocks_of(card["body"]):
            if block["type"] == "TextBlock" and not _OWN.fullmatch(_MOMENT.sub("M", block["text"])):
                found.append(f"foreign words where Markdown is read: {block['text'][:80]}")
            if block["type"] == "TextRun" and re.search(r"<at>|\{\{|\w://|\bwww\.|(?<!\w)@\w", block["text"]):
                found.append(f"live in a run: {block['text'][:80]}")
        return found


def blocks_of(items):
    for item in items:
        yield item
        yield from blocks_of(item.get("items", []))
        yield from blocks_of(item.get("inlines", []))
