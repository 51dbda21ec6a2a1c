"""One retraining at a time, in a process of its own, with a progress that everybody can read."""

import os
import pickle
import signal
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import Event, Retraining
from models.clock import utcnow
from monitor import retrain as retraining
from monitor.errors import SheriffwatchError
from monitor.learning import apart, runs


def now_and_last(db):
    with db.read() as session:
        return runs.under_way(session), runs.last(session)


def test_two_retrainings_never_run_at_once(desk, db, config, now):
    desk.keep_and_decide(20)
    first = runs.claim(db, by="Ana", now=now)
    for begin in (apart.begin, retraining.retrain):
        with pytest.raises(SheriffwatchError, match=r"A retraining runs already, begun by Ana at 12:00 UTC"):
            begin(db, config, by="Ben", now=now)
    running, last = now_and_last(db)
    assert (running.id, last) == (first.id, None)


def test_a_retraining_without_enough_labels_is_refused_before_anything_begins(desk, db, config, now):
    desk.keep_and_decide(2)
    with pytest.raises(SheriffwatchError, match=r"2 agreed labels are too few to retrain: 20 are needed"):
        apart.begin(db, config, by="Ana", now=now)
    assert now_and_last(db) == (None, None)


def test_one_that_has_been_silent_for_long_is_given_up_and_another_may_begin(db, now):
    silent = runs.claim(db, by="Ana", now=now)
    with db.write() as session:
        session.execute(sa.update(Retraining).values(seen_at=utcnow() - runs.LEASE - timedelta(seconds=1)))
    assert now_and_last(db) == (None, None)
    second = runs.claim(db, by="Ben", now=now)
    running, last = now_and_last(db)
    assert (running.id, last.id, last.failed) == (second.id, silent.id, True)
    assert "broken off" in last.sentence


def test_the_stage_is_told_and_a_fault_is_the_end_with_its_sentence(db, now):
    run = runs.claim(db, by="Ana", now=now)

    def work():
        with runs.carried(db, run.id, by="Ana", now=now) as tell:
            tell("training")
            assert now_and_last(db)[0].stage == "training"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    running, last = now_and_last(db)
    assert running is None
    assert last.failed
    assert "A fault of ours (ZeroDivisionError)" in last.sentence
    with db.read() as session:
        event = session.execute(sa.select(Event).where(Event.kind == "classifier.training_failed")).scalar()
        assert event.actor == "Ana"


def test_what_channels_hold_open_is_not_handed_to_the_other_process(tmp_path):
    from monitor.config import load

    config = load(None, environment={"SHERIFFWATCH__SLACK__BOT_TOKEN": "xoxb-1", "SHERIFFWATCH__SLACK__CHANNEL": "C1"})
    config.ready_channels["slack"]._client = (line for line in "open")
    handed = pickle.loads(pickle.dumps(config.for_another_process()))
    assert handed.ready_channels["slack"].bot_token.get_secret_value() == "xoxb-1"


@pytest.mark.slow
def test_a_retraining_in_the_background_ends_with_a_report(desk, db, config, now):
    config.database.url = str(db.engine.url.render_as_string(hide_password=False)).replace("+psycopg", "")
    desk.keep_and_decide(24)
    apart.begin(db, config, by="Ana", now=utcnow())
    running, _ = now_and_last(db)
    assert running.begun_by == "Ana"
    last = wait_for_the_end(db)
    assert not last.failed, last.sentence
    assert last.version
    assert last.report["differences"]
    assert "newly flagged" in last.report["flipped"]


@pytest.mark.slow
def test_a_retraining_whose_process_is_killed_is_broken_off_at_once(desk, db, config, now, monkeypatch):
    config.database.url = str(db.engine.url.render_as_string(hide_password=False)).replace("+psycopg", "")
    desk.keep_and_decide(24)
    started = []
    start = apart._start
    monkeypatch.setattr(apart, "_start", lambda *given: started.append(start(*given)) or started[-1])
    apart.begin(db, config, by="Ana", now=utcnow())
    os.kill(started[0].pid, signal.SIGKILL)
    last = wait_for_the_end(db)
    assert last.failed
    assert "broken off" in last.sentence
    assert "Signal 9" in last.sentence


def wait_for_the_end(db, most_s=120):
    until = time.monotonic() + most_s
    while time.monotonic() < until:
        running, last = now_and_last(db)
        if running is None and last is not None:
            return last
        time.sleep(0.2)
    raise AssertionError("the retraining did not end")
