"""What holds on every page there is: found from the routes, then from link to link."""

import shutil
from dataclasses import dataclass

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe

from models.clock import utcnow
from models.db import open_db
from monitor import sessions, users
from monitor.config import load
from tests.browser.conftest import Site, open_site
from tests.browser.places import Places, find
from tests.browser.sample import fill

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass
class Tour:
    """The page over one database with something everywhere, and every place in it."""

    site: Site
    places: Places
    guide: str
    """An admin with an ordinary name; ``awkward`` has a very long one."""
    awkward: str

    async def visit(self, places, name="", **options):
        """Each place in turn, opened by who may see it."""
        member, stranger = await self.site.open(name or self.guide, **options), await self.site.open(**options)
        for place in places:
            page = stranger if place.stranger else member
            answer = await page.goto(place.path, wait_until="load")
            assert answer.status == place.status, place.path
            yield place, page


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def served(chromium, migrated_sqlite, tmp_path_factory):
    """One database for all tests here: they only look."""
    file = tmp_path_factory.mktemp("tour") / "page.db"
    shutil.copy(migrated_sqlite, file)
    db = open_db(f"sqlite:///{file}")
    config = load(None, environment={})
    config.web.port = 0
    config.oidc.issuer, config.oidc.client_id = "https://login.example", "sheriffwatch"  # its buttons are shown
    sample = fill(db)
    with db.read() as session:
        admin = users.named(session, sample.people[0])
    places = await find(db, config, sessions.start(db, admin, now=utcnow()), sample.addresses)
    async with open_site(chromium, db, config) as site:
        yield Tour(site, places, sample.people[0], sample.people[2])
    db.close()


@pytest.fixture
def tour(served):
    """The tour; no page of it may do what pages may not."""
    before = len(served.site.troubles)
    yield served
    assert served.site.troubles[before:] == []


async def test_no_link_leads_nowhere_and_no_page_fails(tour):
    assert tour.places.broken == []
    assert [place for place in tour.places.pages if place.status >= 500] == []
    assert [place for place in tour.places.pages if place.status == 404] == [
        place for place in tour.places.pages if place.path == "/nothing/at/all"
    ]


async def test_what_is_no_page_is_never_opened_as_one(tour):
    for path, headers in tour.places.files:
        assert headers["x-content-type-options"] == "nosniff"
        kind = headers["content-type"].partition(";")[0]
        inert = kind in ("text/plain", "application/json", "text/javascript")
        assert inert or headers["content-disposition"].startswith("attachment"), path


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(tour, scheme):
    axe = Axe()
    found = {}
    async for place, page in tour.visit(tour.places.kinds, color_scheme=scheme):
        results = await axe.run(page, options={"runOnly": WCAG, "resultTypes": ["violations"]})
        for violation in results.response["violations"]:
            node = violation["nodes"][0]
            where = f"{violation['id']}: {violation['help']}"
            found.setdefault(where, []).append(f"{place.path}: {node['html'][:200]} {node['failureSummary'][:300]}")
    assert found == {}, "\n".join(f"{what}\n  {len(at)} pages, first {at[0]}" for what, at in found.items())


@pytest.mark.parametrize("width", [360, 2560])
async def test_nothing_is_wider_than_the_window(tour, width):
    wide = []
    whole = [place for place in tour.places.pages if place.whole]
    viewport = {"width": width, "height": 800}
    async for place, page in tour.visit(whole, tour.awkward, viewport=viewport):
        beyond = await page.evaluate(BEYOND)
        if beyond:
            wide.append(f"{place.path}: {beyond}")
    assert wide == []


BEYOND = """() => {
  const root = document.documentElement;
  if (Math.max(root.scrollWidth, document.body.scrollWidth) <= root.clientWidth) return null;
  const widest = [...document.querySelectorAll("main *, header *")]
    .map((element) => [element.getBoundingClientRect().right, element])
    .sort((a, b) => b[0] - a[0])[0];
  return `${root.scrollWidth} px of ${root.clientWidth}: ${widest[1].outerHTML.slice(0, 150)}`;
}"""


async def test_the_focus_can_be_seen_wherever_the_keyboard_leads(tour):
    unseen, stops = [], 0
    async for place, page in tour.visit(tour.places.kinds):
        await page.evaluate("document.activeElement.blur()")
        seen = set()
        for _ in range(30):
            await page.keyboard.press("Tab")
            focus = await page.evaluate(FOCUS)
            if focus is None or focus["key"] in seen:
                break
            seen.add(focus["key"])
            stops += 1
            if not focus["visible"]:
                unseen.append(f"{place.path}: {focus['html']}")
        assert seen, f"the keyboard reaches nothing on {place.path}"
    assert unseen == []
    assert stops > 10 * len(tour.places.kinds) / 2


FOCUS = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const outlined = (element, pseudo) => {
    if (!element) return false;
    const style = getComputedStyle(element, pseudo);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  };
  const box = at.getBoundingClientRect();
  const shown = [[at], [at, "::after"], [at.nextElementSibling]].some(([element, pseudo]) => outlined(element, pseudo));
  const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const all = [...document.querySelectorAll("*")];
  return {key: all.indexOf(at), visible: shown && inside, html: at.outerHTML.slice(0, 160)};
}"""
