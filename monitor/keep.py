"""Keeping what polls brought: the exact answers first, then posts and each wording they ever had.

Readings of many accounts are kept together, a dozen statements for all of them: one statement costs about as much as
reading a whole page of posts.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlmodel import Session, col

from models.evidence import Capture, Event
from models.post import Authorship, FetchedPost, Post, PostVersion
from monitor.captures import CaptureIds, keep_answers
from monitor.http import Answer
from monitor.sources import Reading

T = TypeVar("T")
DAILY = timedelta(days=1)
STANDING: dict[str, Any] = {
    "missing_since": None,
    "missing_checks": 0,
    "deleted_at": None,
    "deletion_cause": "",
}
"""The columns of a post that stands where it was published."""
_PAIRS_AT_ONCE = 4000  # SQLite takes 32,766 parameters in a statement


@dataclass(frozen=True)
class Brought:
    """One good reading of one account, to be kept."""

    account_id: int
    reading: Reading
    answers: Sequence[Answer]
    at: datetime
    backfill: bool = False


@dataclass
class Kept:
    """What one poll changed in the record."""

    new: list[int] = field(default_factory=list)
    """Ids of posts never seen before."""
    edited: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    """Ids of posts that a good answer lacked for the first time."""
    restored: list[int] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether the record says something it did not say before."""
        return bool(self.new or self.edited or self.missing or self.restored)


def keep_readings(
    session: Session, brought: Sequence[Brought], *, max_versions: int = 200, deletion_gap_s: float = 1800
) -> list[Kept]:
    """Store good readings. Doing it again with the same readings changes nothing but the times seen.

    The bytes of an answer are kept when they show something new, and at least once a day; an answer in which only
    like counts moved is not worth a copy each quarter of an hour.
    """
    state = _State(session, brought, max_versions, timedelta(seconds=deletion_gap_s))
    for item in brought:
        state.compare(item)
    state.write()
    return [state.kept[item.account_id] for item in brought]


def observe_missing_again(
    session: Session, account_id: int, at: datetime, gap_s: float, window_start: datetime | None = None
) -> None:
    """Count one more good observation for posts that are still missing, if it is far enough from the first.

    ``window_start`` None means the listing is the one that lacked them before (the server said "unchanged").
    """
    still = sa.update(Post).where(
        col(Post.account_id) == account_id,
        col(Post.missing_checks) == 1,
        col(Post.missing_since) <= at - timedelta(seconds=gap_s),
        col(Post.missing_since) < at,
    )
    if window_start is not None:
        still = still.where(col(Post.posted_at) > window_start)
    session.connection().execute(still.values(missing_checks=2))


def accounts_with_missing(session: Session, account_ids: Collection[int]) -> list[int]:
    """Those of the accounts that have posts which were missing from the listing once."""
    if not account_ids:
        return []
    return list(
        session.connection()
        .execute(
            sa.select(col(Post.account_id))
            .where(col(Post.missing_checks) == sa.literal_column("1"), col(Post.account_id).in_(account_ids))
            .distinct()
        )
        .scalars()
    )


