"""The database's question for the wanted posts, put in the way that suits how many posts there are of what is asked."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from models.account import Account
from models.agency import Agency
from models.classifier import ClassifierVersion, Score
from models.flag import Flag
from models.post import Post, PostVersion
from monitor import search
from monitor.postfilter import PostFilter, Sort
from monitor.scoring import TEST_PLATFORM

_MANY_HITS = 30_000
"""Of a million posts. Looking one up costs a fifth of a millisecond, gathering one a microsecond or two."""
_FEW_ACCOUNTS = 200
"""So many are named one by one, where all of them have few posts; planning for more takes PostgreSQL long."""
_FEW_POSTS = 1500
"""Posts that may be looked up in the index of words one by one."""
_MANY = 6000
"""What may be gathered and sorted; more is walked in the order that is wanted."""

FTS = sa.table("post_fts", sa.column("rowid"), sa.column("post_fts"), sa.column("post_id"), sa.column("words"))
"""The index of words: ``rowid`` and ``post_fts`` on SQLite, ``post_id`` and ``words`` on PostgreSQL."""

_TEST_ACCOUNTS = sa.select(col(Account.id)).where(col(Account.platform) == TEST_PLATFORM)
_ON_DUTY = (
    sa.select(col(ClassifierVersion.id))
    .order_by(
        (col(ClassifierVersion.status) == "active").desc(),
        col(ClassifierVersion.activated_at).desc(),
        col(ClassifierVersion.id).desc(),
    )
    .limit(1)
)


@dataclass(frozen=True)
class Way:
    """How the wanted posts are best found."""

    account_ids: Sequence[int] | None = None
    """The accounts whose posts are wanted; None is all."""
    hidden: Sequence[int] = ()
    """Of all accounts, those whose posts nobody wants."""
    few: bool = False
    """These accounts have so few posts that all are gathered and sorted."""
    look_up: bool = False
    """Posts are looked up in SQLite's index of words one by one, rather than all posts with the words gathered."""
    post_ids: Sequence[int] | None = None
    """The few posts that have all that is wanted but the words, where they are known."""
    in_order: bool = True
    """The index of scores or dates may be walked in the wanted order, rather than all that is found sorted."""
    few_scores: bool = False
    """So few scores lie within the bounds that posts are gathered by them."""
    highest_first: bool = False
    """Words are looked for among the highest scores before all posts with them are sorted."""
    in_stretches: bool = False
    """Words are looked for in stretches of ids, from the newest on: PostgreSQL can join two indexes within one."""


def way(session: Session, wanted: PostFilter) -> Way:
    """What suits how many posts there are."""
    ids = _accounts(session, wanted)
    hidden = list(session.execute(_TEST_ACCOUNTS).scalars()) if ids is None else []
    few = ids is not None and len(ids) <= _FEW_ACCOUNTS and not _many(session, _posts_of(ids))
    by_score = wanted.sort is Sort.SCORE
    asked = wanted.scored and not few and (bool(wanted.search) or not by_score)
    few_scores = asked and not _many(session, _scores(session, wanted))
    left = None if few else _left(session, wanted, Way(ids, hidden, few_scores=few_scores))
    look_up = left is not None or _is_looked_up(session, wanted, ids, few=few)
    sqlite = session.get_bind().dialect.name == "sqlite"
    gather = bool(wanted.search) and not look_up and sqlite
    return Way(
        ids,
        hidden,
        few,
        look_up,
        left,
        in_order=not (few or gather or left is not None),
        few_scores=few_scores and not (by_score or gather or left is not None),
        highest_first=gather and by_score and _only_words(wanted),
        in_stretches=bool(wanted.search) and not (sqlite or few or by_score or wanted.dated or any(_narrow(wanted))),
    )


