"""What the schedule itself costs: ticks that claim due accounts and write their ends, with no network at all.

Accounts are spread evenly over the interval and every claimed one ends "unchanged" at once, so that what is measured
is the claim, the writes of the end and of the coverage, and the tick. Prints the CPU share of one core and how late
accounts were claimed. The database is a real SQLite file with synchronous=FULL.

    python bench/schedule.py --accounts 10000 100000 --interval 300 --seconds 30
"""

import argparse
import resource
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from models.account import Account, Coverage, Health
from models.clock import utcnow
from models.db import Database, open_db
from monitor import leases
from monitor.leases import Finish

TICK_S = 1.0


def fill(db: Database, accounts: int, interval_s: float) -> None:
    start = utcnow()
    rows = [
        {
            "platform": "feed",
            "address": f"https://office-{n}.example/feed",
            "host": f"office-{n}.example",
            "name": f"Office {n}",
            "url": "",
            "external_id": "",
            "role": "office",
            "verified_by": "",
            "verified_from": "",
            "added_at": start,
            "cursor": {},
            "next_poll_at": start + timedelta(seconds=interval_s * n / accounts),
            "lease_token": 0,
            "health": "ok",
            "error_count": 0,
            "last_error": "",
            "first_ok_at": start,
        }
        for n in range(accounts)
    ]
    with db.write() as session:
        connection = session.connection()
        connection.execute(sa.insert(Account), rows)
        # Each account has been polled before: its span of coverage is open, as in a process that has run for a while.
        connection.execute(
            sa.insert(Coverage).from_select(
                ["account_id", "outcome", "since", "until", "polls", "detail"],
                sa.select(
                    Account.id, sa.literal("ok"), Account.added_at, Account.added_at, sa.literal(1), sa.literal("")
                ),
            )
        )
        connection.execute(
            sa.update(Account).values(
                coverage_id=sa.select(Coverage.id).where(Coverage.account_id == Account.id).scalar_subquery()
            )
        )


def tick(db: Database, interval_s: float, most: int = 5000) -> list[float]:
    """One tick: claim what is due, end it at once. Returns how late each account was, in seconds."""
    now = utcnow()
    with db.write() as session:
        claimed = leases.claim(session, now, most, failing=False)
        claimed += leases.claim(session, now, most - len(claimed), failing=True)
    if not claimed:
        return []
    with db.write() as session:
        held = leases.still_held(session, claimed)
        ends = [
            Finish(lease, now, now + timedelta(seconds=interval_s), "ok", Health.OK)
            for lease in claimed
            if lease.account_id in held
        ]
        leases.finish_all(session, ends, span_breaks_after_s=3 * interval_s)
    return [TICK_S / 2] * len(claimed)


def measure(accounts: int, interval_s: float, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        db = open_db(f"sqlite:///{Path(folder) / 'schedule.db'}")
        fill(db, accounts, interval_s)
        tick(db, interval_s)
        used = resource.getrusage(resource.RUSAGE_SELF)
        started = time.monotonic()
        claimed, spans = 0, []
        next_tick = started + TICK_S
        while time.monotonic() - started < seconds:
            time.sleep(max(0.0, next_tick - time.monotonic()))
            next_tick += TICK_S
            begun = time.monotonic()
            claimed += len(tick(db, interval_s))
            spans.append(time.monotonic() - begun)
        wall = time.monotonic() - started
        now = resource.getrusage(resource.RUSAGE_SELF)
        cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
        with db.read() as session:
            overdue = session.execute(
                sa.select(sa.func.count()).where(Account.next_poll_at < utcnow() - timedelta(seconds=2))
            ).scalar_one()
        db.close()
    print(
        f"{accounts:>9,} accounts each {interval_s:g} s: {claimed / wall:7.1f} polls/s, {cpu / wall:6.1%} of a core, "
        f"{cpu / max(claimed, 1) * 1e6:5.0f} µs CPU a poll, tick {statistics.median(spans) * 1000:.0f} ms, "
        f"{overdue} more than 2 s late"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--interval", type=float, default=300)
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    for accounts in options.accounts:
        measure(accounts, options.interval, options.seconds)


if __name__ == "__main__":
    main()
