"""Classifier versions made by hand, so that few tests need to train one."""

from dataclasses import replace

import numpy as np

import classifier
from classifier import Thresholds, Trained
from classifier.training import TEST_CUE
from classifier.weights import Block
from monitor.learning import promotion

_KEPT = 2000


def weights(name: str, *, shift: float = 0.0, blank: bool = False, thresholds: Thresholds | None = None):
    """A part of the bundled weights, renamed; ``shift`` moves all decisions, ``blank`` forgets all but the bias."""
    found = classifier.load().weights
    factor = 0.0 if blank else 1.0

    def part(block):
        size = 1 if blank else _KEPT
        return Block(block.names[:size], block.idf[:size], block.weights[:size] * factor)

    def with_test_cue(block):
        """The same with the cue of the test sentence, without which no version can be loaded."""
        row = found.cue.index[TEST_CUE[0]]
        names, idf = (*block.names, TEST_CUE[0]), np.append(block.idf, 1.0)
        return Block(names, idf, np.concatenate([block.weights, found.cue.weights[[row]]]))

    cue = part(found.cue)
    bias = found.bias.copy()
    bias[0] += shift
    return replace(
        found,
        word=part(found.word),
        char=part(found.char),
        cue=cue if TEST_CUE[0] in cue.index else with_test_cue(cue),
        bias=bias,
        thresholds=thresholds or found.thresholds,
        about={**found.about, "made": name},
    )


def trained(name: str, **changes) -> Trained:
    return Trained(weights(name, **changes), np.zeros((0, 18)), ())


def keep(db, config, name: str, *, now, figures=None, **changes):
    """A candidate in the database."""
    made = trained(name, **changes)
    return promotion.keep_candidate(db, config, made, by="test", now=now, reason=f"made: {name}", figures=figures)
