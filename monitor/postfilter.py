"""Which posts are wanted, as one value: the command line, the pages, the API, exports and saved searches all use it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from models.account import Account
from models.agency import Agency
from models.classifier import ClassifierVersion, Score
from models.flag import Flag
from models.post import Post, PostVersion
from models.review import Verdict
from monitor import search
from monitor.errors import UsageError
from monitor.review.verdicts import THEMES
from monitor.scoring import TEST_PLATFORM

MOST_RANKED = 1000
"""Sorting by relevance ranks so many of the newest posts that match."""
MOST_GATHERED = 20_000
"""Posts with words that PostgreSQL may gather before it looks at phrases and the order."""
_MANY_HITS = 30_000
"""Of a million posts. Looking one up costs a fifth of a millisecond, gathering one a microsecond or two."""
_FEW_ACCOUNTS = 200
"""So many are named one by one, where all of them have few posts; planning for more takes PostgreSQL long."""
_FEW_POSTS = 1500
"""Posts that may be looked up in the index of words one by one."""
_MANY = 6000
"""What may be gathered and sorted; more is walked in the order that is wanted."""


class Sort(StrEnum):
    """In what order posts are given."""

    NEWEST = "newest"
    """The post seen last comes first."""
    DATE = "date"
    """By the time the post itself gives. With words to search for this is the order in which posts were seen: sorting
    every post with a common word takes seconds."""
    RELEVANCE = "relevance"
    SCORE = "score"


@dataclass(frozen=True)
class PostFilter:
    """Which posts are wanted; an empty filter is all."""

    flagged: bool | None = False
    """True wants only flagged posts; False and None want all."""
    account_ids: Sequence[int] = ()
    since: datetime | None = None
    until: datetime | None = None
    """Not included."""
    search: str = ""
    """A query as :mod:`monitor.search` reads it."""
    deleted: bool | None = None
    edited: bool | None = None
    picture: bool | None = None
    state: str = ""
    agency_id: int | None = None
    platform: str = ""
    theme: str = ""
    verdict: str = ""
    """``confirmed``, ``rejected``, ``unsure``, or ``none`` for posts nobody has decided."""
    lang: str = ""
    score_min: float | None = None
    score_max: float | None = None
    sort: Sort = Sort.NEWEST

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "PostFilter":
        """The filter that the parameters of a URL ask for. Raises UsageError naming the parameter that is wrong."""
        account, agency = _whole(query, "account"), _whole(query, "agency")
        theme, verdict = query.get("theme", "").strip(), query.get("verdict", "").strip()
        if theme and theme not in THEMES:
            raise UsageError(f"Unknown theme “{theme[:40]}”. Themes: {', '.join(THEMES)}.")
        if verdict and verdict not in (*Verdict, "none"):
            raise UsageError(f"Unknown verdict “{verdict[:40]}”: confirmed, rejected, unsure or none.")
        order = query.get("sort", "").strip() or Sort.NEWEST
        if order not in list(Sort):
            raise UsageError(f"Unknown order “{order[:40]}”: {', '.join(Sort)}.")
        words = query.get("q", "").strip()
        if words:
            search.parse(words)
        if (order == Sort.RELEVANCE and not words) or (order == Sort.DATE and words):
            order = Sort.NEWEST
        return cls(
            flagged=_yes_no(query, "flagged"),
            account_ids=() if account is None else (account,),
            since=_moment(query, "since"),
            until=_moment(query, "until", whole_day=True),
            search=words,
            deleted=_yes_no(query, "deleted"),
            edited=_yes_no(query, "edited"),
            picture=_yes_no(query, "picture"),
            state=_short(query, "state", 2).upper(),
            agency_id=agency,
            platform=_short(query, "platform", 40),
            theme=theme,
            verdict=verdict,
            lang=_short(query, "lang", 10),
            score_min=_share(query, "score_min"),
            score_max=_share(query, "score_max"),
            sort=Sort(order),
        )


FIELDS = (
    "q", "state", "agency", "account", "platform", "theme", "verdict", "score_min", "score_max",
    "since", "until", "deleted", "edited", "picture", "flagged", "lang", "sort",
)  # fmt: skip
"""The parameters of a URL that say which posts are wanted."""


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
    by_score: bool = True
    """The index of scores may be walked from the highest on, rather than the scores of what is found sorted."""


def way(session: Session, wanted: PostFilter) -> Way:
    """What suits how many posts there are."""
    ids = _accounts(session, wanted)
    hidden = list(session.execute(_TEST_ACCOUNTS).scalars()) if ids is None else []
    few = ids is not None and len(ids) <= _FEW_ACCOUNTS and not _many(session, _posts_of(ids))
    left = None if few else _left(session, wanted, Way(ids, hidden))
    look_up = left is not None or _is_looked_up(session, wanted, ids, few=few)
    gather = bool(wanted.search) and not look_up and session.get_bind().dialect.name == "sqlite"
    return Way(ids, hidden, few, look_up, left, by_score=not (few or gather))


def statement(session: Session, wanted: PostFilter, *, ordered: bool = True, by: Way | None = None) -> sa.Select[Any]:
    """Ids of the wanted posts, in no order yet; without ``ordered`` they may also be gathered account by account."""
    by = by or way(session, wanted)
    query: sa.Select[Any] = sa.select(col(Post.id).label("id")).select_from(Post)
    query = _of_accounts(session, query, by, ordered=ordered or bool(wanted.search))
    if by.post_ids is not None:
        query = query.where(col(Post.id).in_(by.post_ids))
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
    if wanted.score_min is not None or wanted.score_max is not None or wanted.sort is Sort.SCORE:
        query = _scored(session, query, wanted, by)
    if wanted.search:
        node = search.parse(wanted.search)
        if session.get_bind().dialect.name == "sqlite":
            hit = FTS.c.post_fts.op("MATCH")(search.fts5(node))
            if by.look_up:
                first = by.post_ids is None and (wanted.flagged or wanted.theme)  # is there a flag?
                number = col(Flag.post_id) if first else col(Post.id)
                query = query.where(sa.exists().where(FTS.c.rowid == number, hit))
            else:
                query = query.join(FTS, FTS.c.rowid == col(Post.id)).where(hit)
        else:
            query = query.join(FTS, FTS.c.post_id == col(Post.id)).where(FTS.c.words.op("@@")(search.tsquery(node)))
    return query


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


def _of_accounts(session: Session, query: sa.Select[Any], by: Way, *, ordered: bool) -> sa.Select[Any]:
    if by.account_ids is None:
        return query.where((col(Post.account_id) + 0).not_in(by.hidden)) if by.hidden else query
    sqlite = session.get_bind().dialect.name == "sqlite"
    account: Any = col(Post.account_id)
    if by.few:
        return query.where(account.in_(by.account_ids))
    # Adding nothing keeps the database from sorting all posts of many accounts instead of walking down from the newest.
    account = account if sqlite and not ordered else account + 0
    # In one parameter: thousands take longer to hand over than most queries take.
    if sqlite:
        ids = sa.func.json_each(json.dumps(list(by.account_ids))).table_valued("value")
        return query.where(account.in_(sa.select(ids.c.value)))
    return query.where(account == sa.any_(sa.bindparam(None, list(by.account_ids), sa.ARRAY(sa.Integer))))


def _posts_of(account_ids: Sequence[int]) -> sa.Select[Any]:
    return sa.select(col(Post.id)).where(col(Post.account_id).in_(account_ids))


@cache
def _named() -> Any:
    """The score that a flag goes back to. Made once: making an alias takes longer than many a query."""
    return aliased(Score)


def _scored(session: Session, query: sa.Select[Any], wanted: PostFilter, by: Way) -> sa.Select[Any]:
    low = 0.0 if wanted.score_min is None else wanted.score_min
    high = 1.0 if wanted.score_max is None else wanted.score_max
    duty = on_duty(session)
    version: Any = col(Score.classifier_version_id)
    probability: Any = col(Score.probability)
    bounds = [version == duty, probability >= low, probability <= high]
    walks = wanted.sort is not Sort.SCORE and session.get_bind().dialect.name == "sqlite"
    # Adding nothing keeps the database from gathering or walking all scores between these bounds.
    if not by.by_score or (walks and _many(session, sa.select(col(Score.id)).where(*bounds))):
        bounds = [version + 0 == duty, probability + 0 >= low, probability + 0 <= high]
    return query.join(Score, col(Score.post_version_id) == col(Post.current_version_id)).where(*bounds)


def _narrow(wanted: PostFilter) -> tuple[bool, ...]:
    """What is wanted that few posts have."""
    decided = wanted.verdict not in ("", "none")
    return bool(wanted.flagged or wanted.theme), decided, bool(wanted.deleted), bool(wanted.edited)


def _left(session: Session, wanted: PostFilter, by: Way) -> list[int] | None:
    """The posts that have all that is wanted but the words, where these are few and the words frequent."""
    if not wanted.search or session.get_bind().dialect.name != "sqlite" or sum(_narrow(wanted)) < 2:
        return None
    hit = FTS.c.post_fts.op("MATCH")(search.fts5(search.parse(wanted.search)))
    if not _many(session, sa.select(FTS.c.rowid).where(hit), _MANY_HITS):
        return None
    others = statement(session, replace(wanted, search="", sort=Sort.NEWEST), by=by).limit(_FEW_POSTS + 1)
    left = list(session.execute(others).scalars())
    return left if len(left) <= _FEW_POSTS else None


def _is_looked_up(session: Session, wanted: PostFilter, ids: Sequence[int] | None, *, few: bool) -> bool:
    """Of all posts only where nothing else is asked for: that may be rare. ``ids``: the accounts that are asked for."""
    if not wanted.search or session.get_bind().dialect.name != "sqlite":
        return False
    if few:
        return any(_narrow(wanted)) or not _many(session, _posts_of(ids or ()), _FEW_POSTS)
    hit = FTS.c.post_fts.op("MATCH")(search.fts5(search.parse(wanted.search)))
    hits = sa.select(FTS.c.rowid).where(hit)
    rest = replace(wanted, search="", flagged=None, sort=Sort.NEWEST, since=None, until=None)
    if wanted.flagged or rest != PostFilter(flagged=None):
        return False
    keyed = wanted.sort is Sort.SCORE or wanted.since is not None or wanted.until is not None
    return keyed and _many(session, hits, _MANY_HITS)


def _many(session: Session, rows: sa.Select[Any], most: int = _MANY) -> bool:
    """Whether there are more of these rows than that."""
    some = rows.limit(most + 1).subquery()
    return int(session.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()) > most


def _whole(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise UsageError(f"“{name}” must be a number.")
    return int(text)


def _share(query: Mapping[str, str], name: str) -> float | None:
    text = query.get(name, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UsageError(f"“{name}” must be a number from 0 to 1, such as 0.8.")
    return value


def _yes_no(query: Mapping[str, str], name: str) -> bool | None:
    text = query.get(name, "").strip().lower()
    if text not in ("", "yes", "no", "1", "0", "true", "false", "on"):
        raise UsageError(f"“{name}” must be yes or no.")
    return None if not text else text in ("yes", "1", "true", "on")


def _short(query: Mapping[str, str], name: str, most: int) -> str:
    text = query.get(name, "").strip()
    if len(text) > most or not text.isprintable():
        raise UsageError(f"“{name}” is too long: at most {most} characters.")
    return text


def _moment(query: Mapping[str, str], name: str, *, whole_day: bool = False) -> datetime | None:
    text = query.get(name, "").strip()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        moment = moment.astimezone(UTC)
        return moment + timedelta(days=1) if whole_day and len(text) == 10 else moment
    except (ValueError, OverflowError):
        raise UsageError(f"“{name}” is not a date: write it as 2026-11-01.") from None
