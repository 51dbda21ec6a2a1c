"""What a route is and what its function is handed: who asks, what they sent, and how to answer.

Every request goes the same way: read the body within its limit, see who it is, refuse what another site sent or what
the role does not cover, then call the route's function in a thread, since the database's engine is synchronous.
"""

import asyncio
import functools
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from itsdangerous import BadSignature, Signer
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Message

from models.clock import utcnow
from models.db import Database
from models.user import User, UserRole
from monitor import sessions
from monitor.config import Config
from monitor.errors import UsageError
from monitor.sessions import Login
from monitor.web import errors
from monitor.web.errors import DATABASE_AWAY
from monitor.web.security import SAFE_METHODS, comes_from_elsewhere, form_token, local_path, token_fits
from monitor.web.shared import Shared

log = structlog.get_logger()

COOKIE = "__Host-sheriffwatch"
"""The session. Browsers take Secure cookies over http from 127.0.0.1 and localhost only."""
VISITOR_COOKIE = "__Host-sheriffwatch-visitor"
"""Before a login: a random value that ties a form to the browser it was sent to."""
NOTICE_COOKIE = "__Host-sheriffwatch-notice"
MOST_BODY = 256_000
"""Bytes of a request, unless its route allows more."""
BODY_S = 30.0
"""Seconds a body may take to arrive; in proportion longer for one of more than ``_BYTES_IN_BODY_S``."""
_BYTES_IN_BODY_S = 6_000_000


@dataclass(frozen=True)
class Page:
    """One route: a method on a path, its function, and the least role that may ask for it (None: everybody)."""

    method: str
    path: str
    view: "Callable[[Visit], Response]"
    least: UserRole | None
    most_body: int = MOST_BODY

    def route(self, shared: Shared) -> Route:
        """The route for the application."""
        name = f"{self.method} {self.path}"
        return Route(self.path, functools.partial(_answer, self, shared), methods=[self.method], name=name)


