import io
import json
import pickle
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io

import classifier
from classifier import ArtifactError
from classifier.artifact import BUNDLED
from classifier.examples import digest
from classifier.training import train

GOOD = next(BUNDLED.glob("*.skops"))


class Trap:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


@cache
def _members() -> dict[str, bytes]:
    with zipfile.ZipFile(GOOD) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zip(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def _schema(change) -> bytes:
    members = _members()
    schema = json.loads(members["schema.json"])
    change(schema)
    return _zip({**members, "schema.json": json.dumps(schema).encode()})


def _array(array) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def _with_bias(array) -> bytes:
    members = _members()
    file = json.loads(members["schema.json"])["content"]["bias"]["file"]
    return _zip({**members, file: _array(array)})


def _joblib() -> bytes:
    out = io.BytesIO()
    joblib.dump(Trap(), out)
    return out.getvalue()


def _foreign_class(schema):
    schema["content"]["bias"].update(__module__="os", __class__="system", __loader__="ObjectNode")


def _wrong_classes(schema):
    about = json.loads(json.loads(schema["content"]["about"]["content"]))
    about["columns"][1] = "weather"
    schema["content"]["about"]["content"] = json.dumps(json.dumps(about))


def _hostile_term(schema):
    about = json.loads(json.loads(schema["content"]["about"]["content"]))
    about["cues"]["expel"] = ["(" * 200]
    schema["content"]["about"]["content"] = json.dumps(json.dumps(about))


HOSTILE = {
    "pickle": lambda: pickle.dumps(Trap()),
    "joblib": _joblib,
    "skops with another class": lambda: _schema(_foreign_class),
    "skops of an unknown object": lambda: skops.io.dumps({"about": Path}),
    "pickled array": lambda: _with_bias(np.array([Trap()], dtype=object)),
    "zip bomb": lambda: _zip({**_members(), "99.npy": b"\0" * 400_000_000}),
    "path in zip": lambda: _zip({**_members(), "../../evil.npy": b"x"}),
    "NaN weights": lambda: _with_bias(np.full(18, np.nan, dtype=np.float32)),
    "wrong classes": lambda: _schema(_wrong_classes),
    "wrong shape": lambda: _with_bias(np.zeros(3, dtype=np.float32)),
    "term that is no pattern": lambda: _schema(_hostile_term),
    "cut short": lambda: GOOD.read_bytes()[:-2000],
    "empty": lambda: b"",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_or_damaged_artifact_is_refused_and_nothing_runs(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "version.skops"
    path.write_bytes(HOSTILE[kind]())
    with pytest.raises(ArtifactError, match=r"version\.skops"):
        classifier.load(path)
    assert not (tmp_path / "executed").exists()


def test_another_sha256_is_refused():
    with pytest.raises(ArtifactError, match="SHA-256"):
        classifier.load(GOOD, sha256="0" * 64)


def test_a_version_that_would_not_alert_on_the_test_sentence_is_refused(tmp_path):
    def without_share(schema):
        about = json.loads(json.loads(schema["content"]["about"]["content"]))
        about["cues"]["test_sentence"] = ["a word that is not in it"]
        schema["content"]["about"]["content"] = json.dumps(json.dumps(about))

    path = tmp_path / "version.skops"
    path.write_bytes(_schema(without_share))
    with pytest.raises(ArtifactError, match="test sentence"):
        classifier.load(path)


def test_skops_itself_finds_nothing_untrusted_in_the_bundled_artifact():
    assert skops.io.get_untrusted_types(file=GOOD) == []
    assert "bias" in skops.io.load(GOOD, trusted=[])


def test_the_same_examples_give_the_same_bytes_and_a_version_that_loads_as_trained(small, tmp_path):
    again = train(small.examples)
    first, second = classifier.save(small, tmp_path / "a"), classifier.save(again, tmp_path / "b")
    assert first.sha256 == second.sha256
    loaded = classifier.load(first.path, first.sha256)
    assert loaded.version == first.version
    text = "The illegals are invading our county, deport them all."
    assert loaded.score([text])[0].decision == pytest.approx(small.classifier().score([text])[0].decision, abs=1e-5)


def test_loading_imports_neither_scikit_learn_nor_skops():
    code = (
        "import classifier, sys; c = classifier.load(); c.score(['illegals']); "
        "sys.exit(any(m in sys.modules for m in ('sklearn', 'skops', 'scipy', 'joblib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_bundled_artifact_was_trained_on_the_corpus_as_it_is(bundled):
    assert bundled.weights.about["corpus"] == digest(classifier.load_corpus())


@pytest.mark.slow
def test_training_on_the_corpus_gives_the_bundled_artifact(bundled):
    trained = classifier.train(classifier.load_corpus())
    assert trained.weights.word.names == bundled.weights.word.names
    np.testing.assert_allclose(trained.weights.word.weights, bundled.weights.word.weights, atol=1e-3)
    np.testing.assert_allclose(trained.weights.char.weights, bundled.weights.char.weights, atol=1e-3)
    assert trained.weights.thresholds.queue == pytest.approx(bundled.thresholds.queue, abs=1e-2)


def test_the_bundled_version_is_named_without_loading_it(bundled):
    assert classifier.bundled_version() == bundled.version
