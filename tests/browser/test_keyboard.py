"""Reading and deciding with nothing but the keyboard."""

import re

import pytest
import sqlalchemy as sa

from models import Review
from monitor.review.verdicts import REASONS
from tests.monitor.made_posts import make_office, make_post, make_version

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

COUNT = 24


@pytest.fixture
def waiting(db):
    """Two dozen flagged posts; one has a picture's text and hard words."""
    with db.write() as session:
        office, version = make_office(session), make_version(session)
        for number in range(COUNT):
            make_post(
                session,
                office,
                f"Post {number + 1} says the border is an invasion.",
                number=number,
                version=version,
                probability=0.5 + number / 60,
                themes=["dehumanizing" if number == 3 else "invasion"],
            )


def verdicts(db):
    with db.read() as session:
        rows = session.execute(sa.select(Review).where(Review.revoked_at.is_(None)).order_by(Review.id)).scalars()
        return [(row.post_id, row.verdict.value, row.reason, row.reviewer, row.via) for row in rows]


def number_of(page):
    found = re.search(r"/queue/(\d+)$", page.url)
    return int(found[1]) if found else None


async def press(page, *keys):
    """Press keys one after another and wait until they have led to another page."""
    before = page.url
    for key in keys:
        await page.keyboard.press(key)
    await page.wait_for_url(lambda url: url != before)


async def test_twenty_posts_are_decided_by_keyboard_and_exactly_those_verdicts_are_kept(site, db, waiting):
    page = await site.open("Ana", "reviewer")
    await page.goto("/queue")
    await press(page, "j")
    expected = []
    for turn in range(20):
        at = number_of(page)
        kind = turn % 3
        if kind == 0:
            await press(page, "y")
            expected.append((at, "confirmed", "", "Ana", "web"))
        elif kind == 1:
            digit = turn % 10
            await press(page, "n", str(digit))
            expected.append((at, "rejected", REASONS[(digit - 1) % 10], "Ana", "web"))
        else:
            await press(page, "u")
            expected.append((at, "unsure", "", "Ana", "web"))
    assert verdicts(db) == expected
    assert len({post for post, *_ in expected}) == 20


async def test_each_digit_is_the_reason_that_stands_beside_it(site, db, waiting):
    page = await site.open("Ana", "reviewer")
    await page.goto("/queue")
    await press(page, "j")
    shown = {}
    for digit in "1234567890":
        label = page.locator(f'label:has(input[data-digit="{digit}"])')
        assert await label.locator("kbd").text_content() == digit
        shown[number_of(page)] = (await label.locator("b").text_content()).replace(" ", "_")
        await press(page, "n", digit)
    assert {post: reason for post, _, reason, *_ in verdicts(db)} == shown
    assert set(shown.values()) == set(REASONS)


async def test_z_takes_verdicts_back_one_by_one_and_shows_their_posts_again(site, db, waiting):
    page = await site.open("Ana", "reviewer")
    await page.goto("/queue")
    await press(page, "j")
    decided = []
    for key in ("y", "u", "y"):
        decided.append(number_of(page))
        await press(page, key)
    for post in reversed(decided):
        await press(page, "z")
        assert number_of(page) == post
        assert "Taken back" in await page.locator(".notice[role=status]").first.text_content()
        decided.pop()
        assert [row[0] for row in verdicts(db)] == decided
    await press(page, "y")
    assert len(verdicts(db)) == 1


async def test_j_passes_on_and_k_goes_back_without_a_verdict(site, db, waiting):
    page = await site.open("Ana", "reviewer")
    await page.goto("/queue")
    await press(page, "j")
    first = number_of(page)
    await press(page, "j")
    assert number_of(page) not in (None, first)
    await press(page, "k")
    assert number_of(page) == first
    assert verdicts(db) == []


async def test_k_and_j_move_through_the_list_and_enter_opens(site, waiting):
    page = await site.open("Ana", "reviewer")
    await page.goto("/queue")
    links = page.locator("[data-item]")
    await page.keyboard.press("k")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    wanted = await links.nth(2).get_attribute("href")
    assert await page.evaluate("document.activeElement.getAttribute('href')") == wanted
    await press(page, "Enter")
    assert page.url.endswith(wanted)


async def test_the_question_mark_shows_the_keys_and_hides_them(site, waiting):
    page = await site.open("Ana", "reviewer")
    for path in ("/queue", "/queue/1", "/posts/1"):
        await page.goto(path)
        keys = page.locator("#keys dl")
        assert not await keys.is_visible()
        await page.keyboard.press("?")
        assert await keys.is_visible()
        assert await page.evaluate("document.activeElement.closest('#keys') !== null")
        await page.keyboard.press("?")
        assert not await keys.is_visible()


async def test_the_slash_leads_to_the_search_from_everywhere(site, waiting):
    page = await site.open("Ana", "reviewer")
    await page.goto("/queue")
    await press(page, "/")
    assert page.url.startswith(f"{site.address}/posts")


async def test_keys_typed_into_a_note_are_letters_and_decide_nothing(site, db, waiting):
    page = await site.open("Ana", "reviewer")
    await page.goto("/queue/1")
    await page.locator("#note").focus()
    await page.keyboard.type("nuyzjk?/1 yes")
    assert await page.locator("#note").input_value() == "nuyzjk?/1 yes"
    assert number_of(page) == 1
    assert verdicts(db) == []
    await page.keyboard.press("Escape")
    await press(page, "y")
    with db.read() as session:
        assert session.execute(sa.select(Review.note)).scalars().all() == ["nuyzjk?/1 yes"]


async def test_a_key_held_down_gives_one_verdict(site, db, waiting):
    page = await site.open("Ana", "reviewer")
    await page.goto("/queue/1")
    before = page.url
    await page.keyboard.down("y")
    await page.wait_for_url(lambda url: url != before)
    second = page.url
    for _ in range(5):
        await page.keyboard.down("y")  # chromium marks what follows the first as repeated
    await page.keyboard.up("y")
    await page.goto("/queue")
    assert [row[0] for row in verdicts(db)] == [1], f"{second} was decided, too"


async def test_keys_of_the_browser_itself_decide_nothing(site, db, waiting):
    page = await site.open("Ana", "reviewer")
    await page.goto("/queue/1")
    for chord in ("Control+u", "Alt+y", "Meta+y"):
        await page.keyboard.press(chord)
    assert number_of(page) == 1
    assert verdicts(db) == []


async def test_hard_words_are_veiled_until_b_is_pressed(site, waiting):
    page = await site.open("Ana", "reviewer")
    await page.goto("/queue/4")
    words = page.locator("article .words").first
    assert not await words.is_visible()
    await page.keyboard.press("b")
    assert await words.is_visible()
    await page.keyboard.press("b")
    assert not await words.is_visible()


async def test_a_note_half_typed_survives_a_reload(site, db, waiting):
    page = await site.open("Ana", "reviewer")
    await page.goto("/queue/1")
    await page.locator("#note").fill("half a thought")
    await page.reload()
    assert await page.locator("#note").input_value() == "half a thought"
    await page.keyboard.press("Escape")
    await page.locator("h1").click()
    await press(page, "u")
    await page.goto("/queue/1")
    await page.reload()
    with db.read() as session:
        assert session.execute(sa.select(Review.note)).scalars().all() == ["half a thought"]
