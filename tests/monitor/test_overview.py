"""What the record adds up to."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from models import Account, Flag, Review, Verdict
from models.account import Health
from monitor import overview, tally
from monitor.overview import Condition
from monitor.tally import Count
from monitor.web.charts import columns, level, nice_top
from monitor.web.tiles import NAMES, tiles
from tests.monitor.made_posts import make_office, make_post, make_version

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
"""A Wednesday."""


@pytest.fixture
def office(db):
    with db.write() as session:
        account, version = make_office(session), make_version(session)
        session.expunge_all()
    return account, version


def reckon(db):
    with db.read() as session:
        return overview.reckon(session, NOW)


def put(db, office, text, *, at=NOW, origin="classifier", **more):
    with db.write() as session:
        post = make_post(session, office[0], text, number=hash(text) % 10_000, version=office[1], posted_at=at, **more)
        session.execute(sa.update(Flag).where(Flag.post_id == post.id).values(origin=origin, created_at=at))
    return post.id


def test_a_post_with_two_themes_counts_once_as_flagged_and_in_both_themes(db, office):
    put(db, office, "a", probability=0.8, themes=["invasion", "burden"])
    put(db, office, "b", probability=0.8, themes=["invasion"], at=NOW - timedelta(days=9))
    put(db, office, "old", probability=0.8, at=NOW - timedelta(days=400))
    weekly = reckon(db).weekly
    assert weekly.starts[-1] == date(2026, 3, 9)
    assert weekly.flagged[-2:] == [1, 1]
    assert sum(weekly.flagged) == 2
    assert weekly.by_theme["invasion"][-2:] == [1, 1]
    assert weekly.by_theme["burden"][-2:] == [0, 1]


def test_the_first_and_last_minute_of_a_week_fall_into_it(db, office):
    put(db, office, "first", probability=0.8, at=datetime(2026, 3, 2, tzinfo=UTC))
    put(db, office, "last", probability=0.8, at=datetime(2026, 3, 8, 23, 59, tzinfo=UTC))
    assert reckon(db).weekly.flagged[-2:] == [2, 0]


def test_only_what_everybody_confirmed_counts_as_confirmed_and_samples_not_as_flagged(db, office):
    put(db, office, "yes", probability=0.8, verdict="confirmed")
    split = put(db, office, "split", probability=0.8, verdict="confirmed")
    put(db, office, "sample", probability=0.1, flagged=True, origin="audit")
    mind = put(db, office, "changed", probability=0.8, verdict="confirmed")
    with db.write() as session:
        session.add(Review(post_id=split, reviewer="ben", verdict=Verdict.REJECTED))
        session.add(Review(post_id=mind, reviewer="ana", verdict=Verdict.REJECTED))
    found = reckon(db)
    assert found.total == Count(posts=4, flagged=3, confirmed=1)
    assert found.agencies[0].count == found.states["OH"].count == found.total
    with db.read() as session:
        months = tally.over_time(session, tally.last_months(NOW, 3), [office[0].id])
    assert (list(months.posts), list(months.flagged), list(months.confirmed)) == ([0, 0, 4], [0, 0, 3], [0, 0, 1])
    assert list(months.starts) == [date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)]


def test_what_waits_is_told_by_how_long(db, office):
    put(db, office, "new", probability=0.8, at=NOW - timedelta(hours=2))
    put(db, office, "old", probability=0.8, at=NOW - timedelta(days=40))
    put(db, office, "done", probability=0.8, at=NOW - timedelta(days=40), verdict="rejected")
    assert list(reckon(db).waiting.values()) == [1, 0, 0, 0, 1]


def test_accounts_are_active_silent_broken_or_paused(db, office):
    with db.write() as session:
        session.add(Account(platform="feed", address="b", health=Health.GONE))
        session.add(Account(platform="feed", address="c", health=Health.GONE, paused_at=NOW))
        quiet = Account(platform="feed", address="d", health=Health.OK, last_new_at=NOW - timedelta(days=20))
        session.add(quiet)
        session.flush()
        for number in range(10):
            make_post(session, quiet, f"{number}", number=number, posted_at=NOW - timedelta(days=20 + number))
    assert reckon(db).health == {
        Condition.ACTIVE: 1,
        Condition.SILENT: 1,
        Condition.BROKEN: 1,
        Condition.PAUSED: 1,
    }


def test_each_state_and_territory_has_one_tile():
    laid = tiles({})
    assert sorted(tile.code for tile in laid) == sorted(NAMES)
    assert len({(tile.column, tile.row) for tile in laid}) == len(laid)


def test_a_chart_reaches_from_its_floor_to_a_round_number_and_shows_what_is_small():
    drawn = columns(["a", "b", "c"], [("k", "posts", [0, 1, 1000])], height=100)
    assert [len(column.parts) for column in drawn.columns] == [0, 1, 1]
    (small,), (large,) = drawn.columns[1].parts, drawn.columns[2].parts
    assert small.height == 1.5
    assert large.y + large.height == pytest.approx(drawn.floor)
    assert [tick.label for tick in drawn.ticks] == ["500", "1,000"]
    assert drawn.columns[2].words == "c: 1,000 posts"
    assert [nice_top(value) for value in (0, 1, 3, 7, 45, 101)] == [0, 1, 4, 8, 60, 200]
    assert [level(value, 100) for value in (0, 1, 20, 100)] == [0, 1, 2, 4]
