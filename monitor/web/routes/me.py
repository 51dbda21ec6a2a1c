"""One's own account: password and API tokens."""

from starlette.responses import Response

from models.user import UserRole
from monitor import apitokens, sessions, users
from monitor.errors import UsageError
from monitor.web.page import Page, Visit, set_session


def show(visit: Visit) -> Response:
    """Who I am, and what I may change about it."""
    return visit.render("me.html", sentence="", token="")


def change_password(visit: Visit) -> Response:
    """A new password ends all sessions; this browser gets a new one."""
    new = visit.secret_field("new_password")
    try:
        if new != visit.secret_field("password_again"):
            raise UsageError("The two new passwords differ.")
        if not users.fits(visit.user, visit.secret_field("old_password")):
            raise UsageError("The old password is not right.")
        users.set_password(visit.db, visit.user.name, new, by=visit.user.name, now=visit.now)
    except UsageError as error:
        return visit.render("me.html", 400, sentence=str(error), token="")
    token = sessions.start(visit.db, visit.user, now=visit.now, how="password change")
    visit.secret = token
    response = visit.go("/me", "The password is changed. All other sessions have ended.")
    set_session(response, token)
    return response


def make_token(visit: Visit) -> Response:
    """A token for the JSON API, shown this once."""
    return visit.render("me.html", sentence="", token=apitokens.make(visit.db, visit.user.name, now=visit.now))


def revoke_tokens(visit: Visit) -> Response:
    """Make all of one's tokens worthless."""
    count = apitokens.revoke_all(visit.db, visit.user.name, now=visit.now)
    return visit.go("/me", f"{count} token{'' if count == 1 else 's'} revoked.")


PAGES = (
    Page("GET", "/me", show, UserRole.VIEWER),
    Page("POST", "/me/password", change_password, UserRole.VIEWER),
    Page("POST", "/me/tokens", make_token, UserRole.VIEWER),
    Page("POST", "/me/tokens/revoke", revoke_tokens, UserRole.VIEWER),
)
