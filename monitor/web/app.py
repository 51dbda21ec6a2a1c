"""The application: routes, headers, and what is shown when nothing fits."""

from collections.abc import Callable

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from models.clock import utcnow
from models.db import Database
from monitor.config import Config
from monitor.versions import Duty
from monitor.web import errors
from monitor.web.api import make_api
from monitor.web.page import Visit
from monitor.web.routes import ALL, NAVIGATION
from monitor.web.security import SecureHeaders, add_headers
from monitor.web.shared import Shared
from monitor.web.static import static_file
from monitor.web.templating import environment

log = structlog.get_logger()


def create_app(db: Database, config: Config) -> Starlette:
    """The review page over one database, with the JSON API under ``/api/v1``."""
    templates = environment()
    paths = {page.path for page in ALL}
    templates.globals["navigation"] = [entry for entry in NAVIGATION if entry.path in paths]
    shared = Shared(db, config, templates, Duty(db, config))
    app = Starlette(
        routes=[
            *(page.route(shared) for page in ALL),
            Route("/static/{name}", static_file, name="static"),
            Mount("/api/v1", make_api(db, config), name="api"),
        ],
        middleware=[Middleware(SecureHeaders)],
        exception_handlers={HTTPException: _unrouted(shared), Exception: _last_resort(shared)},
    )
    app.state.shared = shared
    return app


def _unrouted(shared: Shared) -> Callable[[Request, Exception], Response]:
    async def show(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        # A mounted application never sees a path with a line end: the mount's pattern does not match it.
        if request.url.path.startswith("/api/"):
            return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
        visit = Visit(request, shared, utcnow())
        response = await run_in_threadpool(errors.page, visit, error.status_code, error.detail)
        for name, value in (error.headers or {}).items():
            response.headers[name] = value
        return response

    return show  # type: ignore[return-value]  # Starlette takes both kinds of function


def _last_resort(shared: Shared) -> Callable[[Request, Exception], Response]:
    """Outside of all middleware, so it brings the headers itself; without a template if those are what is broken."""

    def show(request: Request, error: Exception) -> Response:
        try:
            response = errors.fault(Visit(request, shared, utcnow()), error)
        except Exception:
            log.exception("web.fault", path=request.url.path)
            response = PlainTextResponse("A fault of ours. Nothing that was stored is lost. Try again.\n", 500)
        add_headers(response.headers)
        return response

    return show
