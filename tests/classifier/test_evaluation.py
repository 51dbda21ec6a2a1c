import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

import classifier
from classifier import Row
from classifier.evaluation import average_precision, recall_at_precision
from classifier.report import as_html, as_json, as_markdown, as_terminal
from classifier.thresholds import precision_at, wilson

ROWS = [
    Row("The illegals are invading, deport them all!", 1, ("illegals", "invasion"), kind="illegals", subset="tweets"),
    Row("Deport the criminal illegal aliens, they are animals.", 1, ("dehumanizing",), kind="dehumanizing"),
    Row("K9 Rex found a boy near <script>alert(1)</script> creek.", 0, kind="ordinary", subset="release"),
    Row("The bake sale is on Saturday.", 0, kind="ordinary"),
    Row("The budget for the detention contract was approved.", 0, kind="policy"),
] * 4


def test_average_precision_is_scikit_learns():
    random = np.random.default_rng(1)
    label, probability = random.integers(0, 2, 200), random.random(200).round(2)
    assert average_precision(probability, label) == pytest.approx(average_precision_score(label, probability))


def test_recall_at_a_precision_is_the_largest_that_keeps_it():
    probability, label = np.array([0.9, 0.8, 0.7, 0.6]), np.array([1, 1, 0, 1])
    assert recall_at_precision(probability, label, 0.9) == pytest.approx(2 / 3)


def test_precision_falls_with_prevalence():
    assert precision_at(0.8, 0.005, 0.01) == pytest.approx(0.618, abs=1e-3)
    assert wilson(0, 100)[1] == pytest.approx(0.037, abs=1e-3)


def test_a_report_has_every_figure_and_every_form(bundled):
    report = classifier.evaluate(bundled, ROWS, resamples=20)
    assert report.rows == 20
    assert report.figures["f1"].low <= report.f1 <= report.figures["f1"].high
    assert {group.name for group in report.groups["kind"]} == {"illegals", "dehumanizing", "ordinary", "policy"}
    assert [line.prevalence for line in report.prevalences] == [0.005, 0.01, 0.05]
    assert json.loads(as_json(report))["version"] == bundled.version
    assert "| F1 |" in as_markdown(report)
    page = as_html(report)
    assert "<svg" in page
    assert "<script" not in page
    assert as_terminal(report).renderables


def test_an_evaluation_without_matches_says_so_instead_of_a_figure(bundled):
    report = classifier.evaluate(bundled, [row for row in ROWS if not row.label], resamples=5)
    assert report.figures["average_precision"].value is None
