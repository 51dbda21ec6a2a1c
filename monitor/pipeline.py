"""The one path of data: poll, score, flag, alert. One function an arrow; each does nothing the second time."""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

from models.clock import utcnow
from models.db import Database
from monitor import deletions, messages, noise, outbox, scoring
from monitor.config import Config
from monitor.http import Web
from monitor.outbox import Delivery
from monitor.poller import Poller, PollResult
from monitor.threads import Teller
from monitor.versions import Active, active


@dataclass
class Pass:
    """What one pass of the whole path came to."""

    polls: list[PollResult] = field(default_factory=list)
    scored: int = 0
    flagged: list[scoring.Flagged] = field(default_factory=list)
    deleted: list[deletions.Deleted] = field(default_factory=list)
    delivery: Delivery = field(default_factory=Delivery)

    @property
    def alerted(self) -> int:
        """How many of the new flags were put into the outbox."""
        return sum(flag.alerted for flag in self.flagged)


async def poll(
    db: Database,
    web: Web,
    config: Config,
    *,
    only: Collection[int] | None = None,
    on_result: Callable[[PollResult], None] = lambda _: None,
    clock: Callable[[], datetime] = utcnow,
) -> list[PollResult]:
    """Source -> post: read every account that is due (or exactly ``only``) and keep what is new."""
    results: list[PollResult] = []

    def note(result: PollResult) -> None:
        results.append(result)
        on_result(result)

    poller = Poller(db, web, config, on_result=note, clock=clock)
    try:
        await poller.run_due(only)
    finally:
        await poller.close()
    return results


def score(db: Database, duty: Active) -> int:
    """Post -> score: let the active classifier read each wording it has not read."""
    return scoring.score(db, duty)


def flag(db: Database, duty: Active, config: Config, *, now: datetime) -> list[scoring.Flagged]:
    """Score -> flag and queued alerts: everything at or over the thresholds."""
    return scoring.flag(db, duty, config, now=now)


async def alert(
    db: Database,
    config: Config,
    *,
    clock: Callable[[], datetime] = utcnow,
    sole_sender: bool = False,
    patience_s: float = 0.0,
    stop: Callable[[], bool] = lambda: False,
) -> Delivery:
    """Flag -> alert: send what stands in the outbox."""
    return await outbox.deliver(
        db,
        config.ready_channels,
        lambda session, row: messages.message_for(session, row, config),
        clock=clock,
        sole_sender=sole_sender,
        patience_s=patience_s,
        stop=stop,
    )


async def one_pass(
    db: Database,
    web: Web,
    config: Config,
    *,
    only: Collection[int] | None = None,
    on_result: Callable[[PollResult], None] = lambda _: None,
    sole_sender: bool = False,
    patience_s: float = 120.0,
) -> Pass:
    """The whole path once, as ``poll --once`` does it; the per-account results carry what became of their posts."""
    done = Pass()
    done.polls = await poll(db, web, config, only=only, on_result=on_result)
    done.deleted = await deletions.sweep(db, web, config, now=utcnow())
    duty = active(db, config)
    done.scored = score(db, duty)
    done.flagged = flag(db, duty, config, now=utcnow())
    noise.release(db, config, now=utcnow())
    Teller(db, config).run(now=utcnow())
    done.delivery = await alert(db, config, sole_sender=sole_sender, patience_s=patience_s)
    flagged = Counter(item.account_id for item in done.flagged)
    alerted = Counter(item.account_id for item in done.flagged if item.alerted)
    deleted = Counter(item.account_id for item in done.deleted)
    for result in done.polls:
        result.flagged = flagged[result.account_id]
        result.alerted = alerted[result.account_id]
        result.deleted = deleted[result.account_id]
    return done
