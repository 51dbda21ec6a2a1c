"""Runs the sample world on a loopback port: one server, three dialects, changeable while it runs."""

import socket
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Self

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.sample import bluesky, feed, mastodon
from monitor.sample.bluesky_views import uri_of
from monitor.sample.catalogue import light_offices, sample_offices
from monitor.sample.desk import Desk, Fault, RateWindow
from monitor.sample.mastodon_entities import status_id
from monitor.sample.world import Office, Post, World

_START_SECONDS = 15


class SampleServer:
    """The invented offices, served over real HTTP on 127.0.0.1 from a thread.

    ``port`` 0 takes a free one. ``accounts`` adds that many light accounts for each dialect, for load tests.
    ``rate_limit`` is the number of requests allowed in 300 s before each API dialect answers 429. ``now`` dates the
    posts (default: the clock), so that they are always fresh. Use as a context manager, or ``start`` and ``stop``.
    """

    def __init__(
        self, *, port: int = 0, accounts: int = 0, rate_limit: int = 1_000_000, now: datetime | None = None
    ) -> None:
        self._light = accounts
        self._now = now or datetime.now(UTC)
        # The protocol is named because asyncio sets TCP_NODELAY only on sockets that say they are TCP; without it
        # each small answer waits 40 ms for a delayed acknowledgement.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(("127.0.0.1", port))
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.world = World(self._offices())
        self._desk = Desk(self.world, self.url)
        self._thread: threading.Thread | None = None
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                _counted(self._app(rate_limit), self._desk),
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                backlog=2048,
                timeout_graceful_shutdown=1,
            )
        )

    def start(self) -> Self:
        """Serve until ``stop``. Raises ``TimeoutError`` when the server does not come up."""
        self._thread = threading.Thread(
            target=self._uvicorn.run, kwargs={"sockets": [self._socket]}, name="sample-server", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._uvicorn.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                self.stop()
                raise TimeoutError(f"the sample server did not start on {self.url}")
            time.sleep(0.005)
        return self

    def stop(self) -> None:
        """Close the port and end the thread; safe to call twice."""
        self._uvicorn.should_exit = True
        if self._thread is not None:
            self._thread.join(timeout=_START_SECONDS)
        self._socket.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def reset(self) -> None:
        """The world as it was at the start: no changes, faults or counts. Cheaper than another server."""
        self.world.restore(self._offices())
        self._desk.forget()

    def accounts(self, platform: str | None = None) -> list[dict[str, str]]:
        """What ``account add`` and ``account import`` need to watch these offices."""
        return [account_of(o, self.url) for o in self.world if platform in (None, o.platform)]

    def publish(self, office: str, text: str, **details: Any) -> Post:
        """A new post; ``details`` as in ``World.publish``."""
        return self.world.publish(office, text, **details)

    def edit(self, office: str, post_id: str, new_text: str) -> Post:
        """Give a post another text."""
        return self.world.edit(office, post_id, new_text)

    def delete(self, office: str, post_id: str) -> Post:
        """Remove a post."""
        return self.world.delete(office, post_id)

    def rename_handle(self, office: str, handle: str) -> None:
        """Give an office another handle or feed path; its identity stays."""
        self.world.rename_handle(office, handle)

    def deactivate(self, office: str, gone: bool = True) -> None:
        """Close a whole account, or open it again."""
        self.world.deactivate(office, gone)

    def external_id(self, office: str, post_id: str) -> str:
        """How the office's platform names this post: AT-URI, status URI, or the item's guid."""
        found, post = self._existing(office, post_id)
        match found.platform:
            case "bluesky":
                return uri_of(found, post)
            case "mastodon":
                status = f"{self.url}/users/{found.handle}/statuses/{status_id(post)}"
                return f"{status}/activity" if post.repost else status
        return feed.item_id(found, post, self.url)

    def item_url(self, office: str, post_id: str) -> str:
        """The page of a newsroom's item, served here."""
        return feed.item_url(*self._existing(office, post_id), self.url)

    def break_account(
        self,
        office: str,
        *,
        status: int | None = None,
        delay: float = 0.0,
        body: Literal["empty", "html"] | None = None,
        headers: Mapping[str, str] | None = None,
        times: int | None = None,
    ) -> None:
        """Make an account answer wrongly, ``times`` times or until ``heal``; see ``Fault``."""
        self._desk.set_fault(office, Fault(status, delay, body, headers or {}, times))

    def heal(self, office: str) -> None:
        """Let an account answer rightly again."""
        self._desk.set_fault(office, None)

    def count(self, *, path: str | None = None, office: str | None = None, status: int | None = None) -> int:
        """Requests answered so far, by path prefix, office and status."""
        return self._desk.count(path=path, office=office, status=status)

    def reset_counts(self) -> None:
        """Forget the requests counted so far."""
        self._desk.reset_counts()

    def _existing(self, office: str, post_id: str) -> tuple[Office, Post]:
        found = self.world.office(office)
        post = found.post(post_id)
        if post is None:
            raise KeyError(f"the sample office {office!r} has no post {post_id!r}")
        return found, post

    def _offices(self) -> list[Office]:
        return [*sample_offices(self._now), *light_offices(self._light, self._now)]

    def _app(self, rate_limit: int) -> Starlette:
        return Starlette(
            routes=[
                *bluesky.routes(self._desk, RateWindow(rate_limit)),
                *mastodon.routes(self._desk, RateWindow(rate_limit)),
                *feed.routes(self._desk),
            ]
        )


def account_of(office: Office, base_url: str) -> dict[str, str]:
    """One office as a row of an account list: platform, address, agency, state, role, name."""
    addresses = {
        "feed": lambda: feed.address(office, base_url),
        "bluesky": lambda: office.handle,
        "mastodon": lambda: mastodon.address(office, base_url),
    }
    return {
        "platform": office.platform,
        "address": addresses[office.platform](),
        "agency": office.agency,
        "state": office.state,
        "role": office.role,
        "name": office.name,
    }


def accounts(base_url: str = "http://127.0.0.1:8799") -> list[dict[str, str]]:
    """The bundled offices as an account list for a sample server at ``base_url``."""
    return [account_of(office, base_url) for office in sample_offices(datetime.now(UTC))]


def _counted(app: ASGIApp, desk: Desk) -> ASGIApp:
    async def counting(scope: Scope, receive: Receive, send: Send) -> None:
        async def counted_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                desk.record(scope["path"], scope.get("sample_office"), message["status"])
            await send(message)

        await app(scope, receive, counted_send)

    return counting
