"""A simulated season: reviewers answer 25 to 200 posts; what the classifier gains, by the order they are offered in.

    python bench/retrain.py posts.jsonl [--orders uncertainty top random] [--steps 25 50 100 200]
        [--seeds 1 2 3]

``posts.jsonl``: labelled posts (text, label, perhaps kind, themes, disputed), one a line, that no corpus holds. Half of
them are the year's posts, the other half measures. Labels go through the product's own rules (groups, caps, weights).
"""

import argparse
import json
import random
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import classifier
from classifier.evaluation import f1_of
from monitor.config import LearningConfig
from monitor.learning.labels import Label
from monitor.retrain import training_set
from monitor.review.selection import Candidate, choose

REASON_OF_KIND = {"illegal_other": "other_illegal", "alien_other": "other_alien"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--orders", nargs="+", default=["uncertainty", "top", "random"])
    parser.add_argument("--steps", nargs="+", type=int, default=[25, 50, 100, 200])
    parser.add_argument("--seeds", "--seed", nargs="+", type=int, default=[1], help="one random division in two each")
    options = parser.parse_args()
    if options.file is None or not options.file.is_file():
        print("Skipped: no labelled posts. Give a JSONL file with text and label.")
        return
    rows = [json.loads(line) for line in options.file.read_text("utf-8").splitlines() if line.strip()]
    rows = [row for row in rows if not row.get("disputed")]
    start = classifier.load()
    print(f"{len(rows)} posts, half to review and half to measure, from {start.version}")
    print(f"{'order':12} {'seed':>5} {'reviews':>7} {'F1':>6} {'AP':>6} {'R@P90':>6} {'best F1':>7} {'seconds':>7}")
    found = defaultdict(list)
    for seed in options.seeds:
        for order in options.orders:
            for reviews, figures in season(rows, start, order, options.steps, seed):
                found[order, reviews].append(figures)
    if len(options.seeds) > 1:
        print("\nMean over the seeds, and the least gain in F1 over the start:")
        for (order, reviews), given in found.items():
            f1, ap, r90, best = np.array(given).mean(axis=0)
            gain = min(now[0] - was[0] for now, was in zip(given, found[order, 0], strict=True))
            print(f"{order:12} {'mean':>5} {reviews:7} {f1:6.3f} {ap:6.3f} {r90:6.3f} {best:7.3f} {gain:+.3f}")


def season(rows, start, order, steps, seed):
    """One year in one order: (reviews, figures) before the first review and after each step."""
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    year, measure = shuffled[::2], shuffled[1::2]
    corpus = classifier.load_corpus()
    current, reviewed = start, []
    yield 0, show(order, seed, 0, start, measure, 0.0)
    for step in steps:
        left = [n for n in range(len(year)) if n not in reviewed]
        reviewed += offered(order, current, year, left, reviewed, step - len(reviewed), seed)
        began = time.monotonic()
        answers = [label_of(year[n], n) for n in reviewed]
        current = classifier.train(training_set(corpus, answers, LearningConfig())).classifier()
        yield step, show(order, seed, len(reviewed), current, measure, time.monotonic() - began)


def offered(order, current, year, left, reviewed, size, seed):
    """The next ``size`` posts to review, by their numbers."""
    probabilities = current.probabilities([year[n]["text"] for n in left])
    candidates = [Candidate(n, year[n]["text"], float(p)) for n, p in zip(left, probabilities, strict=True)]
    if order == "random":
        return random.Random(seed).sample(left, min(size, len(left)))
    if order == "top":
        return [c.post_id for c in sorted(candidates, key=lambda c: -c.probability)[:size]]
    decided = [year[n]["text"] for n in reviewed]
    return [pick.post_id for pick in choose(candidates, current.thresholds.queue, size=size, decided=decided)]


def label_of(row, number):
    kind = row.get("kind", "")
    reason = "" if row["label"] else REASON_OF_KIND.get(kind, kind if kind in classifier.REASONS else "")
    themes = tuple(theme for theme in row.get("themes") or [kind] if theme in classifier.THEMES) if row["label"] else ()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Label(row["text"], row["label"], themes, reason, 1.0, (f"reviewer {number % 3}",), at, post_id=number + 1)


def show(order, seed, reviews, current, measure, seconds):
    rows = [classifier.Row(row["text"], row["label"], id=str(row.get("id", ""))) for row in measure]
    report = classifier.evaluate(current, rows, resamples=0)
    probability = current.probabilities([row.text for row in rows])
    label = np.array([row.label for row in rows])
    best = max(f1_of(probability >= limit, label) or 0.0 for limit in np.unique(probability))
    r90, ap = report.figure("recall_at_p90"), report.average_precision
    print(
        f"{order:12} {seed:5} {reviews:7} {report.f1:6.3f} {ap:6.3f} {r90:6.3f} {best:7.3f} {seconds:7.1f}", flush=True
    )
    return report.f1, ap, r90, best


if __name__ == "__main__":
    main()
