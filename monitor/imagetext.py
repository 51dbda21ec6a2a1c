"""Reading the words in a picture, offline, where the extra ``ocr`` is installed."""

import importlib.util
import threading
from functools import lru_cache
from typing import Any

_ENGINE_LOCK = threading.Lock()
LEAST_SURE = 0.5
"""Lines that the reader is less sure of are left out."""
MOST_LINES = 300


def available() -> bool:
    """Whether pictures can be read on this installation."""
    return importlib.util.find_spec("rapidocr_onnxruntime") is not None


def read(picture: bytes) -> str:
    """The words in a picture, a line of the picture a line; empty where there are none, or the extra is missing.

    Takes a second or so on one core, and nothing leaves the machine: the weights are part of the package.
    """
    if not available():
        return ""
    with _ENGINE_LOCK:  # the engine keeps state between its stages
        lines, _ = _engine()(picture)
    return "\n".join(str(text) for _, text, sure in (lines or [])[:MOST_LINES] if float(sure) >= LEAST_SURE)


@lru_cache(maxsize=1)
def _engine() -> Any:
    from rapidocr_onnxruntime import RapidOCR

    return RapidOCR()
