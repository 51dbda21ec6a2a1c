"""To the identity provider and back. Where none is set up, neither page is there."""

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from models.user import UserRole
from monitor import identity, sessions, users
from monitor.errors import SheriffwatchError
from monitor.identity import Begun
from monitor.web import errors
from monitor.web.page import Page, Visit, set_session
from monitor.web.security import local_path

COOKIE = "__Host-sheriffwatch-oidc"
"""What the browser holds while somebody is at the provider. Whoever brings an answer without it is sent away."""
AWAY_S = 600
"""Seconds that somebody may be at the provider."""
PROVIDER_KEPT_S = 300.0


def leave(visit: Visit) -> Response:
    """Send the browser to the provider."""
    if not visit.config.oidc.ready:
        raise HTTPException(404)
    try:
        address, begun = identity.begin(visit.config, _provider(visit), _back(visit))
    except SheriffwatchError as error:
        return errors.page(visit, 502, str(error))
    held = {**asdict(begun), "next": local_path(visit.query.get("next", "")), "link": visit.query.get("link", "")[:200]}
    response = RedirectResponse(address, 303)
    value = urlsafe_b64encode(json.dumps(held).encode()).decode()
    response.set_cookie(COOKIE, value, max_age=AWAY_S, secure=True, httponly=True, samesite="lax")
    return response


def come_back(visit: Visit) -> Response:
    """Let in whom the provider vouches for."""
    if not visit.config.oidc.ready:
        raise HTTPException(404)
    begun, target, link = _held(visit)
    if begun is None:
        return errors.page(visit, 400, "This answer does not belong to a log-in begun in this browser. Begin again.")
    role = visit.config.oidc.new_users
    try:
        found = asyncio.run(identity.finish(visit.config, _provider(visit), begun, _back(visit), visit.query))
        user = users.admit(
            visit.db, found.subject, found.name, link=link, role=UserRole(role) if role else None, now=visit.now
        )
    except SheriffwatchError as error:
        response = errors.page(visit, 403, str(error))
    else:
        response = visit.go(target)
        set_session(response, sessions.start(visit.db, user, now=visit.now, how="oidc"))
    response.delete_cookie(COOKIE, secure=True, httponly=True)
    return response


def _provider(visit: Visit) -> Mapping[str, Any]:
    """What the provider says of itself, asked once in a while: strangers could have it asked as often as they like."""
    config = visit.config
    found: Mapping[str, Any] | None = visit.shared.slow.get(
        ("oidc", config.oidc.issuer),
        lambda: asyncio.run(identity.discover(config)),
        keep_s=PROVIDER_KEPT_S,
        wait_s=config.http.deadline_s,
    )
    if found is None:
        raise identity.IdentityError("The identity provider does not answer.")
    return found


def _back(visit: Visit) -> str:
    base = visit.config.web.base_url.rstrip("/") or str(visit.request.base_url).rstrip("/")
    return f"{base}/login/oidc/back"


def _held(visit: Visit) -> tuple[Begun | None, str, str]:
    try:
        held = json.loads(urlsafe_b64decode(visit.request.cookies.get(COOKIE, "").encode()))
        begun = Begun(str(held["state"]), str(held["nonce"]), str(held["verifier"]))
        return begun, local_path(str(held["next"])), str(held["link"])
    except (ValueError, KeyError, TypeError):
        return None, "/", ""


PAGES = (
    Page("GET", "/login/oidc", leave, None),
    Page("GET", "/login/oidc/back", come_back, None),
)
