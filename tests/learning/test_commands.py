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
    shown = {"id", "probability", "flagged", "alert", "themes", "reasons", "lang", "passage", "disguise"}
    assert set(first) == shown
    assert (first["lang"], first["passage"], first["disguise"]) == ("en", [0, 47], [])
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


def test_an_explanation_read_by_people_marks_the_words_and_adds_up_too(sheriffwatch):
    _, out, _ = sheriffwatch("explain", "Deputies say: these illegals are an invasion.")
    assert "[illegals]" in out
    assert "Deputies say" in out
    *shares, total = (float(line.split("│")[1]) for line in out.splitlines() if line.startswith("│"))
    assert sum(shares) == pytest.approx(total, abs=0.005 * len(shares))


@pytest.mark.parametrize(("ending", "gap"), [(".csv", ","), (".tsv", "\t")])
def test_a_table_is_evaluated_like_json_lines(sheriffwatch, tmp_path, ending, gap):
    file = tmp_path / f"texts{ending}"
    rows = [
        ("Text", "label", "themes", "platform"),
        ('"Send these illegals\nback, all of them"', "1", "illegals; burden", "facebook"),
        ("Road closed", "0", "", "x"),
        ("Toy drive on Saturday", "0", "", "x"),
    ]
    file.write_text("\n".join(gap.join(row) for row in rows))
    _, out, _ = sheriffwatch("classifier", "evaluate", str(file), "--json")
    said = json.loads(out)
    assert (said["rows"], said["matches"]) == (3, 1)
    assert "facebook" in out
    assert "burden" in out


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("text,label\nRoad closed,0\nRoad open,perhaps\n", 'line 3: needs "label", 1 (match) or 0'),
        ("words,label\nRoad closed,0\n", 'line 2: needs "text"'),
        ("text,label,themes\nRoad closed,1,nonsense\n", "line 2: unknown theme 'nonsense'"),
        ('text,label\n"Two\nlines",0\nRoad open,2\n', "line 4: needs"),
    ],
)
def test_a_table_that_cannot_be_used_is_named_with_its_line(sheriffwatch, tmp_path, content, says):
    file = tmp_path / "texts.csv"
    file.write_text(content)
    code, _, err = sheriffwatch("classifier", "evaluate", str(file))
    assert code == 2
    assert f"{file}, {says}" in err


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
