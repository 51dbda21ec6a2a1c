"""Finding posts with all that belongs to them, for listing and export."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import defer
from sqlmodel import Session, col
from sqlmodel.sql.sqltypes import UTCDateTime

from models.account import Account
from models.agency import Agency
from models.classifier import Score
from models.evidence import Capture
from models.flag import Flag
from models.post import Post, PostVersion
from models.review import Review
from monitor import search
from monitor.errors import UsageError
from monitor.messages import themes_of
from monitor.patience import patience
from monitor.postfilter import FTS, MOST_GATHERED, MOST_RANKED, PostFilter, Sort, Way, statement, way
from monitor.review.verdicts import agreed, in_force

# Made once: putting a statement together takes as long as reading some of its rows.
_IDS: Any = sa.bindparam("ids", expanding=True)
_POSTS = (
    sa.select(Post, Account, Agency, Flag)
    .join(Account, col(Account.id) == col(Post.account_id))
    .outerjoin(Agency, col(Agency.id) == col(Account.agency_id))
    .outerjoin(Flag, col(Flag.post_id) == col(Post.id))
    .where(col(Post.id).in_(_IDS))
)
_VERSIONS = sa.select(PostVersion).where(col(PostVersion.post_id).in_(_IDS)).order_by(col(PostVersion.id))
_SCORES = sa.select(Score).where(col(Score.post_version_id).in_(_IDS)).order_by(col(Score.id))
_WHY: Any = Score.explanation
_BARE_SCORES = _SCORES.options(defer(_WHY))

__all__ = ["KeptPost", "Page", "PostFilter", "Sort", "captures_of", "count", "find", "get", "load", "page"]


@dataclass(frozen=True)
class KeptPost:
    """A post with its account, agency, wordings, newest score and verdicts in force."""

    post: Post
    account: Account
    agency: Agency | None
    versions: list[PostVersion]
    score: Score | None
    flag: Flag | None
    reviews: list[Review]

    @property
    def current(self) -> PostVersion:
        """The wording that stands now, or stood last."""
        return next((v for v in self.versions if v.id == self.post.current_version_id), self.versions[-1])

    def to_dict(self) -> dict[str, Any]:
        """The export's object: one a post."""
        verdict = agreed(self.reviews)
        return {
            "id": self.post.id,
            "account": self.account.name or self.account.address,
            "agency": self.agency.name if self.agency else "",
            "state": self.agency.state if self.agency else "",
            "platform": self.account.platform,
            "external_id": self.post.external_id,
            "url": self.post.url,
            "authorship": self.post.authorship,
            "text": self.current.readable(),
            "posted_at": self.post.posted_at,
            "first_seen_at": self.post.first_seen_at,
            "deleted": self.post.deleted_at is not None,
            "deleted_since": self.post.deleted_at,
            "versions": [
                {
                    "text": version.readable(),
                    "sha256": version.content_sha256,
                    "first_seen_at": version.first_seen_at,
                    "last_seen_at": version.last_seen_at,
                    "quoted_text": version.quoted_text,
                }
                for version in self.versions
            ],
            "score": self.score.probability if self.score else None,
            "flagged": self.flag is not None,
            "themes": list(themes_of(self.score)) if self.flag else [],
            "verdict": verdict.value if verdict else None,
        }


def find(session: Session, wanted: PostFilter, *, limit: int | None = None, batch: int = 500) -> Iterator[KeptPost]:
    """The wanted posts in the wanted order, a batch of rows in memory at a time."""
    cursor = ""
    given = 0
    while limit is None or given < limit:
        found = page(session, wanted, after=cursor, limit=batch if limit is None else min(batch, limit - given))
        yield from found.posts
        given += len(found.posts)
        if not found.after:
            return
        cursor = found.after


@dataclass(frozen=True)
class Page:
    """Some posts, and where the next ones begin."""

    posts: list[KeptPost]
    after: str
    """Give this back for the next page; empty when there is none."""


def page(
    session: Session,
    wanted: PostFilter,
    *,
    after: str = "",
    limit: int = 50,
    by: Way | None = None,
    explained: bool = False,
) -> Page:
    """One page of the wanted posts; ``by``: the way to them, where it is known; ``explained`` as in :func:`load`.

    Raises UsageError for a search or cursor that cannot be read.
    """
    if wanted.sort is Sort.RELEVANCE and wanted.search:
        return _page_by_relevance(session, wanted, after, limit, explained=explained)
    by = by or way(session, wanted)
    key: sa.ColumnElement[Any] | None = None
    if wanted.sort is Sort.SCORE:
        probability: Any = col(Score.probability)
        key = sa.type_coerce(probability if by.by_score else probability + 0, sa.Float)
    elif wanted.sort is Sort.DATE or wanted.since or wanted.until:
        key = sa.type_coerce(col(Post.shown_at), UTCDateTime())  # a stretch of time is found by its index
    number: Any = col(Post.id)
    if key is None and _from_words(session, wanted, by):
        number = FTS.c.rowid
    elif (wanted.flagged or wanted.theme) and key is None:
        number = col(Flag.post_id)
    query = statement(session, wanted, by=by)
    if key is not None:
        query = query.add_columns(key.label("key"))
    if after:
        query = query.where(_below(after, key, number))
    order = [number.desc()] if key is None else [key.desc(), number.desc()]
    rows = session.execute(query.order_by(*order).limit(limit + 1)).all()
    last = rows[limit - 1] if len(rows) > limit else None
    found = load(session, [row.id for row in rows[:limit]], explained=explained)
    return Page(found, _cursor(last, key is not None) if last else "")


def _from_words(session: Session, wanted: PostFilter, by: Way) -> bool:
    """Whether the posts come from SQLite's index of words: from the newest on, one by one, if that order is asked for.

    Without it SQLite may go through all other posts that fit, and look each up in the index.
    """
    return bool(wanted.search) and not by.look_up and session.get_bind().dialect.name == "sqlite"


