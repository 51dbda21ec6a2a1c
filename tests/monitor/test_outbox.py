import asyncio
from datetime import timedelta
from typing import ClassVar

import pytest
import sqlalchemy as sa
from pydantic import Field

from models import Alert, AlertState, Destination
from models.clock import utcnow
from monitor import outbox
from monitor.alerts import Channel, Message
from monitor.errors import DeliveryError


class Letterbox(Channel):
    """A channel in memory: what arrived, and what it does wrong next."""

    name: ClassVar[str] = "box"
    arrived: list = Field(default_factory=list)
    faults: list = Field(default_factory=list)
    knows: dict = Field(default_factory=dict)

    async def send(self, message):
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            if fault.ambiguous:
                self.arrived.append(message)  # it did arrive; only the answer was lost
                self.knows[message.id] = {"ts": message.id}
            raise fault
        self.arrived.append(message)
        return {"ts": message.id}


class FindingLetterbox(Letterbox):
    name: ClassVar[str] = "box"

    @property
    def can_find(self):
        return True

    async def find(self, message, since):
        return self.knows.get(message.id)


@pytest.fixture
def box():
    return FindingLetterbox(arrived=[], faults=[], knows={})


def queue(db, count=3, **values):
    with db.write() as session:
        session.add_all(
            Alert(
                **(
                    {"kind": "health", "channel": "box", "dedupe_key": f"k{n}", "payload": {"headline": f"{n}"}}
                    | values
                )
            )
            for n in range(count)
        )


def deliver(db, box, **how):
    def make(_session, alert):
        return Message(id=str(alert.id), kind=alert.kind, headline=alert.payload["headline"])

    return asyncio.run(outbox.deliver(db, {"box": box}, make, **how))


def states(db):
    with db.read() as session:
        return [row.state for row in session.execute(sa.select(Alert).order_by(Alert.id)).scalars()]


def in_the_future(db, seconds):
    return lambda: utcnow() + timedelta(seconds=seconds)


def test_messages_arrive_in_order_and_once(db, box):
    queue(db, 5)
    deliver(db, box)
    deliver(db, box)
    assert [message.headline for message in box.arrived] == ["0", "1", "2", "3", "4"]
    assert set(states(db)) == {AlertState.SENT}


def test_one_alert_cannot_be_queued_twice_for_a_channel(db):
    queue(db, 1)
    with pytest.raises(sa.exc.IntegrityError):
        queue(db, 1)


def test_an_alert_whose_answer_was_lost_is_looked_up_and_not_sent_again(db, box):
    queue(db, 2)
    box.faults = [DeliveryError("the connection broke", ambiguous=True)]
    deliver(db, box)
    assert states(db) == [AlertState.UNKNOWN, AlertState.QUEUED]
    done = deliver(db, box, clock=in_the_future(db, 60))
    assert [message.headline for message in box.arrived] == ["0", "1"]
    assert (done.sent, done.reconciled) == (1, 1)
    assert set(states(db)) == {AlertState.SENT}


def test_a_channel_that_cannot_look_up_says_that_it_may_repeat(db):
    box = Letterbox(arrived=[], faults=[DeliveryError("no answer", ambiguous=True)], knows={})
    queue(db, 1)
    deliver(db, box)
    deliver(db, box, clock=in_the_future(db, 60))
    assert [message.possible_repeat for message in box.arrived] == [False, True]


def test_what_a_killed_sender_left_behind_is_looked_up_first(db, box):
    queue(db, 1)
    with db.write() as session:
        alert = session.execute(sa.select(Alert)).scalar()
        alert.state, alert.attempted_at = AlertState.SENDING, utcnow() - timedelta(seconds=90)
        session.add(alert)
    box.knows = {"1": {"ts": "77"}}
    deliver(db, box)
    assert box.arrived == []
    with db.read() as session:
        alert = session.execute(sa.select(Alert)).scalar()
        assert (alert.state, alert.receipt) == (AlertState.SENT, {"ts": "77"})


def test_a_message_another_sender_is_sending_now_is_left_alone(db, box):
    queue(db, 1)
    with db.write() as session:
        session.execute(sa.update(Alert).values(state=AlertState.SENDING, attempted_at=utcnow()))
    deliver(db, box)
    assert box.arrived == []
    assert states(db) == [AlertState.SENDING]


def test_a_pause_the_channel_asks_for_is_kept(db, box):
    queue(db, 2)
    box.faults = [DeliveryError("too fast", retry_after=30)]
    deliver(db, box)
    deliver(db, box, clock=in_the_future(db, 20))
    assert box.arrived == []
    deliver(db, box, clock=in_the_future(db, 40))
    assert len(box.arrived) == 2


def test_a_permanent_fault_stops_the_destination_and_keeps_the_queue(db, box):
    queue(db, 3)
    box.faults = [DeliveryError("the token was revoked", permanent=True)]
    deliver(db, box)
    assert states(db) == [AlertState.QUEUED] * 3
    with db.read() as session:
        place = session.execute(sa.select(Destination)).scalar()
    assert place.stopped_at is not None
    assert place.error == "the token was revoked"
    deliver(db, box, clock=in_the_future(db, 1000))
    assert len(box.arrived) == 3


def test_a_message_the_channel_cannot_take_fails_and_the_next_one_goes_on(db, box):
    queue(db, 2)
    box.faults = [DeliveryError("too long", reduce=True)]
    deliver(db, box)
    assert states(db) == [AlertState.FAILED, AlertState.SENT]


def test_a_channel_that_is_not_set_up_keeps_its_messages(db, box):
    queue(db, 1, channel="elsewhere")
    assert deliver(db, box).waiting == 1
