"""Politeness: how many requests a host gets at a time, how many a second, and when it is left in peace."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from monitor.errors import FetchError
from monitor.http.waiting import LONGEST_S

_FIRST_REST_S = 60.0
_FORGIVEN_AFTER_S = 3600.0


class Host:
    """One ``host:port`` and what we owe it."""

    def __init__(self, name: str, per_host: int, gap_s: float) -> None:
        self.name = name
        self.gap_s = gap_s
        self.slots = asyncio.Semaphore(per_host)
        self.users = 0
        self.next_at = 0.0
        self.rest_until = 0.0
        self.refusals = 0


class Hosts:
    """All hosts we are talking to, forgotten again when they are idle and owed nothing."""

    def __init__(
        self,
        *,
        per_host: int,
        rate: float,
        owns: Callable[[str, int], bool],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_host = per_host
        self._gap_s = 1 / rate
        self._owns = owns
        self._now = monotonic
        self._hosts: dict[tuple[str, int], Host] = {}
        self._sweep_at = 1024

    def __len__(self) -> int:
        return len(self._hosts)

    @asynccontextmanager
    async def slot(self, name: str, port: int, shown: str) -> AsyncIterator[Host]:
        """Wait for a turn at a host, called ``shown`` in messages. Raises FetchError at once while the host rests."""
        host = self._get(name, port, shown)
        self._raise_if_resting(host)
        host.users += 1
        try:
            async with host.slots:
                self._raise_if_resting(host)
                if host.gap_s:
                    await self._keep_pace(host)
                    self._raise_if_resting(host)
                yield host
        finally:
            host.users -= 1

    def rest(self, host: Host, seconds: float | None) -> float:
        """Leave the host in peace for as long as it asked, or for a guess. Returns the seconds.

        Both grow with every refusal in a row: a host that goes on refusing is asked a dozen times an hour at most.
        """
        now = self._now()
        if host.rest_until <= now:  # a refusal that was under way together with another one counts once
            host.refusals = min(host.refusals + 1, 20)
        if seconds is None:
            seconds = _FIRST_REST_S * 2 ** (host.refusals - 1)
        seconds = max(seconds, 2.0**host.refusals)
        host.rest_until = max(host.rest_until, now + min(seconds, LONGEST_S))
        return host.rest_until - now

    def _get(self, name: str, port: int, shown: str) -> Host:
        host = self._hosts.get((name, port))
        if host is None:
            if len(self._hosts) >= self._sweep_at:
                self._sweep()
            host = Host(shown, self._per_host, 0.0 if self._owns(name, port) else self._gap_s)
            self._hosts[name, port] = host
        return host

    async def _keep_pace(self, host: Host) -> None:
        now = self._now()
        turn = max(now, host.next_at)
        host.next_at = turn + host.gap_s
        if turn > now:
            await asyncio.sleep(turn - now)

    def _raise_if_resting(self, host: Host) -> None:
        left = host.rest_until - self._now()
        if left > 0:
            raise FetchError(
                f"{host.name} asked us to wait and is left in peace for another {left:.0f} s",
                kind="rate_limited",
                retry_after=left,
            )

    def _sweep(self) -> None:
        now = self._now()
        self._hosts = {
            key: host
            for key, host in self._hosts.items()
            if host.users or host.next_at > now or host.rest_until + (host.refusals and _FORGIVEN_AFTER_S) > now
        }
        self._sweep_at = max(1024, 2 * len(self._hosts))
