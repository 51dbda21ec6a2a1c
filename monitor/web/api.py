"""The read-only JSON API: an application of its own, mounted at ``/api/v1`` or served alone, with its description.

Who reads is the user of the token, with that user's role and no more: a user who is disabled or gone reads nothing from
that moment on, and in blind review a reviewer learns of a post what the page would show.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Depends, FastAPI, HTTPException, Path, Query, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlmodel import Session, col

from models.account import Account
from models.agency import Agency
from models.db import Database
from models.flag import Flag
from models.review import Review, Verdict
from models.user import User, UserRole
from monitor import apitokens, posts
from monitor.config import Config
from monitor.errors import UsageError
from monitor.finding import MOST_RANKED
from monitor.postfilter import FIELDS, PostFilter, Sort
from monitor.posts import KeptPost
from monitor.review.verdicts import THEMES
from monitor.scoring import TEST_PLATFORM
from monitor.web.answers import (
    AccountAnswer,
    AgencyAnswer,
    Fault,
    FlagAnswer,
    Listed,
    ListedPosts,
    PostAnswer,
    ReviewAnswer,
    hidden,
)
from monitor.web.errors import DATABASE_AWAY

MOST = 200
_BIGGEST_ID = 2**31 - 1

After = Annotated[int, Query(ge=0, le=_BIGGEST_ID, description="The `next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at most.")]
Id = Annotated[int, Path(ge=1, le=_BIGGEST_ID)]
_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": Fault, "description": "A parameter is wrong; `detail` says which."},
    401: {"model": Fault, "description": "No token, or one that is not in force."},
    405: {"model": Fault, "description": "The API is read-only."},
    503: {"model": Fault, "description": "The database is busy. Try again in a moment."},
}
_NO_POST: dict[int | str, dict[str, Any]] = {404: {"model": Fault, "description": "There is no such post."}}
_ABOUT = """Read-only. Every request carries a token: `Authorization: Bearer swt_…`. Tokens are made on the page “Me”,
or with `sheriffwatch api token NAME`, and read with the role of their user.

