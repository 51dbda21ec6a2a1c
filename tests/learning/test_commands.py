import json
import shutil

import pytest

from monitor import cli


@pytest.fixture
def sheriffwatch(tmp_path, migrated_sqlite, capsys):
    """Runs one command with a database of its own and returns (exit code, standard output, standard error)."""
    shutil.copy(migrated_sqlite, tmp_path / "sheriffwatch.db")
    file = tmp_path / "config.toml"
    file.write_text("")

    def run(*arguments):
        code = cli.run([*arguments, "--config", str(file)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_scores_come_one_line_for_each_line_and_bad_lines_are_named(sheriffwatch, tmp_path):
    file = tmp_path / "posts.jsonl"
    texts = [{"id": "a", "text": "Illegals are invaders, send these illegals back"}, {"text": "Road closed"}]
    lines = [json.dumps(texts[0]).encode(), b"nope", b'{"text": 5}', b"\xff\xfe", b"", json.dumps(texts[1]).encode()]
    file.write_bytes(b"\n".join(lines))
    code, out, err = sheriffwatch("classifier", "score", str(file))
    assert code == 1
    first, second = map(json.loads, out.splitlines())
    assert set(first) == {"id", "probability", "flagged", "alert", "themes", "reasons"}
    assert (first["id"], first["flagged"], second["id"], second["flagged"]) == ("a", True, 6, False)
    assert [line.split(": ", 1)[1] for line in err.splitlines()] == [
        "is not JSON.",
        "needs “text”, a string.",
        "is not UTF-8 text.",
    ]
    assert f"{file}, line 2: " in err


def test_an_explanation_adds_up_to_the_decision(sheriffwatch):
    code, out, _ = sheriffwatch("explain", "Four more illegals in our jail", "--json")
    said = json.loads(out)
    assert code == 0
    assert sum(item["weight"] for item in said["contributions"]) == pytest.approx(said["decision"], abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("classifier", "promote", "nope"), "There is no version “nope”"),
        (("classifier", "rollback"), "no earlier version"),
        (("classifier", "retrain"), "0 agreed labels are too few to retrain: 20 are needed"),
        (("classifier", "score", "gone.jsonl"), "gone.jsonl cannot be read"),
        (("classifier", "evaluate", "gone.jsonl"), "gone.jsonl cannot be read"),
        (("explain", "text", "--version", "nope"), "There is no version “nope”"),
        (("labels", "revert", "--by", "Eve"), "“Eve” gave no label"),
        (("labels", "trust", "Ana", "7"), "from 0 (not heard) to 1"),
        (("classifier", "import-dataset", "x.csv", "--format", "ethos"), "--accept-licence"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(sheriffwatch, arguments, says):
    code, _, err = sheriffwatch(*arguments)
    assert code in (1, 2)
    assert says in err
    assert err.count("\n") == 1


def test_the_version_on_duty_is_listed_pinned_and_unpinned(sheriffwatch):
    _, out, _ = sheriffwatch("classifier", "list", "--json")
    (row,) = json.loads(out)
    assert (row["active"], row["pinned"]) == (True, False)
    assert "pinned" in sheriffwatch("classifier", "pin")[1]
    assert json.loads(sheriffwatch("classifier", "list", "--json")[1])[0]["pinned"]
    assert "no longer pinned" in sheriffwatch("classifier", "pin", "--off")[1]


def test_metrics_say_that_nothing_was_drawn_yet(sheriffwatch):
    code, out, _ = sheriffwatch("classifier", "metrics", "--json")
    said = json.loads(out)
    assert code == 0
    assert said["audit"]["drawn"] == 0
    assert "not known" in said["audit"]["sentence"]
