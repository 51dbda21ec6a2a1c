"""Logging in and out, and the link that works once."""

from starlette.responses import Response

from models.user import UserRole
from monitor import sessions, users
from monitor.errors import UsageError
from monitor.sessions import ThrottleError
from monitor.web import errors
from monitor.web.page import Page, Visit, end_session, set_session
from monitor.web.security import local_path


def show_login(visit: Visit) -> Response:
    """The form; who is logged in goes on."""
    if visit.login is not None:
        return visit.go(local_path(visit.query.get("next", "")))
    with visit.db.read() as session:
        nobody_yet = not users.any_user(session)
    return visit.render(
        "login.html", sentence="", next=local_path(visit.query.get("next", "")), held=[], nobody_yet=nobody_yet
    )


def log_in(visit: Visit) -> Response:
    """Check name and password. What a form had carried when the session ended is shown to be sent again."""
    target = local_path(visit.field("next", 2000))
    kept = [(name.removeprefix("held."), value) for name, value in errors.held(visit) if name.startswith("held.")]
    try:
        user = sessions.log_in(
            visit.db, visit.field("name", 200), visit.secret_field("password"), address=_address(visit), now=visit.now
        )
    except ThrottleError as error:
        return _again(visit, 429, str(error), target, kept)
    if user is None:
        return _again(visit, 401, "Name and password do not belong together.", target, kept)
    return _enter(visit, sessions.start(visit.db, user, now=visit.now), target, kept)


def log_out(visit: Visit) -> Response:
    """End the session."""
    assert visit.login is not None
    sessions.end(visit.db, visit.login, visit.now)
    response = visit.go("/login")
    end_session(response)
    return response


def show_welcome(visit: Visit) -> Response:
    """The page of a one-time link. Looking at it does not use it up."""
    with visit.db.read() as session:
        found = users.invitation(session, _link(visit), visit.now)
    if found is None:
        return errors.page(visit, 410, "It was used, or is older than three days. Ask an admin for a new one.")
    return visit.render(
        "welcome.html", name=found[1].name if found[1] else "", first=found[1] is None, sentence="", link=_link(visit)
    )


def accept(visit: Visit) -> Response:
    """Take a name and password, and go in."""
    name = visit.field("name", 200)
    try:
        if visit.secret_field("password") != visit.secret_field("password_again"):
            raise UsageError("The two passwords differ.")
        user = users.accept(visit.db, _link(visit), name, visit.secret_field("password"), now=visit.now)
    except UsageError as error:
        with visit.db.read() as session:
            found = users.invitation(session, _link(visit), visit.now)
        if found is None:
            return errors.page(visit, 410, str(error), again=False)
        shown = found[1].name if found[1] else name
        return visit.render(
            "welcome.html", 400, name=shown, first=found[1] is None, sentence=str(error), link=_link(visit)
        )
    return _enter(visit, sessions.start(visit.db, user, now=visit.now, how="invitation"), "/", [])


def _enter(visit: Visit, token: str, target: str, kept: list[tuple[str, str]]) -> Response:
    """A new session, whatever cookie the browser came with."""
    if kept:
        visit.secret = token  # the form that follows belongs to the new session
        response = visit.render("resend.html", path=target, held=kept)
    else:
        response = visit.go(target)
    set_session(response, token)
    return response


def _again(visit: Visit, status: int, sentence: str, target: str, kept: list[tuple[str, str]]) -> Response:
    return visit.render(
        "login.html",
        status,
        sentence=sentence,
        next=target,
        held=kept,
        name=visit.field("name", 200),
        nobody_yet=False,
    )


def _link(visit: Visit) -> str:
    return str(visit.request.path_params["link"])[:200]


def _address(visit: Visit) -> str:
    return visit.request.client.host if visit.request.client else ""


PAGES = (
    Page("GET", "/login", show_login, None),
    Page("POST", "/login", log_in, None),
    Page("POST", "/logout", log_out, UserRole.VIEWER),
    Page("GET", "/welcome/{link}", show_welcome, None),
    Page("POST", "/welcome/{link}", accept, None),
)