Lists come page by page: give `next` back as `after` until it is null."""
_YES_NO = {"type": "string", "enum": ["yes", "no"]}
_DAY = {"type": "string", "description": "A date, `2026-11-01`, or date and time with zone."}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_NUMBER = {"type": "integer", "minimum": 1, "maximum": 999_999_999}
_SCHEMAS: dict[str, dict[str, Any]] = {
    "q": {"type": "string", "maxLength": 500, "description": 'Words: `border "catch and release" -wall`, `a OR b`.'},
    "state": {"type": "string", "pattern": "^[A-Za-z]{2}$"},
    "agency": _NUMBER,
    "account": _NUMBER,
    "platform": {"type": "string", "pattern": "^[a-z]{1,40}$"},
    "theme": {"type": "string", "enum": list(THEMES)},
    "verdict": {"type": "string", "enum": [*Verdict, "none"]},
    "score_min": _SHARE,
    "score_max": _SHARE,
    "since": _DAY,
    "until": _DAY,
    "deleted": _YES_NO,
    "edited": _YES_NO,
    "picture": _YES_NO,
    "flagged": _YES_NO,
    "lang": {"type": "string", "pattern": "^[A-Za-z-]{1,10}$"},
    "sort": {
        "type": "string",
        "enum": list(Sort),
        "description": f"By relevance only the newest {MOST_RANKED:,} posts with the words are looked through.",
    },
}


@dataclass(frozen=True)
class Reader:
    """The user in whose name a program reads, and what it reads from."""

    session: Session
    user: User
    blind: bool
    """Whether what this user has not decided comes without score and verdicts, as on the page."""

    def undecided(self, post_ids: Sequence[int]) -> set[int]:
        """Of these posts, the ones whose score and verdicts are hidden."""
        if not self.blind:
            return set()
        mine = sa.select(col(Review.post_id)).where(
            col(Review.post_id).in_(post_ids), col(Review.reviewer) == self.user.name, col(Review.revoked_at).is_(None)
        )
        return set(post_ids) - set(self.session.execute(mine).scalars())


def make_api(db: Database, config: Config) -> FastAPI:
    """The API over one database."""
    bearer = HTTPBearer(auto_error=False, description="A token of the page “Me” or `sheriffwatch api token NAME`.")

    def reader_of(given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> Iterator[Reader]:
        with db.read() as session:
            user = apitokens.user_of(session, given.credentials) if given else None
            if user is None:
                raise HTTPException(
                    401, "Give a token that is in force: Authorization: Bearer swt_…", {"WWW-Authenticate": "Bearer"}
                )
            yield Reader(session, user, config.review.blind and user.role is UserRole.REVIEWER)

    reading = Annotated[Reader, Depends(reader_of)]
    api = FastAPI(
        title="sheriffwatch", version="1", description=_ABOUT, docs_url=None, redoc_url=None, responses=_ERRORS
    )

    @api.exception_handler(UsageError)
    async def _refused(_request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 400)

    async def _busy(_request: Request, _error: Exception) -> JSONResponse:
        return JSONResponse({"detail": "The database does not answer. Try again in a moment."}, 503)

    for kind in DATABASE_AWAY:
        api.add_exception_handler(kind, _busy)

    @api.get("/posts", openapi_extra={"parameters": [_parameter(name) for name in FIELDS]})
    def list_posts(
        request: Request,
        reader: reading,
        after: Annotated[str, Query(max_length=80, description="The `next` of the page before.")] = "",
        limit: Limit = 50,
    ) -> ListedPosts:
        """Posts, with the filters and the search of the page."""
        page = posts.page(reader.session, PostFilter.from_query(request.query_params), after=after, limit=limit)
        return ListedPosts(items=_posts(reader, page.posts), next=page.after or None)

    @api.get("/posts/{post_id}", responses=_NO_POST)
    def one_post(post_id: Id, reader: reading) -> PostAnswer:
        """One post with every wording."""
        kept = posts.get(reader.session, post_id)
        if kept is None:
            raise HTTPException(404, f"There is no post {post_id}.")
        return _posts(reader, [kept])[0]

    @api.get("/flags")
    def flags(reader: reading, after: After = 0, limit: Limit = 50) -> Listed[FlagAnswer]:
        """Flags in the order they were raised."""
        rows, next_ = _rows(reader.session, Flag, after, limit, col(Flag.origin) != "test")
        secret = reader.undecided([row.post_id for row in rows])
        items = [FlagAnswer.model_validate(row) for row in rows]
        for item in items:
            if item.post_id in secret:
                item.probability = None
        return Listed(items=items, next=next_)

    @api.get("/reviews")
    def reviews(reader: reading, after: After = 0, limit: Limit = 50) -> Listed[ReviewAnswer]:
        """Verdicts in the order they were given, those taken back with `revoked_at`."""
        rows, next_ = _rows(reader.session, Review, after, limit)
        secret = reader.undecided([row.post_id for row in rows])
        return Listed(items=[ReviewAnswer.model_validate(row) for row in rows if row.post_id not in secret], next=next_)

    @api.get("/agencies")
    def agencies(reader: reading, after: After = 0, limit: Limit = 50) -> Listed[AgencyAnswer]:
        """Agencies."""
        rows, next_ = _rows(reader.session, Agency, after, limit)
        return Listed(items=[AgencyAnswer.model_validate(row) for row in rows], next=next_)

    @api.get("/accounts")
    def accounts(reader: reading, after: After = 0, limit: Limit = 50) -> Listed[AccountAnswer]:
        """Watched accounts with their health."""
        rows, next_ = _rows(reader.session, Account, after, limit, col(Account.platform) != TEST_PLATFORM)
        return Listed(items=[AccountAnswer.model_validate(row) for row in rows], next=next_)

    return api


def _posts(reader: Reader, kept: Sequence[KeptPost]) -> list[PostAnswer]:
    secret = reader.undecided([one.post.id for one in kept if one.post.id is not None])
    told = [{**one.to_dict(), "blind": False} for one in kept]
    return [PostAnswer.model_validate(hidden(one) if one["id"] in secret else one) for one in told]


def _rows(
    session: Session, table: Any, after: int, limit: int, *conditions: sa.ColumnElement[bool]
) -> tuple[list[Any], int | None]:
    query = sa.select(table).where(table.id > after, *conditions).order_by(table.id).limit(limit + 1)
    rows = list(session.execute(query).scalars())
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def _parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": _SCHEMAS[name]}
