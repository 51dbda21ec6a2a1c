"""Full text over posts: one query language, understood by SQLite's FTS5 and PostgreSQL's tsvector alike.

``border "catch and release"`` finds both, ``wall OR fence`` one of them, ``border -wall`` or ``border NOT wall`` leaves
out, ``deport*`` finds what begins so, and parentheses group. Case and the accents of Spanish do not matter. A query is
parsed here and handed to the database as quoted words only, so no operator of the database's own gets through.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from monitor.errors import UsageError

MOST_CHARS = 500
MOST_TERMS = 40
MOST_DEPTH = 10
SHOWN_CHARS = 20_000
"""So much of a text is looked through for the places to show."""
_TOKEN = re.compile(r'"(?P<phrase>[^"]*)"|(?P<paren>[()])|(?P<word>[^\s()"]+)')
_BETWEEN_WORDS = re.compile(r"[\W_]+")
_ACCENTED, _PLAIN = "ÁÀÂÉÈÊÍÓÒÔÚÜÑÇáàâéèêíóòôúüñç", "AAAEEEIOOOUUNCaaaeeeiooouunc"
_FOLD = str.maketrans(_ACCENTED, _PLAIN)
_SIMPLE: sa.ColumnElement[object] = sa.literal_column("'simple'::regconfig")
_PAIRS = ARRAY(sa.Integer)


@dataclass(frozen=True)
class Term:
    """One word, or words that stand one after another."""

    words: tuple[str, ...]
    prefix: bool = False


@dataclass(frozen=True)
class Not:
    """What must not stand there."""

    part: "Node"


@dataclass(frozen=True)
class And:
    """All of these."""

    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Or:
    """At least one of these."""

    parts: tuple["Node", ...]


Node = Term | Not | And | Or


def parse(text: str) -> Node:
    """Read a query. Raises UsageError with a sentence that says what to mend."""
    if len(text) > MOST_CHARS:
        raise UsageError(f"The search is longer than {MOST_CHARS} characters. Use fewer words.")
    if text.count('"') % 2:
        raise UsageError("A quotation mark in the search is not closed. Put one before and one after the phrase.")
    tokens = list(_TOKEN.finditer(text))
    if len(tokens) > 2 * MOST_TERMS:
        raise UsageError(f"The search has more than {MOST_TERMS} words. Use fewer.")
    parser = _Parser(tokens)
    node = parser.either(0)
    if parser.left:
        raise UsageError("A closing parenthesis in the search has no opening one.")
    if node is None:
        raise UsageError("The search has no word to look for. Write at least one word with a letter or digit.")
    _check_positive(node)
    return node


def fts5(node: Node) -> str:
    """The query in FTS5's language: every word quoted."""
    if isinstance(node, Term):
        return '"' + " ".join(node.words) + '"' + ("*" if node.prefix else "")
    if isinstance(node, Or):
        return "(" + " OR ".join(fts5(part) for part in node.parts) + ")"
    if isinstance(node, Not):
        raise AssertionError("a lone NOT has been refused")
    wanted = " AND ".join(fts5(part) for part in node.parts if not isinstance(part, Not))
    unwanted = [fts5(part.part) for part in node.parts if isinstance(part, Not)]
    return f"(({wanted})" + "".join(f" NOT {part}" for part in unwanted) + ")"


def tsquery(node: Node) -> sa.ColumnElement[object]:
    """The query as an expression of PostgreSQL's type tsquery: every word a bound parameter."""
    return sa.func.to_tsquery(_SIMPLE, _ts(node))


def in_tsvector(words: sa.ColumnElement[object], node: Node) -> sa.ColumnElement[bool]:
    """Whether a post's tsvector is what the query asks for; words that stand together are found by their pairs."""
    fits = words.op("@@", return_type=sa.Boolean())(tsquery(node))
    if not _has_pair(node):
        return fits
    # “IS TRUE” keeps PostgreSQL from asking the index of words for a phrase: it would hand over each post with all of
    # its words, wherever they stand.
    return sa.and_(_by_index(words, node), fits.is_(True))


def _by_index(words: sa.ColumnElement[object], node: Node) -> sa.ColumnElement[bool]:
    """What an index can tell of it: true wherever the query is, and in few other places."""
    if not _has_pair(node):
        return in_tsvector(words, node)
    if isinstance(node, Term):
        there = sa.func.post_fts_pairs(words, type_=_PAIRS)
        # The words go the way of a text into the index, so that both tell the same words apart.
        phrase = sa.func.to_tsvector(_SIMPLE, _folded(" ".join(_paired(node))))
        return there.contains(sa.func.post_fts_pairs(phrase, type_=_PAIRS))
    if isinstance(node, Or):
        return sa.or_(*(_by_index(words, part) for part in node.parts))
    assert isinstance(node, And)
    wanted = [part for part in node.parts if not isinstance(part, Not)]
    plain = tuple(part for part in wanted if not _has_pair(part))
    parts = [part for part in wanted if _has_pair(part)] + ([And(plain)] if plain else [])
    return sa.and_(*(_by_index(words, part) for part in parts))


