"""Versions of the classifier: kept as candidates, put on duty, taken back, pinned."""

import dataclasses
import getpass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

import classifier
from classifier import Classifier, Encoder, Thresholds, Trained
from models.classifier import ClassifierVersion
from models.db import Database
from models.evidence import Event
from monitor.config import Config
from monitor.errors import SheriffwatchError
from monitor.versions import active_row, load


def login() -> str:
    """The login name of who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"


def encoder(config: Config, semantic: bool | None = None) -> Encoder | None:
    """What a semantic version is trained with, or None for a plain one; by default as ``learning.semantic`` says.

    Vectors are kept beside the versions, so that only the first training waits for the corpus to be encoded.
    """
    wanted = config.learning.semantic if semantic is None else semantic
    return Encoder(config.folder / config.classifier.directory / "embeddings.npz") if wanted else None


def versions(session: Session) -> list[ClassifierVersion]:
    """All versions, the newest first."""
    return list(session.execute(sa.select(ClassifierVersion).order_by(col(ClassifierVersion.id).desc())).scalars())


def get(session: Session, version: str) -> ClassifierVersion:
    """The row of a version. Raises SheriffwatchError when there is none."""
    row: ClassifierVersion | None = session.execute(
        sa.select(ClassifierVersion).where(col(ClassifierVersion.version) == version)
    ).scalar()
    if row is None:
        raise SheriffwatchError(f"There is no version “{version}”. “sheriffwatch classifier list” shows them.")
    return row


def standing(row: ClassifierVersion) -> str:
    """How a version stands, as people say it."""
    return f"{row.status}, pinned" if row.pinned_at else row.status


def to_dict(row: ClassifierVersion) -> dict[str, Any]:
    """A version as JSON."""
    return {
        "version": row.version,
        "status": row.status,
        "active": row.status == "active",
        "pinned": row.pinned_at is not None,
        "path": row.path,
        "sha256": row.sha256,
        "queue_threshold": row.queue_threshold,
        "alert_threshold": row.alert_threshold,
        "figures": row.figures,
        "parent": row.parent,
        "reason": row.reason,
        "trained_at": row.trained_at,
        "trained_by": row.trained_by,
        "activated_at": row.activated_at,
    }


def at_thresholds(loaded: Classifier, queue: float, alert: float) -> Classifier:
    """The same classifier deciding at these thresholds, those in force where it runs."""
    limits = Thresholds(queue, max(queue, alert))
    if limits == loaded.thresholds:
        return loaded
    return Classifier(dataclasses.replace(loaded.weights, thresholds=limits), loaded.version, loaded.sha256)


def keep_candidate(
    db: Database,
    config: Config,
    trained: Trained,
    *,
    by: str,
    now: datetime,
    reason: str,
    parent: str = "",
    figures: dict[str, Any] | None = None,
) -> ClassifierVersion:
    """Save what was trained and register it as a candidate; the same weights again give the same version.

    Raises SheriffwatchError when it cannot be saved; the classifier on duty is not touched.
    """
    directory = config.folder / config.classifier.directory
    try:
        saved = classifier.save(trained, directory)
    except OSError as error:
        raise SheriffwatchError(
            f"The candidate cannot be saved in {directory}: {error.strerror}. The classifier on duty goes on working; "
            "make room or set classifier.directory, and retrain."
        ) from None
    limits = trained.weights.thresholds
    with db.write() as session:
        row = session.execute(
            sa.select(ClassifierVersion).where(col(ClassifierVersion.version) == saved.version)
        ).scalar()
        if row is None:
            row = ClassifierVersion(version=saved.version, sha256=saved.sha256, queue_threshold=0, alert_threshold=0)
            row.parent, row.reason, row.trained_at, row.trained_by = parent, reason, now, by
            session.add(row)
        if not (row.status == "active" and not row.path):  # the bundled one on duty stays what it is
            row.path = str(saved.path)
        row.queue_threshold, row.alert_threshold = limits.queue, limits.alert
        row.figures = {**row.figures, **(figures or {})}
        session.add(row)
        session.flush()
        session.add(
            Event(
                at=now,
                kind="classifier.trained",
                actor=by,
                subject=f"classifier:{row.version}",
                data={"sha256": row.sha256, "reason": reason},
            )
        )
    return row


def promote(
    db: Database, config: Config, version: str, *, by: str, now: datetime, reason: str = ""
) -> ClassifierVersion:
    """Put a version on duty. Running processes take it up at their next pass.

    Raises SheriffwatchError when it is unknown or its artifact does not load; nothing changes then.
    """
    with db.read() as session:
        row = get(session, version)
    if row.path and not Path(row.path).is_file():
        raise SheriffwatchError(
            f"The artifact of {version} is not at {row.path} any more. "
            "Bring the file back, or train again with “sheriffwatch classifier retrain”."
        )
    load(row, config)
    with db.write() as session:
        row = get(session, version)
        activate(session, row, by=by, now=now, reason=reason)
    return row


def rollback(db: Database, config: Config, *, by: str, now: datetime) -> ClassifierVersion:
    """Put the version back on duty that was on duty before this one. Raises SheriffwatchError when there was none."""
    with db.read() as session:
        current = active_row(session)
        before = session.execute(
            sa.select(ClassifierVersion)
            .where(
                col(ClassifierVersion.activated_at).is_not(None),
                col(ClassifierVersion.id) != (current.id if current else 0),
            )
            .order_by(col(ClassifierVersion.activated_at).desc())
            .limit(1)
        ).scalar()
    if before is None:
        raise SheriffwatchError("There is no earlier version to go back to.")
    return promote(db, config, before.version, by=by, now=now, reason="rolled back")


def pin(db: Database, config: Config, version: str, *, by: str, now: datetime) -> ClassifierVersion:
    """Put a version on duty and keep it there: retrainings make candidates only, new releases do not replace it."""
    promote(db, config, version, by=by, now=now, reason="pinned")
    with db.write() as session:
        _unpin_all(session)
        row = get(session, version)
        row.pinned_at = now
        session.add(row)
        session.add(Event(at=now, kind="classifier.pinned", actor=by, subject=f"classifier:{version}"))
    return row


def unpin(db: Database, *, by: str, now: datetime) -> str:
    """Let retrainings promote again. Returns the version that was pinned, empty if none was."""
    with db.write() as session:
        row = pinned(session)
        if row is None:
            return ""
        _unpin_all(session)
        session.add(Event(at=now, kind="classifier.unpinned", actor=by, subject=f"classifier:{row.version}"))
        return row.version


def pinned(session: Session) -> ClassifierVersion | None:
    """The pinned version, if there is one."""
    return session.execute(sa.select(ClassifierVersion).where(col(ClassifierVersion.pinned_at).is_not(None))).scalar()


def activate(session: Session, row: ClassifierVersion, *, by: str, now: datetime, reason: str = "") -> None:
    """Mark a version as the one on duty, within a write."""
    current = active_row(session)
    if current is not None and current.id != row.id:
        current.status = "retired"
        current.pinned_at = None
        session.add(current)
    row.status, row.activated_at = "active", now
    session.add(row)
    session.add(
        Event(
            at=now,
            kind="classifier.activated",
            actor=by,
            subject=f"classifier:{row.version}",
            data={"before": current.version if current else "", "reason": reason},
        )
    )


def _unpin_all(session: Session) -> None:
    session.execute(
        sa.update(ClassifierVersion).values(pinned_at=None), execution_options={"synchronize_session": False}
    )