@dataclass
class Visit:
    """One request: who asks, what they sent, and what the answer may need."""

    request: Request
    shared: Shared
    now: datetime
    login: Login | None = None
    form: FormData = field(default_factory=FormData)
    secret: str = ""
    """The visitor's cookie, from which form tokens are derived."""

    @property
    def db(self) -> Database:
        """The database."""
        return self.shared.db

    @property
    def config(self) -> Config:
        """The configuration."""
        return self.shared.config

    @property
    def user(self) -> User:
        """Who is logged in. Only for routes that need a role."""
        assert self.login is not None
        return self.login.user

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters of the URL."""
        return self.request.query_params

    @property
    def is_fragment(self) -> bool:
        """Whether htmx asks for a part of a page."""
        return self.request.headers.get("hx-request") == "true"

    def number(self, name: str = "id") -> int:
        """A number in the path. Answers 404 for what is none."""
        text = str(self.request.path_params[name])
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            raise HTTPException(404)
        return int(text)

    def field(self, name: str, most: int = 10_000) -> str:
        """One text field of the form, without the spaces around it; empty when it was not sent."""
        value = self.form.get(name)
        text = value if isinstance(value, str) else ""
        if len(text) > most:
            raise UsageError(f"“{name}” is too long: at most {most:,} characters.")
        return text.replace("\x00", "").replace("\r\n", "\n").strip()

    def secret_field(self, name: str) -> str:
        """A password as it was typed, or nothing."""
        value = self.form.get(name)
        return value if isinstance(value, str) else ""

    def fields(self, name: str) -> list[str]:
        """All values of a field that may be sent several times."""
        return [value for value in self.form.getlist(name) if isinstance(value, str)]

    def upload(self, name: str) -> UploadFile | None:
        """One file of the form, or None when none was chosen."""
        value = self.form.get(name)
        return value if isinstance(value, UploadFile) and (value.filename or value.size) else None

    def render(self, template: str, status: int = 200, **context: Any) -> Response:
        """A page from a template, which is given ``visit`` beside the context."""
        notice = self._notice()
        html = self.shared.templates.get_template(template).render(visit=self, notice=notice, **context)
        response = Response(html, status, media_type="text/html")
        if notice:
            response.delete_cookie(NOTICE_COOKIE, secure=True, httponly=True)
        return response

    def go(self, path: str, notice: str = "") -> Response:
        """Lead on to another page of ours, which shows the notice once."""
        response: Response = RedirectResponse(local_path(path), 303)
        if notice and self.secret:
            signed = Signer(self.secret, "notice").sign(notice.encode().hex()).decode()
            response.set_cookie(NOTICE_COOKIE, signed, max_age=60, secure=True, httponly=True, samesite="lax")
        return response

    def may(self, least: str) -> bool:
        """Whether who asks has at least this role."""
        return self.login is not None and self.login.user.role.covers(UserRole(least))

    @property
    def form_token(self) -> str:
        """What each form must bring back."""
        return form_token(self.secret)

    def _notice(self) -> str:
        try:
            signed = self.request.cookies.get(NOTICE_COOKIE, "")
            return bytes.fromhex(Signer(self.secret, "notice").unsign(signed).decode()).decode() if signed else ""
        except (BadSignature, ValueError):
            return ""


def set_session(response: Response, token: str) -> None:
    """Give the browser its session."""
    response.set_cookie(COOKIE, token, secure=True, httponly=True, samesite="lax")
    response.delete_cookie(VISITOR_COOKIE, secure=True, httponly=True)


def end_session(response: Response) -> None:
    """Take the session from the browser."""
    response.delete_cookie(COOKIE, secure=True, httponly=True)


async def _answer(page: Page, shared: Shared, request: Request) -> Response:
    """The whole way of one request. Whatever goes wrong becomes a page that says what to do."""
    visit = Visit(request, shared, utcnow())
    try:
        if page.method not in SAFE_METHODS:
            if comes_from_elsewhere(request):
                return errors.page(visit, 403, "This form was sent by another site, so nothing was done.")
            if page.most_body > MOST_BODY and await run_in_threadpool(_who, visit) is None:
                return await _read_as_a_stranger(page, visit)
            visit.form = await _read_form(request, page.most_body)
        return await run_in_threadpool(_handle, page, visit)
    except ClientDisconnect:
        return Response(status_code=400)
    except HTTPException as error:
        return await run_in_threadpool(errors.page, visit, error.status_code, error.detail)
    except DATABASE_AWAY as error:
        return await run_in_threadpool(_busy, visit, error)
    except Exception as error:
        log.exception("web.fault", path=request.url.path, method=request.method)
        return await run_in_threadpool(errors.fault, visit, error)
    finally:
        await visit.form.close()


async def _read_as_a_stranger(page: Page, visit: Visit) -> Response:
    """Files are taken from people who are logged in; others may send no more than a form of words."""
    try:
        visit.form = await _read_form(visit.request, MOST_BODY)
    except HTTPException as error:
        if error.status_code != 413:
            raise
        sentence = (
            "Your session has ended, so nothing was stored. Log in in another tab, go back here, and send it again."
        )
        return await run_in_threadpool(errors.page, visit, 401, sentence)
    return await run_in_threadpool(_handle, page, visit)


async def _read_form(request: Request, most: int) -> FormData:
    too_large = HTTPException(413, f"What you sent is larger than {most / 1e6:g} MB. Nothing was stored.")
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > most:
        raise too_large
    arrived = 0
    receive = request.receive

    async def counted() -> Message:
        nonlocal arrived
        message = await receive()
        arrived += len(message.get("body", b""))
        if arrived > most:
            raise too_large
        return message

    try:
        async with asyncio.timeout(BODY_S * max(1, most / _BYTES_IN_BODY_S)):
            return await Request(request.scope, counted).form(max_files=5, max_fields=200, max_part_size=most)
    except TimeoutError:
        raise HTTPException(408, "What you sent took too long to arrive. Nothing was stored.") from None


def _handle(page: Page, visit: Visit) -> Response:
    """In a thread: who is it, may they, and what do they get."""
    cookie = visit.request.cookies.get(COOKIE, "")
    visit.login = _who(visit)
    fresh = ""
    if visit.login is not None:
        visit.secret = cookie
        if visit.login.stale(visit.now):
            sessions.touch(visit.db, visit.login, visit.now)
    else:
        visit.secret = visit.request.cookies.get(VISITOR_COOKIE, "")
        if not visit.secret:
            visit.secret = fresh = secrets.token_urlsafe(24)
    response = _checked(page, visit)
    set_already = any(VISITOR_COOKIE in value for value in response.headers.getlist("set-cookie"))
    if fresh and not set_already:
        response.set_cookie(VISITOR_COOKIE, fresh, secure=True, httponly=True, samesite="lax")
    return response


def _who(visit: Visit) -> Login | None:
    cookie = visit.request.cookies.get(COOKIE, "")
    if not cookie:
        return None
    with visit.db.read() as session:
        return sessions.find(session, cookie, visit.now)


def _checked(page: Page, visit: Visit) -> Response:
    unsafe = page.method not in SAFE_METHODS
    if page.least is not None and visit.login is None:
        return errors.log_in_first(visit)
    if page.least is not None and not visit.user.role.covers(page.least):
        return errors.page(
            visit, 403, f"This needs the role “{page.least.value}”; you are a {visit.user.role.value}. Ask an admin."
        )
    if unsafe and not token_fits(visit.field("token", 200), visit.secret):
        return errors.old_form(visit)
    try:
        return page.view(visit)
    except UsageError as error:
        return errors.page(visit, 400, str(error))
    except DATABASE_AWAY as error:
        return _busy(visit, error)


def _busy(visit: Visit, error: Exception) -> Response:
    log.warning("web.database", path=visit.request.url.path, error=str(error)[:300])
    return errors.busy(visit)
