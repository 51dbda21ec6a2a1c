"""The outbox: each alert is a row, claimed before it is sent, and looked up before it is sent again."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from models.clock import utcnow
from models.db import Database
from models.flag import NOTHING_TO_SAY, Alert, AlertState, Destination
from monitor.alerts import Channel, Message
from monitor.errors import CannotLookUpError, DeliveryError

log = structlog.get_logger()

CLAIM_S = 60.0
"""After this many seconds in ``sending`` the sender counts as dead. Longer than any one delivery may take."""
SEND_TIMEOUT_S = 45.0
PROBE_AFTER_S = 900.0
"""How long a stopped destination rests before one message tries it again, in seconds."""
MAX_WAIT_S = 300.0
LOOK_BACK_S = 900.0
"""A message whose answer was lost is looked for from this many seconds before it was tried: the other side stamps it
with its own clock, and either may be minutes off.
"""

_IS_UPDATE = col(Alert.kind) == "update"

MakeMessage = Callable[[Session, Alert], Message | None]
"""Builds what an alert says; None when there is nothing left to say."""


@dataclass
class Delivery:
    """What one pass over the outbox came to."""

    sent: int = 0
    reconciled: int = 0
    """Alerts whose earlier attempt turned out to have arrived."""
    failed: int = 0
    waiting: int = 0
    """Alerts still queued, for their time or for a destination that is stopped."""
    stopped: list[str] = field(default_factory=list)
    """Destinations that only a person can mend, each with the reason."""


def recover(db: Database, now: datetime, *, sole_sender: bool = False) -> int:
    """Mark what a dead sender left behind as ``unknown``. A sole sender need not wait for the claim to run out."""
    with db.write() as session:
        dead = sa.update(Alert).where(col(Alert.state) == AlertState.SENDING)
        if not sole_sender:
            dead = dead.where(col(Alert.attempted_at) < now - timedelta(seconds=CLAIM_S))
        return int(session.connection().execute(dead.values(state=AlertState.UNKNOWN)).rowcount)


async def deliver(
    db: Database,
    channels: Mapping[str, Channel],
    make_message: MakeMessage,
    *,
    clock: Callable[[], datetime] = utcnow,
    sole_sender: bool = False,
    patience_s: float = 0.0,
    stop: Callable[[], bool] = lambda: False,
) -> Delivery:
    """Send what is due, each channel and destination in order, side by side. Again sends nothing.

    ``patience_s`` is how long a pause asked for by a channel (rate limit) is sat out before the rest is left for the
    next pass.
    """
    await asyncio.to_thread(recover, db, clock(), sole_sender=sole_sender)
    with db.read() as session:
        places = session.execute(
            sa.select(col(Alert.channel), col(Alert.destination), _IS_UPDATE)
            .where(col(Alert.state).in_([AlertState.QUEUED, AlertState.UNKNOWN]), col(Alert.channel).in_(channels))
            .distinct()
        ).all()
    total = Delivery()
    lanes = [
        _Lane(db, channels[channel], destination, updates, make_message, clock, stop, total).run(patience_s)
        for channel, destination, updates in places
    ]
    await asyncio.gather(*lanes)
    with db.read() as session:
        total.waiting = session.execute(
            sa.select(sa.func.count()).where(col(Alert.state).in_([AlertState.QUEUED, AlertState.UNKNOWN]))
        ).scalar_one()
        broken = sa.select(Destination).where(
            col(Destination.stopped_at).is_not(None), col(Destination.channel).in_(channels)
        )
        total.stopped = [
            f"{f'{place.channel} {place.destination}'.strip()}: {place.error}"
            for place in session.execute(broken.order_by(col(Destination.id))).scalars()
        ]
    return total


async def close(channels: Mapping[str, Channel]) -> None:
    """Give back the connections of all channels, before the event loop ends."""
    for channel in channels.values():
        await channel.close()


class _Lane:
    """One destination of one channel: its messages go out one after another, oldest first.

    New forms of messages that stand have a lane of their own: who presses a button must not wait for the end of a
    backlog, nor alerts for the end of a thousand verdicts brought in at once.
    """

    def __init__(
        self,
        db: Database,
        channel: Channel,
        destination: str,
        updates: bool,
        make_message: MakeMessage,
        clock: Callable[[], datetime],
        stop: Callable[[], bool],
        total: Delivery,
    ) -> None:
        self.db = db
        self.channel = channel
        self.destination = destination
        self.updates = updates
        self.make_message = make_message
        self.clock = clock
        self.stop = stop
        self.total = total
        # New forms are not counted: Slack limits them apart, and who presses a button must not wait.
        self.pace_s = 0.0 if updates or not channel.rate_per_s else 1 / channel.rate_per_s
        self._seen: datetime | None = None
        self._seen_at = 0.0

    async def run(self, patience_s: float) -> None:
        give_up_at = time.monotonic() + patience_s
        while not self.stop():
            wait_s = await asyncio.to_thread(self._rest_s)
            if wait_s > 0:
                if time.monotonic() + wait_s > give_up_at:
                    return
                await asyncio.sleep(wait_s)
            claimed = await asyncio.to_thread(self._claim)
            if claimed is None:
                return
            if isinstance(claimed, float):
                await asyncio.sleep(claimed)
                continue
            if not await self._deliver(*claimed):
                return

    def _rest_s(self) -> float:
        with self.db.read() as session:
            row = _place(session, self.channel.name, self.destination)
            if row is None or row.rest_until is None:
                return 0.0
            return (row.rest_until - self.clock()).total_seconds()

    def _claim(self) -> tuple[Alert, Message | None, AlertState] | float | None:
        """Take the oldest message that is due; the row says ``sending`` before anything leaves the house.

        Returns the seconds to wait instead when one went out just now.
        """
        now = self.clock()
        with self.db.write() as session:
            alert = session.execute(
                sa.select(Alert)
                .where(
                    col(Alert.channel) == self.channel.name,
                    col(Alert.destination) == self.destination,
                    _IS_UPDATE if self.updates else ~_IS_UPDATE,
                    col(Alert.state).in_([AlertState.QUEUED, AlertState.UNKNOWN]),
                    col(Alert.next_attempt_at) <= now,
                )
                .order_by(col(Alert.id))
                .limit(1)
                .with_for_update(skip_locked=True)
            ).scalar()
            if alert is None:
                return None
            if self.pace_s and (left_s := self._too_soon_s(session, now)) > 0:
                return left_s
            before, message = alert.state, self.make_message(session, alert)
            first_attempt = alert.attempted_at
            changed = session.connection().execute(
                sa.update(Alert)
                .where(col(Alert.id) == alert.id, col(Alert.state) == before)
                .values(state=AlertState.SENDING, attempted_at=now, attempts=col(Alert.attempts) + 1)
            )
            if changed.rowcount != 1:
                return None
            session.expunge(alert)
            alert.attempted_at = first_attempt
            return alert, message, before

    def _too_soon_s(self, session: Session, now: datetime) -> float:
        """How many seconds the place's pace asks to wait, however many senders there are; 0 and it is our turn.

        Time is measured on both clocks: one that was set back, or stands still, must not hold messages.
        """
        _place(session, self.channel.name, self.destination, create=True)
        locked = sa.select(Destination).where(
            col(Destination.channel) == self.channel.name, col(Destination.destination) == self.destination
        )
        place = session.execute(locked.with_for_update().execution_options(populate_existing=True)).scalar_one()
        last = place.last_sent_at
        if last is not None:
            if last != self._seen:
                self._seen, self._seen_at = last, time.monotonic()
            passed_s = max((now - last).total_seconds(), time.monotonic() - self._seen_at)
            if passed_s < self.pace_s:
                return float(self.pace_s - passed_s)
        self._note_sent(place, now)
        return 0.0

    def _note_sent(self, place: Destination, now: datetime) -> None:
        place.last_sent_at = self._seen = now
        self._seen_at = time.monotonic()

    async def _deliver(self, alert: Alert, message: Message | None, before: AlertState) -> bool:
        """Send one claimed message. Returns whether the lane may go on."""
        if message is None:
            await asyncio.to_thread(self._write, alert, AlertState.FAILED, error=NOTHING_TO_SAY)
            return True
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                receipt, found = await self._send(alert, message, before)
        except TimeoutError:
            error = DeliveryError(f"{self.channel.name} did not answer within {SEND_TIMEOUT_S:g} s", ambiguous=True)
            await asyncio.to_thread(self._failed, alert, error)
            return False
        except DeliveryError as error:
            await asyncio.to_thread(self._failed, alert, error)
            return error.reduce
        except Exception as error:
            log.exception("alert.unexpected", channel=self.channel.name, alert=alert.id)
            unexpected = DeliveryError(f"unexpected {type(error).__name__}", ambiguous=True)
            await asyncio.to_thread(self._failed, alert, unexpected)
            return False
        await asyncio.to_thread(self._write, alert, AlertState.SENT, receipt=receipt)
        self.total.sent += not found
        self.total.reconciled += found
        return True

    async def _send(self, alert: Alert, message: Message, before: AlertState) -> tuple[dict[str, Any], bool]:
        if before == AlertState.UNKNOWN:
            since = (alert.attempted_at or alert.created_at) - timedelta(seconds=LOOK_BACK_S)
            try:
                receipt = await self.channel.find(message, since) if self.channel.can_find else None
                known = self.channel.can_find
            except CannotLookUpError:
                receipt, known = None, False
            if receipt is not None:
                return receipt, True
            if not known and not message.replaces:
                message = replace(message, possible_repeat=True)
        return await self.channel.send(message), False

    def _write(
        self, alert: Alert, state: AlertState, *, receipt: dict[str, Any] | None = None, error: str = ""
    ) -> None:
        now = self.clock()
        with self.db.write() as session:
            values: dict[str, Any] = {"state": state, "last_error": error}
            if state == AlertState.SENT:
                values |= {"sent_at": now, "receipt": receipt or {}}
            _update(session, alert, **values)
            if state == AlertState.SENT:
                place = _place(session, self.channel.name, self.destination, create=True)
                assert place is not None
                place.rest_until = place.stopped_at = None
                place.error, place.failures = "", 0
                if not self.updates:
                    self._note_sent(place, now)

    def _failed(self, alert: Alert, error: DeliveryError) -> None:
        """Write down why a message did not go out, and when this destination is tried again."""
        now = self.clock()
        with self.db.write() as session:
            if error.reduce:
                _update(session, alert, state=AlertState.FAILED, last_error=str(error))
                self.total.failed += 1
                return
            place = _place(session, self.channel.name, self.destination, create=True)
            assert place is not None
            place.failures += 1
            place.error = str(error)
            if error.permanent:
                place.stopped_at = place.stopped_at or now
                wait_s = PROBE_AFTER_S
            else:
                wait_s = error.retry_after or min(2.0 ** min(place.failures, 10), MAX_WAIT_S)
            place.rest_until = now + timedelta(seconds=wait_s)
            state = AlertState.UNKNOWN if error.ambiguous else AlertState.QUEUED
            _update(session, alert, state=state, last_error=str(error), next_attempt_at=place.rest_until)
        log.warning("alert.not_sent", channel=self.channel.name, alert=alert.id, error=str(error))


def _place(session: Session, channel: str, destination: str, *, create: bool = False) -> Destination | None:
    """The row of one place of one channel. ``create`` makes it, also when another sender makes it at this moment."""
    if create:
        connection = session.connection()
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        connection.execute(
            insert(Destination)
            .values(channel=channel, destination=destination, error="", failures=0)
            .on_conflict_do_nothing()
        )
    return session.execute(
        sa.select(Destination).where(col(Destination.channel) == channel, col(Destination.destination) == destination)
    ).scalar()


def _update(session: Session, alert: Alert, **values: Any) -> None:
    # The state guards the row: whoever recovered it meanwhile, because we were late, has the last word.
    session.connection().execute(
        sa.update(Alert).where(col(Alert.id) == alert.id, col(Alert.state) == AlertState.SENDING).values(**values)
    )
