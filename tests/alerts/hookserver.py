"""What the strict servers behind incoming webhooks share: a loopback port, and faults done when told to."""

import asyncio
import threading
from collections import deque
from typing import Any, Self

from aiohttp import web


class HookServer:
    """``with FakeTeams() as server``: ``.settings`` for the channel, ``.taken`` (what would be shown), ``.tries``.

    ``faults`` is a queue of what the next requests suffer: ``rate_limited`` (with ``retry_after``), ``drop`` (taken,
    the answer lost), ``server_error`` (500 although it was taken), ``silence`` (no answer at all), or a status.
    """

    channel = ""
    finds = False
    follows_in_thread = False

    def __init__(self) -> None:
        self.port = 0
        self.taken: list[Any] = []
        self.tries = 0
        self.refusals: list[str] = []
        self.faults: deque[str | int] = deque()
        self.retry_after = "1"
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._runner: web.AppRunner | None = None
        self._closing = asyncio.Event()

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
            self._closing.set()
            self._loop.run_until_complete(self._runner.cleanup())
            self._loop.close()

        self._thread = threading.Thread(target=serve, name=f"fake-{self.channel}", daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _start(self) -> None:
        app = web.Application(client_max_size=20_000_000)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.tries += 1
        fault = self.faults.popleft() if self.faults else ""
        if fault == "rate_limited":
            return self.slow_down()
        if fault == "silence":
            await self._closing.wait()
        if isinstance(fault, int):
            return self.refuse(fault, "as told")
        answer = await self.take(request)
        if fault == "drop":
            request.transport.abort()
        if fault == "server_error":
            return self.refuse(500, "broken")
        return answer

    def slow_down(self) -> web.Response:
        return web.json_response({"message": "slow down"}, status=429, headers={"Retry-After": self.retry_after})

    def refuse(self, status: int, why: str) -> web.Response:
        self.refusals.append(why)
        return web.json_response({"message": why}, status=status)

    async def take(self, request: web.Request) -> web.Response:
        """Keep what is right in ``taken`` and answer, or ``refuse``."""
        raise NotImplementedError

    # What the tests ask of every kind, here and for mail and Slack.

    @property
    def settings(self) -> dict[str, Any]:
        """The channel's section of the configuration."""
        raise NotImplementedError

    def said(self, item: Any) -> str:
        """All that a reader sees of something taken."""
        raise NotImplementedError

    def live(self, item: Any) -> list[str]:
        """Mentions, links that are not ours, and markup that something taken would bring to life."""
        raise NotImplementedError

    def name_of(self, item: Any) -> str:
        """That by which the other side knows two attempts at one message; empty where there is nothing like it."""
        return ""
