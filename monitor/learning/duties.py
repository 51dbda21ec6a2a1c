"""What the way back asks for by itself: a retraining when it is due, the weekly sample, the weekly reading."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from models.classifier import ClassifierVersion
from models.db import Database
from models.evidence import Event
from monitor.config import Config
from monitor.learning import audit, drift, labels
from monitor.versions import active, active_row


def retraining_due(session: Session, config: Config, *, now: datetime) -> str:
    """Why a retraining is due: enough new labels, a week with some, or labels taken back. Empty when it is not, or is
    switched off.

    A try counts whether it succeeded, was refused by the gate or failed, so that a fault is not tried all day.
    """
    rules = config.learning
    if not rules.automatic:
        return ""
    last = session.execute(
        sa.select(sa.func.max(col(Event.at))).where(
            col(Event.kind).in_(["classifier.retrained", "classifier.training_failed"])
        )
    ).scalar()
    if tainted := taken_back(session, active_row(session), since=last):
        return f"the labels of {tainted} were taken back"
    agreed = labels.gather(session, rules).agreed
    if len(agreed) < rules.least_labels:
        return ""
    new = sum(last is None or label.decided_at > last for label in agreed)
    if new >= rules.after_labels:
        return f"{new} new labels"
    if new and (last is None or now - last >= timedelta(days=rules.every_days)):
        return f"{new} new labels in {rules.every_days:g} days" if last else f"{new} labels and no retraining yet"
    return ""


def taken_back(session: Session, on_duty: ClassifierVersion | None, *, since: datetime | None = None) -> str:
    """Whose labels were taken back after the version on duty learned from labels, theirs perhaps among them.

    The names, with commas; empty when nobody's were, or none after ``since``.
    """
    if on_duty is None or not on_duty.figures.get("labels"):
        return ""
    moment = max(on_duty.trained_at, since) if since else on_duty.trained_at
    events = session.execute(
        sa.select(Event).where(col(Event.kind) == "labels.reverted", col(Event.at) > moment)
    ).scalars()
    return ", ".join(sorted({event.subject.removeprefix("reviewer:") for event in events if event.data["labels"]}))


def weekly(db: Database, config: Config, *, now: datetime) -> None:
    """Draw the week's audit sample and read the weeks behind us for drift, each if it is due. Again does nothing."""
    duty = active(db, config)
    audit.draw(db, config.learning, duty, now=now)
    drift.watch(db, config, duty, now=now)