def statement(session: Session, wanted: PostFilter, *, ordered: bool = True, by: Way | None = None) -> sa.Select[Any]:
    """Ids of the wanted posts, in no order yet; without ``ordered`` they may also be gathered account by account."""
    by = by or way(session, wanted)
    query: sa.Select[Any] = sa.select(col(Post.id).label("id")).select_from(Post)
    if by.post_ids is None:
        query = _of_accounts(session, query, wanted, by, ordered=ordered)
    else:
        query = query.where(col(Post.id).in_(by.post_ids))
        wanted = PostFilter(search=wanted.search, sort=wanted.sort)
    if wanted.flagged or wanted.theme:
        query = query.join(Flag, col(Flag.post_id) == col(Post.id)).where(col(Flag.origin) != "test")
    if wanted.since is not None:
        query = query.where(col(Post.shown_at) >= wanted.since)
    if wanted.until is not None:
        query = query.where(col(Post.shown_at) < wanted.until)
    if wanted.deleted is not None:
        query = query.where(col(Post.deleted_at).is_not(None) if wanted.deleted else col(Post.deleted_at).is_(None))
    if wanted.edited is not None:
        one: Any = sa.literal_column("1")  # as the index of edited posts says it
        query = query.where(col(Post.version_count) > one if wanted.edited else col(Post.version_count) <= one)
    if wanted.picture is not None or wanted.lang:
        query = query.join(PostVersion, col(PostVersion.id) == col(Post.current_version_id))
    if wanted.picture is not None:
        media = sa.cast(col(PostVersion.media), sa.Text)
        query = query.where(media != "[]" if wanted.picture else media == "[]")
    if wanted.lang:
        query = query.where(col(PostVersion.lang).startswith(wanted.lang, autoescape=True))
    if wanted.verdict:
        query = query.where(col(Post.verdict) == ("" if wanted.verdict == "none" else wanted.verdict))
        if wanted.verdict != "none":
            query = query.where(col(Post.verdict) != sa.literal_column("''"))  # what the index holds
    if wanted.theme:
        named = _named()
        themes = sa.select(sa.cast(col(named.theme_list), sa.Text)).where(col(named.id) == col(Flag.score_id))
        # Asked flag by flag: PostgreSQL takes a theme for rare, and would look through all scores for it first.
        query = query.where(themes.scalar_subquery().contains(f'"{wanted.theme}"', autoescape=True))
    if wanted.scored or wanted.sort is Sort.SCORE:
        query = _scored(session, query, wanted, by)
    if wanted.search:
        index = words_index(session)
        hit = has_words(session, search.parse(wanted.search))
        if by.look_up:
            number = col(Flag.post_id) if wanted.flagged or wanted.theme else col(Post.id)  # is there a flag at first?
            query = query.where(sa.exists().where(index == number, hit))
        else:
            query = query.join(FTS, index == col(Post.id)).where(hit)
    return query


def words_index(session: Session) -> sa.ColumnElement[int]:
    """The column of the index of words that holds the post's number."""
    return FTS.c.rowid if session.get_bind().dialect.name == "sqlite" else FTS.c.post_id


def has_words(session: Session, node: search.Node) -> sa.ColumnElement[bool]:
    """Whether an entry of the index of words is what a search asks for."""
    if session.get_bind().dialect.name == "sqlite":
        return FTS.c.post_fts.op("MATCH")(search.fts5(node))
    return search.in_tsvector(FTS.c.words, node)


def hits(session: Session, words: str) -> sa.Select[Any]:
    """The posts that have the words."""
    return sa.select(words_index(session)).where(has_words(session, search.parse(words)))


def supposed_hits(session: Session, node: search.Node) -> int:
    """How many posts PostgreSQL supposes to have the words, without looking."""
    asked = sa.select().select_from(FTS).where(has_words(session, node)).compile(session.get_bind())
    explained = session.connection().exec_driver_sql(f"EXPLAIN (FORMAT JSON) {asked}", asked.params)
    return int(explained.scalar_one()[0]["Plan"]["Plan Rows"])


def on_duty(session: Session) -> int | None:
    """The row of the classifier version whose scores are shown."""
    return session.execute(_ON_DUTY).scalar()


def _accounts(session: Session, wanted: PostFilter) -> list[int] | None:
    """Accounts are few and posts are many: the accounts are looked up first."""
    if not (wanted.state or wanted.agency_id is not None or wanted.platform or wanted.account_ids):
        return None
    asked = sa.select(col(Account.id)).where(col(Account.platform) != TEST_PLATFORM)
    if wanted.state:
        asked = asked.join(Agency, col(Agency.id) == col(Account.agency_id)).where(col(Agency.state) == wanted.state)
    if wanted.agency_id is not None:
        asked = asked.where(col(Account.agency_id) == wanted.agency_id)
    if wanted.platform:
        asked = asked.where(col(Account.platform) == wanted.platform)
    if wanted.account_ids:
        asked = asked.where(col(Account.id).in_(wanted.account_ids))
    return list(session.execute(asked).scalars())


def _of_accounts(
    session: Session, query: sa.Select[Any], wanted: PostFilter, by: Way, *, ordered: bool
) -> sa.Select[Any]:
    if by.account_ids is None:
        return query.where((col(Post.account_id) + 0).not_in(by.hidden)) if by.hidden else query
    sqlite = session.get_bind().dialect.name == "sqlite"
    account: Any = col(Post.account_id)
    if by.few:
        return query.where(account.in_(by.account_ids))
    if wanted.flagged or wanted.theme:
        query = query.where(one_of(session, col(Flag.account_id), by.account_ids))
        if sqlite or not _keyed(wanted):
            return query
        # PostgreSQL may begin with posts instead of flags, so both know.
    # Adding nothing keeps the database from sorting all posts of many accounts instead of walking down from the newest.
    gathered = sqlite and not ordered and not wanted.search
    return query.where(one_of(session, account if gathered else account + 0, by.account_ids))