def _has_pair(node: Node) -> bool:
    """Whether words are to stand next to each other, in what must be there."""
    if isinstance(node, Term):
        return len(_paired(node)) > 1
    return not isinstance(node, Not) and any(_has_pair(part) for part in node.parts)


def _paired(term: Term) -> tuple[str, ...]:
    """Its words, without one of which only the beginning is known."""
    return term.words[:-1] if term.prefix else term.words


def _ts(node: Node) -> str:
    if isinstance(node, Term):
        words = [f"'{_folded(word)}'" for word in node.words]  # words hold letters and digits only
        return "(" + " <-> ".join(words) + (":*)" if node.prefix else ")")
    if isinstance(node, Not):
        return f"!{_ts(node.part)}"
    return "(" + (" & " if isinstance(node, And) else " | ").join(_ts(part) for part in node.parts) + ")"


def _folded(text: str) -> str:
    return text.translate(_FOLD).lower()


def found_in(node: Node, text: str, most: int = 200) -> list[tuple[int, int]]:
    """Where in the first ``SHOWN_CHARS`` of a text the words stand that the query asks for."""
    folded = text[:SHOWN_CHARS].translate(_FOLD)  # letter by letter, so places stay what they are
    terms = dict.fromkeys(_asked_for(node))
    spans = (match.span() for term in terms for match in itertools.islice(_pattern(term).finditer(folded), most))
    return sorted(spans)[:most]


def _asked_for(node: Node) -> Iterator[Term]:
    if isinstance(node, Term):
        yield node
    elif not isinstance(node, Not):
        for part in node.parts:
            yield from _asked_for(part)


def _pattern(term: Term) -> re.Pattern[str]:
    words = r"[\W_]+".join(re.escape(word.translate(_FOLD)) for word in term.words)
    return re.compile(rf"(?<![^\W_]){words}" + (r"[^\W_]*" if term.prefix else r"(?![^\W_])"), re.IGNORECASE)


class _Parser:
    """Recursive descent: OR binds weaker than AND, AND is what stands between two words by itself."""

    def __init__(self, tokens: list[re.Match[str]]) -> None:
        self.tokens = tokens
        self.at = 0

    @property
    def left(self) -> bool:
        return self.at < len(self.tokens)

    def _is(self, word: str) -> bool:
        return self.left and self.tokens[self.at].group() == word

    def either(self, depth: int) -> Node | None:
        if depth > MOST_DEPTH:
            raise UsageError("The search has too many parentheses inside one another.")
        parts = [self._all(depth)]
        while self._is("OR"):
            self.at += 1
            parts.append(self._all(depth))
            if parts[0] is None or parts[-1] is None:
                raise UsageError("OR in the search needs a word on both sides.")
        found = tuple(part for part in parts if part is not None)
        return found[0] if len(found) == 1 else Or(found) if found else None

    def _all(self, depth: int) -> Node | None:
        parts: list[Node] = []
        while self.left and not self._is(")") and not self._is("OR"):
            if self._is("AND"):
                self.at += 1
                continue
            part = self._one(depth)
            if part is not None:
                parts.append(part)
        return parts[0] if len(parts) == 1 and not isinstance(parts[0], Not) else And(tuple(parts)) if parts else None

    def _one(self, depth: int) -> Node | None:
        token = self.tokens[self.at]
        self.at += 1
        if token.group() == "NOT":
            if not self.left or self._is(")") or self._is("OR") or self._is("AND"):
                raise UsageError("NOT in the search needs a word after it.")
            part = self._one(depth)
            return Not(part) if part is not None else None
        if token.group() == "(":
            inside = self.either(depth + 1)
            if not self._is(")"):
                raise UsageError("A parenthesis in the search is not closed.")
            self.at += 1
            return inside
        if (phrase := token.group("phrase")) is not None:
            return _term(phrase)
        word = token.group("word")
        if word == "-" and self.left:
            part = self._one(depth)
            return Not(part) if part is not None else None
        if word.startswith("-"):
            term = _term(word[1:])
            return Not(term) if term else None
        return _term(word)


def _term(text: str) -> Term | None:
    words = tuple(word for word in _BETWEEN_WORDS.split(text) if word)
    return Term(words, prefix=text.endswith("*")) if words else None


def _check_positive(node: Node) -> None:
    if isinstance(node, Not) or (isinstance(node, And) and all(isinstance(part, Not) for part in node.parts)):
        raise UsageError("The search only says what must not stand there. Add a word that must.")
    parts = node.parts if isinstance(node, And | Or) else ()
    for part in parts:
        if isinstance(part, Not):
            _check_positive(part.part)
        else:
            _check_positive(part)
