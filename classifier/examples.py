"""The corpus: JSON lines in ``classifier/corpus``, read and checked. Training and held-out files are named here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from classifier.tables import TABLES, TableError, rows_of
from classifier.values import REASONS, THEMES, Example

CORPUS = Path(__file__).with_name("corpus")
TRAINING_FILES = (
    "matches.jsonl",
    "negatives.jsonl",
    "ordinary.jsonl",
    "spanish.jsonl",
    "passes.jsonl",
    "passes_short.jsonl",
    "passes_officials.jsonl",
    "passes_plain.jsonl",
    "passes_contrast.jsonl",
    "passes_offices.jsonl",
    "passes_public.jsonl",
    "passes_words.jsonl",
    "passes_everyday.jsonl",
    "passes_sheriffs.jsonl",
    "passes_releases.jsonl",
    "passes_campaigns.jsonl",
    "passes_crime.jsonl",
    "passes_answers.jsonl",
    "passes_debate.jsonl",
    "passes_implied.jsonl",
    "passes_tweets.jsonl",
    "passes_calm.jsonl",
)
FROZEN_FILE = "frozen.jsonl"
"""Never trained on; a new version must not do worse on it."""
FUNCTIONAL_FILE = "functional.jsonl"
"""Cases by function, in the manner of HateCheck; never trained on."""


class CorpusError(ValueError):
    """A corpus row that cannot be used; the message names file and line."""


class Row(NamedTuple):
    """A labelled text with what is known about it."""

    text: str
    label: int
    themes: tuple[str, ...] = ()
    reason: str = ""
    kind: str = ""
    subset: str = ""
    platform: str = ""
    function: str = ""
    lang: str = ""
    id: str = ""

    def example(self, source: str = "corpus", weight: float = 1.0) -> Example:
        """Return the row as something to learn from."""
        return Example(self.text, self.label, self.themes, weight, self.id, source, self.reason)


def load_corpus(folder: Path = CORPUS) -> list[Example]:
    """Read the training files of ``folder``. Raises CorpusError (file, line, what to do)."""
    examples = []
    for name in TRAINING_FILES:
        path = folder / name
        if path.exists():
            examples += [row.example(source=f"corpus/{name}") for row in read_rows(path, strict=True)]
    if not examples:
        raise CorpusError(f"{folder} holds none of the corpus files {', '.join(TRAINING_FILES)}")
    return examples


def load_frozen(folder: Path = CORPUS) -> list[Row]:
    """Read the frozen test set."""
    return list(read_rows(folder / FROZEN_FILE, strict=True))


def load_functional(folder: Path = CORPUS) -> list[Row]:
    """Read the functional suite; every row has a ``function``."""
    rows = list(read_rows(folder / FUNCTIONAL_FILE, strict=True))
    for number, row in enumerate(rows, 1):
        if not row.function:
            raise CorpusError(f'{folder / FUNCTIONAL_FILE}, row {number}: needs "function", the name of what it tests')
    return rows


def read_rows(path: Path, *, strict: bool = False) -> Iterator[Row]:
    """Read JSON lines, or a table (``.csv``, ``.tsv``), with ``text`` and ``label``.

    ``strict`` asks for the codebook's themes and reasons as well. Raises CorpusError.
    """
    table = path.suffix.lower() in TABLES
    try:
        for number, value in rows_of(path):
            yield row_from(_typed(value) if table else value, f"{path}, line {number}", strict=strict)
    except TableError as error:
        raise CorpusError(str(error)) from None


def _typed(cells: dict[str, Any]) -> dict[str, Any]:
    """Return a row of a table as JSON would have it: the label a number, the themes a list."""
    label = cells.get("label", "").strip()
    return cells | {
        "label": {"0": 0, "1": 1}.get(label, label),
        "themes": [theme for theme in re.split(r"[\s,;|]+", cells.get("themes", "")) if theme],
    }


def row_from(value: dict[str, Any], place: str, *, strict: bool = False) -> Row:
    """Return the row a JSON object holds, or raise CorpusError that says what is wrong at ``place``."""
    text, label = value.get("text"), value.get("label")
    if not isinstance(text, str):
        raise CorpusError(f'{place}: needs "text"')
    if label not in (0, 1):
        raise CorpusError(f'{place}: needs "label", 1 (match) or 0 (no match)')
    themes, reason = value.get("themes") or (), value.get("reason") or ""
    if not isinstance(themes, list | tuple) or (unknown := [t for t in themes if t not in THEMES]):
        raise CorpusError(f"{place}: unknown theme {unknown[0] if themes else themes!r}; known are {', '.join(THEMES)}")
    if strict and label == 1 and not themes:
        raise CorpusError(f'{place}: a match needs "themes"')
    if strict and label == 0 and reason not in REASONS:
        raise CorpusError(f'{place}: a row without match needs "reason", one of {", ".join(REASONS)}')
    return Row(
        text=text,
        label=int(label),
        themes=tuple(themes),
        reason=str(reason),
        kind=str(value.get("kind") or reason or (themes[0] if themes else "")),
        subset=str(value.get("subset") or value.get("voice") or ""),
        platform=str(value.get("platform") or ""),
        function=str(value.get("function") or ""),
        lang=str(value.get("lang") or ""),
        id=str(value.get("id") or ""),
    )


def digest(examples: Iterable[Example]) -> str:
    """Return a SHA-256 over all that training sees of the examples, in their order."""
    sha = hashlib.sha256()
    for example in examples:
        sha.update(json.dumps(example, ensure_ascii=True).encode())
        sha.update(b"\n")
    return sha.hexdigest()
