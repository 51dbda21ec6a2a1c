"""The filter of the search page as its URL says it: what was typed, what it means, and how it is said in words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account
from models.agency import Agency
from models.review import Verdict
from monitor import lookup
from monitor.errors import UsageError
from monitor.lookup import Named
from monitor.postfilter import FIELDS, Sort
from monitor.review.verdicts import THEMES
from monitor.scoring import TEST_PLATFORM

HIDDEN_WHEN_BLIND = frozenset({"verdict", "theme", "score_min", "score_max"})
_SORTS = {
    Sort.DATE: "By the post's own time",
    Sort.RELEVANCE: "Best match first",
    Sort.SCORE: "Highest score first",
}
_MOST_CHARS = 600
_YES_NO = {
    "deleted": ("deleted", "not deleted"),
    "edited": ("edited", "never edited"),
    "picture": ("with a picture", "without a picture"),
    "flagged": ("flagged", ""),
}
_SAID: Mapping[str, str] = {
    "q": "“{}”",
    "state": "{}",
    "score_min": "score from {}",
    "score_max": "score up to {}",
    "since": "from {}",
    "until": "to {}",
    "lang": "language {}",
}
_FINDERS: Mapping[str, tuple[str, Callable[..., list[Named]]]] = {
    "agency": ("agency", lookup.agencies),
    "account": ("account", lookup.accounts),
}


class AmbiguousError(UsageError):
    """What was typed may mean several agencies or accounts."""

    def __init__(self, name: str, choices: list[Named]) -> None:
        super().__init__(f"Which {name} do you mean? Choose one, or write more of its name.")
        self.name = name
        self.choices = choices


@dataclass(frozen=True)
class Chip:
    """One thing that is asked for, in words, and the URL of the same search without it."""

    text: str
    without: str


@dataclass(frozen=True)
class Asked:
    """The parameters of a search, without those that are empty."""

    typed: Mapping[str, str]
    labels: Mapping[str, str] = field(default_factory=dict)
    """How the agency and the account are called, where their numbers are known."""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Asked":
        """What a query string or a form asks for. Cut, since it is shown again even where it is far too long."""
        values = {name: str(query.get(name) or "").replace("\x00", "").strip()[:_MOST_CHARS] for name in FIELDS}
        if values["sort"] == Sort.NEWEST:
            values["sort"] = ""  # the order that is taken anyway
        return cls({name: value for name, value in values.items() if value})

    def settle(self, session: Session) -> "Asked":
        """The same with the numbers of what was named. Raises UsageError where a name fits none or several."""
        typed, labels = dict(self.typed), dict(self.labels)
        for name, (word, find) in _FINDERS.items():
            if name in typed:
                known = find(session, typed[name], most=8)
                if len(known) > 1:
                    raise AmbiguousError(name, known)
                if not known:
                    raise UsageError(f"No {word} is called “{typed[name][:80]}”. Write a part of its name.")
                typed[name], labels[name] = str(known[0].id), known[0].label
        return Asked(typed, labels)

    def named(self, session: Session) -> "Asked":
        """The same with the names of its agency and account, where they are still there."""
        try:
            return self.settle(session)
        except UsageError:
            return self

    def url(self, *, without: str = "", **more: str) -> str:
        """The address of this search with more parameters, or one left out."""
        query = {name: value for name, value in {**self.typed, **more}.items() if value and name != without}
        return f"/posts?{urlencode(query)}" if query else "/posts"

    @property
    def count_url(self) -> str:
        """Where the number of posts is told that are asked for."""
        return self.url().replace("/posts", "/posts/count", 1)

    def shown(self, name: str) -> str:
        """What the field of the form holds."""
        return self.labels.get(name) or self.typed.get(name, "")

    @property
    def chips(self) -> list[Chip]:
        """What is asked for, one by one; the order is no filter."""
        return [
            Chip(self._said(name, value), self.url(without=name))
            for name, value in self.typed.items()
            if name != "sort"
        ]

    @property
    def narrows(self) -> bool:
        """Whether anything but words and the order is asked for."""
        return bool(set(self.typed) - {"q", "sort"})

    def _said(self, name: str, value: str) -> str:
        if name in _YES_NO:
            yes, no = _YES_NO[name]
            return yes if value.lower() in ("yes", "1", "true", "on") else no or f"{name}: {value}"
        if name == "verdict":
            return "undecided" if value == "none" else value
        if name == "theme":
            return value.replace("_", " ")
        return _SAID.get(name, "{}").format(self.labels.get(name) or value)


Pairs = list[tuple[str, str]]
"""Values with the words they are offered by."""


@dataclass(frozen=True)
class Choices:
    """What the form's lists offer."""

    states: Pairs
    platforms: Pairs
    themes: Pairs
    verdicts: Pairs
    sorts: Pairs


_THERE: Any = sa.union_all(
    sa.select(sa.literal_column("'state'").label("kind"), col(Agency.state)).where(col(Agency.state) != "").distinct(),
    sa.select(sa.literal_column("'platform'"), col(Account.platform))
    .where(col(Account.platform) != TEST_PLATFORM)
    .distinct(),
)


def choices(session: Session, *, blind: bool) -> Choices:
    """The states and platforms that are there, and the codebook's words."""
    there = sorted(session.execute(_THERE).all())
    return Choices(
        states=[(name, name) for kind, name in there if kind == "state"],
        platforms=[(name, name) for kind, name in there if kind == "platform"],
        themes=[(theme, theme.replace("_", " ")) for theme in THEMES],
        verdicts=[*((verdict.value, verdict.value) for verdict in Verdict), ("none", "undecided")],
        sorts=[(sort.value, words) for sort, words in _SORTS.items() if not (blind and sort is Sort.SCORE)],
    )
