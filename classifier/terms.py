"""Term files: the words and phrases behind the cues. TOML that a user may edit; read, checked, and kept with a version.

A file holds tables, one a cue::

    [expel]
    about = "calls to remove people"
    terms = ["deport", "send them( all)? (back|home)", "go back to"]

Each term is one word or several, ``( all)?`` being a word that may be missing; each word is a small pattern in RE2
syntax that must match the whole word, in small letters and without accents. RE2 runs in linear
time, so no term can hang the scoring.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import re2

from classifier.kept import Kept

BUNDLED = Path(__file__).with_name("terms")
_NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
_LITERAL = re.compile(r"[a-z0-9']+")
_OPTIONAL_WORD = re.compile(r"\((\w+ | \w+)\)\?")
_MOST_TERMS = 5_000
_LONGEST_TERM = 600
_QUIET = re2.Options()
_QUIET.log_errors = False


class TermError(ValueError):
    """A term file that cannot be used; the message names the file, the cue and the term."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """``words`` are indices into the patterns of a :class:`Terms`; a match of all in a row is the cue ``cue``."""

    cue: str
    words: tuple[int, ...]


class _Starting(NamedTuple):
    """What can begin with a word."""

    cues: tuple[str, ...]
    """Of which the word alone is a term."""
    phrases: tuple[tuple[str, tuple[int, ...]], ...]
    """The cue and the further patterns of each phrase, the longest first."""
    seconds: frozenset[int]
    """The patterns that come next in any of them."""


class Terms:
    """All cues of a set of term files, ready to be matched word by word."""

    def __init__(self, cues: Mapping[str, Sequence[str]], plain: Iterable[str] = ()) -> None:
        self.cues = {name: tuple(terms) for name, terms in cues.items()}
        self.plain = tuple(sorted(set(plain)))
        patterns: dict[str, int] = {}
        self._set = re2.Set.FullMatchSet(_QUIET)
        self._starts: dict[int, list[Phrase]] = {}
        for cue, terms in self.cues.items():
            for term in itertools.chain.from_iterable(map(alternatives, terms)):
                numbers = []
                for word in term.split():
                    if word not in patterns:
                        patterns[word] = self._set.Add(word)
                    numbers.append(patterns[word])
                self._starts.setdefault(numbers[0], []).append(Phrase(cue, tuple(numbers)))
        if patterns:
            self._set.Compile()
        self._empty = not patterns
        self.patterns = Kept(self._patterns_of)
        self.starting = Kept(self._starting)

    def _patterns_of(self, word: str) -> frozenset[int]:
        return frozenset() if self._empty or len(word) > 60 else frozenset(self._set.Match(word) or ())

    def _starting(self, word: str) -> _Starting | None:
        phrases = [phrase for number in self.patterns[word] for phrase in self._starts.get(number, ())]
        if not phrases:
            return None
        longer = sorted((phrase for phrase in phrases if len(phrase.words) > 1), key=lambda phrase: -len(phrase.words))
        return _Starting(
            tuple(dict.fromkeys(phrase.cue for phrase in phrases if len(phrase.words) == 1)),
            tuple((phrase.cue, phrase.words[1:]) for phrase in longer),
            frozenset(phrase.words[1] for phrase in longer),
        )

    def find(self, words: Sequence[str]) -> list[tuple[int, int, str]]:
        """Return ``(first, end, cue)`` for the terms among ``words``; the longest phrase of a cue at a word wins."""
        found: list[tuple[int, int, str]] = []
        patterns, length = self.patterns, len(words)
        starting = map(self.starting.__getitem__, words)
        for i, (cues, phrases, seconds) in [(i, start) for i, start in enumerate(starting) if start is not None]:
            seen: dict[str, int] = {}
            if phrases and i + 1 < length and not seconds.isdisjoint(patterns[words[i + 1]]):
                for cue, more in phrases:
                    end = i + 1 + len(more)
                    if cue in seen or end > length:
                        continue
                    for number, other in zip(more, words[i + 1 : end], strict=True):
                        if number not in patterns[other]:
                            break
                    else:
                        seen[cue] = end
                found += [(i, end, cue) for cue, end in seen.items()]
            for cue in cues:
                if cue not in seen:
                    found.append((i, i + 1, cue))
        return found

    def plain_words(self) -> tuple[frozenset[str], frozenset[str]]:
        """Return (words of the terms that are spelled out, other plain words), for splitting and unmasking."""
        spelled: set[str] = set()
        for term in itertools.chain.from_iterable(self.cues.values()):
            for word in itertools.chain.from_iterable(map(str.split, alternatives(term))):
                spelled.update(_spellings(word))
        return frozenset(spelled), frozenset(self.plain)


def _spellings(pattern: str) -> Iterable[str]:
    """Spell out ``aliens?`` and ``(send|ship)``; patterns that allow more than that give nothing."""
    groups = re.split(r"(\((?:\?:)?[a-z'|]+\)\??|[a-z']\?)", pattern)
    choices: list[list[str]] = []
    for group in groups:
        if group.startswith("("):
            body = group.rstrip("?").strip("()").removeprefix("?:").split("|")
            choices.append([*body, ""] if group.endswith("?") else body)
        elif group.endswith("?"):
            choices.append([group[:-1], ""])
        elif re.fullmatch(r"[a-z']*", group):
            choices.append([group])
        else:
            return ()
    return ("".join(parts) for parts in itertools.product(*choices))


def alternatives(term: str) -> list[str]:
    """Return the term with and without each optional word, written ``(our )?`` or ``( all)?``."""
    match = _OPTIONAL_WORD.search(term)
    if match is None:
        return [term]
    before, after = term[: match.start()], term[match.end() :]
    return alternatives(before + match[1] + after) + alternatives(f"{before} {after}")


def load_terms(folder: Path = BUNDLED) -> Terms:
    """Read every ``*.toml`` of ``folder`` and its ``words.txt`` (plain words, one a line).

    Raises TermError for a file that is not TOML, a cue without terms, or a term that is no RE2 pattern.
    """
    cues: dict[str, list[str]] = {}
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise TermError(f"{folder} has no term file (*.toml)")
    for path in paths:
        try:
            content = tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise TermError(f"{path} is not a TOML file: {error}") from None
        for name, table in content.items():
            cues.setdefault(name, []).extend(check_cue(f"{path}, cue [{name}]", name, table))
    plain_file = folder / "words.txt"
    plain = plain_file.read_text("utf-8").split() if plain_file.exists() else []
    return Terms(cues, plain)


def check_cue(place: str, name: str, table: object) -> list[str]:
    """Return the terms of one cue, or raise TermError that says what is wrong at ``place``."""
    if not _NAME.fullmatch(name):
        raise TermError(f"{place}: a cue's name is small letters, digits and _, at most 40")
    terms = table.get("terms") if isinstance(table, dict) else None
    if not isinstance(terms, list) or not terms or not all(isinstance(term, str) for term in terms):
        raise TermError(f'{place}: needs terms = ["...", ...], at least one')
    if len(terms) > _MOST_TERMS:
        raise TermError(f"{place}: {len(terms)} terms, at most {_MOST_TERMS}")
    for term in terms:
        if not term.split() or len(term) > _LONGEST_TERM:
            raise TermError(f"{place}: term {term[:40]!r} is empty or longer than {_LONGEST_TERM} characters")
        for word in itertools.chain.from_iterable(map(str.split, alternatives(term))):
            if _LITERAL.fullmatch(word):
                continue
            try:
                re2.compile(word, _QUIET)
            except re2.error as error:
                reason = error.args[0].decode("utf-8", "replace") if error.args else "not understood"
                raise TermError(f"{place}: term {term!r} is no RE2 pattern: {reason}") from None
    return terms
