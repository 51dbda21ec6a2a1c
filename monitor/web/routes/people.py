"""People and their roles, for admins."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from models.user import User, UserRole
from monitor import users
from monitor.errors import UsageError
from monitor.web.page import Page, Visit


def show(visit: Visit) -> Response:
    """Everybody."""
    return _page(visit)


def add(visit: Visit) -> Response:
    """A new user, with a link by which they choose a password."""
    try:
        role = _role(visit)
        user = users.add(
            visit.db,
            visit.field("name", 200),
            role,
            by=visit.user.name,
            now=visit.now,
            slack_id=visit.field("slack_id", 40),
        )
    except UsageError as error:
        return _page(visit, 400, sentence=str(error))
    return _page(visit, link=_link(visit, user), whose=user.name)


def change(visit: Visit) -> Response:
    """Another role or Slack id for somebody."""
    user = _somebody(visit)
    try:
        users.set_role(visit.db, user.name, _role(visit), by=visit.user.name, now=visit.now)
        if visit.field("slack_id", 40) != user.slack_id:
            users.set_slack_id(visit.db, user.name, visit.field("slack_id", 40), by=visit.user.name, now=visit.now)
    except UsageError as error:
        return _page(visit, 400, sentence=str(error))
    return visit.go("/people", f"{user.name} is now {_role(visit).value}.")


def invite(visit: Visit) -> Response:
    """A new link for somebody who lost the password."""
    user = _somebody(visit)
    return _page(visit, link=_link(visit, user), whose=user.name)


def disable(visit: Visit) -> Response:
    """Let somebody in no more."""
    user = _somebody(visit)
    try:
        users.disable(visit.db, user.name, by=visit.user.name, now=visit.now)
    except UsageError as error:
        return _page(visit, 400, sentence=str(error))
    return visit.go("/people", f"{user.name} can no longer log in. The verdicts stay.")


def enable(visit: Visit) -> Response:
    """Let somebody in again."""
    user = _somebody(visit)
    users.enable(visit.db, user.name, by=visit.user.name, now=visit.now)
    return visit.go("/people", f"{user.name} can log in again.")


def _page(visit: Visit, status: int = 200, *, sentence: str = "", link: str = "", whose: str = "") -> Response:
    with visit.db.read() as session:
        people = users.all_of(session)
    return visit.render(
        "people.html", status, people=people, roles=list(UserRole), sentence=sentence, link=link, whose=whose
    )


def _somebody(visit: Visit) -> User:
    with visit.db.read() as session:
        user = session.get(User, visit.number())
    if user is None:
        raise HTTPException(404)
    return user


def _role(visit: Visit) -> UserRole:
    try:
        return UserRole(visit.field("role", 20))
    except ValueError:
        raise UsageError("Choose a role: viewer, reviewer, lead or admin.") from None


def _link(visit: Visit, user: User) -> str:
    token = users.invite(visit.db, user.name, by=visit.user.name, now=visit.now)
    base = visit.config.web.base_url.rstrip("/") or str(visit.request.base_url).rstrip("/")
    return f"{base}/welcome/{token}"


PAGES = (
    Page("GET", "/people", show, UserRole.ADMIN),
    Page("POST", "/people", add, UserRole.ADMIN),
    Page("POST", "/people/{id}", change, UserRole.ADMIN),
    Page("POST", "/people/{id}/invite", invite, UserRole.ADMIN),
    Page("POST", "/people/{id}/disable", disable, UserRole.ADMIN),
    Page("POST", "/people/{id}/enable", enable, UserRole.ADMIN),
)
