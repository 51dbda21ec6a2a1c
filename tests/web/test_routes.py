"""Who may ask for what, over the whole table of routes; a new route fails until it is listed here."""

import pytest
import sqlalchemy as sa
from sqlmodel import SQLModel
from starlette.routing import Mount

from models import UserRole
from models.clock import utcnow
from monitor import users
from monitor.web import page as page_module
from monitor.web.page import COOKIE
from monitor.web.routes import ALL
from monitor.web.security import HEADERS

EVERYBODY, VIEWER, REVIEWER, LEAD, ADMIN = None, "viewer", "reviewer", "lead", "admin"
LEAST = {
    ("GET", "/"): VIEWER,
    ("GET", "/healthz"): EVERYBODY,
    ("GET", "/login"): EVERYBODY,
    ("POST", "/login"): EVERYBODY,
    ("POST", "/logout"): VIEWER,
    ("GET", "/login/oidc"): EVERYBODY,
    ("GET", "/login/oidc/back"): EVERYBODY,
    ("GET", "/welcome/{link}"): EVERYBODY,
    ("POST", "/welcome/{link}"): EVERYBODY,
    ("GET", "/me"): VIEWER,
    ("POST", "/me/password"): VIEWER,
    ("POST", "/me/tokens"): VIEWER,
    ("POST", "/me/tokens/revoke"): VIEWER,
    ("GET", "/people"): ADMIN,
    ("POST", "/people"): ADMIN,
    ("POST", "/people/{id}"): ADMIN,
    ("POST", "/people/{id}/invite"): ADMIN,
    ("POST", "/people/{id}/disable"): ADMIN,
    ("POST", "/people/{id}/enable"): ADMIN,
    ("GET", "/queue"): REVIEWER,
    ("POST", "/queue/next"): REVIEWER,
    ("POST", "/queue/undo"): REVIEWER,
    ("GET", "/queue/{id}"): REVIEWER,
    ("POST", "/queue/{id}"): REVIEWER,
    ("GET", "/agreement"): LEAD,
    ("GET", "/posts"): VIEWER,
    ("GET", "/posts/count"): VIEWER,
    ("POST", "/posts/export"): VIEWER,
    ("GET", "/suggest/agencies"): VIEWER,
    ("GET", "/suggest/accounts"): VIEWER,
    ("GET", "/searches"): VIEWER,
    ("POST", "/searches"): REVIEWER,
    ("POST", "/searches/{id}/alerts"): REVIEWER,
    ("POST", "/searches/{id}/delete"): REVIEWER,
    ("GET", "/add"): REVIEWER,
    ("POST", "/add"): REVIEWER,
    ("GET", "/posts/{id}"): VIEWER,
    ("GET", "/pictures/{sha256}"): VIEWER,
    ("GET", "/overview"): VIEWER,
    ("GET", "/agencies"): VIEWER,
    ("GET", "/agencies/{id}"): VIEWER,
    ("GET", "/accounts"): VIEWER,
    ("POST", "/accounts"): LEAD,
    ("GET", "/accounts/add"): LEAD,
    ("GET", "/accounts/{id}"): VIEWER,
    ("POST", "/accounts/{id}/verify"): LEAD,
    ("POST", "/accounts/{id}/assign"): LEAD,
    ("POST", "/accounts/{id}/pause"): LEAD,
    ("POST", "/accounts/{id}/resume"): LEAD,
    ("GET", "/classifier"): LEAD,
    ("GET", "/classifier/progress"): LEAD,
    ("GET", "/classifier/compare"): LEAD,
    ("GET", "/classifier/reports/{id}"): LEAD,
    ("POST", "/classifier/retrain"): LEAD,
    ("POST", "/classifier/promote"): LEAD,
    ("POST", "/classifier/pin"): LEAD,
    ("POST", "/classifier/unpin"): LEAD,
    ("POST", "/classifier/rollback"): LEAD,
}
OPEN_BESIDE = {"static", "api"}
"""Files that everybody may have, and the API, which has tokens of its own (test_api.py)."""
UNSAFE = [key for key in LEAST if key[0] != "GET"]
NOBODY = "99999999"
"""No post and no user has this id: whoever may ask is told so, and nothing changes."""


def address(path):
    return path.format(id=NOBODY, link="none", sha256="0" * 64)


def rows(db):
    with db.read() as session:
        return {
            table.name: sorted(map(repr, session.execute(sa.select(table)).all()))
            for table in SQLModel.metadata.sorted_tables
        }


def test_every_route_of_the_application_is_listed_with_its_least_role(app):
    found = {}
    for route in app.routes:
        if route.name in OPEN_BESIDE:
            continue
        assert not isinstance(route, Mount), f"{route.path} is mounted and not listed"
        for method in route.methods - {"HEAD"}:
            found[method, route.path] = None
    assert set(found) == set(LEAST)
    assert {(page.method, page.path): page.least and page.least.value for page in ALL} == LEAST


