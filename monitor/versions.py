"""Which classifier version is active, and loading it."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
import structlog
from sqlmodel import Session, col

import classifier
from classifier import ArtifactError, Classifier
from models.classifier import ClassifierVersion
from models.clock import utcnow
from models.db import Database
from monitor.config import Config
from monitor.errors import SheriffwatchError

log = structlog.get_logger()


@dataclass(frozen=True)
class Active:
    """The classifier on duty, with the thresholds in force."""

    classifier: Classifier
    row_id: int
    version: str
    queue_threshold: float
    alert_threshold: float


class Duty:
    """The classifier on duty for a process that runs on: looks for a change at each use, loads only then."""

    def __init__(self, db: Database, config: Config) -> None:
        self._db = db
        self._config = config
        self._active: Active | None = None

    def current(self) -> Active:
        """The classifier on duty now; after a promotion or rollback by any process, the new one.

        One that cannot be loaded, as on a host that lacks its artifact, leaves the one before at work, and the log says
        so at each use. Raises SheriffwatchError when there is none before it.
        """
        with self._db.read() as session:
            row = _wanted(session, self._config)
        if self._active is None or row is None or row.id != self._active.row_id:
            try:
                self._active = active(self._db, self._config)
            except SheriffwatchError as error:
                if self._active is None:
                    raise
                log.error("classifier.not_taken_up", still=self._active.version, error=str(error))
        return self._active


def active(db: Database, config: Config) -> Active:
    """Load the classifier on duty: the configured version, else the active row, else the bundled one.

    Raises SheriffwatchError when the artifact is damaged or is not what its row says.
    """
    with db.read() as session:
        row = _wanted(session, config)
    if row is None:
        row = _register_bundled(db)
    return load(row, config)


def load(row: ClassifierVersion, config: Config) -> Active:
    """Load one version's artifact, checked against the SHA-256 of its row."""
    try:
        loaded = classifier.load(Path(row.path) if row.path else None, sha256=row.sha256)
    except ArtifactError as error:
        raise SheriffwatchError(
            f"Classifier version {row.version} cannot be loaded: {error} "
            "Go back with “sheriffwatch classifier rollback”, or train again with “sheriffwatch classifier retrain”."
        ) from None
    queue = config.classifier.queue_threshold
    alert = config.classifier.alert_threshold
    return Active(
        loaded,
        row.id or 0,
        row.version,
        row.queue_threshold if queue is None else queue,
        row.alert_threshold if alert is None else alert,
    )


_ACTIVE = (
    sa.select(ClassifierVersion)
    .where(col(ClassifierVersion.status) == "active")
    .order_by(col(ClassifierVersion.activated_at).desc())
    .limit(1)
)


def active_row(session: Session) -> ClassifierVersion | None:
    """The version on duty, if one was ever registered."""
    return session.execute(_ACTIVE).scalar()


def _wanted(session: Session, config: Config) -> ClassifierVersion | None:
    name = config.classifier.version
    if name == "active":
        row = active_row(session)
        # A release brings a new bundled classifier: it takes over from an older bundled one, not from a trained one.
        if row is not None and not row.path and not row.pinned_at and row.version != classifier.bundled_version():
            return None
        return row
    if name == "bundled":
        return None
    named: ClassifierVersion | None = session.execute(
        sa.select(ClassifierVersion).where(col(ClassifierVersion.version) == name)
    ).scalar()
    if named is None:
        raise SheriffwatchError(
            f"classifier.version names “{name}”, which this database does not know. "
            "“sheriffwatch classifier list” shows the versions."
        )
    return named


def _register_bundled(db: Database) -> ClassifierVersion:
    try:
        bundled = classifier.load()
    except ArtifactError as error:
        raise SheriffwatchError(
            f"The bundled classifier cannot be loaded: {error} Install sheriffwatch again."
        ) from None
    with db.write() as session:
        row = session.execute(
            sa.select(ClassifierVersion).where(col(ClassifierVersion.version) == bundled.version)
        ).scalar()
        if row is None:
            row = ClassifierVersion(
                version=bundled.version,
                sha256=bundled.sha256,
                queue_threshold=bundled.thresholds.queue,
                alert_threshold=bundled.thresholds.alert,
                reason="bundled with this release",
            )
            session.add(row)
        current = active_row(session)
        if current is None or not current.path:
            if current is not None and current is not row:
                current.status = "retired"
            row.status, row.activated_at = "active", utcnow()
        session.flush()
    return row
