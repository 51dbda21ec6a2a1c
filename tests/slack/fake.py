"""A small, strict Slack on a loopback port: it refuses what Slack refuses, and fails as Slack fails when told to."""

import argparse
import asyncio
import itertools
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Self

from aiohttp import WSMsgType, web

from tests.slack.forms import faults_of, texts_of, view_faults_of

__all__ = ["FakeSlack", "faults_of", "texts_of"]

READS = {
    "conversations.history",
    "conversations.info",
    "conversations.replies",
    "files.getUploadURLExternal",
    "usergroups.users.list",
    "chat.getPermalink",
}
"""Methods that do not understand JSON."""


class FakeSlack:
    """``with FakeSlack() as slack``: ``.url``, ``.messages`` (what stands in the channels), ``.calls``.

    ``faults`` is a queue of what the next calls of ``chat.postMessage``, ``chat.update`` and of the webhook do wrong:
    ``log_in_page``, ``cut_off``, ``no_object``, ``nothing`` (answers that are none of Slack's), ``rate_limited``,
    ``drop`` (the message is taken, the answer lost), ``refuse_connection`` (cut before it is taken),
    ``server_error``, ``taken_server_error`` (500 although it was taken), or any word of Slack's, such as
    ``invalid_auth``. ``always`` is done each time.

    ``push(type, payload)`` hands a request to whoever listens in Socket Mode and returns the answer.
    """

    token = "xoxb-test-token"
    app_token = "xapp-test-token"
    channel = "C0TEST"
    team = "T0TEST"

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.channels = {self.channel, "C0OHIO", "C0HEALTH"}
        self.messages: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []
        self.used_triggers: set[str] = set()
        self.whispers: list[dict[str, Any]] = []
        self.files: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.times: list[float] = []
        self.faults: deque[str] = deque()
        self.always = ""
        self.retry_after = "1"
        self.scopes = {
            "chat:write",
            "channels:history",
            "channels:read",
            "commands",
            "files:write",
            "groups:history",
            "groups:read",
            "usergroups:read",
        }
        self.groups: dict[str, list[str]] = {}
        self.clock_off_s = 0.0
        self.clock_s: Callable[[], float] = time.time
        """Slack's time, where a test simulates hours."""
        self.connections = 0
        self.no_socket = False
        """Whether ``apps.connections.open`` forgets the address."""
        self._sockets: list[web.WebSocketResponse] = []
        self._answers: dict[str, dict[str, Any]] = {}
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
            for socket in self._sockets:
                self._loop.run_until_complete(socket.close())
            self._loop.run_until_complete(self._runner.cleanup())
            self._loop.close()

        self._thread = threading.Thread(target=serve, name="fake-slack", daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def push(
        self, type_: str, payload: dict[str, Any], *, wait_s: float = 10, envelope: str = ""
    ) -> dict[str, Any] | None:
        """Hand a request to the listener over its socket; its acknowledgement, or None when none came in time."""
        give_up_at = time.monotonic() + wait_s
        envelope = envelope or f"env-{next(self._counter)}"
        while not (alive := [socket for socket in self._sockets if not socket.closed]):
            if time.monotonic() > give_up_at:
                return None
            time.sleep(0.01)
        frame = {"envelope_id": envelope, "type": type_, "payload": payload, "accepts_response_payload": True}
        asyncio.run_coroutine_threadsafe(alive[-1].send_json(frame), self._loop).result(5)
        while envelope not in self._answers:
            if time.monotonic() > give_up_at:
                return None
            time.sleep(0.005)
        return self._answers.pop(envelope)

    def hang_up(self, reason: str = "refresh_requested") -> None:
        """Tell the listener to connect anew, as Slack does every few hours."""
        for socket in [socket for socket in self._sockets if not socket.closed]:
            frame = {"type": "disconnect", "reason": reason}
            asyncio.run_coroutine_threadsafe(socket.send_json(frame), self._loop).result(5)

    async def _start(self) -> None:
        app = web.Application(client_max_size=12_000_000)
        app.router.add_post("/api/{method}", self._api)
        app.router.add_post("/webhook", self._webhook)
        app.router.add_post("/respond", self._respond)
        app.router.add_post("/upload/{id}", self._upload)
        app.router.add_get("/socket", self._socket)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        as_json = request.content_type == "application/json"
        body = await request.json() if as_json else dict(await request.post())
        self.calls.append((method, body))
        wanted = self.app_token if method == "apps.connections.open" else self.token
        if request.headers.get("Authorization") != f"Bearer {wanted}":
            return _refuse("invalid_auth")
        if as_json and method in READS:
            return _refuse("invalid_arguments")
        handler = getattr(self, "_" + method.replace(".", "_"), None)
        answer = await handler(request, body) if handler else _refuse("unknown_method")
        answer.headers["x-oauth-scopes"] = ",".join(sorted(self.scopes))
        answer.headers["Date"] = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + self.clock_off_s))
        return answer

    async def _auth_test(self, _request: web.Request, _body: dict[str, Any]) -> web.StreamResponse:
        return web.json_response({"ok": True, "team_id": self.team, "team": "Example", "user_id": "U0BOT"})

    async def _conversations_info(self, _request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if not self.scopes & {"channels:read", "groups:read"}:
            return _refuse("missing_scope", needed="channels:read", provided=",".join(self.scopes))
        if body.get("channel") not in self.channels:
            return _refuse("channel_not_found")
        return web.json_response(
            {"ok": True, "channel": {"id": body["channel"], "name": "alerts", "is_member": True, "is_archived": False}}
        )

    async def _usergroups_users_list(self, _request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if "usergroups:read" not in self.scopes:
            return _refuse("missing_scope", needed="usergroups:read", provided=",".join(self.scopes))
        members = self.groups.get(body.get("usergroup", ""))
        return _refuse("no_such_subteam") if members is None else web.json_response({"ok": True, "users": members})

    async def _apps_connections_open(self, _request: web.Request, _body: dict[str, Any]) -> web.StreamResponse:
        return web.json_response(
            {"ok": True} | ({} if self.no_socket else {"url": f"{self.url}/socket".replace("http", "ws")})
        )

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.append(socket)
        self.connections += 1
        await socket.send_json({"type": "hello", "num_connections": len(self._sockets)})
        async for frame in socket:
            if frame.type == WSMsgType.TEXT:
                answer = json.loads(frame.data)
                self._answers[answer["envelope_id"]] = answer
        return socket

    async def _chat_postMessage(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:  # noqa: N802
        if str(body.get("channel")).startswith("U"):  # to one person, in the app's own conversation with them
            wrong = faults_of(body)
            if wrong:
                return _refuse(wrong)
            self.whispers.append(body)
            return web.json_response({"ok": True, "channel": "D0", "ts": f"{self.clock_s():.6f}"})
        self.times.append(time.monotonic())
        fault = self.faults.popleft() if self.faults else self.always
        early = self._early(request, fault, body)
        if early is not None:
            return early
        for image in (block for block in body.get("blocks") or [] if block["type"] == "image"):
            if self.files.get(image.get("slack_file", {}).get("id"), {}).get("state") != "complete":
                return _refuse("invalid_blocks")
        if body.get("thread_ts") and not [m for m in self.messages if m["ts"] == body["thread_ts"]]:
            return _refuse("thread_not_found")
        number = next(self._counter)
        message = {**body, "ts": f"{self.clock_s() + number / 1e6:.6f}", "type": "message", "number": number}
        self.messages.append(message)
        return self._late(
            request, fault, {"ok": True, "channel": body["channel"], "ts": message["ts"], "message": body}
        )

    async def _chat_update(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        fault = self.faults.popleft() if self.faults else self.always
        early = self._early(request, fault, body)
        if early is not None:
            return early
        old = next((m for m in self.messages if (m["channel"], m["ts"]) == (body["channel"], body.get("ts"))), None)
        if old is None:
            return _refuse("message_not_found")
        old.update({key: body[key] for key in ("text", "blocks", "metadata") if key in body})
        old["edits"] = old.get("edits", 0) + 1
        return self._late(request, fault, {"ok": True, "channel": body["channel"], "ts": body["ts"]})

    def _early(self, request: web.Request, fault: str, body: dict[str, Any]) -> web.StreamResponse | None:
        if fault == "refuse_connection":
            request.transport.abort()
            return web.Response()
        if fault == "rate_limited":
            headers = {"Retry-After": self.retry_after}
            return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
        if fault == "log_in_page":
            return web.Response(text="<html>Log in to the wireless network</html>", content_type="text/html")
        if fault == "cut_off":
            return web.Response(text='{"ok": tr', content_type="application/json")
        if fault == "no_object":
            return web.json_response([{"ok": True}])
        if fault == "nothing":
            return web.json_response({"ok": True})
        if fault == "server_error":
            return web.Response(status=503, text="upstream")
        if fault and fault not in ("drop", "taken_server_error"):
            return _refuse(fault)
        if "chat:write" not in self.scopes:
            return _refuse("missing_scope", needed="chat:write", provided=",".join(sorted(self.scopes)))
        if body.get("channel") not in self.channels:
            return _refuse("channel_not_found")
        wrong = faults_of(body)
        return _refuse(wrong) if wrong else None

    def _late(self, request: web.Request, fault: str, answer: dict[str, Any]) -> web.StreamResponse:
        if fault == "drop":
            request.transport.abort()
            return web.Response()
        if fault == "taken_server_error":
            return web.Response(status=500, text="internal")
        return web.json_response(answer)

    async def _chat_postEphemeral(self, _request: web.Request, body: dict[str, Any]) -> web.StreamResponse:  # noqa: N802
        if body.get("channel") not in self.channels:
            return _refuse("channel_not_found")
        self.whispers.append(body)
        return web.json_response({"ok": True, "message_ts": f"{time.time():.6f}"})

    async def _views_open(self, _request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if not body.get("trigger_id"):
            return _refuse("invalid_trigger_id")
        if body["trigger_id"] in self.used_triggers:
            return _refuse("exchanged_trigger_id")
        self.used_triggers.add(body["trigger_id"])
        wrong = view_faults_of(body.get("view") or {})
        if wrong:
            return _refuse("invalid_arguments", detail=wrong)
        self.views.append(body["view"])
        return web.json_response({"ok": True, "view": {"id": f"V{next(self._counter)}"}})

    async def _chat_getPermalink(self, _request: web.Request, body: dict[str, Any]) -> web.StreamResponse:  # noqa: N802
        ts = str(body.get("message_ts", ""))
        if not [m for m in self.messages if m["ts"] == ts]:
            return _refuse("message_not_found")
        return web.json_response({"ok": True, "permalink": f"https://example.slack.com/archives/x/p{ts}"})

    async def _files_getUploadURLExternal(  # noqa: N802
        self, _request: web.Request, body: dict[str, Any]
    ) -> web.StreamResponse:
        if "files:write" not in self.scopes:
            return _refuse("missing_scope", needed="files:write", provided=",".join(self.scopes))
        file_id = f"F{next(self._counter)}"
        self.files[file_id] = {"name": body["filename"], "length": int(body["length"]), "state": "asked"}
        return web.json_response({"ok": True, "upload_url": f"{self.url}/upload/{file_id}", "file_id": file_id})

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        file = self.files[request.match_info["id"]]
        body = await request.read()
        if len(body) != file["length"]:
            return web.Response(status=400)
        file |= {"body": body, "state": "sent"}
        return web.Response(text="OK")

    async def _files_completeUploadExternal(  # noqa: N802
        self, _request: web.Request, body: dict[str, Any]
    ) -> web.StreamResponse:
        for item in body["files"]:
            if self.files.get(item["id"], {}).get("state") != "sent":
                return _refuse("file_not_found")
            self.files[item["id"]]["state"] = "complete"
        return web.json_response({"ok": True, "files": body["files"]})

    async def _conversations_history(self, _request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return self._listed(body, [m for m in reversed(self.messages) if not m.get("thread_ts")])

    async def _conversations_replies(self, _request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        ts = body.get("ts")
        return self._listed(body, [m for m in self.messages if ts in (m["ts"], m.get("thread_ts"))])

    def _listed(self, body: dict[str, Any], messages: list[dict[str, Any]]) -> web.StreamResponse:
        if not self.scopes & {"channels:history", "groups:history"}:
            return _refuse("missing_scope", needed="channels:history", provided="chat:write")
        oldest = float(body.get("oldest") or 0)
        start = int(body.get("cursor") or 0)
        limit = int(body.get("limit") or 100)
        found = [m for m in messages if m["channel"] == body.get("channel") and float(m["ts"]) > oldest]
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

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        wrong = faults_of(body)
        if wrong:
            return web.Response(status=400, text=wrong)
        self.whispers.append(body)
        return web.Response(text="ok")


def _refuse(error: str, **more: str) -> web.StreamResponse:
    return web.json_response({"ok": False, "error": error, **more})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8765)
    with FakeSlack(parser.parse_args().port) as slack:
        print(json.dumps({"base_url": f"{slack.url}/api/", "bot_token": slack.token, "channel": slack.channel}))
        threading.Event().wait()
