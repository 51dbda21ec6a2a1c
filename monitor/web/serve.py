"""Serving the page inside a running event loop, beside whatever else the process does."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn

from models.clock import utcnow
from models.db import Database
from monitor import users
from monitor.config import Config, WebConfig
from monitor.errors import SheriffwatchError
from monitor.web.app import create_app
from monitor.web.routes import overview

GRACE_S = 5
"""How long requests under way may take to end when the process stops, in seconds."""
_MOST_AT_ONCE = 200


class _Server(uvicorn.Server):
    """Leaves signals to the process it runs in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: the scheduler or the command listens."""
        yield


@contextlib.asynccontextmanager
async def serving(db: Database, config: Config) -> AsyncIterator[str]:
    """Serve the page while the block runs; the address it answers at is handed to the block.

    Raises SheriffwatchError when the configured address cannot be had.
    """
    listening = _listen(config.web)
    app = create_app(db, config)
    overview.prepare(app.state.shared)
    # What is loaded by now stays: looking through it for garbage again and again would hold up a page for 50 ms.
    gc.collect()
    gc.freeze()
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,  # who read what when is nobody's business
            server_header=False,
            lifespan="off",
            ws="none",
            limit_concurrency=_MOST_AT_ONCE,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield config.web.base_url.rstrip("/") or f"http://{_shown(config.web.host)}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listening.close()


def first_link(db: Database, address: str) -> str | None:
    """The one-time link for the first user, or None when somebody can log in already."""
    with db.read() as session:
        if users.any_user(session):
            return None
    return f"{address}/welcome/{users.invite(db, by='start', now=utcnow())}"


def _listen(web: WebConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off for each connection; without, every answer whose head
    # and body leave apart waits 40 ms for the other side's delayed acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((web.host, web.port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise SheriffwatchError(
            f"The review page cannot be served at {web.host}:{web.port}: {error.strerror or error}. "
            "Set another web.port or web.host."
        ) from None
    listening.setblocking(False)
    return listening


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - every address of the machine: one that can be clicked is shown
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