class _State:
    """What is known of the posts that were read, and what is to be written of them."""

    def __init__(self, session: Session, brought: Sequence[Brought], max_versions: int, gap: timedelta) -> None:
        self.session = session
        self.brought = brought
        self.max_versions = max_versions
        self.gap = gap
        self.kept = {item.account_id: Kept() for item in brought}
        self.known = _known_posts(session, brought)
        self.wordings = _wordings(session, [row.id for row in self.known.values()])
        self.expected = _expected_posts(session, brought)
        self.kept_lately = _kept_lately(session, brought)
        self.new_posts: list[tuple[Brought, FetchedPost]] = []
        self.new_versions: list[tuple[Brought, FetchedPost, int]] = []
        self.seen_again: list[tuple[Brought, FetchedPost, int]] = []
        self.currents: list[dict[str, Any]] = []
        self.standing_again: list[int] = []
        self.missing_again: list[Brought] = []

    def compare(self, item: Brought) -> None:
        """Sort one account's posts into new, edited, seen again and missing."""
        kept = self.kept[item.account_id]
        for post in {post.external_id: post for post in reversed(item.reading.posts)}.values():
            row = self.known.get((item.account_id, post.external_id))
            if row is None:
                self.new_posts.append((item, post))
                continue
            version_id = self.wordings.get(row.id, {}).get(post.content_sha256)
            if version_id is None:
                if row.version_count < self.max_versions:
                    self.new_versions.append((item, post, row.id))
                    kept.edited.append(row.id)
            else:
                self.seen_again.append((item, post, version_id))
                if version_id != row.current_version_id:
                    self.currents.append({"id_": row.id, "current": version_id, "more": 0})
            if row.missing_since or row.deleted_at:
                self.standing_again.append(row.id)
                if row.deleted_at:
                    kept.restored.append(row.id)
                    self.session.add(Event(at=item.at, kind="post.restored", subject=f"post:{row.id}"))
        self._look_for_missing(item, kept)

    def _look_for_missing(self, item: Brought, kept: Kept) -> None:
        """Posts that should stand in the answer's window and do not. An answer without any post of ours proves
        nothing: one that we knew must stand in the same answer, as a control.
        """
        if item.reading.window_start is None or not item.reading.posts:
            return
        present = {post.external_id for post in item.reading.posts}
        expected = self.expected.get(item.account_id, [])
        absent = [row for row in expected if row.external_id not in present]
        if len(absent) == len(expected):
            return
        kept.missing += [row.id for row in absent if row.missing_since is None]
        if any(row.missing_since is not None for row in absent):
            self.missing_again.append(item)

    def write(self) -> None:
        """Write everything, the answers first."""
        captures = self._keep_answers()
        connection = self.session.connection()
        if self.new_posts:
            ids = connection.execute(
                sa.insert(Post).returning(col(Post.id), sort_by_parameter_order=True),
                [_post_row(item, post) for item, post in self.new_posts],
            ).scalars()
            for (item, post), post_id in zip(self.new_posts, ids, strict=True):
                assert post_id is not None
                self.kept[item.account_id].new.append(post_id)
                self.new_versions.append((item, post, post_id))
        if self.new_versions:
            ids = connection.execute(
                sa.insert(PostVersion).returning(col(PostVersion.id), sort_by_parameter_order=True),
                [
                    _version_row(item, post, post_id, _capture_of(item, post, captures))
                    for item, post, post_id in self.new_versions
                ],
            ).scalars()
            self.currents += [
                {"id_": post_id, "current": version_id, "more": 1}
                for (_, _, post_id), version_id in zip(self.new_versions, ids, strict=True)
            ]
        if self.currents:
            connection.execute(
                sa.update(Post)
                .where(col(Post.id) == sa.bindparam("id_"))
                .values(
                    current_version_id=sa.bindparam("current"),
                    version_count=col(Post.version_count) + sa.bindparam("more"),
                ),
                self.currents,
            )
        if self.standing_again:
            connection.execute(sa.update(Post).where(col(Post.id).in_(self.standing_again)).values(**STANDING))
        self._see_again(captures)
        for item in self.brought:
            if missing := self.kept[item.account_id].missing:
                connection.execute(
                    sa.update(Post)
                    .where(col(Post.id).in_(missing))
                    .values(missing_since=item.at, missing_checks=1, next_check_at=item.at + self.gap)
                )
        for item in self.missing_again:
            observe_missing_again(
                self.session, item.account_id, item.at, self.gap.total_seconds(), item.reading.window_start
            )

    def _keep_answers(self) -> CaptureIds:
        changed = {item.account_id for item, _ in self.new_posts} | {
            item.account_id for item, _, _ in self.new_versions
        }
        changed |= {account_id for account_id, kept in self.kept.items() if kept.changed}
        return keep_answers(
            self.session,
            {
                item.account_id: item.answers
                for item in self.brought
                if item.account_id in changed or item.account_id not in self.kept_lately
            },
        )

    def _see_again(self, captures: CaptureIds) -> None:
        """Say when wordings were last seen; one statement for each moment, for the rows have many indexes' worth."""
        by_moment: dict[tuple[datetime, int | None], list[int]] = {}
        for item, post, version_id in self.seen_again:
            by_moment.setdefault((item.at, _capture_of(item, post, captures)), []).append(version_id)
        for (at, capture_id), ids in by_moment.items():
            values: dict[str, Any] = {"last_seen_at": at}
            if capture_id is not None:
                values["last_capture_id"] = capture_id
            self.session.connection().execute(
                sa.update(PostVersion).where(col(PostVersion.id).in_(ids)).values(**values)
            )


