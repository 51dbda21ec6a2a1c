"""Which posts are wanted, page by page: their ids in the wanted order, and how many there are."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col
from sqlmodel.sql.sqltypes import UTCDateTime

from models.classifier import Score
from models.flag import Flag
from models.post import Post
from monitor import search
from monitor.errors import UsageError
from monitor.patience import patience
from monitor.postfilter import PostFilter, Sort
from monitor.postquery import FTS, Way, has_words, hits, one_of, statement, supposed_hits, way, words_index

MOST_RANKED = 1000
"""Sorting by relevance ranks so many of the newest posts that match."""
_MOST_GATHERED = 4_000
"""Posts with the words that PostgreSQL may gather and sort; of more, the newest are looked for."""
_FEW_HITS, _HIGHEST = 4_000, 12_000
"""Where more posts than that have the words, so many of the highest scores are looked through for them."""
_WALKED_S = 0.1
"""Seconds that SQLite may walk posts by score or date for a page, before it gathers and sorts all that is wanted."""
_STRETCHES, _RANKED_STRETCHES = (4_000, 64_000), (32_000, 96_000, 288_000)
"""How many ids are looked through for words at first, and further on; all that are left come last."""

_Rows = list[Any]
"""Ids, each with the value it is ordered by where that is not the id."""


@dataclass(frozen=True)
class Found:
    """The ids of some posts, and where the next ones begin."""

    ids: list[int]
    after: str = ""
    """Give this back for the next page; empty when there is none."""
    among: int | None = None
    """Only so many of the newest posts with the words were looked through, which may leave some out; None is all."""


def page(session: Session, wanted: PostFilter, *, after: str = "", limit: int) -> Found:
    """One page of the wanted posts. Raises UsageError for a search or cursor that cannot be read."""
    if wanted.sort is Sort.RELEVANCE and wanted.search:
        return _by_relevance(session, wanted, after, limit)
    order = _Order(session, wanted, way(session, wanted))
    if after:
        order.begin_below(after)
    rows = order.first(limit + 1)
    more = len(rows) > limit
    return Found([row.id for row in rows[:limit]], order.cursor(rows[limit - 1]) if more else "")


def count(session: Session, wanted: PostFilter, *, most: int, within_s: float = math.inf) -> int | None:
    """How many posts are wanted, at most one more than ``most``, since counting a million takes seconds.

    None when that takes longer than ``within_s`` seconds, too: of a rare thing many posts must be looked at.
    """
    unsorted = replace(wanted, sort=Sort.NEWEST)
    with patience(session, within_s) as out:
        by = way(session, unsorted)
        some = statement(session, unsorted, ordered=False, by=by).limit(most + 1)
        if _Order(session, unsorted, by).is_from_words:
            some = some.order_by(FTS.c.rowid.desc())
        return int(session.execute(sa.select(sa.func.count()).select_from(some.subquery())).scalar_one())
    assert out.spent
    return None


class _Order:
    """The wanted posts in the wanted order, unless that is by relevance."""

    def __init__(self, session: Session, wanted: PostFilter, by: Way) -> None:
        self.session = session
        self.wanted = wanted
        self.way = by
        self._is_sqlite = session.get_bind().dialect.name == "sqlite"
        self.is_from_words = bool(wanted.search) and not by.look_up and self._is_sqlite
        """Whether the posts come from SQLite's index of words: from the newest on, one by one, if that is the order.

        Without it SQLite may go through all other posts that fit, and look each up in the index.
        """
        self.key = self._key()
        self.number = self._number()
        self._below: sa.ColumnElement[bool] | None = None
        self._from: int | None = None

    def begin_below(self, cursor: str) -> None:
        """Begin below the last post of a page. Raises UsageError for a cursor that cannot be read."""
        first, _, last = cursor.rpartition("_")
        try:
            if not (last.isascii() and last.isdigit() and len(last) <= 12) or (self.key is None) == bool(first):
                raise ValueError(cursor)
            number = int(last)
            if self.key is None:
                self._below, self._from = self.number < number, number - 1
                return
            value: Any = float(first) if isinstance(self.key.type, sa.Float) else datetime.fromisoformat(first)
            if isinstance(value, float) and not 0 <= value <= 1:
                raise ValueError(cursor)
            if isinstance(value, datetime) and value.tzinfo is None:
                raise ValueError(cursor)
        except (ValueError, OverflowError):
            raise _gone() from None
        self._below = sa.and_(self.key <= value, sa.or_(self.key < value, self.number < number))

    def cursor(self, row: Any) -> str:
        """Where the posts begin that follow this one."""
        if self.key is None:
            return str(row.id)
        key = row.key.isoformat() if isinstance(row.key, datetime) else repr(float(row.key))
        return f"{key}_{row.id}"

    def first(self, most: int) -> _Rows:
        """The first rows, so many of them at most."""
        if self.way.highest_first and (rows := self._of_highest_scores(most)) is not None:
            return rows
        if self.way.in_stretches:
            numbers = (col(Post.id), FTS.c.post_id)  # told of one, PostgreSQL does not infer it of the other
            return _in_stretches(self.session, self.statement(), numbers, most, _STRETCHES, self._from)
        if self.key is None or not self.way.in_order or not self._is_sqlite:  # PostgreSQL mostly knows when to walk
            return list(self.session.execute(self.statement().limit(most)))
        with patience(self.session, _WALKED_S * max(1, most / 50)) as out:  # an export's batch is worth more of a walk
            return list(self.session.execute(self.statement().limit(most)))
        assert out.spent  # what is wanted is rare
        gathered = _Order(self.session, self.wanted, replace(self.way, in_order=False, look_up=False))
        gathered._below = self._below
        return gathered.first(most)

    def statement(self) -> sa.Select[Any]:
        """All of them."""
        query = statement(self.session, self.wanted, by=self.way)
        order = [self.number.desc()]
        if self.key is not None:
            query, order = query.add_columns(self.key.label("key")), [self.key.desc(), *order]
        return (query if self._below is None else query.where(self._below)).order_by(*order)

    def _key(self) -> Any:
        if self.wanted.sort is Sort.SCORE:
            probability: Any = col(Score.probability)
            return sa.type_coerce(probability if self.way.in_order else probability + 0, sa.Float)
        if self.wanted.sort is Sort.DATE or self.wanted.dated:
            date: Any = col(Post.shown_at)
            in_order = self.way.in_order or not self._is_sqlite
            return sa.type_coerce(date if in_order else date.op("||")(sa.literal_column("''")), UTCDateTime())
        return None

    def _number(self) -> Any:
        if self.key is None and self.is_from_words:
            return FTS.c.rowid
        if self.key is None and (self.wanted.flagged or self.wanted.theme) and self.way.post_ids is None:
            return col(Flag.post_id)
        number: Any = col(Post.id)
        # Adding nothing keeps PostgreSQL from walking down from the newest post in search of what is so rare.
        return number + 0 if self.key is None and self.way.few_scores else number

    def _of_highest_scores(self, most: int) -> _Rows | None:
        """Those with the words among the highest scores; None if these are too few."""
        asked = hits(self.session, self.wanted.search)
        with_words = {number for (number,) in self.session.connection().execute(asked)}
        if len(with_words) <= _FEW_HITS:
            return None
        every = _Order(self.session, replace(self.wanted, search=""), replace(self.way, in_order=True))
        every._below = self._below
        rows: _Rows = []
        found = self.session.connection().execute(every.statement().limit(_HIGHEST))
        for row in found.yield_per(500):
            if row.id in with_words:
                rows.append(row)
                if len(rows) == most:
                    found.close()
                    return rows
        return None


def _in_stretches(
    session: Session,
    query: sa.Select[Any],
    numbers: tuple[Any, ...],
    most: int,
    stretches: Sequence[int],
    newest: int | None = None,
) -> _Rows:
    """The first rows of a search from the newest on, looked for in longer and longer stretches of ids.

    Within one, PostgreSQL finds the posts with the words by its index, instead of looking into each for want of one
    that knows both words and ids.
    """
    if newest is None:
        newest = session.execute(sa.select(sa.func.max(col(Post.id)))).scalar() or 0
    rows: _Rows = []
    for stretch in (*stretches, newest):
        oldest = newest - stretch
        within = [sa.and_(number > oldest, number <= newest) for number in numbers]
        rows += session.execute(query.where(*within).limit(most - len(rows))).all()
        newest = oldest
        if newest <= 0 or len(rows) == most:
            break
    return rows


def _by_relevance(session: Session, wanted: PostFilter, after: str, limit: int) -> Found:
    """The best matches among the newest: ranking every match of a common word would take seconds."""
    if after and not (after.isascii() and after.isdigit() and int(after[:9]) <= MOST_RANKED):
        raise _gone()
    skip = int(after[:9]) if after else 0
    rank_of = _ranked(session, search.parse(wanted.search))
    good: list[int] = []
    if rank_of:
        rest = replace(wanted, search="", sort=Sort.NEWEST, flagged=wanted.flagged or False)
        by = replace(way(session, rest), in_order=False, few_scores=False)
        fitting: Iterable[int] = rank_of
        if by.hidden or rest != PostFilter():
            others = statement(session, rest, by=by).where(one_of(session, col(Post.id), rank_of))
            fitting = session.execute(others).scalars()
        good = sorted(fitting, key=lambda post_id: (rank_of[post_id], -post_id))
    more = len(good) > skip + limit
    among = MOST_RANKED if len(rank_of) >= MOST_RANKED else None
    return Found(good[skip : skip + limit], str(skip + limit) if more else "", among)


def _ranked(session: Session, node: search.Node) -> dict[int, float]:
    """The newest posts with the words, and how well each fits: the lower the better."""
    number: Any = words_index(session)
    sqlite = session.get_bind().dialect.name == "sqlite"
    rank = sa.literal_column("bm25(post_fts)") if sqlite else -sa.func.ts_rank_cd(FTS.c.words, search.tsquery(node))
    found = sa.select(number.label("id"), rank.label("rank")).where(has_words(session, node))
    if sqlite:
        rows = session.execute(found.order_by(number.desc()).limit(MOST_RANKED)).all()
    elif supposed_hits(session, node) <= _MOST_GATHERED:
        # Adding nothing keeps PostgreSQL from walking down from the newest post, looking into each for the words.
        rows = session.execute(found.order_by((number + 0).desc()).limit(MOST_RANKED)).all()
    else:
        rows = _in_stretches(session, found.order_by(number.desc()), (number,), MOST_RANKED, _RANKED_STRETCHES)
    return {int(row.id): float(row.rank) for row in rows}


def _gone() -> UsageError:
    return UsageError("This page does not exist any more. Start again from the first page.")