@pytest.mark.parametrize("role", [None, "viewer", "reviewer", "lead", "admin"])
async def test_only_who_has_the_role_passes(db, log_in, stranger, some_posts, role):
    users.add(db, "Admin", UserRole.ADMIN, by="test", now=utcnow())
    for (method, path), least in LEAST.items():
        person = log_in("Somebody", role) if role else stranger
        answer = await (person.get(address(path)) if method == "GET" else person.post(address(path)))
        to_login = answer.status_code == 303 and answer.headers["location"].startswith("/login")
        refused = answer.status_code in (401, 403) or to_login
        may = least is None or (role is not None and UserRole(role).covers(UserRole(least)))
        if (method, path) in (("POST", "/login"), ("POST", "/logout"), ("POST", "/welcome/{link}")):
            # A wrong password is a 401 of its own; a log-out leads to the log-in; a stranger's form has no token yet.
            continue
        assert refused == (not may), f"{role} at {method} {path}: {answer.status_code}"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1.evil.example"},
    ],
    ids=lambda headers: " ".join(headers.values()),
)
async def test_a_form_of_another_site_does_nothing(db, log_in, some_posts, headers):
    admin = log_in("Admin", "admin")
    before = rows(db)
    for method, path in UNSAFE:
        answer = await admin.client.request(
            method,
            path.format(id=1, link="none"),
            data={"token": admin.form_token, "verdict": "unsure"},
            headers=headers,
        )
        assert answer.status_code == 403, path
    assert rows(db) == before


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
async def test_a_form_without_its_token_does_nothing(db, log_in, some_posts, token):
    admin = log_in("Admin", "admin")
    before = rows(db)
    for method, path in UNSAFE:
        answer = await admin.client.request(method, path.format(id=1, link="none"), data={"token": token})
        assert answer.status_code == 403, path
    assert rows(db) == before


async def test_a_form_of_ones_own_is_taken_from_old_and_new_browsers(log_in):
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": "https://127.0.0.1"}, {}):
        answer = await log_in().post("/queue/next", headers=headers)
        assert answer.status_code == 303


async def test_asking_for_a_page_changes_nothing(db, log_in, some_posts):
    admin = log_in("Admin", "admin")
    before = rows(db)
    for method, path in LEAST:
        if method == "GET":
            await admin.get(path.format(id=1, link="none", sha256="0" * 64))
    assert rows(db) == before


async def test_every_response_has_all_headers(log_in, stranger, monkeypatch, app):
    admin = log_in("Admin", "admin")
    asked = [("GET", address(path)) for method, path in LEAST if method == "GET"]
    asked += [("GET", "/nothing"), ("PUT", "/queue"), ("GET", "/static/app.css"), ("GET", "/static/nothing")]
    asked += [("GET", "/api/v1/posts"), ("GET", "/api/v1/nothing"), ("GET", "/api/v1/openapi.json"), ("POST", "/queue")]
    for person in (admin, stranger):
        for method, path in asked:
            answer = await person.client.request(method, path)
            assert not missing(answer), f"{method} {path} ({answer.status_code}): {missing(answer)}"
            assert "server" not in answer.headers
    monkeypatch.setattr("monitor.web.errors.page", lambda *_, **__: 1 / 0)
    broken = await admin.get("/nothing")
    assert broken.status_code == 500
    assert not missing(broken)


def missing(answer):
    may_differ = {"Cache-Control"}
    return {
        name
        for name, value in HEADERS.items()
        if answer.headers.get(name) is None or (name not in may_differ and answer.headers[name] != value)
    }


async def test_a_fault_of_the_program_is_a_page_without_its_details(log_in, monkeypatch, some_posts):
    monkeypatch.setattr("monitor.posts.get", lambda *_: 1 / 0)
    answer = await log_in().get("/queue/1")
    assert answer.status_code == 500
    assert "ZeroDivisionError" not in answer.text
    assert "Nothing that was stored is lost" in answer.text
    assert not missing(answer)


async def test_a_body_over_the_limit_is_refused_and_not_read(log_in):
    ana = log_in()
    said = await ana.post("/queue/1", {"note": "x" * page_module.MOST_BODY})
    assert said.status_code == 413

    sent = 0

    async def endless():
        nonlocal sent
        while True:
            sent += 65536
            yield b"x" * 65536

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    counted = await ana.client.post("/queue/1", content=endless(), headers=headers)
    assert counted.status_code == 413
    assert sent < 2 * page_module.MOST_BODY


async def test_a_body_that_dribbles_in_is_given_up(log_in, monkeypatch):
    import asyncio

    monkeypatch.setattr(page_module, "BODY_S", 0.05)

    async def dribble():
        while True:
            yield b"x"
            await asyncio.sleep(0.02)

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await log_in().client.post("/queue/1", content=dribble(), headers=headers)).status_code == 408


async def test_a_body_that_is_no_form_is_refused(log_in):
    ana = log_in()
    for body in (b"--x\r\nbroken", b"\x00\xff\xfe", b"{}", b"a=%ff%00&token=%"):
        for kind in ("multipart/form-data; boundary=x", "multipart/form-data", "text/plain", "a/b"):
            answer = await ana.client.post("/queue/1", content=body, headers={"Content-Type": kind})
            assert answer.status_code in (400, 403), (body, kind)
            assert not missing(answer)


async def test_the_session_cookie_is_out_of_reach_of_scripts_and_of_other_sites(db, stranger):
    link = users.invite(db, by="test", now=utcnow())
    await stranger.get(f"/welcome/{link}")
    stranger.token = stranger.client.cookies["__Host-sheriffwatch-visitor"]
    password = {"name": "Ana", "password": "four words in a row", "password_again": "four words in a row"}
    answer = await stranger.post(f"/welcome/{link}", password)
    cookie = next(value for value in answer.headers.get_list("set-cookie") if value.startswith(f"{COOKIE}="))
    assert cookie.startswith("__Host-")
    for word in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert word in cookie
    assert "Domain" not in cookie
