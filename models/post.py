"""A post as a source hands it over, as we keep it, and each text it ever had."""

import hashlib
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from pydantic import field_validator
from sqlalchemy import JSON, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel
from sqlmodel.sql.sqltypes import UTCDateTime

from models.clock import utcnow
from models.words import word


class Authorship(StrEnum):
    """Whose words a post carries."""

    OWN = "own"
    REPLY = "reply"
    SHARED = "shared"
    """A repost, boost or foreign item: kept and shown, never scored as the office's own words."""


class Media(SQLModel):
    """One picture, video or file that belongs to a post."""

    kind: str = "image"
    url: str = ""
    alt: str = ""


class FetchedPost(SQLModel):
    """One post as a source read it: validated, not yet kept.

    Everything but ``external_id`` is optional, because real servers leave out anything.
    """

    external_id: str = Field(min_length=1, max_length=2048)
    """The platform's stable key: AT-URI, ActivityPub ``uri``, guid. Opaque, never normalised."""
    url: str = ""
    text: str = ""
    """The author's own words as plain text (content warning first, then the body)."""
    title: str = ""
    alt_texts: list[str] = Field(default_factory=list)
    link_titles: list[str] = Field(default_factory=list)
    quoted_text: str = ""
    quoted_author: str = ""
    authorship: Authorship = Authorship.OWN
    author_id: str = ""
    author_handle: str = ""
    reply_to: str = ""
    """The platform's key of the post that this one answers or goes on from, where it tells."""
    posted_at: datetime | None = None
    """When the platform or author says it was posted: a claim, not our clock."""
    edited_at: datetime | None = None
    revision: str = ""
    """The platform's own revision mark (cid, edited_at …) where it has one."""
    lang: str = ""
    media: list[Media] = Field(default_factory=list)
    teaser_only: bool = False
    """The source gave an excerpt, not the whole text."""

    @field_validator("text", "title", "quoted_text", "url", "external_id", mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        """NUL and lone surrogates cannot be stored by PostgreSQL or encoded as UTF-8; show them escaped instead."""
        return storable(value) if isinstance(value, str) else value

    @field_validator("alt_texts", "link_titles", mode="before")
    @classmethod
    def _storable_list(cls, value: Any) -> Any:
        if isinstance(value, list):
            return [storable(item) if isinstance(item, str) else item for item in value if item]
        return value

    @property
    def content_sha256(self) -> str:
        """The identity of this wording: two fetches with the same value are the same version."""
        parts = [self.title, self.text, *self.alt_texts, "\x1e", *self.link_titles, "\x1e", self.quoted_text]
        joined = "\x1f".join(unicodedata.normalize("NFC", part) for part in parts)
        return hashlib.sha256(joined.encode()).hexdigest()


def storable(text: str) -> str:
    """The text with NUL and lone surrogates written as visible escapes, all else untouched."""
    if "\x00" not in text and text.isascii():
        return text
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


STANDS = 99
"""``Post.missing_checks`` of a post that left the listing while the post itself still answers."""


def _where(condition: str, name: str, *columns: str) -> Index:
    """An index of the few rows for which ``condition`` is true."""
    few = sa.text(condition)
    return Index(name, *columns, sqlite_where=few, postgresql_where=few)


class Post(SQLModel, table=True):
    """A post we keep: one row for each (account, external id), for ever."""

    __table_args__ = (
        UniqueConstraint("account_id", "external_id"),
        Index("ix_post_account_posted", "account_id", "posted_at"),
        Index("ix_post_account_id", "account_id", "id"),
        Index("ix_post_shown_at", "shown_at", "id"),
        Index("ix_post_check_due", "next_check_at"),
        _where("reply_to <> ''", "ix_post_reply_to", "reply_to"),
        _where("verdict <> ''", "ix_post_verdict", "verdict", "id"),
        _where("deleted_at IS NOT NULL", "ix_post_deleted", "id"),
        _where("version_count > 1", "ix_post_edited", "id"),
        _where("missing_checks = 1", "ix_post_missing_once", "account_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id")
    external_id: str
    url: str = ""
    authorship: Authorship = Field(default=Authorship.OWN, sa_type=word(Authorship))
    author_id: str = ""
    author_handle: str = ""
    reply_to: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """The key of the post that this one answers or goes on from; that post need not be kept."""
    posted_at: datetime | None = None
    first_seen_at: datetime = Field(default_factory=utcnow)
    shown_at: datetime | None = Field(
        default=None, sa_column=Column(UTCDateTime, sa.Computed("coalesce(posted_at, first_seen_at)"), nullable=True)
    )
    """When it was posted, or first seen where nobody says when; the database works it out."""
    backfilled: bool = False
    """Seen on the account's first poll or imported: kept and scored, not alerted unless asked."""
    version_count: int = 1
    current_version_id: int | None = Field(default=None, index=True)
    missing_since: datetime | None = None
    """First good observation that lacked the post; the deletion sweep decides."""
    missing_checks: int = 0
    """Good observations, spaced apart, that lacked the post; ``STANDS`` when it then answered by itself."""
    next_check_at: datetime | None = None
    """When the deletion sweep asks for this post by id."""
    deleted_at: datetime | None = None
    verdict: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """What the verdicts in force add up to: what all agree on, ``unsure`` where they differ, empty where nobody has
    decided. The database keeps it by triggers on ``review``."""
    deletion_cause: str = ""
    """``deleted``, ``account_gone``, ``forbidden`` or ``unknown``."""


class PostVersion(SQLModel, table=True):
    """One distinct wording of a post. An edit adds a row; nothing is overwritten."""

    __tablename__ = "post_version"
    __table_args__ = (
        UniqueConstraint("post_id", "content_sha256"),
        Index(
            "ix_post_version_pending",
            "id",
            sqlite_where=sa.text("pending_score = 1"),
            postgresql_where=sa.text("pending_score"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    post_id: int = Field(foreign_key="post.id")
    content_sha256: str
    title: str = ""
    text: str = ""
    alt_texts: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    link_titles: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    quoted_text: str = ""
    quoted_author: str = ""
    revision: str = ""
    lang: str = ""
    media: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    teaser_only: bool = False
    edited_at: datetime | None = None
    first_seen_at: datetime = Field(default_factory=utcnow)
    last_seen_at: datetime = Field(default_factory=utcnow)
    first_capture_id: int | None = Field(default=None, foreign_key="capture.id")
    last_capture_id: int | None = Field(default=None, foreign_key="capture.id")
    pending_score: bool = True
    """The active classifier has not read this wording yet."""

    def readable(self) -> str:
        """All text of this version a reader of the post sees, in reading order, one part a paragraph.

        This is what the classifier scores: the unit of the codebook is the post with its alt texts and link titles.
        """
        return readable(self.title, self.text, self.alt_texts, self.link_titles)


def readable(title: str, text: str, alt_texts: Sequence[str], link_titles: Sequence[str]) -> str:
    """What ``PostVersion.readable`` gives, for those who read columns and no rows."""
    told = "" if title and text.startswith(title) else title
    return "\n\n".join(part for part in (told, text, *alt_texts, *link_titles) if part)
