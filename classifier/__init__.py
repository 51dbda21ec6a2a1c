"""Text in, score out. Imports nothing else of this program, no database, no network.

The names below are loaded when first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from classifier.artifact import ArtifactError, ArtifactInfo, bundled_version, load, save
    from classifier.cues import in_words
    from classifier.evaluation import Figure, Report, evaluate
    from classifier.examples import CorpusError, Row, load_corpus, load_frozen, load_functional, read_rows
    from classifier.pipeline import Classifier
    from classifier.semantic import Encoder, SemanticError
    from classifier.terms import TermError, load_terms
    from classifier.training import Settings, Trained, TrainingError, train
    from classifier.values import (
        DISGUISE,
        REASONS,
        TEST_SENTENCE,
        THEMES,
        Contribution,
        Example,
        ScoreValues,
        Thresholds,
    )

_HOME = {
    "versioncard": ("card",),
    "datasets": ("DatasetError", "import_dataset"),
    "terms": ("TermError", "load_terms"),
    "artifact": ("ArtifactError", "ArtifactInfo", "bundled_version", "load", "save"),
    "cues": ("in_words",),
    "evaluation": ("Figure", "Report", "evaluate"),
    "examples": ("CorpusError", "Row", "load_corpus", "load_frozen", "load_functional", "read_rows"),
    "pipeline": ("Classifier",),
    "semantic": ("Encoder", "SemanticError"),
    "training": ("Settings", "Trained", "TrainingError", "train"),
    "values": (
        "DISGUISE",
        "REASONS",
        "TEST_SENTENCE",
        "THEMES",
        "Contribution",
        "Example",
        "ScoreValues",
        "Thresholds",
    ),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "DISGUISE",
    "REASONS",
    "TEST_SENTENCE",
    "THEMES",
    "ArtifactError",
    "ArtifactInfo",
    "Classifier",
    "Contribution",
    "CorpusError",
    "DatasetError",
    "Encoder",
    "Example",
    "Figure",
    "Report",
    "Row",
    "ScoreValues",
    "SemanticError",
    "Settings",
    "TermError",
    "Thresholds",
    "Trained",
    "TrainingError",
    "bundled_version",
    "card",
    "evaluate",
    "import_dataset",
    "in_words",
    "load",
    "load_corpus",
    "load_frozen",
    "load_functional",
    "load_terms",
    "read_rows",
    "save",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'classifier' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"classifier.{_MODULE_OF[name]}"), name)
    return value
