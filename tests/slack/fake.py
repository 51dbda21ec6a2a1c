"""A small, strict Slack on a loopback port: it refuses what Slack refuses, and fails as Slack fails when told to."""

import argparse
import asyncio
import itertools
import json
import threading
import time
from collections import deque
from typing import Any, Self

from aiohttp import web

SECTION, HEADER, CONTEXT, BLOCKS, TOTAL, TEXT = 3000, 150, 10, 50, 13_200, 40_000


class FakeSlack:
    """``with FakeSlack() as slack``: ``.url``, ``.messages`` (what stands in the channels), ``.calls``.

    ``faults`` is a queue of what the next calls of ``chat.postMessage`` and of the webhook do wrong: ``rate_limited``,
    ``drop`` (the message is taken, the answer lost), ``refuse_connection`` (cut before it is taken), ``server_error``,
    ``taken_server_error`` (500 although it was taken), or any word of Slack's, such as ``invalid_auth``. ``always`` is
    done each time.
    """

    token = "xoxb-test-token"
    channel = "C0TEST"

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.messages: list[dict[str, Any]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.times: list[float] = []
        self.faults: deque[str] = deque()
        self.always = ""
        self.retry_after = "1"
        self.scopes = {"chat:write", "channels:history", "channels:read"}
        self._counter = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        started = threading.Event()

        def serve() -> None:
            asyncio.set_event_loop(self._loop)
            self._loop.run_until_complete(self._start())
            started.set()
            self._loop.run_forever()
            self._loop.run_until_complete(self._runner.cleanup())
            self._loop.close()

        self._thread = threading.Thread(target=serve, name="fake-slack", daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _start(self) -> None:
        app = web.Application(client_max_size=2_000_000)
        app.router.add_post("/api/{method}", self._api)
        app.router.add_post("/webhook", self._webhook)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        body = await request.json() if request.content_type == "application/json" else dict(await request.post())
        self.calls.append((method, body))
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return _refuse("invalid_auth")
        handler = getattr(self, "_" + method.replace(".", "_"), None)
        return await handler(request, body) if handler else _refuse("unknown_method")

    async def _auth_test(self, _request: web.Request, _body: dict[str, Any]) -> web.StreamResponse:
        return web.json_response({"ok": True, "team_id": "T0TEST", "user_id": "U0BOT"})

    async def _conversations_info(self, _request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return web.json_response({"ok": True}) if body.get("channel") == self.channel else _refuse("channel_not_found")

    async def _chat_postMessage(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:  # noqa: N802
        self.times.append(time.monotonic())
        fault = self.faults.popleft() if self.faults else self.always
        if fault == "refuse_connection":
            request.transport.abort()
            return web.Response()
        if fault == "rate_limited":
            headers = {"Retry-After": self.retry_after}
            return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
        if fault == "server_error":
            return web.Response(status=503, text="upstream")
        if fault and fault not in ("drop", "taken_server_error"):
            return _refuse(fault)
        if "chat:write" not in self.scopes:
            return _refuse("missing_scope", needed="chat:write", provided=",".join(sorted(self.scopes)))
        if body.get("channel") != self.channel:
            return _refuse("channel_not_found")
        wrong = faults_of(body)
        if wrong:
            return _refuse(wrong)
        message = {**body, "ts": f"{time.time():.6f}", "type": "message", "number": next(self._counter)}
        self.messages.append(message)
        if fault == "drop":
            request.transport.abort()
            return web.Response()
        if fault == "taken_server_error":
            return web.Response(status=500, text="internal")
        return web.json_response({"ok": True, "channel": body["channel"], "ts": message["ts"], "message": body})

    async def _conversations_history(self, _request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if "channels:history" not in self.scopes:
            return _refuse("missing_scope", needed="channels:history", provided="chat:write")
        oldest = float(body.get("oldest") or 0)
        start = int(body.get("cursor") or 0)
        limit = int(body.get("limit") or 100)
        found = [m for m in reversed(self.messages) if m["channel"] == body["channel"] and float(m["ts"]) > oldest]
        page = [
            {key: value for key, value in message.items() if key != "metadata" or body.get("include_all_metadata")}
            for message in found[start : start + limit]
        ]
        more = str(start + limit) if start + limit < len(found) else ""
        return web.json_response({"ok": True, "messages": page, "response_metadata": {"next_cursor": more}})

    async def _webhook(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        fault = self.faults.popleft() if self.faults else self.always
        if fault == "rate_limited":
            return web.Response(status=429, text="rate_limited", headers={"Retry-After": self.retry_after})
        if fault:
            return web.Response(status=404 if fault == "no_service" else 400, text=fault)
        if faults_of(body):
            return web.Response(status=400, text="invalid_payload")
        self.messages.append(body)
        return web.Response(text="ok")


def faults_of(body: dict[str, Any]) -> str:
    """What Slack would say of a message's form; empty when it would take it."""
    text, blocks = body.get("text") or "", body.get("blocks") or []
    if not text and not blocks:
        return "no_text"
    if len(text) > TEXT:
        return "msg_too_long"
    if len(blocks) > BLOCKS or not all(_sound(block) for block in blocks):
        return "invalid_blocks"
    return "msg_blocks_too_long" if sum(len(part) for part in texts_of(blocks)) > TOTAL else ""


def texts_of(value: Any) -> list[str]:
    """Every text a reader sees in blocks."""
    if isinstance(value, dict):
        return [
            text
            for key, item in value.items()
            for text in ([item] if key == "text" and isinstance(item, str) else texts_of(item))
        ]
    return [text for item in value for text in texts_of(item)] if isinstance(value, list) else []


def _sound(block: dict[str, Any]) -> bool:
    kind = block.get("type")
    if kind == "header":
        return block["text"]["type"] == "plain_text" and 0 < len(block["text"]["text"]) <= HEADER
    if kind == "section":
        return 0 < len(block["text"]["text"]) <= SECTION
    if kind == "context":
        return 0 < len(block["elements"]) <= CONTEXT
    if kind == "actions":
        elements = block["elements"]
        return len(elements) <= 25 and all(len(e.get("value", "")) <= 2000 and e["action_id"] for e in elements)
    if kind == "rich_text":
        return bool(block["elements"]) and all(
            element["elements"] and all(len(part["text"]) > 0 for part in element["elements"])
            for element in block["elements"]
        )
    return kind in ("divider", "image")


def _refuse(error: str, **more: str) -> web.StreamResponse:
    return web.json_response({"ok": False, "error": error, **more})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8765)
    with FakeSlack(parser.parse_args().port) as slack:
        print(json.dumps({"base_url": f"{slack.url}/api/", "bot_token": slack.token, "channel": slack.channel}))
        threading.Event().wait()
