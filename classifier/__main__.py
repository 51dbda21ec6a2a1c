"""Train the bundled version from the corpus and put it in its place: ``python -m classifier``, or ``make train``."""

import classifier
from classifier.artifact import bundle

info = bundle(classifier.train(classifier.load_corpus()))
print(f"{info.path.name} is the bundled version now.")
