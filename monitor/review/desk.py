"""The reviewer's desk: which post to read next, and that no two people are handed the same one."""

import itertools
import math
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col
from sqlmodel.sql.sqltypes import UTCDateTime

from models.db import Database
from models.flag import Flag
from models.review import Review
from models.user import Checkout
from monitor.config import Config
from monitor.learning.likeness import grouped
from monitor.posttexts import decided_lately, texts
from monitor.versions import active_row

MOST_COUNTED = 500
"""Waiting posts are counted up to here; more are told as “more than”."""
UNDO_WITHIN = timedelta(minutes=10)
_PAUSE = timedelta(minutes=15)
_DEFAULT_THRESHOLD = 0.5
_LOOKED_AT = 40
"""Waiting posts among which one is looked for that is no near copy of what its reader has just decided."""
_REMEMBERED = 60
"""Texts that a reader decided last."""

_NOW = sa.bindparam("now", type_=UTCDateTime())
_LAST_VERDICT = (
    sa.select(Review)
    .where(
        col(Review.reviewer) == sa.bindparam("reviewer"),
        col(Review.via) == "web",
        col(Review.revoked_at).is_(None),
        col(Review.created_at) > sa.bindparam("since"),
    )
    .order_by(col(Review.id).desc())
    .limit(1)
)
_TIMES = (
    sa.select(col(Review.created_at))
    .where(col(Review.reviewer) == sa.bindparam("reviewer"))
    .order_by(col(Review.id).desc())
    .limit(500)
)


@dataclass(frozen=True)
class Stint:
    """How long somebody has been reading without a pause of a quarter of an hour."""

    minutes: float
    posts: int


@cache
def _waiting(readers: int) -> sa.Select[int, float]:
    """Flags whose posts wait for a person: not read by enough people, nor by them, nor on anybody's desk.

    To be asked with what ``_asked`` gives. Made once: putting it together takes longer than its answer.
    """
    given = sa.select(col(Review.id)).where(col(Review.post_id) == col(Flag.post_id), col(Review.revoked_at).is_(None))
    held = sa.select(col(Checkout.post_id)).where(
        col(Checkout.post_id) == col(Flag.post_id), col(Checkout.until) > _NOW
    )
    query = sa.select(col(Flag.post_id), col(Flag.probability)).where(col(Flag.origin) != "test", ~sa.exists(held))
    if readers == 1:
        return query.where(~sa.exists(given))
    so_far = (
        sa.select(sa.func.count(sa.distinct(col(Review.reviewer))))
        .where(col(Review.post_id) == col(Flag.post_id), col(Review.revoked_at).is_(None))
        .scalar_subquery()
    )
    return query.where(so_far < readers, ~sa.exists(given.where(col(Review.reviewer) == sa.bindparam("reviewer"))))


@cache
def _next_to(readers: int) -> tuple[sa.Select[int, float], sa.Select[int, float]]:
    """Of the waiting ones those above a threshold and those below it, the nearest first."""
    limit, middle = sa.bindparam("limit", type_=sa.Integer), sa.bindparam("middle", type_=sa.Float)
    score = col(Flag.probability)
    return (
        _waiting(readers).where(score >= middle).order_by(score, col(Flag.id)).limit(limit),
        _waiting(readers).where(score < middle).order_by(score.desc(), col(Flag.id)).limit(limit),
    )


@cache
def _counted(readers: int) -> sa.Select[int]:
    some = _waiting(readers).with_only_columns(col(Flag.id)).limit(MOST_COUNTED + 1)
    return sa.select(sa.func.count()).select_from(some.subquery())


def _asked(reviewer: str, config: Config, now: datetime) -> dict[str, Any]:
    return {"now": now} if config.review.readers == 1 else {"now": now, "reviewer": reviewer}


def check_out(
    db: Database,
    config: Config,
    reviewer: str,
    *,
    now: datetime,
    rng: random.Random | None = None,
    done: int | None = None,
) -> int | None:
    """Choose the next post for this person and put it on their desk, in place of the one that is ``done``; None when
    nothing waits.

    What is on a desk is offered to nobody, its owner included, until ``review.checkout_s`` have passed: so a post that
    was skipped comes again later.
    """
    with db.write() as session:
        connection = session.connection()
        connection.execute(sa.delete(Checkout).where(col(Checkout.until) <= now))
        if done is not None:
            connection.execute(_off_desk(done, reviewer))
        for _ in range(5):
            post_id = choose(session, config, reviewer, now=now, rng=rng or random.Random())
            if post_id is None:
                return None
            row = {"post_id": post_id, "reviewer": reviewer, "until": now + timedelta(seconds=config.review.checkout_s)}
            if connection.execute(_insert(connection).values(row).on_conflict_do_nothing()).rowcount:
                return post_id
    return None


def hold(db: Database, config: Config, post_id: int, reviewer: str, *, now: datetime) -> None:
    """Put one certain post on somebody's desk, if it is on nobody else's."""
    until = now + timedelta(seconds=config.review.checkout_s)
    with db.write() as session:
        connection = session.connection()
        connection.execute(sa.delete(Checkout).where(col(Checkout.until) <= now))
        row = {"post_id": post_id, "reviewer": reviewer, "until": until}
        connection.execute(_insert(connection).values(row).on_conflict_do_nothing())


def release(db: Database, post_id: int, reviewer: str) -> None:
    """Take a post off somebody's desk."""
    with db.write() as session:
        session.connection().execute(_off_desk(post_id, reviewer))


