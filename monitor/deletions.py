"""Telling that a post was taken down, without ever saying so falsely.

A post counts as deleted only when two good observations, spaced apart, lacked it; where the platform can be asked for
one post by id it must answer "not there", and another post of the same account must answer "there" at the same moment.
Empty answers, login walls, error pages and cut transfers are no observations at all: the sources refuse them.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlmodel import Session, col

from models.account import Account
from models.db import Database
from models.evidence import Event
from models.post import STANDS, Authorship, Post
from monitor.config import Config
from monitor.errors import FetchError, UsageError
from monitor.http import Web
from monitor.keep import STANDING
from monitor.sources import Presence, Target

log = structlog.get_logger()

_AGES_S = (3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600, 30 * 24 * 3600)
"""Flagged posts are asked for by id at these ages, since they scroll out of the listing."""
_AT_MOST = 500


@dataclass(frozen=True)
class Deleted:
    """One post found to be taken down."""

    post_id: int
    account_id: int
    cause: str


def watch_for_deletion(session: Session, post_id: int, now: datetime) -> None:
    """Have the sweep ask for this post by id from now on, at growing distances."""
    session.execute(
        sa.update(Post)
        .where(col(Post.id) == post_id, col(Post.next_check_at).is_(None))
        .values(next_check_at=now + timedelta(seconds=_AGES_S[0])),
        execution_options={"synchronize_session": False},
    )


async def sweep(db: Database, web: Web, config: Config, *, now: datetime) -> list[Deleted]:
    """Ask for each post whose check is due, and mark those that are gone. Again does nothing until checks are due."""
    with db.read() as session:
        due = session.execute(
            sa.select(col(Post.account_id), col(Post.id))
            .where(col(Post.next_check_at) <= now, col(Post.deleted_at).is_(None))
            .order_by(col(Post.next_check_at))
            .limit(_AT_MOST)
        ).all()
    accounts: dict[int, list[int]] = {}
    for row in due:
        accounts.setdefault(row.account_id, []).append(row.id)
    found = await asyncio.gather(
        *(_sweep_account(db, web, config, account_id, ids, now) for account_id, ids in accounts.items())
    )
    return [deleted for some in found for deleted in some]


async def _sweep_account(
    db: Database, web: Web, config: Config, account_id: int, post_ids: list[int], now: datetime
) -> list[Deleted]:
    with db.read() as session:
        account = session.get_one(Account, account_id)
        posts = list(session.execute(sa.select(Post).where(col(Post.id).in_(post_ids))).scalars())
        control = _control(session, account_id, post_ids)
    asked = [(post.external_id, post.url) for post in [*posts, *control]]
    try:
        source = config.source(account.platform)
        presence = await source.look_up(
            web.fetch(), Target(account.address, account.external_id, account.cursor or {}), asked
        )
    except (FetchError, UsageError) as error:
        log.info("deletions.unavailable", account=account.address, error=str(error))
        with db.write() as session:
            _set(session, post_ids, next_check_at=now + timedelta(seconds=max(60.0, config.poll.deletion_gap_s)))
        return []
    control_stands = any(presence.get(post.external_id) == Presence.THERE for post in control)
    deleted = []
    with db.write() as session:
        for post in posts:
            said = presence.get(post.external_id, Presence.UNKNOWN)
            cause = _judge(session, post, said, control_stands, now, config.poll.deletion_gap_s)
            if cause:
                deleted.append(Deleted(post.id or 0, account_id, cause))
                session.add(Event(at=now, kind="post.deleted", subject=f"post:{post.id}", data={"cause": cause}))
    return deleted


def _control(session: Session, account_id: int, except_ids: list[int]) -> list[Post]:
    """A post of the same account that is believed to stand: the newest one."""
    return list(
        session.execute(
            sa.select(Post)
            .where(
                col(Post.account_id) == account_id,
                col(Post.id).not_in(except_ids),
                col(Post.missing_since).is_(None),
                col(Post.deleted_at).is_(None),
                col(Post.authorship) != Authorship.SHARED,
            )
            .order_by(col(Post.posted_at).desc())
            .limit(1)
        ).scalars()
    )


def _judge(
    session: Session, post: Post, said: Presence, control_stands: bool, now: datetime, gap_s: float
) -> str | None:
    """Write down what one look-up showed. Returns the cause when that makes the post a deleted one."""
    assert post.id is not None
    gap = timedelta(seconds=gap_s)
    if said == Presence.THERE:
        left_listing = post.missing_since is not None
        _set(
            session,
            [post.id],
            **({"missing_checks": STANDS} if left_listing else STANDING),
            next_check_at=_next_check(post, now),
        )
        return None
    absent = said in (Presence.GONE, Presence.ACCOUNT_GONE)
    if absent and post.missing_since is None:
        _set(session, [post.id], missing_since=now, missing_checks=1, next_check_at=now + gap)
        return None
    spaced = post.missing_since is not None and now - post.missing_since >= gap
    if said == Presence.GONE and spaced and control_stands:
        cause = "deleted"
    elif said == Presence.ACCOUNT_GONE and spaced:
        cause = "account_gone"
    elif said == Presence.UNKNOWN and spaced and post.missing_checks == 2:
        cause = "unknown"
    else:
        later = max(gap, timedelta(seconds=60)) if post.missing_since else None
        _set(session, [post.id], next_check_at=now + later if later else _next_check(post, now))
        return None
    _set(session, [post.id], deleted_at=now, deletion_cause=cause, next_check_at=None)
    return cause


def _next_check(post: Post, now: datetime) -> datetime | None:
    """The next age at which a flagged post is asked for by id; None after a month."""
    for age_s in _AGES_S:
        at = post.first_seen_at + timedelta(seconds=age_s)
        if at > now:
            return at
    return None


def _set(session: Session, post_ids: list[int], **values: Any) -> None:
    session.execute(
        sa.update(Post).where(col(Post.id).in_(post_ids)).values(**values),
        execution_options={"synchronize_session": False},
    )
