"""Where ``/`` leads, and a page that says whether the server is up."""

from starlette.responses import PlainTextResponse, Response

from models.user import UserRole
from monitor.web.page import Page, Visit


def home(visit: Visit) -> Response:
    """Each to where their work is."""
    return visit.go("/queue" if visit.may("reviewer") else "/posts")


def healthy(visit: Visit) -> Response:
    """For whoever watches the watcher: says that the page answers and the database does, nothing else."""
    with visit.db.read() as session:
        session.connection().exec_driver_sql("SELECT 1")
    return PlainTextResponse("ok\n")


PAGES = (
    Page("GET", "/", home, UserRole.VIEWER),
    Page("GET", "/healthz", healthy, None),
)