def count(
    session: Session, wanted: PostFilter, *, most: int, within_s: float | None = None, by: Way | None = None
) -> int | None:
    """How many posts are wanted; counting ends at ``most`` + 1, since counting a million takes seconds.

    None when that takes longer than ``within_s`` seconds, too: of a rare thing many posts must be looked at. ``by``:
    the way that led to a page of them.
    """
    unsorted = replace(wanted, sort=Sort.NEWEST)
    if by is None or wanted.sort is Sort.SCORE:
        by = way(session, unsorted)
    some = statement(session, unsorted, ordered=False, by=by).limit(most + 1)
    if _from_words(session, unsorted, by):
        some = some.order_by(FTS.c.rowid.desc())
    query = sa.select(sa.func.count()).select_from(some.subquery())
    if within_s is None:
        return int(session.execute(query).scalar_one())
    with patience(session, within_s) as out:
        return int(session.execute(query).scalar_one())
    assert out.spent
    return None


def get(session: Session, post_id: int) -> KeptPost | None:
    """One post with all that belongs to it."""
    return next(iter(load(session, [post_id], explained=True)), None)


def captures_of(session: Session, kept: KeptPost) -> list[Capture]:
    """The captured answers in which the post's wordings were first and last seen."""
    ids = {i for v in kept.versions for i in (v.first_capture_id, v.last_capture_id) if i is not None}
    return list(session.execute(sa.select(Capture).where(col(Capture.id).in_(ids)).order_by(col(Capture.id))).scalars())


def _cursor(row: sa.Row[Any], keyed: bool) -> str:
    if not keyed:
        return str(row.id)
    key = row.key.isoformat() if isinstance(row.key, datetime) else repr(float(row.key))
    return f"{key}_{row.id}"


def _below(after: str, key: sa.ColumnElement[Any] | None, number: Any) -> sa.ColumnElement[bool]:
    first, _, last = after.rpartition("_")
    try:
        if not (last.isascii() and last.isdigit() and len(last) <= 12) or (key is None) == bool(first):
            raise ValueError(after)
        if key is None:
            return cast("sa.ColumnElement[bool]", number < int(last))
        value: Any = float(first) if isinstance(key.type, sa.Float) else datetime.fromisoformat(first)
        if isinstance(value, float) and not 0 <= value <= 1:
            raise ValueError(after)
        if isinstance(value, datetime) and value.tzinfo is None:
            raise ValueError(after)
    except (ValueError, OverflowError):
        raise UsageError("This page does not exist any more. Start again from the first page.") from None
    return sa.and_(key <= value, sa.or_(key < value, number < int(last)))


def _page_by_relevance(session: Session, wanted: PostFilter, after: str, limit: int, *, explained: bool) -> Page:
    """The best matches among the newest: ranking every match of a common word would take seconds."""
    if after and not (after.isascii() and after.isdigit() and int(after[:9]) <= MOST_RANKED):
        raise UsageError("This page does not exist any more. Start again from the first page.")
    skip = int(after[:9]) if after else 0
    node = search.parse(wanted.search)
    number: Any
    if session.get_bind().dialect.name == "sqlite":
        rank: sa.ColumnElement[Any] = sa.literal_column("bm25(post_fts)")
        number = FTS.c.rowid
        hit = FTS.c.post_fts.op("MATCH")(search.fts5(node))
    else:
        rank = -sa.func.ts_rank_cd(FTS.c.words, search.tsquery(node))
        number = FTS.c.post_id
        hit = FTS.c.words.op("@@")(search.tsquery(node))
        if search.has_phrase(node) and search.supposed_hits(session, node) <= MOST_GATHERED:
            number = number + 0  # supposed to be frequent, phrases are looked for from the newest post on, for seconds
    newest = session.execute(
        sa.select(number.label("id"), rank.label("rank")).where(hit).order_by(number.desc()).limit(MOST_RANKED)
    ).all()
    if not newest:
        return Page([], "")
    rank_of = {int(row.id): float(row.rank) for row in newest}
    others = statement(session, replace(wanted, search="")).where(col(Post.id).in_(rank_of))
    good = sorted(session.execute(others).scalars(), key=lambda post_id: (rank_of[post_id], -post_id))
    more = len(good) > skip + limit
    found = load(session, good[skip : skip + limit], explained=explained)
    return Page(found, str(skip + limit) if more else "")


def load(session: Session, ids: list[int], *, explained: bool = False) -> list[KeptPost]:
    """The posts with these ids, in this order, each with all that belongs to it.

    Why a score is what it is takes longest to read, so that is read with ``explained`` only, or when it is asked for.
    """
    if not ids:
        return []
    rows = session.execute(_POSTS, {"ids": ids}).all()
    versions: dict[int, list[PostVersion]] = {}
    for version in session.execute(_VERSIONS, {"ids": ids}).scalars():
        versions.setdefault(version.post_id, []).append(version)
    asked = _SCORES if explained else _BARE_SCORES
    current = [post.current_version_id for post, _, _, _ in rows]
    scores = {score.post_version_id: score for score in session.execute(asked, {"ids": current}).scalars()}
    reviews: dict[int, list[Review]] = {}
    for review in in_force(session, ids):
        reviews.setdefault(review.post_id, []).append(review)
    place = {post_id: number for number, post_id in enumerate(ids)}
    return [
        KeptPost(
            post,
            account,
            agency,
            versions.get(post.id, []),
            scores.get(post.current_version_id),
            flag,
            reviews.get(post.id, []),
        )
        for post, account, agency, flag in sorted(rows, key=lambda row: place[row[0].id])
    ]
