"""Public datasets as additional training rows: read by format, source and licence kept, weight low.

Sets made to test classifiers (HateCheck) are refused: trained on, they would measure nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier.tables import TABLES, TableError, delimited, rows_of
from classifier.values import Example

_NAMED = (*TABLES, ".jsonl", ".ndjson")
"""Endings that say what a file of rows is; of any other it is taken for CSV, the commonest form of public sets."""

LOW_WEIGHT = 0.1
"""Weight of an imported row against 1 for a corpus row: measured on real posts, such sets otherwise do harm."""


class DatasetError(ValueError):
    """A dataset that cannot be read or must not be trained on; the message names file and line."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A public dataset: where it comes from and on what terms, to be shown before anything is read."""

    name: str
    title: str
    licence: str
    read: Callable[[Path, Mapping[str, int]], Iterator[tuple[str, int]]]


def _field(row: Mapping[str, Any], path: Path, line: int, *names: str) -> str:
    for name in names:
        if row.get(name) not in (None, ""):
            return str(row[name])
    raise DatasetError(f"{path}, line {line}: has no column {' or '.join(names)}; found {', '.join(row) or 'none'}")


def _whole(value: str, path: Path, line: int) -> int:
    try:
        return int(float(value))
    except ValueError:
        raise DatasetError(f"{path}, line {line}: label {value!r} is not a number") from None


def _hateval(path: Path, _: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    for line, row in delimited(path, "\t"):
        yield _field(row, path, line, "text"), _whole(_field(row, path, line, "hs"), path, line)


def _davidson(path: Path, _: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    for line, row in delimited(path, ","):  # class: 0 hate speech, 1 offensive, 2 neither
        yield _field(row, path, line, "tweet"), int(_whole(_field(row, path, line, "class"), path, line) == 0)


def _ethos(path: Path, _: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    for line, row in delimited(path, ";"):  # isHate: share of annotators, 0 to 1
        share = _field(row, path, line, "ishate")
        try:
            yield _field(row, path, line, "comment"), int(float(share) >= 0.5)
        except ValueError:
            raise DatasetError(f"{path}, line {line}: isHate {share!r} is not a number") from None


def _stormfront(path: Path, _: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    texts = path.parent / "all_files"
    for line, row in delimited(path, ","):  # annotations_metadata.csv beside the folder all_files
        label = _field(row, path, line, "label")
        if label in ("hate", "noHate"):
            file = texts / f"{Path(_field(row, path, line, 'file_id')).name}.txt"
            try:
                yield file.read_text("utf-8"), int(label == "hate")
            except OSError:
                raise DatasetError(f"{path}, line {line}: its text {file} is missing") from None


def _hatexplain(path: Path, _: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    try:
        posts = json.loads(path.read_text("utf-8"))
        for post in posts.values():
            votes = [annotator["label"] for annotator in post["annotators"]]
            yield " ".join(post["post_tokens"]), int(votes.count("hatespeech") * 2 > len(votes))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path} is not the HateXplain dataset.json: {error}") from None


def _generic(path: Path, labels: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    for line, row in rows_of(path) if path.suffix.lower() in _NAMED else delimited(path, ","):
        text, label = _field(row, path, line, "text"), _field(row, path, line, "label")
        mapped = labels.get(label, {"0": 0, "1": 1}.get(label))
        if mapped is None:
            raise DatasetError(f"{path}, line {line}: label {label!r} is not in the label map (--map {label}=0 or =1)")
        yield text, mapped


FORMATS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            "hateval", "HatEval 2019 (SemEval task 5), TSV", "for research on request; no redistribution", _hateval
        ),
        Dataset("davidson", "Davidson et al. 2017, labeled_data.csv", "MIT", _davidson),
        Dataset("ethos", "ETHOS binary, CSV", "GPL-3.0", _ethos),
        Dataset("stormfront", "de Gibert et al. 2018, annotations_metadata.csv", "CC BY-SA 3.0", _stormfront),
        Dataset("hatexplain", "HateXplain, dataset.json", "MIT", _hatexplain),
        Dataset("generic", "CSV, TSV or JSON lines with text and label", "yours to check", _generic),
    )
}


def import_dataset(path: Path, name: str, *, labels: Mapping[str, int] | None = None) -> list[Example]:
    """Read a dataset as examples of low weight. Ask the user to accept ``FORMATS[name].licence`` before.

    Raises DatasetError for an unknown format, an unreadable file, a row without label, or a set kept for testing.
    """
    if name not in FORMATS:
        raise DatasetError(f"unknown dataset format {name!r}; known are {', '.join(FORMATS)}")
    if "hatecheck" in str(path.name).lower() or _is_hatecheck(path):
        raise DatasetError(
            f"{path} is HateCheck, a set made for testing: it is never trained on, use `classifier evaluate`"
        )
    try:
        pairs = list(FORMATS[name].read(path, labels or {}))
    except UnicodeDecodeError:
        raise DatasetError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from None
    except TableError as error:
        raise DatasetError(str(error)) from None
    if not pairs:
        raise DatasetError(f"{path} has no rows")
    return [Example(text, label, (), LOW_WEIGHT, "", f"dataset/{name}") for text, label in pairs]


def _is_hatecheck(path: Path) -> bool:
    """HateCheck's columns give it away under any name."""
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            head = stream.readline(4_000).lower()
    except OSError:
        return False
    return "functionality" in head and ("label_gold" in head or "test_case" in head)
