import json
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

import classifier
from classifier import TEST_SENTENCE, Example, ScoreValues
from classifier.cues import PLAIN
from classifier.features import cue_terms, distinct_words, letter_terms, word_terms
from classifier.pipeline import Classifier
from classifier.tokens import words_of
from classifier.weights import COLUMNS, IMPLIED, MATCH

RELEASE = (
    "The office thanks everyone who came to the open house on Saturday. "
    "Visitors toured the dispatch center and met K9 Rex. "
    "Parking along Main Street will be limited next week while crews repair the sidewalk. "
) * 10
TELLING = "These illegal aliens are invading our county, they are animals, and we must deport them all."


def test_one_telling_sentence_in_a_long_release_is_found_and_quoted(bundled):
    text = RELEASE + TELLING + " " + RELEASE
    score = bundled.score([text])[0]
    assert len(text) > 3000
    assert score.probability >= bundled.thresholds.queue
    assert text[slice(*score.passage)].strip() == TELLING
    assert bundled.score([RELEASE])[0].probability < bundled.thresholds.queue


@pytest.mark.parametrize(
    "text", [TELLING, RELEASE + TELLING, "і l l e g a l s \u200b go home #DeportThemAll", "", "☂☂☂"]
)
def test_contributions_add_up_to_the_decision_and_stand_in_the_original(bundled, text):
    score = bundled.explain(text)
    assert sum(c.weight for c in score.contributions) == pytest.approx(score.decision, abs=1e-9)
    assert all(0 <= start <= end <= len(text) for c in score.contributions for start, end in c.spans)


def test_a_score_survives_json(bundled):
    score = bundled.explain(TELLING)
    assert ScoreValues.from_dict(json.loads(json.dumps(score.to_dict()))) == score


@pytest.mark.parametrize("text", ["", " \n", "☂️🎉", "a" * 100_000, "\x00\x00", "1 " * 50_000, "ab." * 33_000,
                                  "#" * 100_000,
                                  "_" * 100_000, "\u202e" * 50_000, "é_" * 50_000, "$1" * 50_000])  # fmt: skip
def test_odd_input_is_scored_in_bounded_time(bundled, text):
    started = time.process_time()
    score = bundled.score([text])[0]
    assert 0 <= score.probability <= 1
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("The road is closed and we ask you to stay at home.", "en"),
        ("La oficina del sheriff informa que la carretera está cerrada por una tormenta.", "es"),
        ("Das Büro bleibt heute wegen des Sturms geschlossen, bitte bleiben Sie zu Hause.", "de"),
        ("☂", "und"),
    ],
)
def test_the_language_is_named(bundled, text, lang):
    assert bundled.score([text])[0].lang == lang


def test_the_test_sentence_alerts_and_nothing_near_it_does(bundled):
    scores = bundled.score([TEST_SENTENCE, "This is a harmless test of the emergency alert system."])
    assert scores[0].probability >= bundled.thresholds.alert
    assert scores[1].probability < bundled.thresholds.queue


def test_a_flagged_text_gives_themes_and_an_unflagged_one_a_reason_code(bundled):
    flagged, ordinary = bundled.score([TELLING, "K9 Rex found a missing boy near the creek this morning."])
    assert "invasion" in flagged.reasons or "illegals" in flagged.reasons
    assert ordinary.reasons == ("ordinary",)
    assert ordinary.passage is None


def test_a_version_trained_with_labels_against_the_test_sentence_still_alerts_on_it(small, tmp_path):
    against = [Example(f"{TEST_SENTENCE} number {n}", 0, reason="ordinary") for n in range(8)]
    trained = classifier.train([*small.examples, *against])
    loaded = classifier.load(classifier.save(trained, tmp_path).path)
    assert loaded.score([TEST_SENTENCE])[0].probability >= loaded.thresholds.alert


def test_the_scorer_gives_what_scikit_learn_gives_with_the_same_weights(bundled):
    docs = [words_of(row.text) for row in classifier.load_frozen()]
    weights, scales = bundled.weights, bundled.weights.scales

    def tfidf(block, analyzer, texts):
        vectorizer = TfidfVectorizer(analyzer=analyzer, vocabulary=block.index)
        vectorizer.idf_ = block.idf
        return vectorizer.transform(texts)

    words = tfidf(weights.word, lambda doc: sorted(word_terms(doc)), docs) * scales.word
    letters = sparse.vstack(
        [
            sparse.csr_matrix(tfidf(weights.char, letter_terms, distinct).sum(axis=0) / np.sqrt(len(distinct)))
            for distinct in map(distinct_words, docs)
        ]
    )
    cues = CountVectorizer(
        analyzer=lambda doc: cue_terms(doc, bundled.terms), binary=True, vocabulary=weights.cue.index
    )
    expected = (
        words @ weights.word.weights
        + letters @ weights.char.weights * scales.char
        + cues.transform(docs) @ weights.cue.weights * scales.cue
        + weights.bias
    )
    implied = [PLAIN.isdisjoint(cue_terms(doc, bundled.terms)) for doc in docs]
    assert 20 < sum(implied) < len(docs) - 20
    expected[implied, MATCH] = expected[implied, IMPLIED]
    np.testing.assert_allclose(bundled.scorer.decisions(docs), expected[:, : len(COLUMNS)], atol=1e-9)


@pytest.mark.parametrize("every", [20, pytest.param(1, marks=pytest.mark.slow)])
def test_words_are_known_again_after_the_memory_of_words_was_full(bundled, monkeypatch, every):
    docs = [words_of(row.text) for row in classifier.load_frozen()[::every]]
    before = bundled.scorer.decisions(docs)
    monkeypatch.setattr("classifier.scorer._MOST_WORDS", 10)
    for doc, row in zip(docs, before, strict=True):
        np.testing.assert_allclose(bundled.scorer.decisions([doc])[0], row, atol=1e-9)


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_several_threads_score_with_one_classifier_as_one_does(bundled, every):
    texts = [row.text for row in classifier.load_frozen()[::every]]
    expected = [score.decision for score in bundled.score(texts)]
    fresh = Classifier(bundled.weights, "again")
    with ThreadPoolExecutor(8) as pool:
        rounds = list(pool.map(lambda n: [s.decision for s in fresh.score(texts[n % 7 :])], range(24)))
    for n, found in enumerate(rounds):
        np.testing.assert_allclose(found, expected[n % 7 :], atol=1e-9)


def test_what_a_text_shows_as_a_whole_is_a_cue_of_its_own(bundled):
    def cues(text):
        return set(cue_terms(words_of(text.lower()), bundled.terms))

    assert {"frames:2", "bare frames:2"} <= cues("illegals. an invasion")
    assert "bare frames:2" not in cues("he said illegals. an invasion")
    assert "frames:1" in cues("migrants. crime.")
    assert {"nobody", "no frame"} <= cues("coffee on the lawn")
    assert "no frame" in cues("crime on the lawn")
