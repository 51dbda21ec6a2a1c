"""A version as one file: skops, written canonically, read strictly.

The file is what ``skops.io.load(file, trusted=[])`` accepts: a dict of strings and float arrays, no object of any
class. It is read here without skops or scikit-learn, by a reader that knows exactly these three kinds of node, so a
load takes milliseconds and a hostile file finds nothing to call.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from classifier.features import Scales
from classifier.pipeline import Classifier
from classifier.semantic import SemanticError
from classifier.terms import TermError, check_cue
from classifier.values import TEST_SENTENCE, Thresholds
from classifier.weights import COLUMNS, FITTED, MATCH, SERIES, Block, Embedding, Floats, Weights

if TYPE_CHECKING:
    from classifier.training import Trained

BUNDLED = Path(__file__).with_name("artifact")
FORMAT = 1
_SUFFIX = ".skops"
_LARGEST_FILE = 50_000_000
_LARGEST_CONTENT = 300_000_000
_MOST_MEMBERS = 64
_EPOCH = (2000, 1, 1, 0, 0, 0)
_WEIGHTS = ("word_weights", "char_weights", "cue_weights", "bias")
_ARRAYS = ("word_idf", "char_idf", *_WEIGHTS)
_NAMES = ("word_names", "char_names", "cue_names")


class ArtifactError(ValueError):
    """An artifact that is damaged, of another format, or not what its SHA-256 says. Nothing of it was executed."""


class ArtifactInfo(NamedTuple):
    """Where a saved version lies and what it is."""

    path: Path
    sha256: str
    version: str


def save(trained: Trained | Weights, folder: Path) -> ArtifactInfo:
    """Write the version into ``folder`` under its own name. The same weights give the same bytes."""
    weights = trained if isinstance(trained, Weights) else trained.weights
    content = _pack(weights)
    sha256 = hashlib.sha256(content).hexdigest()
    version = _version(weights, sha256)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{version}{_SUFFIX}"
    partial = path.with_suffix(".partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError:  # as on a full disk, of which the part that was written takes what is left
        partial.unlink(missing_ok=True)
        raise
    return ArtifactInfo(path, sha256, version)


def load(path: Path | None = None, sha256: str | None = None) -> Classifier:
    """Load a version; None is the one that comes with the program.

    Raises ArtifactError, one sentence that names the file, for whatever is not a sound artifact.
    """
    if path is None:
        path, sha256 = _bundled()
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ArtifactError(f"{path} is larger than {_LARGEST_FILE // 1_000_000} MB, no classifier artifact is")
        content = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}") from None
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256:
        raise ArtifactError(f"{path} is not the file it should be: its SHA-256 is {found}, expected {sha256}")
    try:
        weights = _unpack(content)
    except ArtifactError as error:
        raise ArtifactError(f"{path} is not a sound classifier artifact: {error}") from None
    try:
        classifier = Classifier(weights, _version(weights, found), found)
    except SemanticError as error:
        raise ArtifactError(f"{path} cannot be used: {error}") from None
    if classifier.probabilities([TEST_SENTENCE])[0] < classifier.thresholds.alert:
        raise ArtifactError(f"{path} would not alert on the test sentence, so alerts could not be tested; train again")
    return classifier


def bundled_version() -> str:
    """Return the name of the version that comes with the program, without loading it. Raises ArtifactError."""
    return _bundled()[0].stem


def _bundled() -> tuple[Path, str]:
    """Return the bundled artifact and the SHA-256 noted beside it (``sha256sum`` format)."""
    note = BUNDLED / "SHA256"
    try:
        sha256, name = note.read_text("ascii").split()
    except (OSError, ValueError, UnicodeDecodeError):
        raise ArtifactError(f"{note} is missing or damaged; install the program again") from None
    return BUNDLED / name, sha256


def bundle(trained: Trained | Weights, folder: Path = BUNDLED) -> ArtifactInfo:
    """Make the version the one that comes with the program: save it and note its SHA-256 beside it."""
    for old in folder.glob(f"*{_SUFFIX}"):
        old.unlink()
    info = save(trained, folder)
    (folder / "SHA256").write_text(f"{info.sha256}  {info.path.name}\n", "ascii")
    return info


def _version(weights: Weights, sha256: str) -> str:
    return f"{weights.about.get('series', SERIES)}-{sha256[:8]}"


# --- writing --------------------------------------------------------------------------------------------------------


def _pack(weights: Weights) -> bytes:
    import skops.io

    content = {
        "about": json.dumps(
            {
                "format": FORMAT,
                "columns": FITTED,
                "scales": asdict(weights.scales),
                "calibration": weights.calibration,
                "thresholds": asdict(weights.thresholds),
                "theme_thresholds": dict(weights.theme_thresholds),
                "cues": {name: list(terms) for name, terms in weights.cues.items()},
                "plain_words": list(weights.plain_words),
                "about": dict(weights.about),
            },
            ensure_ascii=True,
        ),
        "word_names": json.dumps(weights.word.names, ensure_ascii=True),
        "char_names": json.dumps(weights.char.names, ensure_ascii=True),
        "cue_names": json.dumps(weights.cue.names, ensure_ascii=True),
        "word_idf": weights.word.idf.astype(np.float32),
        "word_weights": weights.word.weights.astype(np.float32),
        "char_idf": weights.char.idf.astype(np.float32),
        "char_weights": weights.char.weights.astype(np.float32),
        "cue_weights": weights.cue.weights.astype(np.float32),
        "bias": weights.bias.astype(np.float32),
    }
    if weights.embedding is not None:
        content |= {
            "embedding_encoder": weights.embedding.encoder,
            "embedding_mean": weights.embedding.mean.astype(np.float32),
            "embedding_weights": weights.embedding.weights.astype(np.float32),
        }
    return _canonical(skops.io.dumps(content))


def _canonical(content: bytes) -> bytes:
    """Rewrite a skops file without what differs from run to run: object ids, member order, times, versions."""
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        members = {name: source.read(name) for name in source.namelist()}
    schema = json.loads(members.pop("schema.json"))
    renamed: dict[str, str] = {}

    def tidy(node: Any) -> Any:
        if isinstance(node, list):
            return [tidy(item) for item in node]
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("file"), str):
            node = {**node, "file": renamed.setdefault(node["file"], f"{len(renamed)}.npy")}
        return {key: tidy(value) for key, value in node.items() if key != "__id__"}

    schema = tidy(schema)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        texts = {"schema.json": json.dumps(schema, sort_keys=True).encode()}
        for name, data in sorted({**texts, **{renamed[old]: members[old] for old in renamed}}.items()):
            target.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


# --- reading --------------------------------------------------------------------------------------------------------


def _unpack(content: bytes) -> Weights:
    try:
        values = _read(content)
        about = json.loads(values["about"])
        if about["format"] != FORMAT:
            raise ArtifactError(f"format {about['format']}, this program reads format {FORMAT}")
        if tuple(about["columns"]) == COLUMNS:  # versions of before the match was fitted twice
            for name in _WEIGHTS:
                values[name] = np.concatenate([values[name], values[name][..., MATCH : MATCH + 1]], axis=-1)
        elif tuple(about["columns"]) != FITTED:
            raise ArtifactError("it predicts other themes or reasons than the codebook's")
        names = {name: _names(values[name], name) for name in _NAMES}
        for cue, terms in about["cues"].items():
            check_cue(f"cue [{cue}]", cue, {"terms": terms})
        return Weights(
            word=Block(names["word_names"], values["word_idf"], values["word_weights"]),
            char=Block(names["char_names"], values["char_idf"], values["char_weights"]),
            cue=Block(names["cue_names"], np.ones(len(names["cue_names"])), values["cue_weights"]),
            bias=values["bias"],
            scales=Scales(**{key: float(value) for key, value in about["scales"].items()}),
            calibration=(float(about["calibration"][0]), float(about["calibration"][1])),
            thresholds=Thresholds(**{key: float(value) for key, value in about["thresholds"].items()}),
            theme_thresholds={theme: float(limit) for theme, limit in about["theme_thresholds"].items()},
            cues={name: tuple(terms) for name, terms in about["cues"].items()},
            plain_words=tuple(map(str, about["plain_words"])),
            about=dict(about["about"]),
            embedding=_embedding(values),
        )
    except ArtifactError:
        raise
    except KeyError as error:
        raise ArtifactError(f"it lacks {error}") from None
    except (ValueError, TypeError, AttributeError, IndexError, RecursionError, TermError) as error:
        raise ArtifactError(str(error)[:200]) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, MemoryError) as error:
        raise ArtifactError(f"damaged file ({error})") from None


def _embedding(values: dict[str, Any]) -> Embedding | None:
    if "embedding_encoder" not in values:
        return None
    return Embedding(str(values["embedding_encoder"]), values["embedding_mean"], values["embedding_weights"])


def _names(text: str, what: str) -> tuple[str, ...]:
    names = json.loads(text)
    if not isinstance(names, list) or set(map(type, names)) - {str}:
        raise ArtifactError(f"{what} is not a list of words")
    if len(set(names)) != len(names):
        raise ArtifactError(f"{what} has a word twice")
    return tuple(names)


def _read(content: bytes) -> dict[str, Any]:
    """Return the dict a skops file holds, allowing only str and float32 array nodes."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if len(members) > _MOST_MEMBERS:
            raise ArtifactError(f"{len(members)} members, an artifact has at most {_MOST_MEMBERS}")
        # The sizes are claims; reading stops at them, so that a bomb cannot unpack to more.
        if sum(info.file_size for info in members.values()) > _LARGEST_CONTENT:
            raise ArtifactError("it would unpack to more than an artifact can be")
        unknown = [name for name in members if not re.fullmatch(r"schema\.json|\d{1,3}\.npy", name)]
        if unknown:
            raise ArtifactError(f"it holds a file {unknown[0]!r}, which no artifact does")
        if "schema.json" not in members:
            raise ArtifactError("it has no schema.json")
        schema = json.loads(_member(archive, members["schema.json"]))
        if schema["__module__"] != "builtins" or schema["__class__"] != "dict" or schema["__loader__"] != "DictNode":
            raise ArtifactError(f"it holds a {schema['__module__']}.{schema['__class__']}, which is not trusted")
        values: dict[str, Any] = {}
        for key, node in schema["content"].items():
            values[key] = _node(archive, members, node, key)
        for key in (*_ARRAYS, *_NAMES, "about"):
            if not isinstance(values[key], np.ndarray if key in _ARRAYS else str):
                raise ArtifactError(f"{key} is not of the kind it must be")
        return values


def _node(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], node: Any, key: str) -> Any:
    kind = (node["__module__"], node["__class__"], node["__loader__"])
    if kind == ("builtins", "str", "JsonNode"):
        text = json.loads(node["content"])
        if not isinstance(text, str):
            raise ArtifactError(f"{key} is not a text")
        return text
    if kind == ("numpy", "ndarray", "NdArrayNode") and node["type"] == "numpy":
        return _array(_member(archive, members[node["file"]]), key)
    raise ArtifactError(f"it holds a {kind[0]}.{kind[1]}, which is not trusted")


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with archive.open(info) as stream:
        data = stream.read(info.file_size + 1)
    if len(data) != info.file_size:
        raise ArtifactError(f"{info.filename} is not as long as it claims")
    return data


def _array(data: bytes, key: str) -> Floats:
    array = np.load(io.BytesIO(data), allow_pickle=False)
    if not isinstance(array, np.ndarray) or array.dtype != np.float32 or array.ndim > 2:
        raise ArtifactError(f"{key} is not an array of float32")
    if not np.isfinite(array).all():
        raise ArtifactError(f"{key} holds numbers that are not finite")
    return array.astype(np.float64)
