"""What people do on the page from the first link on, each in a browser of their own."""

import re

import pytest
import sqlalchemy as sa

from models import Checkout, Post, PostVersion, Review, User, UserRole
from models.clock import utcnow
from monitor import users
from monitor.web.serve import first_link
from tests.browser.sample import a_picture
from tests.monitor.made_posts import make_office, make_post, make_version

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

PASSWORD = "four words in a row"

ARRIVED = "performance.getEntriesByType('navigation')[0].responseEnd"
"""When the last byte of the page was there, in milliseconds."""


@pytest.fixture
def waiting(db):
    """Thirty flagged posts of one office."""
    with db.write() as session:
        office, version = make_office(session), make_version(session)
        for number in range(30):
            text = f"Post {number + 1} says the border is an invasion{' of parsnips' if number == 7 else ''}."
            make_post(session, office, text, number=number, version=version, probability=0.5 + number / 70)


def kept(db, *columns):
    with db.read() as session:
        return [tuple(row) for row in session.execute(sa.select(*columns))]


def number_of(page):
    found = re.search(r"/queue/(\d+)$", page.url)
    return int(found[1]) if found else None


async def leave(page, action):
    """Do something and wait until it has led to another page."""
    before = page.url
    await action
    await page.wait_for_url(lambda url: url != before)


async def test_the_first_user_comes_in_by_the_link_logs_out_and_logs_in_again(site, db):
    page = await site.open()
    await page.goto(first_link(db, site.address))
    await page.get_by_label("Name").fill("Ana")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_label("The same again").fill(PASSWORD)
    await leave(page, page.get_by_role("button", name="Go in").click())
    assert kept(db, User.name, User.role) == [("Ana", UserRole.ADMIN)]
    await leave(page, page.get_by_role("button", name="Log out").click())
    assert page.url == f"{site.address}/login"
    for password, leads_in in (("not the one chosen", False), (PASSWORD, True)):
        await page.get_by_label("Name").fill("Ana")
        await page.get_by_label("Password").fill(password)
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        assert await page.locator(".who-name").count() == leads_in
    assert first_link(db, site.address) is None


async def test_an_admin_changes_a_role_and_the_page_of_the_other_follows(site, db):
    ana, ben = await site.open("Ana"), await site.open("Ben", "viewer")
    await ben.goto("/")
    assert not await ben.get_by_role("link", name="Queue").count()
    assert (await ben.goto("/queue")).status == 403
    await ana.goto("/people")
    await ana.get_by_label("Role of Ben").select_option("reviewer")
    row = ana.locator("tr", has=ana.get_by_role("rowheader", name="Ben"))
    await row.get_by_role("button", name="Change").click()
    await ana.get_by_text("Ben is now reviewer.").wait_for()
    assert (await ben.goto("/queue")).ok
    assert await ben.get_by_role("link", name="Queue").count()


async def test_a_search_by_keyboard_finds_the_one_post_and_its_address_can_be_handed_on(site, waiting):
    ana, ben = await site.open("Ana", "viewer"), await site.open("Ben", "viewer")
    await ana.goto("/overview")
    await leave(ana, ana.keyboard.press("/"))
    await ana.keyboard.press("/")
    await ana.keyboard.type('"invasion of parsnips" OR unheardof')
    await leave(ana, ana.keyboard.press("Enter"))
    await ben.goto(ana.url)
    for page in (ana, ben):
        assert await page.locator(".found h2").inner_text() == "One post"
        assert await page.locator(".item-text").inner_text() == "Post 8 says the border is an invasion of parsnips."
        assert {text.lower() for text in await page.locator(".hit").all_inner_texts()} <= {"invasion of parsnips"}


async def test_a_post_is_added_by_hand_with_its_picture_and_shown_from_our_copy(site, db, waiting, tmp_path):
    file = tmp_path / "shot.png"
    file.write_bytes(a_picture())
    page = await site.open("Ana", "reviewer")
    await page.goto("/add")
    await page.get_by_label("Link").fill("https://office.example/leaflet/7")
    await page.get_by_label("Account", exact=False).first.fill("example.test")
    await page.get_by_label("Words of the post").fill("Handed out at the fair: they are invaders.")
    await page.get_by_label("Posted at").fill("2026-03-04T17:30")
    await page.get_by_label("Picture", exact=False).first.set_input_files(file)
    await page.get_by_label("What the picture shows").fill("A leaflet")
    await page.get_by_label("Note").fill("From a neighbor")
    await leave(page, page.get_by_role("button", name="Keep it").click())
    assert "Kept; it waits in the queue." in await page.locator(".notice").first.inner_text()
    await page.keyboard.press("b")
    shown = page.get_by_role("img", name="A leaflet")
    await shown.scroll_into_view_if_needed()
    await page.wait_for_function("image => image.complete", arg=await shown.element_handle())
    assert await shown.evaluate("image => [image.naturalWidth, new URL(image.src).origin]") == [900, site.address]
    assert kept(db, PostVersion.text)[-1] == ("Handed out at the fair: they are invaders.",)
    await page.goto("/queue")
    await leave(page, page.keyboard.press("j"))
    assert "Handed out at the fair" in await page.locator(".words").first.inner_text(), (
        "what people brought comes first"
    )


