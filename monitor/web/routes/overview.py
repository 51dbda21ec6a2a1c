"""The overview: what the record adds up to, with a table behind each chart."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col
from starlette.exceptions import HTTPException
from starlette.responses import Response

from models.account import Account
from models.classifier import ClassifierVersion
from models.clock import utcnow
from models.drift import DriftReading
from models.user import UserRole
from monitor import overview
from monitor.errors import SheriffwatchError
from monitor.learning import drift
from monitor.overview import Condition, Overview
from monitor.status import outbox_reasons
from monitor.versions import active_row
from monitor.web import tiles
from monitor.web.charts import columns, shares
from monitor.web.page import Page, Visit
from monitor.web.shared import Shared
from monitor.web.templating import read_all

TOP = 9
MOST_BROKEN = 6
DRIFT_WEEKS = 9
MOST_SCOPES = 12
FIRST_WAIT_S = 30.0
"""How long the first who asks may wait for the count; whoever comes later sees the kept one, with its age."""


def show(visit: Visit) -> Response:
    """Everything on one page. The counts come from the last minute; what is cheap is asked for now."""
    found = counted(visit)
    with visit.db.read() as session:
        row = active_row(session)
        readings = _readings(session, row.version) if row else []
        concerns = drift.concerns(session, visit.config, readings[0].week, row.version) if row and readings else []
        broken = _broken(session, found)
        stuck = outbox_reasons(session, now=visit.now)
    figures, trouble = figures_of(visit.shared, row)
    flagged_most = max((agency.count.flagged for agency in found.agencies[:TOP]), default=0)
    by_theme = found.weekly.by_theme
    highest = max((n for counts in by_theme.values() for n in counts), default=0)
    health = found.health
    return visit.render(
        "overview.html",
        found=found,
        waiting=sum(found.waiting.values()),
        longest=max(1, *found.waiting.values()),
        weeks=_weeks(found),
        themes=[
            (theme, _small(found, counts, highest), sum(counts))
            for theme, counts in sorted(by_theme.items(), key=lambda item: -sum(item[1]))
        ],
        tiles=tiles.tiles(found.states),
        map_columns=tiles.COLUMNS,
        map_rows=tiles.ROWS,
        top=[agency for agency in found.agencies[:TOP] if agency.count.flagged or agency.count.confirmed],
        most=max(1, flagged_most, found.agencies[0].count.confirmed if found.agencies else 0),
        health_pieces=shares([(word.value, number / max(1, sum(health.values()))) for word, number in health.items()]),
        broken=broken,
        stuck=stuck,
        row=row,
        figures=figures,
        trouble=trouble,
        concerns=concerns,
        drift=readings,
        drift_charts=_drift_charts([reading for reading in reversed(readings) if reading.scope == "all"]),
    )


def counted(visit: Visit) -> Overview:
    """The counts over the whole record, at most a minute old, or a little more while they are counted anew."""
    found = warm(visit.shared, wait_s=FIRST_WAIT_S)
    if found is None:
        raise HTTPException(503, "Counting takes unusually long. Try again in a minute.")
    return found


def prepare(shared: Shared) -> None:
    """Have what takes long worked out, so that who comes first need not wait for it."""
    shared.slow.get("templates", lambda: read_all(shared.templates))
    warm(shared)
    with shared.db.read() as session:
        figures_of(shared, active_row(session))


def warm(shared: Shared, *, wait_s: float = 0.0) -> Overview | None:
    """Have the record counted."""

    def count() -> Overview:
        with shared.db.read() as session:
            return overview.reckon(session, utcnow())

    found: Overview | None = shared.slow.get("overview", count, keep_s=overview.KEEP_S, wait_s=wait_s)
    return found


def figures_of(shared: Shared, row: ClassifierVersion | None) -> tuple[Any, str]:
    """How good a version is, None while that is being worked out; and what is wrong with it, if anything is."""
    if row is None:
        return None, ""
    fixed = shared.config.classifier

    def measure() -> Any:
        from monitor.learning.figures import on_frozen_set  # brings numpy and more, which few processes need

        return on_frozen_set(row, shared.config)

    key = ("figures", row.version, row.sha256, fixed.queue_threshold, fixed.alert_threshold)
    try:
        return shared.slow.get(key, measure), ""
    except SheriffwatchError as error:
        return None, str(error)


def _weeks(found: Overview) -> Any:
    labels = [f"{start.day} {start:%b}" for start in found.weekly.starts]
    series = [("flagged", "flagged", found.weekly.flagged), ("confirmed", "confirmed", found.weekly.confirmed)]
    return columns(labels, series, height=210, every=5)


def _small(found: Overview, counts: Sequence[int], top: int) -> Any:
    labels = [f"Week of {start.day} {start:%b}" for start in found.weekly.starts]
    return columns(labels, [("flagged", "flagged", counts)], height=44, top=top, bare=True)


def _readings(session: Session, version: str) -> list[DriftReading]:
    """The newest weeks first, all posts before each part of them."""
    weeks = sa.select(col(DriftReading.week)).where(
        col(DriftReading.version) == version, col(DriftReading.scope) == "all"
    )
    newest = list(session.execute(weeks.order_by(col(DriftReading.week).desc()).limit(DRIFT_WEEKS)).scalars())
    if not newest:
        return []
    rows = session.execute(
        sa.select(DriftReading)
        .where(col(DriftReading.version) == version, col(DriftReading.week) >= newest[-1])
        .order_by(col(DriftReading.week).desc(), col(DriftReading.scope) != "all", col(DriftReading.scope))
        .limit(DRIFT_WEEKS * MOST_SCOPES)
    ).scalars()
    return list(rows)


def _drift_charts(weeks: Sequence[DriftReading]) -> list[tuple[str, Any, str]]:
    drawn = []
    labels = [f"Week of {reading.week.day} {reading.week:%b}" for reading in weeks]
    for key, name in (
        ("flagged_share", "Share flagged"),
        ("unknown_words", "Unknown words"),
        ("agreement", "Reviewers agree"),
    ):
        values = [100 * (reading.figures.get(key) or 0.0) for reading in weeks]
        known = [reading.figures.get(key) for reading in weeks]
        latest = f"{values[-1]:.1f} %" if known and known[-1] is not None else "–"
        top = 100.0 if key == "agreement" else None
        drawn.append(
            (
                name,
                columns(labels, [("flagged", name.lower(), values)], height=56, top=top, unit=" %", bare=True),
                latest,
            )
        )
    return drawn


def _broken(session: Session, found: Overview) -> list[Account]:
    ids = [number for number, condition in found.conditions.items() if condition is Condition.BROKEN]
    return list(
        session.execute(
            sa.select(Account).where(col(Account.id).in_(ids[:MOST_BROKEN])).order_by(col(Account.id))
        ).scalars()
    )


PAGES = (Page("GET", "/overview", show, UserRole.VIEWER),)
