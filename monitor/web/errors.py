"""Pages for what went wrong: each says what to do, and gives back what was typed."""

from typing import TYPE_CHECKING
from urllib.parse import quote

import sqlalchemy as sa
from starlette.responses import Response

from models.db import DatabaseError
from monitor.web.security import SAFE_METHODS, local_path

if TYPE_CHECKING:
    from monitor.web.page import Visit

DATABASE_AWAY = (DatabaseError, sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)
"""What is raised when the database is busy or does not answer."""
_TITLES = {
    400: "That did not work",
    401: "Log in to go on",
    403: "Not allowed",
    404: "Nothing here",
    405: "Not this way",
    408: "Too slow",
    409: "Changed meanwhile",
    410: "This link has expired",
    413: "Too large",
    429: "Too many tries",
    500: "A fault of ours",
    502: "The identity provider does not answer",
    503: "The database does not answer",
}
_HINTS = {
    404: "The address may be mistyped, or the link old. Search finds every post that is kept.",
    405: "This address is not asked for in this way. Go back and use the page's own buttons.",
}
_HIDDEN_FIELDS = frozenset({"token", "password", "new_password", "old_password"})
_MOST_HELD = 60


def page(visit: "Visit", status: int, sentence: str = "", *, again: bool = True) -> Response:
    """An error page. With ``again``, a form that failed can be sent once more with what was typed."""
    return visit.render(
        "error.html",
        status,
        code=status,
        title=_TITLES.get(status, "That did not work"),
        sentence=_HINTS.get(status) or sentence,
        held=held(visit) if again and status != 403 else [],
        path=local_path(visit.request.url.path),
    )


def old_form(visit: "Visit") -> Response:
    """The form's token does not fit: it was opened before the last login, or too long ago."""
    return visit.render(
        "error.html",
        403,
        code=403,
        title="This form is too old",
        sentence="You have logged in or out since this page was opened. Nothing was stored yet; nothing typed is lost.",
        held=held(visit),
        path=local_path(visit.request.url.path),
    )


def log_in_first(visit: "Visit") -> Response:
    """Nobody is logged in. What a form carried is held through the login."""
    if visit.request.method in SAFE_METHODS:
        target = visit.request.url.path + (f"?{visit.request.url.query}" if visit.request.url.query else "")
        if visit.is_fragment:
            return Response(status_code=401, headers={"HX-Redirect": "/login"})
        response = visit.go("/login")
        if target != "/":
            response.headers["location"] = f"/login?next={quote(target, safe='/')}"
        return response
    return visit.render(
        "login.html",
        401,
        sentence="Your session has ended, so nothing was stored yet. Log in; what you typed is kept.",
        next=local_path(visit.request.url.path),
        held=held(visit),
    )


def busy(visit: "Visit") -> Response:
    """The database does not answer."""
    return page(visit, 503, "Nothing you typed is lost. Wait a moment, then send it again.")


def fault(visit: "Visit", error: Exception) -> Response:
    """A fault of the program's own. The page stands even when the database does not answer."""
    if isinstance(error, DATABASE_AWAY):
        return busy(visit)
    return page(visit, 500, "It has been written to the log. Nothing that was stored is lost. Try again, or go back.")


def held(visit: "Visit") -> list[tuple[str, str]]:
    """The text fields of the form that was sent, without passwords, to be sent once more."""
    fields = [(name, value) for name, value in visit.form.multi_items() if isinstance(value, str)]
    return [(name, value) for name, value in fields if name not in _HIDDEN_FIELDS][:_MOST_HELD]
