"""How good a version is on the frozen set: the figures that pages show beside its name."""

from classifier import Figure, evaluate, load_frozen
from models.classifier import ClassifierVersion
from monitor.config import Config
from monitor.learning.promotion import at_thresholds
from monitor.versions import load


def on_frozen_set(row: ClassifierVersion, config: Config) -> dict[str, Figure]:
    """Precision, recall, F1 and the rest with their 95 % intervals, at the thresholds in force. Takes a second.

    Raises SheriffwatchError when the version's artifact cannot be loaded.
    """
    loaded = load(row, config)
    return evaluate(
        at_thresholds(loaded.classifier, loaded.queue_threshold, loaded.alert_threshold), load_frozen()
    ).figures
