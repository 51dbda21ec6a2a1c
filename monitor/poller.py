"""Polling: due accounts are claimed, read side by side, and their readings written in short shared transactions."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import DataError, IntegrityError
from sqlmodel import Session

from models.account import Health
from models.clock import utcnow
from models.db import Database
from monitor import keep, leases
from monitor.captures import keep_answers
from monitor.config import Config
from monitor.errors import FetchError
from monitor.http import AccountFetch, Answer, Web
from monitor.keep import Brought, Kept
from monitor.leases import Finish, Lease, Rhythm
from monitor.sources import Reading, Source

log = structlog.get_logger()

_HEALTH_OF = {
    "blocked": Health.BLOCKED,
    "login_wall": Health.LOGIN_WALL,
    "gone": Health.GONE,
    "moved": Health.MOVED,
}
_UNSTORABLE = (DataError, IntegrityError, ValueError)
_SETTLE_AT_MOST = 200
_RENEW_EVERY_S = leases.LEASE_S / 3


@dataclass
class PollResult:
    """What one poll of one account came to: the object that ``poll --once --json`` prints."""

    account_id: int
    account: str
    outcome: str
    """``ok``, ``unchanged``, ``lost`` (another worker took over), or the kind of the error."""
    error: str = ""
    new: int = 0
    edited: int = 0
    deleted: int = 0
    missing: int = 0
    flagged: int = 0
    alerted: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the platform answered well."""
        return self.outcome in ("ok", "unchanged")


@dataclass
class _Done:
    """One poll that ended, before it is written."""

    lease: Lease
    answers: list[Answer]
    seconds: float
    at: datetime
    reading: Reading | None = None
    error: FetchError | None = None


