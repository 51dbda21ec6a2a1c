"""Keeping what a poll brought: the exact answers first, then posts and each wording they ever had."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

import monitor
from models.evidence import Blob, Capture, Event
from models.post import Authorship, FetchedPost, Post, PostVersion
from monitor.http import Answer
from monitor.sources import Reading

DAILY = timedelta(days=1)
STANDING: dict[str, Any] = {
    "missing_since": None,
    "missing_checks": 0,
    "deleted_at": None,
    "deletion_cause": "",
}
"""The columns of a post that stands where it was published."""
_KEPT_HEADERS = frozenset(
    "date server content-type content-length content-encoding etag last-modified cache-control age via x-request-id".split()
)


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


def keep_reading(
    session: Session,
    account_id: int,
    reading: Reading,
    answers: Sequence[Answer],
    *,
    at: datetime,
    backfill: bool = False,
    max_versions: int = 200,
    deletion_gap_s: float = 1800,
) -> Kept:
    """Store one good reading of an account. Doing it again with the same reading changes nothing but times seen.

    The bytes of an answer are kept when they show something new, and at least once a day; an answer in which only
    like counts moved is not worth a copy each quarter of an hour.
    """
    kept = Kept()
    known = _known_posts(session, account_id, [post.external_id for post in reading.posts])
    wordings = _wordings(session, [row.id for row in known.values()])
    fresh = [
        post
        for post in reading.posts
        if post.external_id not in known
        or post.content_sha256 not in wordings.get(known[post.external_id].id, {})
        or known[post.external_id].missing_since
        or known[post.external_id].deleted_at
    ]
    gone = _posts_missing_from(session, account_id, reading)
    captures: dict[str, int] = {}
    if fresh or gone or not _kept_lately(session, account_id, at):
        captures = keep_answers(session, account_id, answers)
    seen_again: list[dict[str, Any]] = []
    for post in {post.external_id: post for post in reversed(reading.posts)}.values():
        row = known.get(post.external_id)
        capture_id = _capture_of(post, answers, captures)
        if row is None:
            kept.new.append(_add_post(session, account_id, post, capture_id, at, backfill))
            continue
        version_id = wordings.get(row.id, {}).get(post.content_sha256)
        if version_id is None and row.version_count < max_versions:
            _add_version(session, row.id, post, capture_id, at)
            kept.edited.append(row.id)
        elif version_id is not None:
            seen_again.append({"id_": version_id, "at": at, "capture": capture_id})
            if version_id != row.current_version_id:
                _update_post(session, row.id, current_version_id=version_id)
        if row.missing_since or row.deleted_at:
            _update_post(session, row.id, **STANDING)
            if row.deleted_at:
                kept.restored.append(row.id)
                session.add(Event(at=at, kind="post.restored", subject=f"post:{row.id}"))
    _see_again(session, seen_again, captures)
    again = timedelta(seconds=deletion_gap_s)
    for post_id in gone:
        _update_post(session, post_id, missing_since=at, missing_checks=1, next_check_at=at + again)
        kept.missing.append(post_id)
    observe_missing_again(session, account_id, at, deletion_gap_s, reading.window_start)
    return kept


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
    session.execute(still.values(missing_checks=2), execution_options={"synchronize_session": False})


def keep_answers(session: Session, account_id: int, answers: Sequence[Answer]) -> dict[str, int]:
    """Store the exact bytes and circumstances of answers. Returns the capture's id for each body's SHA-256."""
    ids: dict[str, int] = {}
    for answer in answers:
        if answer.status == 304:
            continue
        sha256 = answer.sha256
        _insert_once(
            session, Blob, {"sha256": sha256, "size": len(answer.body), "packed": zlib.compress(answer.body, 6)}
        )
        same = (
            col(Capture.account_id) == account_id,
            col(Capture.url) == answer.url,
            col(Capture.body_sha256) == sha256,
            col(Capture.status) == answer.status,
        )
        again = session.execute(
            sa.update(Capture)
            .where(*same)
            .values(last_seen_at=answer.answered_at, times_seen=col(Capture.times_seen) + 1)
            .returning(col(Capture.id))
            .execution_options(synchronize_session=False)
        ).scalar()
        if again is None:
            capture = Capture(
                account_id=account_id,
                url=answer.url,
                final_url=answer.final_url,
                redirects=list(answer.redirects),
                status=answer.status,
                headers=[[key, value] for key, value in answer.headers.multi_items() if _worth_keeping(key)],
                body_sha256=sha256,
                ip=answer.ip,
                cert_sha256=answer.cert_sha256,
                requested_at=answer.requested_at,
                answered_at=answer.answered_at,
                elapsed_s=answer.elapsed_s,
                last_seen_at=answer.answered_at,
                software=f"sheriffwatch {monitor.__version__}",
            )
            session.add(capture)
            session.flush()
            again = capture.id
        ids[sha256] = int(again or 0)
    return ids


def read_blob(session: Session, sha256: str) -> bytes | None:
    """The exact bytes with this SHA-256, or None when they are not kept."""
    packed = session.execute(sa.select(col(Blob.packed)).where(col(Blob.sha256) == sha256)).scalar()
    return None if packed is None else zlib.decompress(packed)


def _worth_keeping(header: str) -> bool:
    name = header.lower()
    return name in _KEPT_HEADERS or "ratelimit" in name


def _known_posts(session: Session, account_id: int, external_ids: list[str]) -> dict[str, Any]:
    if not external_ids:
        return {}
    rows = session.execute(
        sa.select(
            col(Post.id),
            col(Post.external_id),
            col(Post.current_version_id),
            col(Post.version_count),
            col(Post.missing_since),
            col(Post.deleted_at),
        ).where(col(Post.account_id) == account_id, col(Post.external_id).in_(external_ids))
    )
    return {row.external_id: row for row in rows}


def _wordings(session: Session, post_ids: list[int]) -> dict[int, dict[str, int]]:
    if not post_ids:
        return {}
    found: dict[int, dict[str, int]] = {}
    for row in session.execute(
        sa.select(col(PostVersion.id), col(PostVersion.post_id), col(PostVersion.content_sha256)).where(
            col(PostVersion.post_id).in_(post_ids)
        )
    ):
        found.setdefault(row.post_id, {})[row.content_sha256] = row.id
    return found


def _posts_missing_from(session: Session, account_id: int, reading: Reading) -> list[int]:
    """Posts that should stand in the answer's window and do not. An answer without any post of ours proves nothing."""
    if reading.window_start is None or not reading.posts:
        return []
    present = {post.external_id for post in reading.posts}
    expected = session.execute(
        sa.select(col(Post.id), col(Post.external_id)).where(
            col(Post.account_id) == account_id,
            col(Post.posted_at) > reading.window_start,
            col(Post.missing_since).is_(None),
            col(Post.deleted_at).is_(None),
            col(Post.authorship) != Authorship.SHARED,
        )
    ).all()
    gone = [row.id for row in expected if row.external_id not in present]
    # The control: at least one post we knew must stand in the same answer, or the answer itself is suspect.
    return gone if any(row.external_id in present for row in expected) else []


