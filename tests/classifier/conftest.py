"""One small training for the whole run, and the version that comes with the program."""

import pytest

import classifier
from classifier import Classifier, Trained


@pytest.fixture(scope="session")
def bundled() -> Classifier:
    return classifier.load()


@pytest.fixture(scope="session")
def small() -> Trained:
    corpus = classifier.load_corpus()
    return classifier.train(
        [*corpus[:40], *corpus[-60:], *(row for row in corpus if row.label == 0)][:220:2] + corpus[:80]
    )
