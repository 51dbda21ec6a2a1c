"""Searches kept under a name, on the page."""

import pytest
import sqlalchemy as sa

from models import Alert, SavedSearch
from models.clock import utcnow
from monitor import savedsearches
from tests.monitor.made_posts import make_office, make_post


@pytest.fixture
def office(db):
    with db.write() as session:
        office = make_office(session)
        make_post(session, office, "A fence.")
        return office


def saved(db):
    with db.read() as session:
        return {
            row.name: (row.owner, row.query, row.alerts) for row in session.execute(sa.select(SavedSearch)).scalars()
        }


async def test_a_search_is_kept_listed_and_run(db, office, log_in):
    ana, viewer = log_in("Ana"), log_in("Vi", "viewer")
    answer = await ana.post("/searches", {"q": "fence", "agency": "example", "name": " Old  fences ", "alerts": "on"})
    assert answer.headers["location"] == "/posts?q=fence&agency=1"
    assert saved(db) == {"Old fences": ("Ana", {"q": "fence", "agency": "1"}, True)}
    for address in ("/posts", "/searches"):
        page = (await viewer.get(address)).text
        assert 'href="/posts?q=fence&amp;agency=1"' in page
        assert "Old fences" in page
    assert "“fence” · Example County Sheriff (OH)" in (await viewer.get("/searches")).text


async def test_alerts_are_switched_on_for_what_comes_and_off_again(db, office, page_config, log_in):
    ana = log_in("Ana")
    await ana.post("/searches", {"q": "fence", "name": "fences"})
    await ana.post("/searches/1/alerts", {"alerts": "on"})
    assert saved(db)["fences"][2]
    with db.write() as session:
        make_post(session, office, "A new fence.", number=1)
    [ran] = savedsearches.run(db, page_config, now=utcnow())
    assert ran.new == 1
    await ana.post("/searches/1/alerts")
    assert not saved(db)["fences"][2]
    assert savedsearches.run(db, page_config, now=utcnow()) == []
    with db.read() as session:
        assert session.execute(sa.select(sa.func.count()).select_from(Alert)).scalar() == 1


async def test_one_changes_ones_own_and_a_lead_all(db, office, log_in):
    ana, ben, lead = log_in("Ana"), log_in("Ben"), log_in("Leo", "lead")
    await ana.post("/searches", {"q": "fence", "name": "fences"})
    for refused in (
        await ben.post("/searches/1/delete"),
        await ben.post("/searches/1/alerts", {"alerts": "on"}),
    ):
        assert refused.status_code == 403
        assert "search of Ana" in refused.text
    taken = await ben.post("/searches", {"q": "wall", "name": "fences"})
    assert taken.status_code == 400
    assert "is a search of Ana" in taken.text
    assert 'name="q" value="wall"' in taken.text
    assert saved(db) == {"fences": ("Ana", {"q": "fence"}, False)}
    assert "/searches/1/delete" not in (await ben.get("/searches")).text
    assert "/searches/1/delete" in (await lead.get("/searches")).text
    await ana.post("/searches", {"q": "wall", "name": "fences"})
    assert saved(db) == {"fences": ("Ana", {"q": "wall"}, False)}
    assert (await lead.post("/searches/1/delete")).status_code == 303
    assert saved(db) == {}
    assert (await lead.post("/searches/1/delete")).status_code == 404


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"name": "all"}, "nothing to save"),
        ({"name": "", "q": "fence"}, "Give the search a name"),
        ({"name": "n" * 81, "q": "fence"}, "at most 80"),
        ({"name": "bad", "q": "-fence"}, "Add a word that must"),
        ({"name": "bad", "q": "fence", "agency": "nowhere"}, "No agency"),
    ],
)
async def test_what_cannot_be_kept_is_said_and_can_be_mended(db, office, log_in, form, sentence):
    page = await log_in("Ana").post("/searches", form)
    assert page.status_code == 400
    assert sentence in page.text
    if "q" in form:
        assert f'name="q" value="{form["q"]}"' in page.text
        assert f'name="name" value="{form["name"]}"' in page.text
    assert saved(db) == {}


async def test_viewers_are_not_offered_what_they_may_not_do(db, office, log_in):
    viewer = log_in("Vi", "viewer")
    await log_in("Ana").post("/searches", {"q": "fence", "name": "fences"})
    assert "Save this search" not in (await viewer.get("/posts?q=fence")).text
    assert "<button" not in (await viewer.get("/searches")).text.split("<main", 1)[1]
