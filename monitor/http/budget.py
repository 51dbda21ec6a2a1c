"""A total deadline over several requests, of which only time on the network counts."""

import asyncio
import time
from collections.abc import Awaitable
from types import TracebackType


class Budget:
    """Seconds of network time left to one piece of work."""

    def __init__(self, seconds: float) -> None:
        self.whole = seconds
        self.left = seconds

    def running(self) -> "Running":
        """A context within which time is spent. TimeoutError is raised from it when there is none left."""
        return Running(self)


class Running:
    """Time being spent. See :meth:`Budget.running`."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._timeout = asyncio.timeout(budget.left)

    async def __aenter__(self) -> "Running":
        self._since = time.monotonic()
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spend()
        await self._timeout.__aexit__(kind, error, trace)

    async def pause_for(self, turn: Awaitable[object]) -> None:
        """Wait for something that is not the server's fault: the clock stands still meanwhile."""
        self._spend()
        self._timeout.reschedule(None)
        try:
            await turn
        finally:
            self._since = time.monotonic()
            self._timeout.reschedule(asyncio.get_running_loop().time() + self._budget.left)

    def _spend(self) -> None:
        self._budget.left -= time.monotonic() - self._since
