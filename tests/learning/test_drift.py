import itertools
from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import Alert
from models.drift import DriftReading
from monitor.learning import drift
from monitor.versions import active

WEEK = timedelta(days=7)


def test_the_index_is_nothing_for_one_shape_and_large_for_another():
    shape = [50, 30, 10, 5, 5]
    assert drift.stability_index(shape, [2 * n for n in shape]) == pytest.approx(0, abs=0.01)
    assert drift.stability_index(shape, shape[::-1]) > 1
    assert drift.stability_index(shape, [3, 2, 1, 0, 0]) is None, "too few posts tell nothing"


@pytest.mark.slow
def test_a_week_unlike_the_others_is_one_health_alert(desk, db, config, now):
    duty = active(db, config)
    for week, number in itertools.product((1, 2, 3), range(60)):
        seen = now - week * WEEK
        desk.keep(f"The road is closed {number}", probability=0.05 if week > 1 else 0.9, seen=seen, account=1)
    said = drift.watch(db, config, duty, now=now)
    assert any(sentence.startswith("Scores of all posts have moved") for sentence in said)
    assert any("platform bluesky" in sentence for sentence in said)
    assert drift.watch(db, config, duty, now=now) == []
    with db.read() as session:
        readings = session.execute(sa.select(DriftReading).where(DriftReading.scope == "all")).scalars().all()
        moved = {reading.week: drift.distance(reading, readings) for reading in readings}
        assert moved[(now - WEEK).date()] > config.learning.drift_band > moved[(now - 2 * WEEK).date()]
        alerts = session.execute(sa.select(Alert).where(Alert.kind == "health")).scalars().all()
    assert len(alerts) == 1
    assert "have moved" in alerts[0].payload["body"]


def test_the_figures_of_a_week_are_kept_by_platform_and_theme(desk, db, config, now):
    duty = active(db, config)
    monday = now - WEEK
    post = desk.keep("The road is closed", probability=0.01, seen=monday)
    desk.keep("zzqx wvvk", probability=0.99, seen=monday, account=1)
    desk.decide(post, "rejected", reason="ordinary")
    readings = {r.scope: r.figures for r in drift.read_week(db, duty, monday.date(), now=now)}
    assert set(readings) >= {"all", "platform:feed", "platform:bluesky"}
    assert (readings["all"]["posts"], readings["all"]["flagged"], readings["all"]["agreement"]) == (2, 1, 1.0)
    assert readings["platform:bluesky"]["unknown_words"] == 1.0
    assert readings["platform:feed"]["unknown_words"] < 1.0
    again = drift.read_week(db, duty, monday.date(), now=now)
    assert len(again) == len(readings)


def reading(week, scope, posts, flagged):
    figures = {"posts": posts, "flagged": flagged, "bins": [posts], "reviewed": 0, "agreement": None}
    return DriftReading(week=week, version="one", scope=scope, figures={**figures, "unknown_words": 0.1})


@pytest.mark.parametrize(
    ("flagged", "of_theme", "said"),
    [
        (30, 30, ["Flagged of all posts: 3.0% after 1.0%", "Posts flagged for invasion: 3.0% after 1.0%"]),
        (12, 12, []),
        (19, 19, []),
        (10, 0, ["Posts flagged for invasion: 0.0% after 1.0%"]),
    ],
)
def test_a_share_that_left_its_band_is_said_for_all_and_for_the_theme(db, config, now, flagged, of_theme, said):
    monday = now.date() - WEEK
    weeks = [monday - n * WEEK for n in (3, 2, 1)]
    with db.write() as session:
        session.add_all(reading(week, scope, 1000, 10) for week in weeks for scope in ("all", "theme:invasion"))
        session.add(reading(monday, "all", 1000, flagged))
        session.add_all([reading(monday, "theme:invasion", of_theme, of_theme)] if of_theme else [])
    with db.read() as session:
        found = drift.concerns(session, config, monday, "one")
    assert [sentence.split(",")[0] for sentence in found] == said
