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
from contextlib import suppress
from pathlib import Path
from typing import Any

from monitor.errors import FetchError

_WORKER = Path(__file__).with_name("feedparse_worker.py")
_LENGTH = struct.Struct(">I")
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TZ")
_START_S = 30.0


class _DiedError(Exception):
    """The child ended in the middle of its work."""


class _Child:
    """One worker process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.parsed = 0

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
            raise _DiedError from error
        self.parsed += 1
        return await self.read()

    async def read(self) -> dict[str, Any]:
        """Read one result. Raises _DiedError."""
        assert self.process.stdout is not None
        try:
            (length,) = _LENGTH.unpack(await self.process.stdout.readexactly(_LENGTH.size))
            reply: dict[str, Any] = json.loads(await self.process.stdout.readexactly(length))
        except (asyncio.IncompleteReadError, ValueError, ConnectionError) as error:
            raise _DiedError from error
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
        self._closed = False

    async def parse(self, body: bytes, content_type: str, url: str) -> dict[str, Any]:
        """What feedparser makes of ``body``, as plain JSON values.

        ``feed`` holds the feed's own fields, ``entries`` its items; ``version`` is empty when it is no feed at all;
        ``bozo`` says what was malformed. Relative links are resolved against ``url``. Markup is not sanitised: take
        text from it, never show it. Raises FetchError (``malformed``) when it cannot be parsed within the limits.
        """
        if self._closed:
            raise RuntimeError("the feed parser is closed")
        async with self._turns:
            try:
                child = self._idle.pop() if self._idle else await _Child.start(self.limit_s, self._memory_bytes)
            except (OSError, TimeoutError, _DiedError) as error:
                raise FetchError(f"the feed parser could not be started ({error!r})", kind="internal") from None
            self._busy.add(child)
            well = False
            try:
                async with asyncio.timeout(self.limit_s):
                    reply = await child.ask({"content_type": content_type, "url": url}, body)
                well = "fatal" not in reply and child.parsed < self._recycle_after and not self._closed
            except TimeoutError:
                raise self._over_time(url) from None
            except _DiedError:
                if await child.process.wait() == -signal.SIGXCPU:
                    raise self._over_time(url) from None
                raise FetchError(
                    f"the feed at {url} could not be parsed: the parser died of it", kind="malformed"
                ) from None
            finally:
                self._busy.discard(child)
                if well:
                    self._idle.append(child)
                else:
                    await asyncio.shield(child.end())
        if "fatal" in reply:
            raise FetchError(f"the feed at {url} could not be parsed: {reply['fatal']}", kind="malformed")
        return reply

    def _over_time(self, url: str) -> FetchError:
        return FetchError(f"the feed at {url} could not be parsed in {self.limit_s:g} s", kind="malformed")

    async def aclose(self) -> None:
        """End every child. Parses under way fail."""
        self._closed = True
        children = [*self._idle, *self._busy]
        self._idle.clear()
        await asyncio.gather(*(child.end() for child in children))
