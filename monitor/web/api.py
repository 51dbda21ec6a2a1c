"""The read-only JSON API: an application of its own, to be mounted at ``/api/v1``, with its own OpenAPI description."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Depends, FastAPI, HTTPException, Path, Query, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlmodel import Session, SQLModel, col

from models.account import Account
from models.agency import Agency
from models.db import Database, DatabaseError
from models.flag import Flag
from models.review import Review
from monitor import apitokens, posts
from monitor.errors import UsageError
from monitor.postfilter import FIELDS, PostFilter
from monitor.scoring import TEST_PLATFORM

MOST = 200
_BIGGEST_ID = 2**31 - 1

After = Annotated[int, Query(ge=0, le=_BIGGEST_ID, description="The `next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=MOST)]
Id = Annotated[int, Path(ge=1, le=_BIGGEST_ID)]
_HIDDEN = frozenset({"cursor", "lease_until", "lease_token", "coverage_id"})
_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "A parameter is wrong; `detail` says which."},
    401: {"description": "No token, or one that is not in force."},
    403: {"description": "The token's user may not read."},
    503: {"description": "The database is busy. Try again in a moment."},
}


def make_api(db: Database, may_read: Callable[[str], bool]) -> FastAPI:
    """The API over one database. ``may_read`` says whether the user of this name is there and has a role that reads."""
    bearer = HTTPBearer(auto_error=False, description="A token of `sheriffwatch api token NAME`.")

    def session_of(
        given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    ) -> Iterator[Session]:
        with db.read() as session:
            user = apitokens.user_of(session, given.credentials) if given else None
            if user is None:
                raise HTTPException(
                    401, "Give a token that is in force: Authorization: Bearer swt_…", {"WWW-Authenticate": "Bearer"}
                )
            if not may_read(user):
                raise HTTPException(403, "This user may not read.")
            yield session

    reading = Annotated[Session, Depends(session_of)]
    api = FastAPI(title="sheriffwatch", version="1", docs_url=None, redoc_url=None, responses=_ERRORS)

    @api.exception_handler(UsageError)
    async def _refused(_request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 400)

    @api.exception_handler(DatabaseError)
    @api.exception_handler(sa.exc.OperationalError)
    async def _busy(_request: Request, _error: Exception) -> JSONResponse:
        return JSONResponse({"detail": "The database does not answer. Try again in a moment."}, 503)

    @api.get("/posts", openapi_extra={"parameters": [_parameter(name) for name in FIELDS]})
    def list_posts(
        request: Request, session: reading, after: Annotated[str, Query(max_length=80)] = "", limit: Limit = 50
    ) -> dict[str, Any]:
        """Posts, with the filters and the search of the page. `next` goes into `after` for the next page."""
        page = posts.page(session, PostFilter.from_query(request.query_params), after=after, limit=limit)
        return {"items": [kept.to_dict() for kept in page.posts], "next": page.after or None}

    @api.get("/posts/{post_id}", responses={404: {"description": "There is no such post."}})
    def one_post(post_id: Id, session: reading) -> dict[str, Any]:
        """One post with every wording."""
        kept = posts.get(session, post_id)
        if kept is None:
            raise HTTPException(404, f"There is no post {post_id}.")
        return kept.to_dict()

    @api.get("/flags")
    def flags(session: reading, after: After = 0, limit: Limit = 50) -> dict[str, Any]:
        """Flags in the order they were raised."""
        return _listed(session, Flag, after, limit, col(Flag.origin) != "test")

    @api.get("/reviews")
    def reviews(session: reading, after: After = 0, limit: Limit = 50) -> dict[str, Any]:
        """Verdicts in the order they were given, those taken back with `revoked_at`."""
        return _listed(session, Review, after, limit)

    @api.get("/agencies")
    def agencies(session: reading, after: After = 0, limit: Limit = 50) -> dict[str, Any]:
        """Agencies."""
        return _listed(session, Agency, after, limit)

    @api.get("/accounts")
    def accounts(session: reading, after: After = 0, limit: Limit = 50) -> dict[str, Any]:
        """Watched accounts with their health."""
        return _listed(session, Account, after, limit, col(Account.platform) != TEST_PLATFORM)

    return api


def _listed(
    session: Session, table: Any, after: int, limit: int, *conditions: sa.ColumnElement[bool]
) -> dict[str, Any]:
    rows: list[SQLModel] = list(
        session.execute(
            sa.select(table).where(table.id > after, *conditions).order_by(table.id).limit(limit + 1)
        ).scalars()
    )
    items = [row.model_dump(exclude=set(_HIDDEN)) for row in rows[:limit]]
    return {"items": items, "next": items[-1]["id"] if len(rows) > limit else None}


def _parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}
