import resource
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from models import ClassifierVersion, Event
from monitor.errors import SheriffwatchError
from monitor.learning import promotion
from monitor.versions import Duty, active

from .made import keep


@pytest.fixture
def duty(db, config):
    """What a running process holds."""
    running = Duty(db, config)
    running.current()
    return running


def test_a_promotion_and_a_rollback_reach_a_running_process_at_its_next_look(db, config, duty, now):
    bundled = duty.current().version
    row = keep(db, config, "second", now=now)
    assert duty.current().version == bundled, "a candidate is not on duty"
    promotion.promote(db, config, row.version, by="Lead", now=now + timedelta(1))
    assert duty.current().version == row.version
    promotion.rollback(db, config, by="Lead", now=now + timedelta(2))
    assert duty.current().version == bundled
    with db.read() as session:
        events = session.execute(sa.select(Event).where(Event.kind == "classifier.activated")).scalars().all()
        assert [(event.actor, event.data["reason"]) for event in events] == [("Lead", ""), ("Lead", "rolled back")]
        statuses = dict(session.execute(sa.select(ClassifierVersion.version, ClassifierVersion.status)).all())
    assert statuses == {bundled: "active", row.version: "retired"}


def test_the_first_version_has_nothing_to_go_back_to(db, config, duty, now):
    with pytest.raises(SheriffwatchError, match="no earlier version"):
        promotion.rollback(db, config, by="Lead", now=now)


def test_an_unknown_version_is_named(db, config, duty, now):
    with pytest.raises(SheriffwatchError, match="There is no version “2030”"):
        promotion.promote(db, config, "2030", by="Lead", now=now)


@pytest.mark.parametrize("damage", ["gone", "altered", "cut"])
def test_a_damaged_artifact_is_not_promoted_and_the_one_on_duty_stays(db, config, duty, now, damage):
    before = duty.current().version
    row = keep(db, config, "second", now=now)
    file = Path(row.path)
    content = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(content[:-200] if damage == "cut" else content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(SheriffwatchError, match="retrain"):
        promotion.promote(db, config, row.version, by="Lead", now=now)
    assert duty.current().version == before


def test_a_running_process_that_lacks_the_new_artifact_goes_on_with_the_version_before(db, config, duty, now):
    before = duty.current().version
    row = keep(db, config, "second", now=now)
    promotion.promote(db, config, row.version, by="Lead", now=now + timedelta(1))
    kept = Path(row.path).rename(config.folder / "elsewhere")
    assert duty.current().version == before
    with pytest.raises(SheriffwatchError, match="cannot be loaded"):
        active(db, config)  # what begins anew must not guess
    kept.rename(row.path)
    assert duty.current().version == row.version


def test_a_version_of_another_format_says_how_to_go_on(db, config, duty, now, tmp_path):
    row = keep(db, config, "second", now=now)
    old = tmp_path / "old.skops"
    old.write_bytes(b"a format of long ago")
    with db.write() as session:
        kept = promotion.get(session, row.version)
        kept.path, kept.sha256, kept.status, kept.activated_at = str(old), "", "active", now + timedelta(365)
        session.add(kept)
    with pytest.raises(SheriffwatchError, match="classifier retrain"):
        active(db, config)


def test_a_folder_that_cannot_be_written_leaves_the_classifier_on_duty_and_says_what_to_do(db, config, duty, now):
    before = duty.current().version
    (config.folder / config.classifier.directory).write_text("a file where the folder should be")
    with pytest.raises(SheriffwatchError, match=r"cannot be saved.*goes on working"):
        keep(db, config, "second", now=now)
    assert duty.current().version == before


def test_a_disk_that_fills_up_half_way_leaves_no_part_of_the_artifact_behind(db, config, duty, now):
    before, (soft, hard) = duty.current().version, resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))  # no file may grow beyond, so the write ends half-way
    try:
        with pytest.raises(SheriffwatchError, match=r"cannot be saved.*goes on working; make room"):
            keep(db, config, "second", now=now)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((config.folder / config.classifier.directory).iterdir()) == []
    assert duty.current().version == before
    assert keep(db, config, "second", now=now).status == "candidate", "with room again it is saved"


def test_a_pinned_version_stays_until_it_is_unpinned_or_replaced(db, config, duty, now):
    row = keep(db, config, "second", now=now)
    promotion.pin(db, config, row.version, by="Lead", now=now)
    assert duty.current().version == row.version
    with db.read() as session:
        assert promotion.pinned(session).version == row.version
    assert promotion.unpin(db, by="Lead", now=now) == row.version
    assert promotion.unpin(db, by="Lead", now=now) == ""


def test_the_same_weights_are_the_same_version(db, config, duty, now):
    first, again = keep(db, config, "second", now=now), keep(db, config, "second", now=now)
    assert first.id == again.id
    other = keep(db, config, "third", now=now)
    assert other.version != first.version