class Poller:
    """Polls the accounts of one database. ``run_due`` makes one pass; the scheduler calls ``start_due`` each tick."""

    def __init__(
        self,
        db: Database,
        web: Web,
        config: Config,
        *,
        on_result: Callable[[PollResult], None] = lambda _: None,
        clock: Callable[[], datetime] = utcnow,
    ) -> None:
        self.db = db
        self.web = web
        self.config = config
        self.on_result = on_result
        self.clock = clock
        poll = config.poll
        self._rhythm = Rhythm(poll.interval_s, poll.jitter, poll.max_backoff_s)
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_flight: dict[int, Lease] = {}
        self._hosts: Counter[str] = Counter()
        self._failing = 0
        self._done: asyncio.Queue[_Done] = asyncio.Queue()
        self._settler: asyncio.Task[None] | None = None
        self._renewer: asyncio.Task[None] | None = None
        self._sources: dict[str, Source] = {}
        self._broken: BaseException | None = None

    async def run_due(self, only: Collection[int] | None = None) -> None:
        """Poll every account that is due (or exactly ``only``) once, and return when all is written."""
        left = None if only is None else set(only)
        while True:
            started = await self.start_due(left)
            if left is not None:
                left -= started
            if not self._tasks and not started:
                break
            if self._tasks:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        await self.drain()

    async def start_due(self, only: Collection[int] | None = None) -> set[int]:
        """Claim what is due, as far as there is room, and begin to read it. Returns the ids of the claimed accounts."""
        self._raise_if_broken()
        self._ensure_workers()
        room = self.config.poll.concurrency - len(self._in_flight)
        if room <= 0 or (only is not None and not only):
            return set()
        claimed = await asyncio.to_thread(self._claim, room, only)
        for lease in claimed:
            self._begin(lease)
        return {lease.account_id for lease in claimed}

    async def drain(self) -> None:
        """Wait for what is under way, and until all of it is written. Nothing new is begun."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._done.join()
        self._raise_if_broken()

    async def close(self) -> None:
        """Stop at once: polls under way are given up and their accounts handed back."""
        for task in [*self._tasks, self._renewer, self._settler]:
            if task is not None:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        held = list(self._in_flight.values())
        if held:
            with self.db.write() as session:
                leases.release(session, held)

    def _claim(self, room: int, only: Collection[int] | None) -> list[Lease]:
        # A host whose slots are all taken, with more polls waiting, gets no more: others are not to wait behind it.
        busy = [host for host, count in self._hosts.items() if count >= 4 * self.config.poll.per_host]
        now = self.clock()
        with self.db.write() as session:
            if only is not None:
                return leases.claim(session, now, room, only=only, busy_hosts=busy)
            claimed = leases.claim(session, now, room, busy_hosts=busy, failing=False)
            # Accounts that failed last time may hang for the whole deadline, so they never get more than half the room.
            rest = min(room - len(claimed), max(1, self.config.poll.concurrency // 2) - self._failing)
            return claimed + leases.claim(session, now, rest, busy_hosts=busy, failing=True)

    def _begin(self, lease: Lease) -> None:
        self._in_flight[lease.account_id] = lease
        self._hosts[lease.host] += 1
        self._failing += lease.error_count > 0
        task = asyncio.create_task(self._poll(lease), name=f"poll {lease.label}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _poll(self, lease: Lease) -> None:
        started = time.monotonic()
        fetch = self.web.fetch()
        reading, error = await self._read(lease, fetch)
        seconds = time.monotonic() - started
        await self._done.put(_Done(lease, fetch.answers, seconds, self.clock(), reading, error))

    async def _read(self, lease: Lease, fetch: AccountFetch) -> tuple[Reading | None, FetchError | None]:
        try:
            source = self._sources.get(lease.platform)
            if source is None:
                source = self._sources[lease.platform] = self.config.source(lease.platform)
            return await source.read(fetch, lease.target), None
        except FetchError as error:
            return None, error
        except Exception as error:  # one bad account stops nobody, and the unexpected is still loud
            log.exception("poll.unexpected", account=lease.label, platform=lease.platform)
            return None, FetchError(f"unexpected {type(error).__name__} while reading {lease.label}", kind="internal")

    def _ensure_workers(self) -> None:
        if self._settler is None:
            self._settler = asyncio.create_task(self._settle_all(), name="settle")
            self._renewer = asyncio.create_task(self._renew_all(), name="renew leases")

    async def _settle_all(self) -> None:
        while True:
            batch = [await self._done.get()]
            while len(batch) < _SETTLE_AT_MOST and not self._done.empty():
                batch.append(self._done.get_nowait())
            try:
                for result in await asyncio.to_thread(self.settle, batch):
                    self.on_result(result)
            except Exception as error:
                self._broken = error
            finally:
                # Last, because drain() returns, and close() may end this task, when the queue is done with.
                for done in batch:
                    self._forget(done.lease)
                    self._done.task_done()

    async def _renew_all(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_EVERY_S)
            await asyncio.to_thread(self._renew, list(self._in_flight.values()))

    def _renew(self, held: list[Lease]) -> None:
        if held:
            with self.db.write() as session:
                leases.renew(session, held, self.clock())

    def _forget(self, lease: Lease) -> None:
        self._in_flight.pop(lease.account_id, None)
        self._hosts[lease.host] -= 1
        if not self._hosts[lease.host]:
            del self._hosts[lease.host]
        self._failing -= lease.error_count > 0

    def _raise_if_broken(self) -> None:
        if self._broken is not None:
            error, self._broken = self._broken, None
            raise error

    def settle(self, batch: list[_Done]) -> list[PollResult]:
        """Write finished polls: answers, posts, cursor and the account's next date commit together.

        What cannot be stored becomes its account's error and harms no other.
        """
        with self.db.write() as session:
            held = leases.still_held(session, [done.lease for done in batch])
            mine = [done for done in batch if done.lease.account_id in held]
            try:
                with session.begin_nested():
                    kept = self._keep(session, mine)
            except _UNSTORABLE:
                kept = {}
                for done in mine:
                    kept |= self._keep_alone(session, done)
            leases.finish_all(
                session,
                [self._finish(done) for done in mine],
                span_breaks_after_s=max(3 * self.config.poll.interval_s, 60),
            )
        return [
            _result(done, kept.get(done.lease.account_id, Kept()))
            if done.lease.account_id in held
            else PollResult(done.lease.account_id, done.lease.label, "lost", seconds=done.seconds)
            for done in batch
        ]

    def _keep(self, session: Session, batch: list[_Done]) -> dict[int, Kept]:
        """Store what polls brought, and tell for each account what is new."""
        poll = self.config.poll
        keep_answers(session, {done.lease.account_id: done.answers for done in batch if done.reading is None})
        brought = [
            Brought(done.lease.account_id, done.reading, done.answers, done.at, backfill=done.lease.first)
            for done in batch
            if done.reading is not None and not done.reading.unchanged
        ]
        unchanged = {d.lease.account_id: d.at for d in batch if d.reading is not None and d.reading.unchanged}
        for account_id in keep.accounts_with_missing(session, unchanged):
            keep.observe_missing_again(session, account_id, unchanged[account_id], poll.deletion_gap_s)
        all_kept = keep.keep_readings(
            session, brought, max_versions=poll.max_versions, deletion_gap_s=poll.deletion_gap_s
        )
        leases.note_new(
            session, {item.account_id: item.at for item, kept in zip(brought, all_kept, strict=True) if kept.new}
        )
        return {item.account_id: kept for item, kept in zip(brought, all_kept, strict=True)}

    def _keep_alone(self, session: Session, done: _Done) -> dict[int, Kept]:
        try:
            with session.begin_nested():
                return self._keep(session, [done])
        except _UNSTORABLE as fault:
            log.exception("poll.not_stored", account=done.lease.label)
            done.reading = None
            done.error = FetchError(f"what {done.lease.label} answered could not be stored: {fault}", kind="internal")
            return {}

    def _finish(self, done: _Done) -> Finish:
        lease = done.lease
        if done.reading is None:
            error = done.error or FetchError("unknown fault", kind="internal")
            wait = self._rhythm.after_failure(
                lease.error_count + 1, lease.interval_s, error.retry_after, error.permanent
            )
            return Finish(
                lease,
                done.at,
                done.at + timedelta(seconds=wait),
                error.kind,
                _HEALTH_OF.get(error.kind, Health.FAILING),
                detail=str(error),
            )
        wait = self._rhythm.after_success(lease.interval_s, done.reading.min_interval_s)
        profile = done.reading.profile
        slow = done.seconds > self.config.http.deadline_s / 2
        return Finish(
            lease,
            done.at,
            done.at + timedelta(seconds=wait),
            "ok",
            Health.SLOW if slow else Health.OK,
            cursor=done.reading.cursor,
            external_id=profile.external_id if profile else None,
            url=profile.url if profile and profile.url else None,
        )


def _result(done: _Done, kept: Kept) -> PollResult:
    result = PollResult(done.lease.account_id, done.lease.label, "ok", seconds=done.seconds)
    if done.reading is None:
        error = done.error or FetchError("unknown fault", kind="internal")
        result.outcome, result.error = error.kind, str(error)
        return result
    result.outcome = "unchanged" if done.reading.unchanged else "ok"
    result.new, result.edited, result.missing = len(kept.new), len(kept.edited), len(kept.missing)
    result.notes = [*done.reading.skipped, *done.reading.notes]
    return result


def summary(results: Iterable[PollResult]) -> Counter[str]:
    """How many accounts ended in which outcome."""
    return Counter(result.outcome for result in results)
