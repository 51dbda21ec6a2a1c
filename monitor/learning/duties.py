"""What the way back asks for by itself: a retraining when it is due, the weekly sample, the weekly reading."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from models.db import Database
from models.evidence import Event
from monitor.config import Config
from monitor.learning import audit, drift, labels
from monitor.versions import active


def retraining_due(session: Session, config: Config, *, now: datetime) -> str:
    """Why a retraining is due: enough new labels, or a week with some; empty when it is not, or is switched off.

    A try counts whether it succeeded, was refused by the gate or failed, so that a fault is not tried all day.
    """
    rules = config.learning
    if not rules.automatic:
        return ""
    agreed = labels.gather(session, rules).agreed
    if len(agreed) < rules.least_labels:
        return ""
    last = session.execute(
        sa.select(sa.func.max(col(Event.at))).where(
            col(Event.kind).in_(["classifier.retrained", "classifier.training_failed"])
        )
    ).scalar()
    new = sum(last is None or label.decided_at > last for label in agreed)
    if new >= rules.after_labels:
        return f"{new} new labels"
    if new and (last is None or now - last >= timedelta(days=rules.every_days)):
        return f"{new} new labels in {rules.every_days:g} days" if last else f"{new} labels and no retraining yet"
    return ""


def weekly(db: Database, config: Config, *, now: datetime) -> None:
    """Draw the week's audit sample and read the weeks behind us for drift, each if it is due. Again does nothing."""
    duty = active(db, config)
    audit.draw(db, config.learning, duty, now=now)
    drift.watch(db, config, duty, now=now)
