"""Accounts: health, coverage and figures; adding, verifying, assigning, pausing and resuming."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import Account, Agency, Coverage, Event
from models.account import Health
from models.clock import utcnow
from monitor.config import load
from tests.monitor.made_posts import make_office, make_post, make_version


@pytest.fixture
def office(db):
    """An account that was polled, failed for a while, and was not polled for a day."""
    now = utcnow()
    with db.write() as session:
        account, version = make_office(session), make_version(session)
        account.added_at, account.health = now - timedelta(days=4), Health.FAILING
        account.error_count, account.last_error, account.last_error_at = 3, "No answer in 30 s <b>.", now
        for outcome, begins, ends in (("ok", 96, 60), ("timeout", 60, 48), ("ok", 24, 0)):
            session.add(
                Coverage(
                    account_id=account.id,
                    outcome=outcome,
                    since=now - timedelta(hours=begins),
                    until=now - timedelta(hours=ends),
                    polls=10,
                    detail="slow" if outcome != "ok" else "",
                )
            )
        make_post(session, account, "Flagged.", version=version, probability=0.9, verdict="confirmed", posted_at=now)
        return account.id


def words(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def stored(db, number):
    with db.read() as session:
        return session.get(Account, number)


def events(db, number):
    with db.read() as session:
        query = sa.select(Event.kind, Event.actor).where(Event.subject == f"account:{number}").order_by(Event.id)
        return [tuple(row) for row in session.execute(query)]


async def test_an_account_shows_health_coverage_and_rates(log_in, office):
    html = (await log_in("Vic", "viewer").get(f"/accounts/{office}")).text
    said = words(html)
    assert "3 polls in a row have failed" in said
    assert "No answer in 30 s &lt;b&gt;." in html
    assert "Posts kept 1 Flagged 1 100.0 of 100 posts Confirmed by people 1" in said
    assert re.search(r"Time polled, 30 days 6\d\.\d %", said), "60 of 96 hours"
    assert "timeout slow" in said
    assert "not polled" in said
    assert 'class="failed"' in html
    assert " style=" not in html
    assert len(html) < 150_000


@pytest.mark.parametrize("days", ["30", "90", "365", "7", "x"])
async def test_coverage_reaches_back_as_far_as_is_asked(log_in, office, days):
    answer = await log_in("Vic", "viewer").get(f"/accounts/{office}?days={days}")
    assert answer.status_code == 200
    assert len(answer.text) < 150_000


async def test_a_viewer_sees_no_form_and_changes_nothing(db, log_in, office):
    vic = log_in("Vic", "viewer")
    assert 'action="/accounts' not in (await vic.get(f"/accounts/{office}")).text
    assert (await vic.post(f"/accounts/{office}/pause")).status_code == 403
    assert stored(db, office).paused_at is None


async def test_pausing_and_resuming_are_events_and_again_changes_nothing(db, log_in, office):
    lea = log_in("Lea", "lead")
    for _ in range(2):
        await lea.follow(await lea.post(f"/accounts/{office}/pause"))
    assert stored(db, office).paused_at is not None
    assert "Resume" in (await lea.get(f"/accounts/{office}")).text
    await lea.post(f"/accounts/{office}/resume")
    assert stored(db, office).paused_at is None
    assert events(db, office) == [("account.paused", "Lea"), ("account.resumed", "Lea")]


async def test_verifying_needs_the_page_that_shows_it(db, log_in, office):
    lea = log_in("Lea", "lead")
    for page in ("", "office page", "javascript:alert(1)", "https://", "ftp://office.test/"):
        answer = await lea.post(f"/accounts/{office}/verify", {"page": page})
        assert answer.status_code == 400, page
        assert "beginning with https://" in answer.text
    assert 'value="ftp://office.test/"' in answer.text, "what was typed is kept"
    await lea.follow(await lea.post(f"/accounts/{office}/verify", {"page": "https://office.test/contact"}))
    account = stored(db, office)
    assert (account.verified_by, account.verified_from) == ("Lea", "https://office.test/contact")
    assert account.verified_at is not None


async def test_an_account_is_given_to_another_agency(db, log_in, office):
    lea = log_in("Lea", "lead")
    wrong = await lea.post(f"/accounts/{office}/assign", {"agency": "New One", "state": "ZZ", "role": "pio"})
    assert wrong.status_code == 400
    assert "not a U.S. state" in wrong.text
    assert 'value="New One"' in wrong.text
    await lea.follow(
        await lea.post(f"/accounts/{office}/assign", {"agency": "New One", "state": "nv", "role": "campaign"})
    )
    account = stored(db, office)
    with db.read() as session:
        agency = session.get(Agency, account.agency_id)
    assert (agency.name, agency.state, account.role.value) == ("New One", "NV", "campaign")


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({}, "Choose the platform"),
        ({"platform": "feed"}, "Give the handle"),
        ({"platform": "friendster", "address": "x", "role": "office"}, "friendster"),
        ({"platform": "feed", "address": "https://a.test/", "role": "emperor"}, "Choose whose account"),
        ({"platform": "feed", "address": "https://a.test/", "role": "office", "state": "Ohio"}, "not a U.S. state"),
        ({"platform": "feed", "address": "http://127.0.0.1:9/", "role": "office", "check": "on"}, "was not added"),
    ],
)
async def test_an_account_that_cannot_be_watched_is_refused_with_what_was_typed(db, log_in, typed, says):
    answer = await log_in("Lea", "lead").post("/accounts", {"agency": "Kept <Agency>", **typed})
    assert answer.status_code == 400
    assert says in answer.text
    assert 'value="Kept &lt;Agency&gt;"' in answer.text
    with db.read() as session:
        assert session.execute(sa.select(sa.func.count(Account.id))).scalar() == 0


async def test_a_lead_adds_an_account_and_the_platform_is_asked_who_answers(db, log_in, page_config, server):
    page_config.http = load(
        None, environment={"SHERIFFWATCH__HTTP__ALLOW_PRIVATE": f'["127.0.0.1:{server.port}"]'}
    ).http
    office = next(office for office in server.accounts() if office["platform"] == "feed")
    lea = log_in("Lea", "lead")
    typed = {"platform": "feed", "address": office["address"], "agency": "Larkmoor County Sheriff", "state": "TX"}
    answer = await lea.post("/accounts", {**typed, "role": "office", "check": "on"})
    page = await lea.follow(answer)
    assert "is watched from now on" in page.text
    assert "Larkmoor County Sheriff" in page.text
    again = await lea.post("/accounts", {**typed, "role": "office"})
    assert again.status_code == 400
    assert "watched already" in again.text
    with db.read() as session:
        account = session.execute(sa.select(Account)).scalar()
    assert events(db, account.id) == [("account.added", "Lea")]


async def test_the_list_is_of_a_condition_a_platform_or_a_part_of_a_name(db, log_in, office):
    with db.write() as session:
        session.add(Account(platform="feed", address="https://b.test/f", name="Bare", paused_at=utcnow()))
        session.add(Account(platform="test", address="self", name="The test sentence"))
    vic = log_in("Vic", "viewer")
    for query, there, not_there in (
        ("", "2 accounts", "test sentence"),
        ("?is=broken", "1 account that is broken", "Bare"),
        ("?is=paused&platform=feed", "Bare", "example.test"),
        ("?q=example", "example.test", "Bare"),
        ("?q=b.test%2Ff", "Bare", "example.test"),
        ("?is=tired&platform=x", "2 accounts", "test sentence"),
    ):
        said = words((await vic.get(f"/accounts{query}")).text)
        assert there in said, query
        assert not_there not in said, query


async def test_the_account_of_the_test_sentence_is_not_shown(db, log_in):
    with db.write() as session:
        account = Account(platform="test", address="self", name="The test sentence")
        session.add(account)
        session.flush()
    assert (await log_in("Vic", "viewer").get(f"/accounts/{account.id}")).status_code == 404
