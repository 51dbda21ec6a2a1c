"""A server on loopback that misbehaves in any way a test asks for."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Reply = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """One request and the connection to answer it on."""

    path: str
    headers: dict[str, str]
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, status: str = "200 OK", body: bytes = b"", **headers: str) -> None:
        """A complete and honest answer. ``content_type="x"`` becomes the header ``content-type: x``."""
        await self.send(head(status, **{"content_length": str(len(body)), **headers}) + body)


def head(status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}"] + [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


@dataclass
class LoopbackServer:
    """Answers each path by the reply given for it, and remembers what it was asked."""

    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    replies: dict[str, Reply] = field(default_factory=dict)
    requests: list[Exchange] = field(default_factory=list)
    connections: int = 0
    at_once: Counter[str] = field(default_factory=Counter)
    most_at_once: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    @property
    def netloc(self) -> str:
        return f"{self.host}:{self.port}"

    def url(self, path: str = "/") -> str:
        return f"{'https' if self.tls else 'http'}://{self.netloc}{path}"

    def on(self, path: str, reply: Reply) -> str:
        """Set the reply for a path and return its URL."""
        self.replies[path] = reply
        return self.url(path)

    def serve(self, path: str, status: str = "200 OK", body: bytes = b"", **headers: str) -> str:
        """Let a path answer always the same. Returns its URL."""

        async def reply(exchange: Exchange) -> None:
            await exchange.answer(status, body, **headers)

        return self.on(path, reply)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._talk, self.host, 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while True:
                raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = raw.strip().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                exchange = Exchange(first.split(" ")[1], headers, writer)
                self.requests.append(exchange)
                self.at_once["all"] += 1
                self.most_at_once = max(self.most_at_once, self.at_once["all"])
                try:
                    reply = self.replies.get(exchange.path.partition("?")[0])
                    await (reply(exchange) if reply else exchange.answer("404 Not Found"))
                finally:
                    self.at_once["all"] -= 1
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()