async def test_a_file_that_is_no_picture_or_is_too_large_is_told_and_all_that_was_typed_stays(site, db, tmp_path):
    page = await site.open("Ana", "reviewer")
    with db.write() as session:
        make_office(session)
    fake, large = tmp_path / "fake.png", tmp_path / "large.png"
    fake.write_bytes(b"This is no picture. " * 50)
    large.write_bytes(a_picture() + bytes(20_000_000))
    for file, said in ((fake, "picture"), (large, "at most")):
        await page.goto("/add")
        await page.get_by_label("Words of the post").fill("half a post")
        await page.get_by_label("Account", exact=False).first.fill("example.test")
        chosen = page.get_by_label("Picture", exact=False).first
        await chosen.set_input_files(file)
        if file is large:
            assert "20.0 MB" in await chosen.evaluate("input => input.validationMessage"), (
                "it is told before it travels"
            )
            await chosen.evaluate("input => input.setCustomValidity('')")
        async with page.expect_navigation():
            await page.locator("#add").evaluate("form => form.submit()")
        assert said in await page.locator(".trouble").first.inner_text()
        assert await page.get_by_label("Words of the post").input_value() == "half a post"
    assert kept(db, Post.id) == []


async def test_two_reviewers_at_once_never_read_the_same_post(site, db, waiting):
    ana, ben = await site.open("Ana", "reviewer"), await site.open("Ben", "reviewer")
    for page in (ana, ben):
        await page.goto("/queue")
        await leave(page, page.keyboard.press("j"))
    read = []
    for _ in range(6):
        at = [number_of(ana), number_of(ben)]
        assert None not in at
        read += at
        await leave(ana, ana.keyboard.press("y"))
        await leave(ben, ben.keyboard.press("u"))
    assert len(set(read)) == len(read) == 12
    assert sorted(kept(db, Review.post_id, Review.reviewer)) == sorted(zip(read, ["Ana", "Ben"] * 6, strict=True))
    assert {reviewer for _, reviewer in kept(db, Checkout.post_id, Checkout.reviewer)} == {"Ana", "Ben"}
    at = number_of(ana)
    await ben.goto(f"/queue/{at}")
    assert "Ana is reading this post, too" in await ben.locator("main").inner_text()


async def test_without_javascript_one_reads_decides_rejects_and_takes_back(site, db, waiting):
    page = await site.open("Ana", "reviewer", java_script_enabled=False)
    await page.goto("/queue")
    await page.get_by_role("button", name="Begin").click()
    first = number_of(page)
    await page.get_by_role("button", name="Confirm").click()
    second = number_of(page)
    await page.get_by_text("Reject, because").click()
    await page.get_by_label("quote", exact=False).first.check()
    await page.get_by_label("Note").fill("the press said it")
    await page.get_by_role("button", name="Reject for that reason").click()
    assert number_of(page) not in (None, first, second)
    assert kept(db, Review.post_id, Review.verdict, Review.reason, Review.note) == [
        (first, "confirmed", "", ""),
        (second, "rejected", "quote", "the press said it"),
    ]
    await page.get_by_role("button", name="Undo").click()
    assert number_of(page) == second
    assert len([at for (at,) in kept(db, Review.revoked_at) if at]) == 1


async def test_without_javascript_one_searches_and_comes_in(site, db, waiting):
    users.add(db, "Ana", UserRole.VIEWER, by="test", now=utcnow())
    users.set_password(db, "Ana", PASSWORD, by="test", now=utcnow())
    page = await site.open(java_script_enabled=False)
    await page.goto("/posts?q=parsnips")
    await page.get_by_label("Name").fill("Ana")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    assert page.url.endswith("/posts?q=parsnips")
    assert await page.locator(".found h2").inner_text() == "One post"


async def test_how_many_posts_there_are_is_told_when_the_page_has_come(site, waiting):
    page = await site.open("Ana", "viewer")
    await page.goto("/posts?q=invasion")
    await page.get_by_role("heading", name="30 posts").wait_for()
    assert await page.locator(".found h2").count() == 1


async def test_without_javascript_the_number_is_told_by_a_link(site, waiting):
    page = await site.open("Ana", "viewer", java_script_enabled=False)
    await page.goto("/posts?q=invasion")
    assert await page.locator(".found h2").inner_text() == "More than 25 posts"
    await page.get_by_role("link", name="Count them").click()
    assert page.url.endswith("/posts?q=invasion")
    assert await page.get_by_role("status").inner_text() == "30 posts."


async def test_an_expired_link_and_an_unknown_post_say_what_to_do(site, db):
    page, ana = await site.open(), await site.open("Ana", "viewer")
    assert (await page.goto("/welcome/long-gone")).status == 410
    assert "Ask an admin for a new one" in await page.locator("main").inner_text()
    for path in ("/posts/999", "/agencies/999", "/accounts/999", "/posts/x", "/pictures/zz"):
        assert (await ana.goto(path)).status == 404
        assert "Search finds every post" in await ana.locator("main").inner_text()
        assert await ana.get_by_role("link", name="Search posts").count() == 1


async def test_from_the_key_to_the_next_post_it_takes_little_more_than_a_plain_page(site, waiting):
    """By the browser's own clock, until the next post is there; the middle of twenty over that of ten plain pages.

    bench/page.py has the time it takes, with a million posts.
    """
    page = await site.open("Ana", "reviewer")
    plain = []
    for _ in range(10):
        await page.goto("/me")
        plain.append(await page.evaluate(ARRIVED))
    await page.goto("/queue")
    await leave(page, page.keyboard.press("j"))
    took = []
    for _ in range(20):
        await leave(page, page.keyboard.press("y"))
        took.append(await page.evaluate(ARRIVED))
    assert sorted(took)[10] < 15 * sorted(plain)[5], (took, plain)