def _known_posts(session: Session, brought: Sequence[Brought]) -> dict[tuple[int, str], Any]:
    pairs = [(item.account_id, post.external_id) for item in brought for post in item.reading.posts]
    known: dict[tuple[int, str], Any] = {}
    for some in _chunks(pairs, _PAIRS_AT_ONCE):
        rows = session.connection().execute(
            sa.select(
                col(Post.id),
                col(Post.account_id),
                col(Post.external_id),
                col(Post.current_version_id),
                col(Post.version_count),
                col(Post.missing_since),
                col(Post.deleted_at),
            ).where(sa.tuple_(col(Post.account_id), col(Post.external_id)).in_(some))
        )
        known |= {(row.account_id, row.external_id): row for row in rows}
    return known


def _wordings(session: Session, post_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    for some in _chunks(post_ids, _PAIRS_AT_ONCE):
        for row in session.connection().execute(
            sa.select(col(PostVersion.id), col(PostVersion.post_id), col(PostVersion.content_sha256)).where(
                col(PostVersion.post_id).in_(some)
            )
        ):
            found.setdefault(row.post_id, {})[row.content_sha256] = row.id
    return found


def _expected_posts(session: Session, brought: Sequence[Brought]) -> dict[int, list[Any]]:
    """For each account the posts of its own that should stand in the window of its answer."""
    windows = [
        sa.and_(col(Post.account_id) == item.account_id, col(Post.posted_at) > item.reading.window_start)
        for item in brought
        if item.reading.window_start is not None and item.reading.posts
    ]
    expected: dict[int, list[Any]] = {}
    for some in _chunks(windows, 100):
        for row in session.connection().execute(
            sa.select(col(Post.id), col(Post.account_id), col(Post.external_id), col(Post.missing_since)).where(
                sa.or_(*some), col(Post.deleted_at).is_(None), col(Post.authorship) != Authorship.SHARED
            )
        ):
            expected.setdefault(row.account_id, []).append(row)
    return expected


def _kept_lately(session: Session, brought: Sequence[Brought]) -> set[int]:
    """The accounts of which an answer was kept within a day."""
    if not brought:
        return set()
    earliest = min(item.at for item in brought) - DAILY
    return set(
        session.connection()
        .execute(
            sa.select(col(Capture.account_id))
            .where(
                col(Capture.account_id).in_([item.account_id for item in brought]), col(Capture.last_seen_at) > earliest
            )
            .distinct()
        )
        .scalars()
    )


def _capture_of(item: Brought, post: FetchedPost, captures: CaptureIds) -> int | None:
    """The capture whose bytes carry the post; with one answer that is the one."""
    kept = [answer for answer in item.answers if (item.account_id, answer.sha256) in captures]
    if not kept:
        return None
    if len(kept) > 1:
        needle = post.external_id.encode()
        kept = [answer for answer in kept if needle in answer.body] or kept
    return captures[item.account_id, kept[0].sha256]


def _post_row(item: Brought, post: FetchedPost) -> dict[str, Any]:
    return {
        "account_id": item.account_id,
        "external_id": post.external_id,
        "url": post.url,
        "authorship": post.authorship,
        "author_id": post.author_id,
        "author_handle": post.author_handle,
        "reply_to": post.reply_to,
        "posted_at": post.posted_at,
        "first_seen_at": item.at,
        "backfilled": item.backfill,
        "version_count": 0,
        "missing_checks": 0,
        "deletion_cause": "",
    }


def _version_row(item: Brought, post: FetchedPost, post_id: int, capture_id: int | None) -> dict[str, Any]:
    return {
        "post_id": post_id,
        "content_sha256": post.content_sha256,
        "title": post.title,
        "text": post.text,
        "alt_texts": post.alt_texts,
        "link_titles": post.link_titles,
        "quoted_text": post.quoted_text,
        "quoted_author": post.quoted_author,
        "revision": post.revision,
        "lang": post.lang,
        "media": [medium.model_dump() for medium in post.media],
        "teaser_only": post.teaser_only,
        "edited_at": post.edited_at,
        "first_seen_at": item.at,
        "last_seen_at": item.at,
        "first_capture_id": capture_id,
        "last_capture_id": capture_id,
        "pending_score": post.authorship != Authorship.SHARED,
    }


def _chunks(values: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    return (values[start : start + size] for start in range(0, len(values), size))
