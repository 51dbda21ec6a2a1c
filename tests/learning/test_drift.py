import itertools
from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import Alert
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
