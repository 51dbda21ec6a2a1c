"""When an account was watched, without holes and without inventions."""

from datetime import UTC, date, datetime, timedelta

import pytest

from models import Account, Coverage
from monitor import coverage

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def told(db):
    """What is told of one account whose spans (outcome, first hour, last hour) are given, for the first two days."""

    def tell(*spans, added=0, until=48):
        with db.write() as session:
            account = Account(platform="feed", address="a", added_at=START + added * HOUR)
            session.add(account)
            session.flush()
            for outcome, begins, ends in spans:
                session.add(
                    Coverage(
                        account_id=account.id,
                        outcome=outcome,
                        since=START + begins * HOUR,
                        until=START + ends * HOUR,
                        polls=int(ends - begins) or 1,
                    )
                )
        with db.read() as session:
            return coverage.stretches(session, account, START, START + until * HOUR, period_s=900)

    return tell


def said(told):
    return [(s.outcome, (s.since - START) / HOUR, (s.until - START) / HOUR) for s in told]


def test_what_no_poll_covers_is_told_as_not_polled(told):
    found = told(("ok", 0, 10), ("timeout", 10.25, 12), ("ok", 20, 47.9))
    assert said(found) == [
        ("ok", 0, 10.25),
        ("timeout", 10.25, 12),
        ("not polled", 12, 20),
        ("ok", 20, 48),
    ]
    assert coverage.share_polled(found) == pytest.approx((10.25 + 28) / 48)


def test_time_before_the_account_was_added_is_not_held_against_it(told):
    assert said(told(("ok", 24, 48), added=24)) == [("ok", 24, 48)]
    assert coverage.share_polled([]) is None


def test_days_add_up_and_a_span_over_midnight_counts_in_both(told):
    found = told(("ok", 0, 20), ("timeout", 20, 30), added=0)
    first, second = coverage.by_day(found, [date(2026, 3, 2), date(2026, 3, 3)], START + 48 * HOUR)
    assert (first.polled, first.failed, first.not_polled) == pytest.approx((20 / 24, 4 / 24, 0))
    assert (second.polled, second.failed, second.not_polled) == pytest.approx((0, 6 / 24, 18 / 24))
    assert (first.polls, second.polls) == (24, 6)
    assert first.failures == second.failures == ("timeout",)


def test_a_day_before_the_watching_is_of_no_kind(told):
    found = told(("ok", 24, 48), added=24)
    before, after = coverage.by_day(found, [date(2026, 3, 2), date(2026, 3, 3)], START + 48 * HOUR)
    assert not before.watched
    assert after.polled == 1


def test_the_newest_spans_are_told_when_there_are_too_many(told, monkeypatch):
    monkeypatch.setattr(coverage, "MOST_SPANS", 3)
    spans = [("ok" if n % 2 else "timeout", n, n + 1) for n in range(48)]
    assert said(told(*spans)) == [("ok", 45, 46), ("timeout", 46, 47), ("ok", 47, 48)]
