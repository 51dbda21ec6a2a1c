"""Searches kept under a name: listed and run by everybody, kept and changed by reviewers."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from models.savedsearch import SavedSearch
from models.user import UserRole
from monitor import savedsearches
from monitor.errors import UsageError
from monitor.web.filters import Asked
from monitor.web.page import Page, Visit
from monitor.web.routes.search import wanted_by


def show(visit: Visit) -> Response:
    """All of them."""
    return _page(visit)


def save(visit: Visit) -> Response:
    """Keep a search. One's own of the same name is replaced, another's is not."""
    asked = Asked.of({name: visit.field(name) for name in visit.form})
    name = " ".join(visit.field("name", 1000).split())
    alerts = visit.field("alerts", 10) == "on"
    try:
        if not asked.typed:
            raise UsageError("There is nothing to save yet: search for something first.")
        with visit.db.read() as session:
            asked = asked.settle(session)
            wanted_by(visit, asked)
            same = next((row for row in savedsearches.saved(session) if row.name == name), None)
        if same is not None and not _may_change(visit, same):
            raise UsageError(f"“{name}” is a search of {same.owner}. Choose another name.")
        savedsearches.save(visit.db, name, asked.typed, owner=visit.user.name, alerts=alerts, now=visit.now)
    except UsageError as error:
        return _page(visit, str(error), asked, name, alerts)
    return visit.go(asked.url(), f"Saved as “{name}”{', with alerts on new posts' if alerts else ''}.")


def set_alerts(visit: Visit) -> Response:
    """Let it alert, or be silent."""
    row = _theirs(visit)
    alerts = visit.field("alerts", 10) == "on"
    savedsearches.set_alerts(visit.db, row.name, alerts, by=visit.user.name, now=visit.now)
    told = "alerts on posts that are kept from now on" if alerts else "alerts no more"
    return visit.go("/searches", f"“{row.name}” {told}.")


def delete(visit: Visit) -> Response:
    """Forget it."""
    row = _theirs(visit)
    savedsearches.delete(visit.db, row.name, by=visit.user.name, now=visit.now)
    return visit.go("/searches", f"“{row.name}” is deleted.")


def _page(
    visit: Visit, sentence: str = "", asked: Asked | None = None, name: str = "", alerts: bool = False
) -> Response:
    with visit.db.read() as session:
        rows = [(row, Asked.of(row.query).named(session)) for row in savedsearches.saved(session)]
    return visit.render(
        "searches.html",
        400 if sentence else 200,
        rows=rows,
        mine=[row.id for row, _ in rows if _may_change(visit, row)],
        sentence=sentence,
        asked=asked,
        name=name,
        alerts=alerts,
    )


def _theirs(visit: Visit) -> SavedSearch:
    """The search of this number, if this person may change it."""
    number = visit.number()
    with visit.db.read() as session:
        row = session.get(SavedSearch, number)
    if row is None:
        raise HTTPException(404)
    if not _may_change(visit, row):
        raise HTTPException(403, f"This is a search of {row.owner}. Ask {row.owner} or a lead to change it.")
    return row


def _may_change(visit: Visit, row: SavedSearch) -> bool:
    return row.owner == visit.user.name or visit.may("lead")


PAGES = (
    Page("GET", "/searches", show, UserRole.VIEWER),
    Page("POST", "/searches", save, UserRole.REVIEWER),
    Page("POST", "/searches/{id}/alerts", set_alerts, UserRole.REVIEWER),
    Page("POST", "/searches/{id}/delete", delete, UserRole.REVIEWER),
)
