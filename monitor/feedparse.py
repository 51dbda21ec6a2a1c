"""Parsing feeds in child processes, because a hostile feed can keep feedparser busy for hours.

One ``<author>`` of 50 kB costs feedparser 13 s and one of 1 MB more than an hour (kurtmckee/feedparser#562). So a child
with limits on CPU, memory and time does it, with no network and no files, and is killed and replaced when it is over.
"""

import asyncio
import json
import os
import signal
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from monitor.errors import FetchError

_WORKER = Path(__file__).with_name("feedparse_worker.py")
_LENGTH = struct.Struct(">I")
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TZ")
_START_S = 30.0
_MAX_SUSPECTS = 10_000


class _DiedError(Exception):
    """The child ended in the middle of its work."""

    def __init__(self, exit_code: int | None = None) -> None:
        super().__init__(f"exit code {exit_code}")
        self.exit_code = exit_code


class _Child:
    """One worker process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.parsed = 0
        self.fit = True
        """Whether it may take another feed."""

    @classmethod
    async def start(cls, limit_s: float, memory_bytes: int) -> "_Child":
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # else this folder is on the path, and our http hides the library's
            str(_WORKER),
            str(limit_s),
            str(memory_bytes),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            start_new_session=True,  # Ctrl-C is for the parent, which then ends its children
        )
        child = cls(process)
        try:
            async with asyncio.timeout(_START_S):
                await child.read()
        except BaseException:
            await child.end()
            raise
        return child

    async def ask(self, header: dict[str, str], body: bytes) -> dict[str, Any]:
        """Send one feed and read the result. Raises _DiedError."""
        assert self.process.stdin is not None
        head = json.dumps(header).encode("ascii")
        try:
            self.process.stdin.write(_LENGTH.pack(len(head)) + head + _LENGTH.pack(len(body)) + body)
            await self.process.stdin.drain()
        except (BrokenPipeError, ConnectionError) as error:
            raise _DiedError(await self.process.wait()) from error
        self.parsed += 1
        return await self.read()

    async def read(self) -> dict[str, Any]:
        """Read one result. Raises _DiedError."""
        assert self.process.stdout is not None
        try:
            (length,) = _LENGTH.unpack(await self.process.stdout.readexactly(_LENGTH.size))
            reply: dict[str, Any] = json.loads(await self.process.stdout.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise _DiedError(await self.process.wait()) from error
        return reply

    async def end(self) -> None:
        """Kill the process and wait until the system has forgotten it."""
        with suppress(ProcessLookupError):
            self.process.kill()
        if self.process.stdin is not None:
            self.process.stdin.close()
        await self.process.wait()
        assert self.process.stdout is not None
        while await self.process.stdout.read(65_536):
            pass


class FeedParser:
    """A few children that parse feeds, started when first needed. Belongs to one event loop."""

    def __init__(
        self, *, concurrency: int = 2, limit_s: float = 10, memory_bytes: int = 512 * 2**20, recycle_after: int = 1000
    ) -> None:
        self.limit_s = limit_s
        self._memory_bytes = memory_bytes
        self._recycle_after = recycle_after
        self._turns = asyncio.Semaphore(concurrency)
        self._idle: list[_Child] = []
        self._busy: set[_Child] = set()
        self._suspects: dict[str, None] = {}
        self._suspects_lane = asyncio.Semaphore(1)
        self._closed = False

    async def parse(self, body: bytes, content_type: str, url: str, *, limit_s: float | None = None) -> dict[str, Any]:
        """What feedparser makes of ``body``, as plain JSON values.

        ``feed`` holds the feed's own fields, ``entries`` its items; ``version`` is empty when it is no feed at all;
        ``bozo`` says what was malformed. Relative links are resolved against ``url``, except in enclosures and media,
        which are as written. Markup is not sanitised: take text from it, never show it. ``limit_s`` shortens the time
        limit. Raises FetchError (``malformed``) when it cannot be parsed within the limits.
        """
        if self._closed:
            raise RuntimeError("the feed parser is closed")
        limit_s = min(self.limit_s, limit_s or self.limit_s)
        over_time = FetchError(f"the feed at {url} could not be parsed in {limit_s:.3g} s", kind="malformed")
        try:
            async with self._suspects_turn(url), self._turns, self._child() as child:
                async with asyncio.timeout(limit_s):
                    reply = await child.ask({"content_type": content_type, "url": url}, body)
                child.fit = "fatal" not in reply and child.parsed < self._recycle_after
        except TimeoutError:
            self._suspect(url)
            raise over_time from None
        except _DiedError as death:
            if self._closed:
                raise FetchError(f"the feed at {url} was not parsed: we are closing", kind="internal") from None
            self._suspect(url)
            if death.exit_code == -signal.SIGXCPU:
                raise over_time from None
            raise FetchError(
                f"the feed at {url} could not be parsed: the parser died of it", kind="malformed"
            ) from None
        if "fatal" in reply:
            self._suspect(url)
            raise FetchError(f"the feed at {url} could not be parsed: {reply['fatal']}", kind="malformed")
        self._suspects.pop(url, None)
        return reply

    @asynccontextmanager
    async def _child(self) -> AsyncIterator[_Child]:
        """A child for one feed: kept for the next one if it is still fit, else ended."""
        try:
            child = await self._next_child()
        except (OSError, TimeoutError, _DiedError) as error:
            raise FetchError(f"the feed parser could not be started ({error!r})", kind="internal") from None
        self._busy.add(child)
        child.fit = False
        try:
            yield child
        finally:
            self._busy.discard(child)
            if child.fit and not self._closed:
                self._idle.append(child)
            else:
                await asyncio.shield(child.end())

    async def _next_child(self) -> _Child:
        while self._idle:
            child = self._idle.pop()
            if child.process.returncode is None:
                return child
            await child.end()  # somebody ended it while it was idle, and the next feed is not to blame
        return await _Child.start(self.limit_s, self._memory_bytes)

    def _suspects_turn(self, url: str) -> AbstractAsyncContextManager[object]:
        """Feeds that broke a child the last time wait for each other, so that the other children stay free."""
        return self._suspects_lane if url in self._suspects else nullcontext()

    def _suspect(self, url: str) -> None:
        self._suspects[url] = None
        if len(self._suspects) > _MAX_SUSPECTS:
            del self._suspects[next(iter(self._suspects))]

    async def aclose(self) -> None:
        """End every child. Parses under way fail."""
        self._closed = True
        children = [*self._idle, *self._busy]
        self._idle.clear()
        await asyncio.gather(*(child.end() for child in children))
