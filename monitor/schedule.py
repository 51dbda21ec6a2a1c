"""Running for good: APScheduler is the metronome, the database says who is due."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from models.clock import utcnow
from models.db import Database, lock_file
from models.evidence import Event
from monitor import deletions, digest, incidents, noise, outbox, pipeline, savedsearches
from monitor.config import Config
from monitor.errors import SheriffwatchError
from monitor.http import Web
from monitor.learning import apart, duties
from monitor.poller import Poller, PollResult
from monitor.threads import Teller
from monitor.versions import Duty

log = structlog.get_logger()

TICK_S = 1.0
SWEEP_S = 60.0
UPDATE_S = 2.0
"""How soon a verdict given elsewhere shows in the channel, in seconds."""
LEARN_S = 600.0
"""How often to ask whether a retraining, the audit or the drift reading is due, in seconds."""
DRAIN_S = 45.0
"""How long polls and messages under way may take to end after SIGTERM, in seconds."""

Job = Callable[[], Awaitable[None]]


class RunLock:
    """Held by the one process that runs on a SQLite file, for as long as it lives."""

    def __init__(self, db: Database) -> None:
        self._path = db.path.with_name(db.path.name + ".run-lock") if db.path else None
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock; False when another process runs on the same file. PostgreSQL takes any number."""
        if self._path is None:
            return True
        self._descriptor = lock_file(self._path)
        if self._descriptor is None:
            return False
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()} {utcnow():%Y-%m-%d %H:%M:%S} UTC".encode())
        return True

    def holder(self) -> str:
        """Who holds it, as ``pid 12, since …``."""
        text = self._path.read_text("utf-8") if isinstance(self._path, Path) else ""
        pid, _, since = text.partition(" ")
        return f"pid {pid}, since {since}" if pid else "another process"

    def release(self) -> None:
        """Let another process run."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Runner:
    """The long-running process: polls what is due, scores, flags, alerts, sweeps, until told to stop."""

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
        self.clock = clock
        self.duty = Duty(db, config)
        self.stopping = asyncio.Event()
        self.poller = Poller(db, web, config, on_result=self._on_result, clock=clock)
        self.teller = Teller(db, config)
        self.not_hearing: Callable[[], str] = lambda: ""
        """Asks what keeps this process from hearing Slack's buttons; empty when nothing does."""
        self._tell = on_result
        self._fresh = asyncio.Event()
        self._fresh.set()
        self._delivering = asyncio.Lock()
        self.scheduler = AsyncIOScheduler(
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1}, timezone="UTC"
        )
        self.scheduler.add_listener(self._missed, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES | EVENT_JOB_ERROR)

    def every(self, seconds: float, job: Job, name: str) -> None:
        """Have ``job`` run each ``seconds`` seconds, never beside itself."""
        self.scheduler.add_job(
            self._guarded(job, name), "interval", seconds=seconds, id=name, next_run_time=datetime.now(UTC)
        )

    async def run(self) -> None:
        """Run until SIGTERM, SIGINT or :meth:`stop`, then let what is under way end, and return."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(signum, self.stop)
        lock = RunLock(self.db)
        if not lock.acquire():
            raise SheriffwatchError(
                f"sheriffwatch is running on {self.db.path} already ({lock.holder()}). "
                "Stop that process, or give this one a database of its own."
            )
        try:
            await asyncio.to_thread(self.duty.current)
            self.every(TICK_S, self.tick, "poll")
            self.every(TICK_S, self.process, "score and flag")
            self.every(TICK_S, self.deliver, "alert")
            self.every(SWEEP_S, self.sweep, "deletions")
            self.every(SWEEP_S, self.search, "saved searches")
            self.every(UPDATE_S, self.update, "updates of messages")
            self.every(SWEEP_S / 4, self.reply, "threads")
            self.every(SWEEP_S, self.tell, "digests and health")
            self.every(LEARN_S, self.learn, "learn")
            self.scheduler.start()
            await self.stopping.wait()
            await self._drain()
        finally:
            if self.scheduler.running:
                self.scheduler.shutdown(wait=False)
            await self.poller.close()
            await outbox.close(self.config.ready_channels)
            lock.release()

    def stop(self) -> None:
        """Begin nothing new, end what is under way, and let :meth:`run` return."""
        self.stopping.set()

    async def tick(self) -> None:
        """Begin to poll what is due."""
        if not self.stopping.is_set():
            await self.poller.start_due()

    async def process(self) -> None:
        """Score what is new and flag what a person should look at."""
        if not self._fresh.is_set():
            return
        self._fresh.clear()
        await asyncio.to_thread(self._score_and_flag)

    def _score_and_flag(self) -> None:
        duty = self.duty.current()
        pipeline.score(self.db, duty)
        pipeline.flag(self.db, duty, self.config, now=self.clock())

    async def deliver(self) -> None:
        """Send what stands in the outbox."""
        async with self._delivering:
            await pipeline.alert(
                self.db,
                self.config,
                clock=self.clock,
                sole_sender=self.db.is_sqlite,
                stop=self.stopping.is_set,
            )

    async def search(self) -> None:
        """Tell of new posts that match a saved search."""
        await asyncio.to_thread(savedsearches.run, self.db, self.config, now=self.clock())

    async def update(self) -> None:
        """Show new verdicts in the messages that stand."""
        await asyncio.to_thread(self.teller.update, now=self.clock())

    async def reply(self) -> None:
        """Tell below each match what became of its post."""
        await asyncio.to_thread(self.teller.reply, now=self.clock())

    async def tell(self) -> None:
        """Tell what was held back, the digest when it is due, and what began or ceased to need a person."""
        now = self.clock()
        await asyncio.to_thread(noise.release, self.db, self.config, now=now)
        await asyncio.to_thread(digest.run, self.db, self.config, now=now)
        await asyncio.to_thread(incidents.watch, self.db, self.config, now=now, listening=self.not_hearing())

    async def sweep(self) -> None:
        """Ask for posts that are due for a check of their own."""
        await deletions.sweep(self.db, self.web, self.config, now=self.clock())

    async def learn(self) -> None:
        """Draw the weekly sample, read the week for drift, and retrain, each when it is due."""
        await asyncio.to_thread(duties.weekly, self.db, self.config, now=self.clock())
        with self.db.read() as session:
            due = duties.retraining_due(session, self.config, now=self.clock())
        if due:
            log.info("run.retraining", because=due)
            await apart.retrain_apart(self.db, self.config, by="schedule", stopping=self.stopping.is_set)

    async def _drain(self) -> None:
        self.scheduler.pause()
        try:
            async with asyncio.timeout(DRAIN_S):
                await self.poller.drain()
                await asyncio.to_thread(self._score_and_flag)
                async with self._delivering:
                    pass
        except TimeoutError:
            log.warning("run.drain_timeout", seconds=DRAIN_S)

    def _on_result(self, result: PollResult) -> None:
        if result.new or result.edited:
            self._fresh.set()
        self._tell(result)

    def _guarded(self, job: Job, name: str) -> Job:
        async def run() -> None:
            try:
                await job()
            except Exception:  # the next run comes anyway; silence would be worse than the log line
                log.exception("run.job_failed", job=name)

        return run

    def _missed(self, event: JobEvent) -> None:
        if event.code == EVENT_JOB_MAX_INSTANCES:  # the run before goes on: a queue is being sent, say
            log.debug("run.job_goes_on", job=event.job_id)
            return
        log.warning("run.job_missed", job=event.job_id, code=event.code)
        if event.code == EVENT_JOB_MISSED:
            with self.db.write() as session:
                session.add(Event(at=self.clock(), kind="run.missed", subject=f"job:{event.job_id}"))