def one_of(session: Session, column: Any, ids: Collection[int]) -> sa.ColumnElement[bool]:
    """Whether a column holds one of these, in one parameter: thousands take longer to hand over than most queries."""
    if session.get_bind().dialect.name == "sqlite":
        each = sa.func.json_each(json.dumps(list(ids))).table_valued("value")
        return cast("sa.ColumnElement[bool]", column.in_(sa.select(each.c.value)))
    return cast("sa.ColumnElement[bool]", column == sa.any_(sa.bindparam(None, list(ids), sa.ARRAY(sa.Integer))))


def _posts_of(account_ids: Sequence[int]) -> sa.Select[Any]:
    return sa.select(col(Post.id)).where(col(Post.account_id).in_(account_ids))


@cache
def _named() -> Any:
    """The score that a flag goes back to. Made once: making an alias takes longer than many a query."""
    return aliased(Score)


def _scored(session: Session, query: sa.Select[Any], wanted: PostFilter, by: Way) -> sa.Select[Any]:
    sqlite = session.get_bind().dialect.name == "sqlite"
    asked = by.in_order and (by.few_scores or wanted.sort is Sort.SCORE or not sqlite)
    bounds = _bounds(session, wanted, by_index=asked)
    return query.join(Score, col(Score.post_version_id) == col(Post.current_version_id)).where(*bounds)


def _bounds(session: Session, wanted: PostFilter, *, by_index: bool) -> list[sa.ColumnElement[bool]]:
    low = 0.0 if wanted.score_min is None else wanted.score_min
    high = 1.0 if wanted.score_max is None else wanted.score_max
    version: Any = col(Score.classifier_version_id)
    probability: Any = col(Score.probability)
    if not by_index:  # adding nothing keeps the database from gathering or walking all scores between these bounds
        version, probability = version + 0, probability + 0
    return [version == on_duty(session), probability >= low, probability <= high]


def _keyed(wanted: PostFilter) -> bool:
    """Whether posts come in another order than that of their ids."""
    return wanted.sort in (Sort.SCORE, Sort.DATE) or wanted.dated


def _scores(session: Session, wanted: PostFilter) -> sa.Select[Any]:
    """The scores within the wanted bounds."""
    return sa.select(col(Score.id)).where(*_bounds(session, wanted, by_index=True))


def _narrow(wanted: PostFilter) -> tuple[bool, ...]:
    """What is wanted that few posts have."""
    decided = wanted.verdict not in ("", "none")
    return bool(wanted.flagged or wanted.theme), decided, bool(wanted.deleted), bool(wanted.edited)


def _left(session: Session, wanted: PostFilter, by: Way) -> list[int] | None:
    """The posts that have all that is wanted but the words, where these are few and the words frequent."""
    if not wanted.search or session.get_bind().dialect.name != "sqlite":
        return None
    if sum(_narrow(wanted)) < 2 and not by.few_scores:
        return None
    if not _many(session, hits(session, wanted.search), _MANY_HITS):
        return None
    others = statement(session, replace(wanted, search="", sort=Sort.NEWEST), by=by).limit(_FEW_POSTS + 1)
    left = list(session.execute(others).scalars())
    return left if len(left) <= _FEW_POSTS else None


def _is_looked_up(session: Session, wanted: PostFilter, ids: Sequence[int] | None, *, few: bool) -> bool:
    """Of all posts only in the order of scores or dates. ``ids``: the accounts that are asked for."""
    if not wanted.search or session.get_bind().dialect.name != "sqlite":
        return False
    if few:
        return any(_narrow(wanted)) or not _many(session, _posts_of(ids or ()), _FEW_POSTS)
    return _keyed(wanted) and _many(session, hits(session, wanted.search), _MANY_HITS)


def _only_words(wanted: PostFilter) -> bool:
    """Whether nothing but words and a stretch of time is asked for."""
    rest = replace(wanted, search="", flagged=wanted.flagged or False, sort=Sort.NEWEST, since=None, until=None)
    return rest == PostFilter()


def _many(session: Session, rows: sa.Select[Any], most: int = _MANY) -> bool:
    """Whether there are more of these rows than that."""
    some = rows.limit(most + 1).subquery()
    return int(session.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()) > most
