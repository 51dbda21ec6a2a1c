"""Agencies: the list, and one with its agreements, accounts and figures."""

import re
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from models import Account, Agency, Agreement, Coverage, Role
from models.clock import utcnow
from tests.monitor.made_posts import make_office, make_post, make_version


@pytest.fixture
def offices(db):
    """One agency with a confirmed post, one without, and one that nobody watches."""
    now = utcnow()
    with db.write() as session:
        ohio, version = make_office(session), make_version(session)
        texas = make_office(session, "Other County Sheriff", "TX", address="other.test")
        idle = Agency.named("Unwatched County Sheriff", "TX")
        session.add(idle)
        session.flush()
        session.add(Agreement(agency_id=ohio.agency_id, model="TFM", signed=date(2025, 3, 4)))
        session.add(Agreement(agency_id=ohio.agency_id, model="JEM", signed=date(2019, 6, 1), missing_since=now))
        session.add(
            Account(agency_id=ohio.agency_id, platform="mastodon", address="@s@x.test", name="Run", role=Role.CAMPAIGN)
        )
        for number, verdict in enumerate(("confirmed", None)):
            make_post(
                session, ohio, f"Flagged {number}.", number=number, version=version, probability=0.9,
                verdict=verdict, posted_at=now - timedelta(days=1),
            )  # fmt: skip
        make_post(session, texas, "Quiet.", number=5, version=version, probability=0.1, posted_at=now)
        return ohio.agency_id, texas.agency_id, idle.id


def words(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


async def test_the_list_has_all_agencies_those_with_most_confirmed_posts_first(log_in, offices):
    said = words((await log_in("Vic", "viewer").get("/agencies")).text)
    assert "3 agencies" in said
    assert said.index("Example County Sheriff") < said.index("Other County Sheriff") < said.index("Unwatched County")
    assert re.search(r"Example County Sheriff OH TFM bluesky , active , mastodon , active 2 2 1", said)
    assert "none watched" in said


@pytest.mark.parametrize(
    ("query", "there", "not_there"),
    [
        ("state=TX", "Other County", "Example County"),
        ("q=exámple", "Example County", "Other County"),
        ("state=TX&q=unwatched", "Unwatched County", "Other County"),
    ],
)
async def test_the_list_is_of_a_state_or_a_part_of_a_name(log_in, offices, query, there, not_there):
    html = (await log_in("Vic", "viewer").get(f"/agencies?{query}")).text
    assert there in html
    assert not_there not in html


async def test_a_list_that_asks_for_nonsense_is_a_page_all_the_same(log_in, offices):
    vic = log_in("Vic", "viewer")
    for query in ("state=Ohio", "page=0", "page=x", "page=99999", "q=%00", "q=" + "x" * 5000, "state=%27"):
        assert (await vic.get(f"/agencies?{query}")).status_code == 200, query
    assert "No agency of this name" in (await vic.get("/agencies?q=nowhere")).text


async def test_an_agency_shows_agreements_with_dates_accounts_by_role_and_its_months(log_in, offices):
    html = (await log_in("Vic", "viewer").get(f"/agencies/{offices[0]}")).text
    said = words(html)
    assert "TFM 2025-03-04 yes" in said
    assert re.search(r"JEM 2019-06-01 no longer, since \d{4}-", said)
    assert said.index("campaign Run") < said.index("office example.test")
    assert "Posts kept 2 Flagged 2 100.0 of 100 posts Confirmed by people 1" in said
    assert re.search(r"<tr><th scope=\"row\">\w+ 20\d\d</th><td class=\"num\">2</td><td class=\"num\">2</td>", html)
    assert "Flagged 1." in said
    assert " style=" not in html
    assert "Watch an account" not in said, "a viewer adds none"


async def test_an_agency_says_how_much_of_the_time_each_account_was_polled(db, log_in, offices):
    now = utcnow()
    with db.write() as session:
        account = session.execute(sa.select(Account).where(Account.address == "example.test")).scalar_one()
        account.added_at = now - timedelta(days=60)
        half = {"since": now - timedelta(days=40), "until": now - timedelta(days=15), "polls": 2400}
        session.add_all([account, Coverage(account_id=account.id, outcome="ok", **half)])
    said = words((await log_in("Vic", "viewer").get(f"/agencies/{offices[0]}")).text)
    assert "polled 50 % of the last 30 days" in said


async def test_an_agency_without_accounts_and_one_that_is_not_there(log_in, offices):
    vic = log_in("Vic", "viewer")
    said = words((await vic.get(f"/agencies/{offices[2]}")).text)
    assert "None is watched" in said
    assert "None on record here" in said
    assert (await vic.get("/agencies/424242")).status_code == 404
    assert (await vic.get("/agencies/one")).status_code == 404


async def test_on_a_fresh_install_the_lists_say_what_comes_next(log_in):
    lead = log_in("Lea", "lead")
    assert "No agency yet" in (await lead.get("/agencies")).text
    assert "Nobody is watched yet" in (await lead.get("/accounts")).text
