"""Debian's chromium in front of the page as people reach it: over a socket, from a file, with a session."""

import asyncio
import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from models import UserRole
from models.clock import utcnow
from monitor import sessions, users
from monitor.config import load
from monitor.web.page import COOKIE
from monitor.web.serve import serving
from tests.browser.watch import Watch

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
"""CI runs as root, where chromium's sandbox does not start; no name is looked up on the way to anywhere."""


@dataclass
class Site:
    """The page, served."""

    address: str
    db: object
    config: object
    browser: object
    watches: list[Watch] = field(default_factory=list)
    contexts: list[object] = field(default_factory=list)

    async def open(self, name="", role="admin", **options):
        """A tab of somebody's own browser: of a stranger without a name, else of somebody who is logged in."""
        options.setdefault("viewport", {"width": 1280, "height": 900})
        context = await self.browser.new_context(base_url=self.address, reduced_motion="reduce", **options)
        context.set_default_timeout(10_000)
        self.contexts.append(context)
        watch = Watch(self.address)
        await watch.over(context)
        self.watches.append(watch)
        if name:
            await self.log_in(context, name, role)
        return await context.new_page()

    async def log_in(self, context, name, role="admin"):
        """Put a session of this person, who is added when unknown, into a browser."""
        with self.db.read() as session:
            user = users.named(session, name)
        user = user or users.add(self.db, name, UserRole(role), by="test", now=utcnow())
        token = sessions.start(self.db, user, now=utcnow())
        secure = self.address.replace("http:", "https:")
        await context.add_cookies([{"name": COOKIE, "value": token, "url": secure, "secure": True, "httpOnly": True}])

    @property
    def troubles(self):
        """What any tab did that no page of ours may do."""
        return [trouble for watch in self.watches for trouble in watch.troubles]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium():
    """One browser for all tests; each person in them has a profile of their own."""
    playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed (pip install .[dev])")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
def database_url(tmp_path):
    """SQLite only: which database answers makes no difference to a browser."""
    return f"sqlite:///{tmp_path / 'page.db'}"


@pytest.fixture
def page_config():
    """The built-in configuration at a free port."""
    config = load(None, environment={})
    config.web.port = 0
    return config


@pytest_asyncio.fixture(loop_scope="session")
async def site(chromium, db, page_config):
    """The page, served and watched: a test that ends well has seen no page do what it may not."""
    async with open_site(chromium, db, page_config) as site:
        yield site
    assert site.troubles == []


@asynccontextmanager
async def open_site(chromium, db, config):
    """Serve the page over this database while the block runs."""
    async with serving(db, config) as address:
        site = Site(address, db, config, chromium)
        try:
            yield site
        finally:
            await asyncio.gather(*(context.close() for context in site.contexts))