def _kept_lately(session: Session, account_id: int, at: datetime) -> bool:
    latest = session.execute(
        sa.select(sa.func.max(col(Capture.last_seen_at))).where(col(Capture.account_id) == account_id)
    ).scalar()
    return latest is not None and at - latest < DAILY


def _capture_of(post: FetchedPost, answers: Sequence[Answer], captures: dict[str, int]) -> int | None:
    """The capture whose bytes carry the post; with one answer that is the one."""
    kept = [answer for answer in answers if answer.sha256 in captures]
    if not kept:
        return None
    if len(kept) > 1:
        needle = post.external_id.encode()
        kept = [answer for answer in kept if needle in answer.body] or kept
    return captures[kept[0].sha256] or None


def _add_post(
    session: Session, account_id: int, fetched: FetchedPost, capture_id: int | None, at: datetime, backfill: bool
) -> int:
    post = Post(
        account_id=account_id,
        external_id=fetched.external_id,
        url=fetched.url,
        authorship=fetched.authorship,
        author_id=fetched.author_id,
        author_handle=fetched.author_handle,
        posted_at=fetched.posted_at,
        first_seen_at=at,
        backfilled=backfill,
        version_count=0,
    )
    session.add(post)
    session.flush()
    assert post.id is not None
    _add_version(session, post.id, fetched, capture_id, at)
    return post.id


def _add_version(session: Session, post_id: int, fetched: FetchedPost, capture_id: int | None, at: datetime) -> None:
    version = PostVersion(
        post_id=post_id,
        content_sha256=fetched.content_sha256,
        title=fetched.title,
        text=fetched.text,
        alt_texts=fetched.alt_texts,
        link_titles=fetched.link_titles,
        quoted_text=fetched.quoted_text,
        quoted_author=fetched.quoted_author,
        revision=fetched.revision,
        lang=fetched.lang,
        media=[item.model_dump() for item in fetched.media],
        teaser_only=fetched.teaser_only,
        edited_at=fetched.edited_at,
        first_seen_at=at,
        last_seen_at=at,
        first_capture_id=capture_id,
        last_capture_id=capture_id,
        pending_score=fetched.authorship != Authorship.SHARED,
    )
    session.add(version)
    session.flush()
    _update_post(session, post_id, current_version_id=version.id, version_count=col(Post.version_count) + 1)


def _update_post(session: Session, post_id: int, **values: Any) -> None:
    session.execute(
        sa.update(Post).where(col(Post.id) == post_id).values(**values),
        execution_options={"synchronize_session": False},
    )


def _see_again(session: Session, seen: list[dict[str, Any]], captures: dict[str, int]) -> None:
    if not seen:
        return
    values: dict[str, Any] = {"last_seen_at": sa.bindparam("at")}
    if captures:
        values["last_capture_id"] = sa.func.coalesce(sa.bindparam("capture"), col(PostVersion.last_capture_id))
    rows = seen if captures else [{"id_": row["id_"], "at": row["at"]} for row in seen]
    session.connection().execute(
        sa.update(PostVersion).where(col(PostVersion.id) == sa.bindparam("id_")).values(values), rows
    )


def _insert_once(session: Session, table: type[Blob], values: dict[str, Any]) -> None:
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    session.execute(insert.values(**values).on_conflict_do_nothing())
