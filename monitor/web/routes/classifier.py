"""The classifier's versions, for leads: compare, put on duty, take back, pin; retrain in the background."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session
from starlette.exceptions import HTTPException
from starlette.responses import Response

from models.classifier import ClassifierVersion
from models.retraining import Retraining
from models.user import UserRole
from monitor import posts
from monitor.errors import SheriffwatchError
from monitor.learning import apart, labels, promotion, runs
from monitor.versions import active_row
from monitor.web.page import Page, Visit
from monitor.web.routes.overview import figures_of

MOST_VERSIONS = 50
LABELS_KEPT_S, MANY_LABELS_KEPT_S = 60.0, 900.0
LABELS_WAIT_S = 0.3
"""How long counting few labels may keep the page; it reads the text of each. Nobody waits for many."""
COMPARED_KEPT_S = 900.0
COMPARE_WAIT_S = 0.3
"""How long a comparison may keep the page; after that the page asks again by itself."""
MOST_FLIPS = 25


@dataclass(frozen=True)
class LabelCount:
    """How many labels there are to learn from."""

    agreed: int
    matches: int
    undecided: int


def show(visit: Visit) -> Response:
    """Which version is on duty, how good it is, all versions, and the last retraining."""
    return _page(visit)


def progress(visit: Visit) -> Response:
    """How far the retraining is, for a page that asks again and again; the whole page anew when it is done."""
    if not visit.is_fragment:
        return visit.go("/classifier")
    with visit.db.read() as session:
        running = runs.under_way(session)
    response = visit.render("classifier_run.html", running=running, enough=True, found=None, needed=0)
    if running is None:
        response.headers["HX-Refresh"] = "true"
    return response


def retrain(visit: Visit) -> Response:
    """Begin a retraining, in a process of its own."""
    try:
        apart.begin(visit.db, visit.config, by=visit.user.name, now=visit.now)
    except SheriffwatchError as error:
        return _page(visit, 400, str(error))
    return visit.go("/classifier", "The retraining has begun. It goes on when you leave this page.")


def promote(visit: Visit) -> Response:
    """Put a version on duty."""
    return _change(
        visit, lambda name: promotion.promote(visit.db, visit.config, name, by=visit.user.name, now=visit.now)
    )


def pin(visit: Visit) -> Response:
    """Put a version on duty and keep it there."""
    return _change(visit, lambda name: promotion.pin(visit.db, visit.config, name, by=visit.user.name, now=visit.now))


def rollback(visit: Visit) -> Response:
    """Put the version back on duty that was there before."""
    return _change(visit, lambda _: promotion.rollback(visit.db, visit.config, by=visit.user.name, now=visit.now))


def unpin(visit: Visit) -> Response:
    """Let retrainings promote again."""
    was = promotion.unpin(visit.db, by=visit.user.name, now=visit.now)
    return visit.go("/classifier", f"{was} is no longer pinned." if was else "No version is pinned.")


def compare(visit: Visit) -> Response:
    """Two versions side by side. Takes some seconds the first time; meanwhile the page asks again by itself."""
    before, after = visit.query.get("before", "")[:100], visit.query.get("after", "")[:100]
    with visit.db.read() as session:
        rows = promotion.versions(session)[:MOST_VERSIONS]
    found, sentence = None, ""
    asked = bool(before and after)
    if asked and before == after:
        asked, sentence = False, "Choose two different versions."
    if asked:
        try:
            found = visit.shared.slow.get(
                ("compare", before, after, *_fixed(visit)),
                lambda: _compared(visit, before, after),
                keep_s=COMPARED_KEPT_S,
                wait_s=COMPARE_WAIT_S,
            )
        except SheriffwatchError as error:
            asked, sentence = False, str(error)
    with visit.db.read() as session:
        return visit.render(
            "classifier_compare.html",
            400 if sentence else 200,
            rows=rows,
            before=before,
            after=after,
            asked=asked,
            sentence=sentence,
            report=found,
            flips=_flips(session, found) if found else [],
            again=f"{visit.request.url.path}?{visit.request.url.query}",
        )


def report(visit: Visit) -> Response:
    """What one retraining came to."""
    with visit.db.read() as session:
        run = session.get(Retraining, visit.number())
        if run is None or run.ended_at is None:
            raise HTTPException(404)
        return visit.render(
            "classifier_report.html", run=run, report=run.report or None, flips=_flips(session, run.report)
        )


def _page(visit: Visit, status: int = 200, sentence: str = "") -> Response:
    with visit.db.read() as session:
        rows = promotion.versions(session)[:MOST_VERSIONS]
        row = active_row(session)
        running, last = runs.under_way(session), runs.last(session)
        reports = {version.version: run.id for version in rows if (run := runs.of_version(session, version.version))}
        flips = _flips(session, last.report) if last else []
        many = labels.plenty(session, visit.config.learning.least_labels)
    figures, trouble = figures_of(visit.shared, row)
    found = visit.shared.slow.get(
        "labels",
        lambda: _labels(visit),
        keep_s=MANY_LABELS_KEPT_S if many else LABELS_KEPT_S,
        wait_s=0.0 if many else LABELS_WAIT_S,
    )
    rules = visit.config.learning
    return visit.render(
        "classifier.html",
        status,
        rows=rows,
        row=row,
        figures=figures,
        trouble=trouble,
        sentence=sentence,
        running=running,
        last=last,
        report=last.report if last and last.report else None,
        flips=flips,
        reports=reports,
        found=found,
        needed=rules.least_labels,
        rules=rules,
        enough=found is None or found.agreed >= rules.least_labels,
        pinned=next((version.version for version in rows if version.pinned_at), ""),
        configured=visit.config.classifier.version,
    )


def _change(visit: Visit, change: Any) -> Response:
    try:
        row: ClassifierVersion = change(visit.field("version", 100))
    except SheriffwatchError as error:
        return _page(visit, 400, str(error))
    return visit.go("/classifier", f"{row.version} is on duty. Running processes take it up at their next pass.")


def _labels(visit: Visit) -> LabelCount:
    with visit.db.read() as session:
        found = labels.gather(session, visit.config.learning)
    return LabelCount(len(found.agreed), found.matches, found.undecided)


def _compared(visit: Visit, before: str, after: str) -> dict[str, Any]:
    from monitor.learning import gate, report
    from monitor.retrain import compare as compare_versions  # brings numpy and more, which few processes need

    comparison, flips = compare_versions(visit.db, visit.config, before, after)
    passes, reason = gate.decide(comparison)
    verdict = f"{'Would pass' if passes else 'Would not pass'} the gate: {reason}."
    return {**report.as_record(comparison, flips), "verdict": verdict}


def _flips(session: Session, record: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """The posts decided differently, each with its present words."""
    flips = record.get("flips", [])[:MOST_FLIPS]
    kept = {found.post.id: found for found in posts.load(session, [flip["post_id"] for flip in flips])}
    return [(flip, kept[flip["post_id"]].current.readable()) for flip in flips if flip["post_id"] in kept]


def _fixed(visit: Visit) -> tuple[float | None, float | None]:
    return visit.config.classifier.queue_threshold, visit.config.classifier.alert_threshold


PAGES = (
    Page("GET", "/classifier", show, UserRole.LEAD),
    Page("GET", "/classifier/progress", progress, UserRole.LEAD),
    Page("GET", "/classifier/compare", compare, UserRole.LEAD),
    Page("GET", "/classifier/reports/{id}", report, UserRole.LEAD),
    Page("POST", "/classifier/retrain", retrain, UserRole.LEAD),
    Page("POST", "/classifier/promote", promote, UserRole.LEAD),
    Page("POST", "/classifier/pin", pin, UserRole.LEAD),
    Page("POST", "/classifier/unpin", unpin, UserRole.LEAD),
    Page("POST", "/classifier/rollback", rollback, UserRole.LEAD),
)
