from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import Alert, Flag, Score
from monitor import pipeline
from monitor.learning import promotion
from monitor.learning.rescore import rescore
from monitor.versions import active

from .made import keep

MATCH = "Illegals are invaders and criminal aliens. Send all these illegals back."


@pytest.fixture
def renewed(db, config, desk, now):
    """Posts scored low and unflagged by the first version; a second one, that sees more, is on duty."""
    for number in range(3):
        desk.keep(f"{MATCH} Case {number}", probability=0.01, seen=now - timedelta(days=number))
    desk.keep("The road to the bridge is closed on Monday.", probability=0.01, seen=now)
    desk.keep("The road to the library is closed until Friday for repairs.", probability=0.99, seen=now, flag=True)
    row = keep(db, config, "keener", now=now, shift=1.0)
    promotion.promote(db, config, row.version, by="Lead", now=now)
    return active(db, config)


def counts(db):
    with db.read() as session:
        return [
            session.execute(sa.select(sa.func.count()).select_from(table)).scalar() for table in (Score, Flag, Alert)
        ]


def test_a_dry_run_counts_what_would_change_and_stores_nothing(db, config, renewed, now):
    before = counts(db)
    done = rescore(db, config, renewed, since=None, by="Lead", now=now, dry_run=True)
    assert (done.texts, done.newly_flagged, done.no_longer) == (5, 3, 1)
    assert {flip.flagged for flip in done.flips if flip.text.startswith("Illegals")} == {True}
    assert counts(db) == before


def test_old_posts_are_flagged_for_review_and_never_alerted(db, config, renewed, now):
    done = rescore(db, config, renewed, since=None, by="Lead", now=now)
    assert done.newly_flagged == 3
    scores, flags, alerts = counts(db)
    assert (scores, flags, alerts) == (10, 4, 0)
    assert pipeline.flag(db, renewed, config, now=now) == [], "the running process finds nothing left to flag"
    again = rescore(db, config, renewed, since=None, by="Lead", now=now)
    assert (again.newly_flagged, counts(db)) == (0, [scores, flags, alerts])


def test_alerts_for_old_posts_are_queued_only_when_asked(db, config, renewed, now):
    done = rescore(db, config, renewed, since=None, by="Lead", now=now, alert=True)
    assert done.alerts == done.over_alert == counts(db)[2] > 0


def test_only_posts_since_the_moment_are_read(db, config, renewed, now):
    assert rescore(db, config, renewed, since=now - timedelta(hours=30), by="Lead", now=now).texts == 4
