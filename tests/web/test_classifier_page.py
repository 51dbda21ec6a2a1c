"""The classifier's versions on the page: figures, comparison, duty, and retraining in the background."""

import asyncio
import re

import pytest
import sqlalchemy as sa

from models import ClassifierVersion, Event, Retraining
from models.clock import utcnow
from monitor.learning import apart, promotion, runs
from monitor.versions import active
from tests.learning.made import keep
from tests.monitor.made_posts import make_office, make_post


@pytest.fixture
def versions(db, page_config, tmp_path):
    """The bundled version on duty and a candidate that flags more."""
    page_config.folder = tmp_path
    bundled = active(db, page_config)
    other = keep(db, page_config, "other", now=utcnow(), shift=1.0)
    return bundled.version, other.version


def words(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def on_duty(db, config):
    return active(db, config).version


async def test_a_fresh_install_has_a_page_without_versions(log_in):
    answer = await log_in("Lea", "lead").get("/classifier")
    assert answer.status_code == 200
    assert "None yet" in answer.text
    assert "20 are needed" in words(answer.text)


async def test_promoting_rolling_back_and_pinning_work_as_on_the_command_line(db, log_in, page_config, versions):
    bundled, other = versions
    lea = log_in("Lea", "lead")
    assert "made: other" in (await lea.get("/classifier")).text
    await lea.follow(await lea.post("/classifier/promote", {"version": other}))
    assert on_duty(db, page_config) == other
    await lea.post("/classifier/rollback")
    assert on_duty(db, page_config) == bundled
    await lea.post("/classifier/pin", {"version": other})
    with db.read() as session:
        assert promotion.pinned(session).version == other
    assert "is pinned" in words((await lea.get("/classifier")).text)
    await lea.post("/classifier/unpin")
    with db.read() as session:
        assert promotion.pinned(session) is None
        actors = set(session.execute(sa.select(Event.actor).where(Event.kind == "classifier.activated")).scalars())
    assert actors == {"Lea"}


async def test_a_version_that_is_not_there_or_does_not_load_changes_nothing(db, log_in, page_config, versions):
    bundled, other = versions
    lea = log_in("Lea", "lead")
    answer = await lea.post("/classifier/promote", {"version": "made-up"})
    assert answer.status_code == 400
    assert "There is no version “made-up”" in answer.text
    with db.write() as session:
        session.execute(sa.update(ClassifierVersion).where(ClassifierVersion.version == other).values(sha256="0" * 64))
    answer = await lea.post("/classifier/promote", {"version": other})
    assert answer.status_code == 400
    assert "cannot be loaded" in answer.text
    assert on_duty(db, page_config) == bundled


async def test_a_retraining_with_too_few_labels_is_refused_with_a_sentence(db, log_in):
    answer = await log_in("Lea", "lead").post("/classifier/retrain")
    assert answer.status_code == 400
    assert "0 agreed labels are too few to retrain: 20 are needed" in answer.text
    with db.read() as session:
        assert session.execute(sa.select(sa.func.count(Retraining.id))).scalar() == 0


async def test_a_retraining_begins_in_the_background_and_a_second_one_is_refused(
    db, log_in, page_config, versions, monkeypatch
):
    started = []
    monkeypatch.setattr(apart, "_start", lambda config, by, run_id: started.append((by, run_id)))
    monkeypatch.setattr(apart, "_see_to_the_end", lambda *_: None)
    page_config.learning.least_labels = 2
    with db.write() as session:
        office = make_office(session)
        for number, verdict in enumerate(("confirmed", "rejected")):
            make_post(session, office, f"Post {number}.", number=number, verdict=verdict)
    lea = log_in("Lea", "lead")
    page = await lea.follow(await lea.post("/classifier/retrain"))
    assert "The retraining has begun" in page.text
    assert 'hx-get="/classifier/progress"' in page.text
    assert "Start a retraining" not in page.text
    second = await log_in("Max", "lead").post("/classifier/retrain")
    assert second.status_code == 400
    assert "A retraining runs already, begun by Lea" in second.text
    assert [by for by, _ in started] == ["Lea"]


async def test_progress_is_seen_and_its_end_brings_the_page_anew(db, log_in, versions):
    lea = log_in("Lea", "lead")
    run = runs.claim(db, by="Ana", now=utcnow())
    fragment = {"HX-Request": "true"}
    with runs.carried(db, run.id, by="Ana", now=utcnow()) as tell:
        tell("training a candidate with 31 labels")
        answer = await lea.get("/classifier/progress", headers=fragment)
        assert "Training a candidate with 31 labels" in answer.text
        assert "HX-Refresh" not in answer.headers
        report = {"differences": [], "themes": [], "words": [], "flips": [], "before": "a", "after": "b"}
        with db.write() as session:
            runs.finish(
                session, run.id, version="b", promoted=False, sentence="b from 31 labels: kept as a candidate, <worse>",
                report={**report, "flipped": "0 newly flagged, 2 no longer", "notes": ["A remark."]},
            )  # fmt: skip
    assert (await lea.get("/classifier/progress", headers=fragment)).headers["HX-Refresh"] == "true"
    assert (await lea.get("/classifier/progress")).status_code == 303
    page = await lea.get("/classifier")
    assert "kept as a candidate, &lt;worse&gt;" in page.text
    assert f'href="/classifier/reports/{run.id}"' in page.text
    assert "A remark." in page.text
    assert (await lea.get(f"/classifier/reports/{run.id}")).status_code == 200
    assert (await lea.get("/classifier/reports/4242")).status_code == 404


async def test_two_versions_are_compared_without_keeping_the_page(db, log_in, versions):
    bundled, other = versions
    lea = log_in("Lea", "lead")
    assert "Choose two different" in (await lea.get(f"/classifier/compare?before={other}&after={other}")).text
    path = f"/classifier/compare?before={bundled}&after={other}"
    for _ in range(300):
        answer = await lea.get(path)
        assert answer.status_code == 200
        if "Before and after" in answer.text:
            break
        assert "figures come by themselves" in answer.text
        await asyncio.sleep(0.05)
    said = words(answer.text)
    assert re.search(r"recall frozen set 0\.\d{3} 0\.\d{3} [+-]0\.\d{3}", said)
    assert "the gate:" in said
    for _ in range(300):
        unknown = await lea.get(f"/classifier/compare?before={bundled}&after=made-up")
        if unknown.status_code == 400:
            break
        await asyncio.sleep(0.05)
    assert "There is no version “made-up”" in unknown.text
