from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import Account, Coverage, Health
from models.clock import utcnow
from monitor import leases
from monitor.leases import Finish, Rhythm

NOW = utcnow()


@pytest.fixture
def accounts(db):
    def add(count=3, **values):
        with db.write() as session:
            rows = [
                Account(**({"platform": "feed", "address": f"https://{n}.example/feed", "next_poll_at": NOW} | values))
                for n in range(count)
            ]
            session.add_all(rows)
            session.flush()
        return rows

    return add


def claim(db, now=NOW, limit=10, **how):
    with db.write() as session:
        return leases.claim(session, now, limit, **how)


def end(db, lease, *, at=NOW, outcome="ok", **values):
    finish = Finish(lease, at, at + timedelta(seconds=900), outcome, Health.OK, **values)
    with db.write() as session:
        held = leases.still_held(session, [lease])
        if held:
            leases.finish_all(session, [finish], span_breaks_after_s=2700)
    return bool(held)


def test_an_account_is_claimed_by_one_worker_only(db, accounts):
    accounts(3)
    first, second = claim(db, limit=2), claim(db)
    assert len(first) == 2
    assert len(second) == 1
    assert not {lease.account_id for lease in first} & {lease.account_id for lease in second}


def test_only_what_is_due_and_not_paused_is_claimed(db, accounts):
    accounts(1, address="https://later.example", next_poll_at=NOW + timedelta(seconds=1))
    accounts(1, address="https://paused.example", paused_at=NOW)
    assert claim(db) == []


def test_the_longest_overdue_account_comes_first(db, accounts):
    accounts(1, address="https://new.example")
    accounts(1, address="https://old.example", next_poll_at=NOW - timedelta(hours=2))
    assert claim(db, limit=1)[0].target.address == "https://old.example"


def test_a_busy_host_is_left_alone(db, accounts):
    accounts(1, address="https://busy.example", host="busy.example")
    accounts(1, address="https://free.example", host="free.example")
    assert [lease.host for lease in claim(db, busy_hosts=["busy.example"])] == ["free.example"]


def test_the_account_of_a_dead_worker_comes_back_when_its_lease_runs_out(db, accounts):
    accounts(1)
    assert claim(db)
    assert claim(db, now=NOW + timedelta(seconds=59)) == []
    assert claim(db, now=NOW + timedelta(seconds=61))


def test_a_renewed_lease_is_kept(db, accounts):
    accounts(1)
    held = claim(db)
    with db.write() as session:
        leases.renew(session, held, NOW + timedelta(seconds=50))
    assert claim(db, now=NOW + timedelta(seconds=61)) == []


def test_a_released_account_is_due_at_once(db, accounts):
    accounts(1)
    held = claim(db)
    with db.write() as session:
        leases.release(session, held)
    assert len(claim(db)) == 1


def test_the_write_of_a_worker_that_is_too_late_is_refused(db, accounts):
    (account,) = accounts(1)
    late = claim(db)[0]
    now = NOW + timedelta(seconds=61)
    fresh = claim(db, now=now)[0]
    assert end(db, fresh, at=now, cursor={"from": "fresh"})
    assert not end(db, late, at=now, cursor={"from": "late"})
    with db.read() as session:
        assert session.get(Account, account.id).cursor == {"from": "fresh"}


def test_coverage_grows_while_the_outcome_stays_and_breaks_when_it_changes(db, accounts):
    accounts(1)
    at = NOW
    for outcome in ("ok", "ok", "blocked", "blocked", "ok"):
        end(db, claim(db, now=at)[0], at=at, outcome=outcome)
        at += timedelta(seconds=901)
    with db.read() as session:
        spans = session.execute(sa.select(Coverage).order_by(Coverage.id)).scalars().all()
    assert [(span.outcome, span.polls) for span in spans] == [("ok", 2), ("blocked", 2), ("ok", 1)]
    assert (spans[0].until - spans[0].since).total_seconds() == 901


def test_time_in_which_nobody_polled_is_a_gap_in_the_coverage(db, accounts):
    accounts(1)
    end(db, claim(db)[0])
    later = NOW + timedelta(hours=5)
    end(db, claim(db, now=later)[0], at=later)
    with db.read() as session:
        spans = session.execute(sa.select(Coverage).order_by(Coverage.id)).scalars().all()
    assert [span.since for span in spans] == [NOW, later]


def test_failures_in_a_row_are_counted_and_a_success_forgets_them(db, accounts):
    (account,) = accounts(1)
    at = NOW
    for _ in range(2):
        end(db, claim(db, now=at)[0], at=at, outcome="timeout", detail="slow.example did not answer")
        at += timedelta(seconds=901)
    with db.read() as session:
        failed = session.get(Account, account.id)
        assert (failed.error_count, failed.last_error) == (2, "slow.example did not answer")
    end(db, claim(db, now=at)[0], at=at)
    with db.read() as session:
        assert session.get(Account, account.id).error_count == 0


def test_a_failing_account_is_asked_ever_more_rarely_but_never_forgotten():
    rhythm = Rhythm(900, jitter=0, max_backoff_s=86_400)
    waits = [rhythm.after_failure(n, None, None, permanent=False) for n in range(1, 40)]
    assert waits[:3] == [900, 1800, 3600]
    assert waits == sorted(waits)
    assert waits[-1] == 86_400


def test_a_server_that_asks_us_to_wait_is_obeyed():
    assert Rhythm(900, jitter=0).after_failure(1, None, 5000, permanent=False) == 5000


def test_polls_spread_out_by_jitter():
    rhythm = Rhythm(900, jitter=0.1)
    waits = {rhythm.after_success() for _ in range(50)}
    assert len(waits) > 40
    assert all(810 <= wait <= 990 for wait in waits)


def test_a_feeds_own_wish_counts_at_a_public_pace_but_not_below_it():
    assert Rhythm(900, jitter=0).after_success(None, 1800) == 1800
    assert Rhythm(900, jitter=0).after_success(None, 60) == 900
    assert Rhythm(1, jitter=0).after_success(None, 1800) == 1
