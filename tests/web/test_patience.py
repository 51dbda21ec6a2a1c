"""Asking the database for so long and no longer, on both kinds."""

import time

import pytest
import sqlalchemy as sa

from models import Post
from monitor import finding
from monitor.patience import patience
from monitor.postfilter import PostFilter
from tests.monitor.made_posts import make_office, make_post

LONGER = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300000) SELECT count(*) FROM n"
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300000000) SELECT count(*) FROM n"


def test_what_takes_too_long_is_broken_off_and_the_session_goes_on(db):
    with db.write() as session:
        office = make_office(session)
        make_post(session, office, "One.")
    begun = time.monotonic()
    with db.read() as session:
        reached = []
        with patience(session, 0.05) as told:
            session.execute(sa.text(ENDLESS))
            reached.append("the end")
        assert (told.spent, reached) == (True, [])
        assert session.execute(sa.select(sa.func.count()).select_from(Post)).scalar_one() == 1
        assert session.execute(sa.text(LONGER)).scalar_one() == 300_000, "nothing else is broken off"
        with patience(session, 20) as told:
            assert finding.count(session, PostFilter(), most=5, within_s=20) == 1
        assert not told.spent
    assert time.monotonic() - begun < 10


def test_another_fault_is_not_taken_for_it(db):
    with db.read() as session, pytest.raises(sa.exc.DBAPIError), patience(session, 5):
        session.execute(sa.text("SELECT nothing FROM nowhere"))


def test_a_connection_that_is_lost_meanwhile_is_told_as_such(db):
    if db.is_sqlite:
        pytest.skip("SQLite has no connection that may be lost")
    with db.read() as session, pytest.raises(sa.exc.OperationalError), patience(session, 5):
        session.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))


async def test_a_search_that_is_not_counted_in_time_still_tells_that_there_are_more(db, log_in, monkeypatch):
    with db.write() as session:
        office = make_office(session)
        for number in range(30):
            make_post(session, office, f"Post {number}.", number=number)
    viewer = log_in()
    page = (await viewer.get("/posts")).text
    assert page.count('class="item"') == 25
    assert "Export" in page
    monkeypatch.setattr("monitor.finding.count", lambda *_, **__: None)
    count = await viewer.get("/posts/count", headers={"HX-Request": "true"})
    assert "More than 25 posts" in count.text
