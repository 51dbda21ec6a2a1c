"""Which posts are wanted, as one value: the command line, the pages, the API, exports and saved searches all use it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from models.review import Verdict
from monitor import search
from monitor.errors import UsageError
from monitor.review.verdicts import THEMES


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

    @property
    def dated(self) -> bool:
        """Whether a stretch of time is asked for."""
        return self.since is not None or self.until is not None

    @property
    def scored(self) -> bool:
        """Whether scores of a certain height are asked for."""
        return self.score_min is not None or self.score_max is not None

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
