"""Posts that a person brings: what no API gives, with a link, the words, the time and a picture of it."""

import hashlib
import io
import warnings
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa
from PIL import Image
from sqlmodel import Session, col

from models.account import Account
from models.agency import Agency
from models.db import Database
from models.evidence import Event
from models.flag import Flag
from models.post import FetchedPost, Media, Post, PostVersion
from monitor import imagetext
from monitor.captures import keep_blob
from monitor.errors import UsageError

PLATFORM = "hand"
"""The platform of accounts that no source reads: what is kept of them is brought by people, and polling is paused."""
MOST_BYTES = 10_000_000
MOST_PIXELS = 40_000_000
MOST_CHARS = 100_000
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


@dataclass(frozen=True)
class HandPost:
    """A post as somebody brings it."""

    account_id: int
    url: str
    text: str
    by: str
    posted_at: datetime | None = None
    picture: bytes = b""
    picture_alt: str = ""
    note: str = ""


@dataclass(frozen=True)
class Added:
    """What became of it."""

    post_id: int
    new: bool
    """False when the very same had been brought before."""
    image_text: str = ""


def add(db: Database, wanted: HandPost, *, now: datetime) -> Added:
    """Keep a post brought by hand and flag it for review. The same link and words again change nothing.

    The words read in the picture are kept as image text, and scored with the rest. Raises UsageError with a sentence
    for what is missing or cannot be taken; nothing is stored then.
    """
    url = check_link(wanted.url)
    text = wanted.text.strip()
    if len(text) > MOST_CHARS:
        raise UsageError(f"The text is longer than {MOST_CHARS:,} characters.")
    if not text and not wanted.picture:
        raise UsageError("Give the words of the post, or a picture of it.")
    if wanted.posted_at is not None and wanted.posted_at > now + timedelta(days=1):
        raise UsageError("The time of the post lies in the future.")
    words = ""
    if wanted.picture:
        check_picture(wanted.picture)
        words = imagetext.read(wanted.picture)
    fetched = FetchedPost(
        external_id=url or "by-hand:" + hashlib.sha256(text.encode() + wanted.picture).hexdigest(),
        url=url,
        text=text,
        alt_texts=[part for part in (wanted.picture_alt.strip(), words) if part],
        media=[Media(alt=wanted.picture_alt.strip())] if wanted.picture else [],
        posted_at=wanted.posted_at,
    )
    with db.write() as session:
        return _keep(session, wanted, fetched, words, now)


def queue(db: Database, post_id: int, *, by: str, note: str = "", now: datetime) -> bool:
    """Put a post that is kept already before people. False when it was flagged before; nothing is changed then."""
    with db.write() as session:
        if session.execute(sa.select(col(Flag.id)).where(col(Flag.post_id) == post_id)).scalar() is not None:
            return False
        session.add(Flag(post_id=post_id, probability=0.0, origin="person", created_at=now))
        data = {"note": note}
        session.add(Event(at=now, kind="post.queued_by_hand", actor=by, subject=f"post:{post_id}", data=data))
        return True


def kept_already(session: Session, account_id: int, url: str) -> Post | None:
    """A post of this link that is kept from the account, or from another one of its agency."""
    account = session.get(Account, account_id)
    if account is None or not url:
        return None
    siblings = [account.id]
    if account.agency_id is not None:
        siblings = list(
            session.execute(sa.select(col(Account.id)).where(col(Account.agency_id) == account.agency_id)).scalars()
        )
    return session.execute(
        sa.select(Post)
        .where(col(Post.account_id).in_(siblings), sa.or_(col(Post.url) == url, col(Post.external_id) == url))
        .order_by(col(Post.id))
        .limit(1)
    ).scalar()


