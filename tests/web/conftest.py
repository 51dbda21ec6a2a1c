"""People in front of the page, without a browser: each has a session, and their forms carry the token."""

from dataclasses import dataclass

import httpx
import jinja2
import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from models import UserRole
from models.clock import utcnow
from monitor import sessions, users
from monitor.config import Config, load
from monitor.web import app as application
from monitor.web.api import make_api
from monitor.web.page import COOKIE
from monitor.web.security import form_token
from tests.monitor.made_posts import make_office, make_post, make_version

BASE = "https://127.0.0.1"


@pytest.fixture
def costly_hash():
    """For tests of the hash itself: passwords cost what they cost in use."""


@pytest.fixture(autouse=True)
def quick_hash(request, monkeypatch):
    """Argon2 with the least cost it has: other tests are about what stands around it."""
    if "costly_hash" in request.fixturenames:
        yield None
        return
    cheap = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    monkeypatch.setattr(users, "_hasher", lambda: cheap)
    users._nobodys_hash.cache_clear()
    yield cheap
    users._nobodys_hash.cache_clear()


@dataclass
class Person:
    """Somebody with a browser, which need not be logged in."""

    client: httpx.AsyncClient
    name: str = ""
    token: str = ""

    async def get(self, path, **more):
        return await self.client.get(path, **more)

    async def post(self, path, data=None, **more):
        return await self.client.post(path, data={"token": self.form_token, **(data or {})}, **more)

    @property
    def form_token(self):
        return form_token(self.token)

    async def follow(self, response):
        assert response.status_code == 303, response.text
        return await self.get(response.headers["location"])


@pytest.fixture
def page_config():
    """The built-in configuration, without the sample server that other tests need."""
    return load(None, environment={})


class ApiWhenAsked:
    """Describing the API to FastAPI takes longer than most tests of the page: it is made at its first request."""

    def __init__(self, *given):
        self.given = given
        self.api = None

    async def __call__(self, scope, receive, send):
        self.api = self.api or make_api(*self.given)
        await self.api(scope, receive, send)


class CompiledTemplates(jinja2.BytecodeCache):
    """Each application has its own templates; what Jinja compiled of them is the same."""

    def __init__(self):
        self.known = {}

    def load_bytecode(self, bucket):
        if bucket.key in self.known:
            bucket.bytecode_from_string(self.known[bucket.key])

    def dump_bytecode(self, bucket):
        self.known[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session")
def compiled_templates():
    return CompiledTemplates()


@pytest.fixture
def app(db, page_config: Config, compiled_templates, monkeypatch):
    monkeypatch.setattr(application, "make_api", ApiWhenAsked)
    made = application.create_app(db, page_config)
    made.state.shared.templates.bytecode_cache = compiled_templates
    return made


@pytest.fixture
async def browser(app):
    """Makes browsers; ``await browser()`` is a stranger's."""
    opened = []

    def open_(**cookies):
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url=BASE, cookies=cookies
        )
        opened.append(client)
        return client

    yield open_
    for client in opened:
        await client.aclose()


@pytest.fixture
def log_in(db, browser):
    """Makes somebody who is logged in, and their account when it is not there yet."""

    def enter(name="Ana", role=UserRole.REVIEWER):
        with db.read() as session:
            user = users.named(session, name)
        user = user or users.add(db, name, UserRole(role), by="test", now=utcnow())
        token = sessions.start(db, user, now=utcnow())
        return Person(browser(**{COOKIE: token}), user.name, token)

    return enter


@pytest.fixture
def stranger(browser):
    """Somebody who is not logged in."""
    return Person(browser())


@pytest.fixture
def some_posts(db):
    with db.write() as session:
        office, version = make_office(session), make_version(session)
        for number in range(3):
            make_post(session, office, f"Post {number}.", number=number, version=version, probability=0.8)
