"""What strangers write stays text: on every page, in every field, it runs nothing, asks nobody and changes no page."""

import pytest

from models.clock import utcnow
from monitor import sessions, users
from tests.browser.payloads import PAYLOADS, RECKONED
from tests.browser.places import find
from tests.browser.sample import fill

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

MARKS = """() => {
  const found = [...document.querySelectorAll("[x-mark], script:not([src]), style, iframe, object, embed, base")];
  const out = [...document.querySelectorAll("[href], [src], [action], [formaction], [data], [poster], [srcset]")]
    .filter((element) => ["href", "src", "action", "formaction", "data", "poster", "srcset"].some((name) => {
      const value = element.getAttribute(name);
      if (value === null) return false;
      let url;
      try { url = new URL(value, location.href); } catch { return true; }
      // The bookmarklet is ours, to be dragged; the policy keeps it from running here.
      const shown = element.matches("a.mark[data-drag]") && element.closest("aside").querySelector("code.copy");
      if (shown && value === shown.textContent) return false;
      const led = element.matches("a") && /^https?:$/.test(url.protocol);
      return url.origin !== location.origin && !(led && (element.rel || "").includes("noreferrer"));
    }));
  const handlers = [...document.querySelectorAll("*")]
    .filter((element) => [...element.attributes].some((attribute) => /^on|^hx-on|^style$/.test(attribute.name)));
  return [...found, ...out, ...handlers].map((element) => element.outerHTML.slice(0, 200));
}"""


async def look(page, where):
    """What is wrong with what a browser made of a page."""
    found = [f"{where}: {html}" for html in await page.evaluate(MARKS)]
    if RECKONED in await page.content():
        found.append(f"{where}: a template was reckoned")
    return found


@pytest.fixture
def sample(db):
    return fill(db, PAYLOADS, more_posts=0)


async def test_23_payloads_in_every_field_do_nothing_on_any_page(site, db, page_config, sample):
    assert len(PAYLOADS) == 23
    with db.read() as session:
        admin = users.named(session, PAYLOADS[0])
    places = await find(db, page_config, sessions.start(db, admin, now=utcnow()), sample.addresses)
    assert [place for place in places.pages if place.status >= 500] == []
    member, stranger = await site.open(PAYLOADS[0]), await site.open()
    found = []
    for number, place in enumerate(places.pages):
        page = stranger if place.stranger else member
        if not place.stranger:
            await site.log_in(page.context, PAYLOADS[number % len(PAYLOADS)])  # whose name stands at the top
        await page.goto(place.path, wait_until="load")
        found += await look(page, place.path)
    assert found == []
    shown = await member.goto("/people")
    text = await member.locator("table").inner_text()
    assert shown.ok
    assert all(" ".join(payload.split()) in " ".join(text.split()) for payload in PAYLOADS), (
        "the names are shown as text"
    )


async def test_a_payload_in_an_address_does_nothing(site, db, page_config, sample):
    """Error pages and searches say again what they were asked for."""
    page = await site.open(PAYLOADS[0])
    found = []
    for payload in PAYLOADS:
        for path in ("/nothing/{}", "/posts/{}", "/posts?q={}&state={}&agency={}&sort={}", "/login?next={}"):
            quoted = await page.evaluate("(text) => encodeURIComponent(text)", payload)
            answer = await page.goto(path.replace("{}", quoted), wait_until="load")
            assert answer.status < 500
            found += await look(page, f"{path} {payload}")
    assert found == []


async def test_a_payload_that_a_form_gives_back_does_nothing(site, sample):
    """A form that cannot be taken is shown again with what was typed."""
    page, stranger = await site.open(PAYLOADS[0]), await site.open()
    found = []
    for payload in PAYLOADS:
        await page.goto("/queue/1")
        await page.locator("#note").fill(payload)
        async with page.expect_navigation():
            await page.locator("#decide").evaluate("(form) => form.submit()")  # without a verdict
        assert await page.locator("#note").input_value() == payload.strip()
        found += await look(page, f"note {payload}")
        await page.goto("/people")
        await page.locator("input#name").evaluate("(input, text) => { input.value = text; }", payload)
        async with page.expect_navigation():
            await page.locator("form[action='/people']").evaluate("(form) => form.submit()")
        found += await look(page, f"name {payload}")
    for payload in PAYLOADS[:6]:  # wrong passwords are counted
        await stranger.goto("/login")
        await stranger.locator("#name").fill(payload)
        await stranger.locator("#password").fill("wrong password")
        await stranger.keyboard.press("Enter")
        await stranger.wait_for_selector(".trouble")
        assert await stranger.locator("#name").input_value() == payload.strip()
        found += await look(stranger, f"log-in {payload}")
    assert found == []