def account_of(db: Database, agency_id: int, url: str, *, by: str, now: datetime) -> int:
    """The account that stands for a place where the agency posts and nothing can be polled; made when it is missing.

    Raises UsageError when there is no such agency.
    """
    place = (urlsplit(check_link(url)).hostname or "").removeprefix("www.") or "elsewhere"
    with db.write() as session:
        agency = session.get(Agency, agency_id)
        if agency is None:
            raise UsageError("Choose the agency that the post belongs to.")
        address = f"{place}/agency-{agency_id}"
        account = session.execute(
            sa.select(Account).where(col(Account.platform) == PLATFORM, col(Account.address) == address)
        ).scalar()
        if account is None:
            name = f"{agency.name} on {place}"
            account = Account(
                agency_id=agency_id, platform=PLATFORM, address=address, name=name, added_at=now, paused_at=now
            )
            session.add(account)
            session.flush()
            data = {"platform": PLATFORM, "address": address}
            session.add(Event(at=now, kind="account.added", actor=by, subject=f"account:{account.id}", data=data))
        assert account.id is not None
        return account.id


def check_link(url: str) -> str:
    """The link, if it is one that a browser may open. Raises UsageError otherwise; an empty one stays empty."""
    url = url.strip()
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and len(url) <= 2000
    except ValueError:
        good = False
    if not good or not url.isprintable() or " " in url:
        raise UsageError("The link must begin with https:// or http:// and have at most 2,000 characters.")
    return url


def check_picture(picture: bytes) -> str:
    """The picture's format (``PNG`` …). Raises UsageError for what is too large, or no picture."""
    if len(picture) > MOST_BYTES:
        raise UsageError(
            f"The picture has {len(picture) / 1e6:.1f} MB; at most {MOST_BYTES / 1e6:.0f} MB are taken. "
            "Save it smaller and try again."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(picture), formats=_FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise UsageError(f"The picture has more than {MOST_PIXELS // 1_000_000} million pixels.")
                kind = str(image.format)
                image.load()
    except UsageError:
        raise
    except Exception:  # Pillow's readers raise whatever a broken file leads them to
        raise UsageError("The file is not a picture that can be read: give a PNG, JPEG, WebP or GIF.") from None
    return kind


def _keep(session: Session, wanted: HandPost, fetched: FetchedPost, words: str, now: datetime) -> Added:
    account = session.get(Account, wanted.account_id)
    if account is None:
        raise UsageError("Choose the account that the post belongs to.")
    post = session.execute(
        sa.select(Post).where(col(Post.account_id) == account.id, col(Post.external_id) == fetched.external_id)
    ).scalar()
    if post is None:
        post = Post(
            account_id=wanted.account_id,
            external_id=fetched.external_id,
            url=fetched.url,
            posted_at=fetched.posted_at,
            first_seen_at=now,
            version_count=0,
        )
        session.add(post)
        session.flush()
    assert post.id is not None
    same = session.execute(
        sa.select(col(PostVersion.id)).where(
            col(PostVersion.post_id) == post.id, col(PostVersion.content_sha256) == fetched.content_sha256
        )
    ).scalar()
    if same is not None:
        return Added(post.id, new=False, image_text=words)
    media = [item.model_dump() for item in fetched.media]
    if wanted.picture:
        media[0] |= {"sha256": keep_blob(session, wanted.picture), "image_text": words}
    version = PostVersion(
        post_id=post.id,
        content_sha256=fetched.content_sha256,
        text=fetched.text,
        alt_texts=fetched.alt_texts,
        media=media,
        first_seen_at=now,
        last_seen_at=now,
    )
    session.add(version)
    session.flush()
    post.current_version_id = version.id
    post.version_count += 1
    if session.execute(sa.select(col(Flag.id)).where(col(Flag.post_id) == post.id)).scalar() is None:
        session.add(Flag(post_id=post.id, probability=0.0, origin="person", created_at=now))
    data = {"version": version.id, "url": fetched.url, "note": wanted.note}
    session.add(Event(at=now, kind="post.by_hand", actor=wanted.by, subject=f"post:{post.id}", data=data))
    return Added(post.id, new=True, image_text=words)
