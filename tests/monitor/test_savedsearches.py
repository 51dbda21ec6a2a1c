import pytest
import sqlalchemy as sa

from models import Alert
from models.clock import utcnow
from monitor import savedsearches
from monitor.config import Config
from monitor.errors import UsageError
from tests.monitor.made_posts import make_office, make_post


def alerts_of(db):
    with db.read() as session:
        return list(session.execute(sa.select(Alert)).scalars())


def test_new_posts_that_match_are_told_of_once_and_old_ones_never(db):
    with db.write() as session:
        office = make_office(session)
        make_post(session, office, "An old fence.")
    savedsearches.save(db, "fences", {"q": "fence"}, owner="ana", alerts=True, now=utcnow())
    with db.write() as session:
        make_post(session, office, "A new fence.", number=1)
        make_post(session, office, "A parade.", number=2)
    [ran] = savedsearches.run(db, Config(), now=utcnow())
    assert (ran.new, ran.alerts) == (1, 1)
    assert savedsearches.run(db, Config(), now=utcnow())[0].alerts == 0
    [alert] = alerts_of(db)
    assert alert.kind == "search"
    assert "A new fence." in alert.payload["body"]


def test_many_matches_at_once_become_a_few_alerts_and_a_number(db):
    savedsearches.save(db, "fences", {"q": "fence"}, owner="ana", alerts=True, now=utcnow())
    with db.write() as session:
        office = make_office(session)
        for number in range(25):
            make_post(session, office, f"Fence {number}", number=number)
    savedsearches.run(db, Config(), now=utcnow())
    bodies = [alert.payload["body"] for alert in alerts_of(db)]
    assert len(bodies) == 21
    assert bodies[-1].startswith("5 more new posts match")


def test_a_search_without_alerts_is_silent(db):
    savedsearches.save(db, "fences", {"q": "fence"}, owner="ana", now=utcnow())
    with db.write() as session:
        make_post(session, make_office(session), "A fence.")
    assert savedsearches.run(db, Config(), now=utcnow()) == []
    assert alerts_of(db) == []


@pytest.mark.parametrize(("name", "query"), [("", {"q": "x"}), ("n" * 81, {"q": "x"}), ("a", {"q": "-x"})])
def test_a_search_that_cannot_be_read_is_not_kept(db, name, query):
    with pytest.raises(UsageError):
        savedsearches.save(db, name, query, owner="ana", now=utcnow())
    with db.read() as session:
        assert savedsearches.saved(session) == []
