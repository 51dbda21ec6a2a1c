"""The random sample of what raised no flag, and the recall that follows from it."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import Alert, Flag
from models.audit import AuditDraw, AuditPost
from monitor.config import LearningConfig
from monitor.learning import audit
from monitor.versions import active

RULES = LearningConfig(audit_per_week=10)

pytestmark = pytest.mark.slow


@pytest.fixture
def week(desk, now):
    """A week of posts: forty without a flag, four with one."""
    quiet = [desk.keep(f"Notice {n}", probability=0.01, seen=now - timedelta(days=7, minutes=-n)) for n in range(40)]
    loud = [
        desk.keep(f"Loud {n}", probability=0.9, seen=now - timedelta(days=6, minutes=-n), flag=True) for n in range(4)
    ]
    return quiet, loud


def count(db, table, *where):
    with db.read() as session:
        return session.execute(sa.select(sa.func.count()).select_from(table).where(*where)).scalar()


def draw(desk, now):
    return audit.draw(desk.db, RULES, active(desk.db, desk.config), now=now)


def drawn(db):
    with db.read() as session:
        return list(session.execute(sa.select(AuditPost.post_id)).scalars())


def test_the_sample_is_of_unflagged_posts_and_alerts_nobody(desk, db, now, week):
    done = draw(desk, now)
    assert (done.population, done.size) == (40, 10)
    assert set(drawn(db)) <= set(week[0])
    assert len(set(drawn(db))) == 10
    assert count(db, Flag, Flag.origin == "audit") == 10
    assert count(db, Alert) == 0


def test_a_second_sample_within_the_week_is_not_drawn_and_a_later_one_has_no_post_twice(desk, db, now, week):
    assert draw(desk, now)
    assert draw(desk, now + timedelta(days=6)) is None
    later = [desk.keep(f"Later {n}", probability=0.01, seen=now + timedelta(days=1)) for n in range(5)]
    second = draw(desk, now + timedelta(days=7))
    assert second.population == 5
    assert set(drawn(db)) - set(week[0]) == set(later)


def test_nothing_is_drawn_before_the_first_week_is_over_or_when_switched_off(desk, db, now, week):
    assert draw(desk, now - timedelta(days=2)) is None
    off = LearningConfig(audit_per_week=0)
    assert audit.draw(db, off, active(db, desk.config), now=now) is None
    assert count(db, AuditDraw) == 0


def test_the_interval_is_the_exact_one():
    low, high = audit.interval(0, 100)
    assert low == 0.0
    assert high == pytest.approx(1 - 0.025 ** (1 / 100), rel=1e-6)
    low, high = audit.interval(2, 1000)
    assert low < 0.002 < high
    assert audit.interval(3, 3) == (pytest.approx(0.025 ** (1 / 3)), 1.0)


def test_recall_follows_from_the_misses_and_the_flagged_matches(desk, db, now, week):
    draw(desk, now)
    with db.read() as session:
        before = audit.estimate(session)
    assert before.missed_share is None
    assert before.recall is None
    assert "none is decided yet" in before.sentence
    for number, post in enumerate(drawn(db)):
        desk.decide(post, "confirmed" if number == 0 else "rejected")
    for post in week[1]:
        desk.decide(post, "confirmed")
    with db.read() as session:
        after = audit.estimate(session)
    assert (after.decided, after.missed, after.missed_share) == (10, 1, 0.1)
    assert after.found == 4
    assert after.recall == pytest.approx(4 / (4 + 40 * 0.1))
    assert after.recall_low < after.recall < after.recall_high
    assert "Of about 40 unflagged posts in all, 10.0 % (0.25–44.5 %) are matches" in after.sentence
    with db.read() as session:
        assert "posts since 31 January" in audit.estimate(session, since=now - audit.MONTH).sentence


def test_without_a_sample_the_sentence_says_that_recall_is_not_known(db):
    with db.read() as session:
        assert "not known" in audit.estimate(session).sentence