def _off_desk(post_id: int, reviewer: str) -> sa.Delete:
    return sa.delete(Checkout).where(col(Checkout.post_id) == post_id, col(Checkout.reviewer) == reviewer)


def holder(session: Session, post_id: int, now: datetime) -> Checkout | None:
    """On whose desk a post is."""
    return session.execute(
        sa.select(Checkout).where(col(Checkout.post_id) == post_id, col(Checkout.until) > now)
    ).scalar()


def on_desk(session: Session, reviewer: str, now: datetime) -> int | None:
    """The post that somebody took last and has not decided."""
    return session.execute(
        sa.select(col(Checkout.post_id))
        .where(col(Checkout.reviewer) == reviewer, col(Checkout.until) > now)
        .order_by(col(Checkout.until).desc())
        .limit(1)
    ).scalar()


def count(session: Session, config: Config, reviewer: str, *, now: datetime) -> int:
    """How many posts wait for this person, counted up to ``MOST_COUNTED`` and one."""
    return int(session.execute(_counted(config.review.readers), _asked(reviewer, config, now)).scalar_one())


def choose(session: Session, config: Config, reviewer: str, *, now: datetime, rng: random.Random) -> int | None:
    """The next post: one brought by hand if there is one, else by the shares of ``[review]``."""
    draw = rng.random()
    kind = "top" if draw < config.review.top else "random" if draw < config.review.top + config.review.random else ""
    query, asked = _waiting(config.review.readers), _asked(reviewer, config, now)
    brought = session.execute(
        query.where(col(Flag.probability) == 0.0, col(Flag.origin) == "person").order_by(col(Flag.id)).limit(1), asked
    ).scalar()
    if brought is not None:
        return int(brought)
    if kind == "random":
        # What was drawn at random from the unflagged comes first: it tells how much is missed.
        drawn = _at_random(session, query.where(col(Flag.origin) == "audit"), asked, rng)
        return drawn if drawn is not None else _at_random(session, query, asked, rng)
    if kind == "top":
        surest = query.order_by(col(Flag.probability).desc(), col(Flag.id)).limit(_LOOKED_AT)
        found = list(session.execute(surest, asked).scalars())
    else:
        found = least_certain(session, config, reviewer, now=now, limit=_LOOKED_AT)
    return _unlike(session, found, decided_lately(session, reviewer=reviewer, most=_REMEMBERED))


def _unlike(session: Session, post_ids: list[int], decided: list[str]) -> int | None:
    """The first of the posts that is no near copy of these texts; the first of all when every one is."""
    read = texts(session, post_ids)
    offered = [post_id for post_id in post_ids if post_id in read]
    groups = grouped([*decided, *(read[post_id] for post_id in offered)])
    known = set(itertools.islice(groups, len(decided)))
    fresh = (post_id for post_id, group in zip(offered, groups, strict=True) if group not in known)
    return next(fresh, offered[0] if offered else None)


def least_certain(session: Session, config: Config, reviewer: str, *, now: datetime, limit: int) -> list[int]:
    """The waiting posts on which the classifier is least sure, those next to the threshold, the least sure first."""
    middle = _threshold(session, config)
    asked = {**_asked(reviewer, config, now), "middle": middle, "limit": limit}
    rows = [row for query in _next_to(config.review.readers) for row in session.execute(query, asked)]
    nearest = sorted(rows, key=lambda row: (abs(_log_odds(row.probability) - _log_odds(middle)), row.post_id))
    return [row.post_id for row in nearest[:limit]]


def last_verdict(session: Session, reviewer: str, now: datetime) -> Review | None:
    """The verdict that an undo would take back: this person's newest of the last ten minutes, given on the page."""
    return session.execute(_LAST_VERDICT, {"reviewer": reviewer, "since": now - UNDO_WITHIN}).scalar()


def stint(session: Session, reviewer: str, now: datetime) -> Stint:
    """How long this person has been deciding posts without a pause."""
    times = session.execute(_TIMES, {"reviewer": reviewer}).scalars()
    begun, posts = now, 0
    for at in times:
        if begun - at > _PAUSE:
            break
        begun, posts = at, posts + 1
    return Stint((now - begun).total_seconds() / 60, posts)


def _at_random(session: Session, query: sa.Select[int, float], asked: dict[str, Any], rng: random.Random) -> int | None:
    most = session.execute(sa.select(sa.func.max(col(Flag.id)))).scalar() or 0
    pivot = rng.randint(1, max(1, most))
    after = session.execute(query.where(col(Flag.id) >= pivot).order_by(col(Flag.id)).limit(1), asked).scalar()
    if after is not None:
        return int(after)
    return session.execute(query.where(col(Flag.id) < pivot).order_by(col(Flag.id).desc()).limit(1), asked).scalar()


def _threshold(session: Session, config: Config) -> float:
    if config.classifier.queue_threshold is not None:
        return config.classifier.queue_threshold
    row = active_row(session)
    return row.queue_threshold if row else _DEFAULT_THRESHOLD


def _log_odds(probability: float) -> float:
    inside = min(1 - 1e-9, max(1e-9, probability))
    return math.log(inside / (1 - inside))


def _insert(connection: sa.Connection) -> Any:
    return postgresql.insert(Checkout) if connection.dialect.name == "postgresql" else sqlite.insert(Checkout)
