"""Photographs the review page over half a year of invented offices: docs/images/page-*.png (``make screenshots``).

The posts are those that the classifier's corpus was written with; offices, dates and verdicts are drawn with a fixed
seed, so the pictures change only when the page, the corpus or the classifier does, and with the day they are taken.
"""

import asyncio
import io
import json
import random
import shutil
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from PIL import Image
from playwright.async_api import Browser, async_playwright
from sqlmodel import Session, col

from models import (
    Account,
    Agency,
    Agreement,
    Alert,
    AlertState,
    Coverage,
    FetchedPost,
    Flag,
    Health,
    Post,
    PostVersion,
    Review,
    UserRole,
    Verdict,
)
from models.clock import utcnow
from models.db import Database, open_db
from monitor import scoring, sessions, users
from monitor.config import Config, load
from monitor.learning import drift
from monitor.logs import configure_logging
from monitor.review import verdicts
from monitor.review.verdicts import Decision
from monitor.versions import active
from monitor.web.page import COOKIE
from monitor.web.serve import serving

ROOT = Path(__file__).resolve().parents[2]
IMAGES, CORPUS = ROOT / "docs" / "images", ROOT / "classifier" / "corpus"
WIDTH, COLORS = 1280, 96
HEIGHTS = {"queue": 760, "post": 860, "overview": 1270}
WEEKS = 26
REVIEWERS = ("Ana", "Ben", "Cleo")
STATES = (
    "TX",
    "FL",
    "GA",
    "NC",
    "OH",
    "TN",
    "AZ",
    "NM",
    "WY",
    "MI",
    "OK",
    "AL",
    "SC",
    "VA",
    "PA",
    "MO",
    "ID",
    "NE",
    "KS",
)
BEGINNINGS = ("Lark", "Quill", "Amber", "Marrow", "Thistle", "Hollow")
PLACES = [beginning + end for end in ("moor", "wick", "fen", "combe", "mere") for beginning in BEGINNINGS]
SHOWN = "Working with our partners at ICE"


def fill(db: Database, config: Config, now: datetime) -> int:
    """Half a year of thirty offices. The id of the post that the pictures of one post show."""
    rng = random.Random(7)
    with db.write() as session:
        accounts = [_office(session, number, place, now, rng) for number, place in enumerate(PLACES)]
        matches = _texts("matches.jsonl")
        shown = next(text for text in matches if text["text"].startswith(SHOWN))
        drawn = rng.sample([text for text in matches if text is not shown], 260)
        for text in [*drawn, *_texts("ordinary.jsonl"), *rng.sample(_texts("negatives.jsonl"), 300)]:
            # More and more of the matches towards the end, as in a loud autumn.
            age = WEEKS * 7 * (rng.random() ** 1.6 if text["label"] else rng.random())
            _post(session, rng.choice(accounts), text["text"], now - timedelta(days=age + 0.1))
        post_id = _edited(session, accounts[3], shown["text"], now - timedelta(hours=30))
    duty = active(db, config)
    scoring.score(db, duty)
    scoring.flag(db, duty, config, now=now, old_posts=True)
    with db.write() as session:
        session.connection().execute(
            sa.update(Flag).values(
                created_at=sa.select(col(Post.first_seen_at)).where(col(Post.id) == col(Flag.post_id)).scalar_subquery()
            )
        )
    labels = {text["text"]: text for name in ("matches", "negatives", "ordinary") for text in _texts(f"{name}.jsonl")}
    _decide(db, labels, post_id, now, rng)
    with db.read() as session:
        weeks = drift.missing_weeks(session, duty, now=now)
    for week in weeks:
        drift.read_week(db, duty, week, now=now)
    return post_id


def _texts(name: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (CORPUS / name).read_text("utf-8").splitlines()]
    return [row for row in rows if row.get("lang") == "en"]


def _office(session: Session, number: int, place: str, now: datetime, rng: random.Random) -> Account:
    agency = Agency.named(f"{place} County Sheriff's Office", STATES[number % len(STATES)])
    session.add(agency)
    session.flush()
    if number % 3:
        signed = now.date() - timedelta(days=rng.randrange(40, 2000))
        session.add(Agreement(agency_id=agency.id, model=("JEM", "TFM", "WSO")[number % 3], signed=signed))
    health = Health.OK if number % 9 else Health.BLOCKED
    account = Account(
        agency_id=agency.id,
        platform=("bluesky", "feed", "mastodon")[number % 3],
        address=f"{place.lower()}sheriff.example",
        name=f"{place} Sheriff",
        url=f"https://{place.lower()}sheriff.example/",
        health=health,
        added_at=now - timedelta(days=WEEKS * 7),
        first_ok_at=now - timedelta(days=WEEKS * 7),
        last_ok_at=now - timedelta(minutes=7) if health is Health.OK else now - timedelta(days=2),
        last_new_at=now - timedelta(hours=rng.randrange(2, 60)),
        verified_by="Ana",
        verified_from=f"https://{place.lower()}.example/contact",
        verified_at=now - timedelta(days=90),
    )
    session.add(account)
    session.flush()
    session.add(Coverage(account_id=account.id, outcome="ok", since=now - timedelta(days=180), until=now, polls=17_000))
    return account


def _post(session: Session, account: Account, text: str, at: datetime) -> Post:
    post = Post(
        account_id=account.id,
        external_id=f"{account.id}-{at:%Y%m%d%H%M%S%f}",
        url=f"{account.url}posts/{at:%Y%m%d%H%M}",
        posted_at=at,
        first_seen_at=at + timedelta(minutes=6),
    )
    session.add(post)
    session.flush()
    _wording(session, post, text, at, utcnow())
    return post


