"""Servers on loopback and a Web that may ask one of them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from loopback_server import LoopbackServer

from monitor.http import HttpConfig, Web


@pytest.fixture
async def server() -> AsyncIterator[LoopbackServer]:
    """A server on 127.0.0.1 that the ``web`` fixture may ask."""
    server = LoopbackServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def other_server() -> AsyncIterator[LoopbackServer]:
    """A second server, at another private address, which nobody allowed."""
    server = LoopbackServer(host="127.0.0.77")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def make_web(server: LoopbackServer) -> AsyncIterator[Callable[..., Awaitable[Web]]]:
    """Makes a Web that may ask ``server``; keywords are settings of ``[http]`` or of Web itself."""
    made: list[Web] = []

    async def make(*, per_host: int = 10, concurrency: int = 100, **settings: Any) -> Web:
        settings.setdefault("allow_private", [server.netloc])
        settings.setdefault("deadline_s", 5)
        settings.setdefault("rate_per_host", 1000)
        extra = {name: settings.pop(name) for name in ("lookup", "clock", "monotonic", "parser") if name in settings}
        web = Web(HttpConfig(**settings), per_host=per_host, concurrency=concurrency, **extra)
        made.append(web)
        return await web.__aenter__()

    yield make
    for web in made:
        await web.aclose()


@pytest.fixture
async def web(make_web: Callable[..., Awaitable[Web]]) -> Web:
    """A Web with a deadline of 5 s that may ask ``server``."""
    return await make_web()
