"""The overview: what is counted, and that a table stands behind each chart."""

import asyncio
import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import Account, Agency, Alert, ClassifierVersion, Destination, DriftReading, Flag
from models.account import Health
from models.clock import utcnow
from tests.monitor.made_posts import make_office, make_post, make_version


@pytest.fixture
def a_season(db):
    """Two offices: one with two confirmed posts and one that nobody decided, one that is broken."""
    now = utcnow()
    with db.write() as session:
        ohio, version = make_office(session), make_version(session)
        texas = make_office(session, "Other County Sheriff <b>", "TX", address="other.test")
        texas.health, texas.last_error = Health.BLOCKED, "Answers 403 <script>."
        for number, verdict in enumerate(["confirmed", "confirmed", None, "rejected"]):
            make_post(
                session, ohio, f"Post {number}.", number=number, version=version, probability=0.8, verdict=verdict,
                themes=["invasion"], posted_at=now - timedelta(days=1),
            )  # fmt: skip
        make_post(session, texas, "Quiet.", number=9, version=version, probability=0.1, posted_at=now)
        session.execute(sa.update(Flag).values(created_at=now - timedelta(days=10)))
        for weeks in (2, 1):
            monday = now.date() - timedelta(days=now.weekday(), weeks=weeks)
            figures = {"posts": 60, "flagged": 3, "flagged_share": 0.05, "unknown_words": 0.11 * weeks, "reviewed": 0}
            figures |= {"agreement": None, "bins": [10] * 11}
            session.add(DriftReading(week=monday, version=version.version, scope="all", figures=figures))


def words(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


async def test_the_overview_counts_posts_flags_verdicts_and_accounts(log_in, a_season):
    answer = await log_in("Ana", "viewer").get("/overview")
    assert answer.status_code == 200
    said = words(answer.text)
    assert "Accounts watched 2" in said
    assert "Posts kept 5" in said
    assert "Flagged 4" in said
    assert "Confirmed by people 2" in said
    assert "Waiting for a verdict 1" in said
    assert "1 to 4 weeks 1" in said
    assert "Example County Sheriff OH 2 4" in said
    assert "Ohio 1 4 4 2" in said
    assert "1 active" in said
    assert "1 broken" in said
    assert "How much is missed is not known" in said or "how much is missed is not known" in said
    assert "11.0 %" in said
    assert re.search(r"As of \d\d:\d\d UTC", said)


async def test_every_chart_has_a_table_and_no_style_of_its_own(log_in, a_season):
    html = (await log_in("Ana", "viewer").get("/overview")).text
    assert html.count("<table") >= 5
    assert " style=" not in html
    assert "<style" not in html
    assert "<script>" not in html
    assert len(html) < 150_000


async def test_on_a_fresh_install_the_overview_says_what_comes_next(log_in):
    lead = await log_in("Ana", "lead").get("/overview")
    assert "Nobody is watched yet" in lead.text
    assert 'href="/accounts/add"' in lead.text
    viewer = await log_in("Ben", "viewer").get("/overview")
    assert "Ask a lead" in viewer.text


async def test_a_version_that_cannot_be_loaded_is_told_on_the_overview(db, log_in, a_season, tmp_path):
    with db.write() as session:
        session.execute(sa.update(ClassifierVersion).values(path=str(tmp_path / "lost.skops")))
    ana = log_in("Ana", "viewer")
    for _ in range(200):
        html = (await ana.get("/overview")).text
        if "cannot be loaded" in html:
            break
        await asyncio.sleep(0.05)
    assert "Classifier version test-1 cannot be loaded" in html


async def test_only_watched_accounts_are_counted(db, log_in, a_season):
    with db.write() as session:
        session.add(Account(platform="test", address="self", name="The test sentence"))
        session.add(Agency.named("Unwatched County Sheriff", "NV"))
    said = words((await log_in("Ana", "viewer").get("/overview")).text)
    assert "Accounts watched 2" in said
    assert "Nevada: no agency is watched" in said


async def test_the_overview_says_when_alerts_are_stopped_and_how_long_the_queue_waits(log_in, db, a_season):
    now = utcnow()
    with db.write() as session:
        error = "Slack says token_revoked: the token was revoked <b>"
        session.add(Destination(channel="slack", stopped_at=now, error=error))
        late = now - timedelta(minutes=40)
        session.add(Alert(channel="slack", dedupe_key="x", kind="health", created_at=late, next_attempt_at=late))
    page = (await log_in("Ana", "viewer").get("/overview")).text
    assert "Alerts to slack are stopped: Slack says token_revoked" in page
    assert "<b>" not in page.split("token_revoked", 1)[1][:60]
    assert "1 alerts wait, the oldest for 40 minutes." in page