def _wording(session: Session, post: Post, text: str, first: datetime, last: datetime) -> None:
    digest = FetchedPost(external_id="x", text=text).content_sha256
    row = PostVersion(
        post_id=post.id, text=text, content_sha256=digest, lang="en", first_seen_at=first, last_seen_at=last
    )
    session.add(row)
    session.flush()
    post.current_version_id = row.id
    session.add(post)


def _edited(session: Session, account: Account, text: str, at: datetime) -> int:
    """A post whose sharpest word came with an edit, and one that goes on from it."""
    post = _post(session, account, text.replace("criminal aliens", "people"), at)
    edited_at = at + timedelta(minutes=50)
    session.execute(sa.update(PostVersion).where(col(PostVersion.post_id) == post.id).values(last_seen_at=edited_at))
    _wording(session, post, text, edited_at, utcnow())
    post.version_count = 2
    further = _post(
        session, account, "Questions about Monday's operation: our front desk, 8 to 5.", at + timedelta(hours=2)
    )
    further.reply_to = post.external_id
    session.add_all([post, further])
    return post.id or 0


def _decide(db: Database, labels: dict[str, dict[str, Any]], shown: int, now: datetime, rng: random.Random) -> None:
    with db.read() as session:
        flagged = session.execute(
            sa.select(Flag.id, Flag.post_id, PostVersion.text, Post.first_seen_at)
            .join(Post, col(Post.id) == col(Flag.post_id))
            .join(PostVersion, col(PostVersion.id) == col(Post.current_version_id))
        ).all()
    given = []
    for flag_id, post_id, text, seen in flagged:
        label = labels.get(text)
        if post_id == shown:
            with db.write() as session:
                session.add(
                    Alert(flag_id=flag_id, channel="slack", destination="C0", dedupe_key="shown",
                          state=AlertState.SENT, sent_at=seen + timedelta(minutes=1))
                )  # fmt: skip
        if label is None or post_id == shown or (now - seen < timedelta(days=20) and rng.random() < 0.45):
            continue
        match = label["label"] == 1
        for reviewer in rng.sample(REVIEWERS, 2 if rng.random() < 0.2 else 1):
            if rng.random() < 0.04:
                given.append(Decision(post_id, Verdict.UNSURE, reviewer))
            elif match:
                given.append(Decision(post_id, Verdict.CONFIRMED, reviewer, themes=tuple(label.get("themes", ()))))
            else:
                given.append(Decision(post_id, Verdict.REJECTED, reviewer, reason=label["reason"]))
    for decision in given:
        verdicts.decide(db, decision, now=now - timedelta(hours=rng.randrange(2, 500)))
    with db.write() as session:
        session.add(
            Review(post_id=shown, reviewer="Ben", verdict=Verdict.CONFIRMED, themes=["criminal_alien"], via="slack",
                   note="The second wording; the first said “people”.", created_at=now - timedelta(hours=20))
        )  # fmt: skip


async def photograph(db: Database, config: Config, post_id: int) -> None:
    """Take the three pictures."""
    user = users.add(db, "Maya", UserRole.LEAD, by="pictures", now=utcnow())
    token = sessions.start(db, user, now=utcnow())
    with db.read() as session:
        decided = sa.select(col(Review.post_id))
        waiting = session.execute(
            sa.select(col(Flag.post_id))
            .join(PostVersion, col(PostVersion.post_id) == col(Flag.post_id))
            .where(col(Flag.post_id).not_in(decided), sa.func.length(PostVersion.text).between(180, 320))
            .where(col(Flag.probability) < 0.97)
            .order_by(col(Flag.probability).desc())
            .limit(1)
        ).scalar_one()
    async with serving(db, config) as address, async_playwright() as driver:
        found = shutil.which("chromium") or shutil.which("google-chrome")
        browser = await driver.chromium.launch(executable_path=found, args=["--no-sandbox", "--hide-scrollbars"])
        places = {"queue": f"/queue/{waiting}", "post": f"/posts/{post_id}", "overview": "/overview"}
        for name, path in places.items():
            await _take(browser, address, token, name, path)
        await browser.close()


async def _take(browser: Browser, address: str, token: str, name: str, path: str) -> None:
    context = await browser.new_context(viewport={"width": WIDTH, "height": HEIGHTS[name]}, color_scheme="light")
    secure = address.replace("http:", "https:")
    await context.add_cookies([{"name": COOKIE, "value": token, "url": secure, "secure": True, "httpOnly": True}])
    page = await context.new_page()
    await page.goto(address + path)
    for _ in range(60):  # the overview's figures are counted behind it
        if not await page.get_by_text("being worked out").count():
            break
        await page.wait_for_timeout(1000)
        await page.reload()
    file = IMAGES / f"page-{name}.png"
    picture = Image.open(io.BytesIO(await page.screenshot(full_page=False)))
    picture.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(file, optimize=True)
    sys.stdout.write(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1000:.0f} kB\n")
    await context.close()


def main() -> None:
    """Make the database in a folder of its own, and photograph."""
    configure_logging("critical")
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        sys.exit("There is no chromium here (apt-get install chromium); no picture was taken.")
    with tempfile.TemporaryDirectory(prefix="sheriffwatch-pictures-") as folder:
        db = open_db(f"sqlite:///{Path(folder) / 'pictures.db'}")
        config = load(None, environment={})
        config.web.port = 0
        post_id = fill(db, config, utcnow())
        asyncio.run(photograph(db, config, post_id))
        db.close()


if __name__ == "__main__":
    main()
