import json

import pytest

from monitor.config import LearningConfig
from monitor.errors import UsageError
from monitor.learning import exchange, labelexport, labels
from monitor.learning.labelexport import Format


def written(tmp_path, text, name="labels.jsonl"):
    file = tmp_path / name
    file.write_text(text, "utf-8")
    return file


def taken(db, file, now, **options):
    return exchange.take(db, exchange.read(file, **options), source=file.name, now=now)


def agreed(db):
    with db.read() as session:
        return labels.gather(session, LearningConfig()).agreed


def facts(found):
    return sorted((label.text, label.label, label.themes, label.reason, label.reviewers) for label in found)


@pytest.mark.parametrize("form", list(Format))
def test_labels_come_back_from_each_form_as_they_were(desk, db, tmp_path, now, form):
    desk.decide(desk.keep("Illegals out\nof “our” county 🚨"), "confirmed", themes=["invasion", "illegals"])
    quoted = desk.keep("The sheriff was quoted")
    for reviewer in ("Ana", "Ben"):
        desk.decide(quoted, "rejected", by=reviewer, reason="quote")
    before = facts(agreed(db))
    file = written(tmp_path, labelexport.write(agreed(db), form), f"labels.{form.value}")
    again = taken(db, file, now)
    assert (again.reviews, again.texts, again.known, again.refused) == (0, 0, 3, [])
    for reviewer in ("Ana", "Ben"):
        labels.revert(db, reviewer, by="Lead", now=now)
        labels.set_trust(db, reviewer, 1, by="Lead", now=now)
    assert agreed(db) == []
    assert taken(db, file, now).reviews == 3
    assert facts(agreed(db)) == before


def test_a_post_number_of_another_installation_does_not_label_our_post(desk, db, tmp_path, now):
    ours = desk.keep("The road is closed")
    row = {"post": ours, "text": "Illegals out", "label": 1, "reviewer": "Ana"}
    done = taken(db, written(tmp_path, json.dumps(row)), now)
    assert (done.reviews, done.texts) == (0, 1)
    assert [label.post_id for label in agreed(db)] == [None]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nope", "is not JSON"),
        ("[1" + "[" * 5000, "is not JSON"),
        ("5", "is not a JSON object"),
        ('{"text": "a", "reviewer": "Ana"}', "needs “label”"),
        ('{"text": "a", "label": 2, "reviewer": "Ana"}', "needs “label”"),
        ('{"text": "a", "label": 1}', "needs “reviewer”"),
        ('{"text": " ", "label": 1, "reviewer": "Ana"}', "needs “text” or “post”"),
        ('{"post": "7", "label": 1, "reviewer": "Ana"}', "“post” is the number"),
        ('{"post": 7, "label": 1, "reviewer": "Ana"}', "there is no post 7 here"),
        ('{"text": "a", "label": 1, "themes": ["x"], "reviewer": "Ana"}', "unknown theme “x”"),
        ('{"text": "a", "label": 0, "reason": "x", "reviewer": "Ana"}', "unknown reason “x”"),
        ('{"text": "a", "label": 1, "reason": "news", "reviewer": "Ana"}', "belongs to a rejection"),
        ('{"text": "a", "label": "unsure", "reviewer": "Ana"}', "unsure says nothing"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line_and_the_others_go_on(db, tmp_path, now, line, says):
    good = '{"text": "Illegals out", "label": "confirmed", "reviewer": "Ana"}'
    file = written(tmp_path, f"{good}\n\n{line}\n")
    done = taken(db, file, now)
    (sentence,) = done.refused
    assert sentence.startswith(f"{file}, line 3: ")
    assert says in sentence
    assert done.texts == 1


def test_a_file_that_cannot_be_read_is_a_sentence(db, tmp_path, now):
    with pytest.raises(UsageError, match="No such file"):
        taken(db, tmp_path / "gone.jsonl", now)
    (tmp_path / "utf16").write_bytes("text".encode("utf-16"))
    with pytest.raises(UsageError, match="not UTF-8"):
        taken(db, tmp_path / "utf16", now)
    with pytest.raises(UsageError, match="line 1: is not JSON"):
        taken(db, written(tmp_path, '[{"data": }]'), now)


def test_another_word_of_the_same_person_on_the_same_text_replaces_the_first(db, tmp_path, now):
    for name, verdict in (("one.jsonl", 1), ("two.jsonl", 0)):
        taken(db, written(tmp_path, json.dumps({"text": "A text", "label": verdict, "reviewer": "Ana"}), name), now)
    assert [label.label for label in agreed(db)] == [0]


def test_a_data_set_comes_in_once_with_its_weight_and_goes_out_by_its_name(db, now):
    rows = [("One text", 1, 0.1), ("Another", 0, 0.1), ("one  TEXT", 1, 0.1)]

    def take():
        return exchange.take_dataset(db, rows, name="dataset/generic", source="set.csv", by="Lead", now=now)

    assert (take(), take()) == (2, 0)
    assert {label.weight for label in agreed(db)} == {0.1}
    assert labels.revert(db, "dataset/generic", by="Lead", now=now) == 2
    assert agreed(db) == []


@pytest.mark.parametrize(
    ("form", "label"),
    [
        (Format.JSONL, lambda rows: [row.update(label=1, reviewer="Ana") for row in rows]),
        (
            Format.LABEL_STUDIO,
            lambda rows: [
                row.update(
                    annotations=[
                        {
                            "completed_by": {"email": "Ana"},
                            "result": [{"from_name": "verdict", "value": {"choices": ["confirmed"]}}],
                        }
                    ]
                )
                for row in rows
            ],
        ),
        (
            Format.ARGILLA,
            lambda rows: [
                row["responses"].update(verdict=[{"user_id": "Ana", "value": "confirmed", "status": "submitted"}])
                for row in rows
            ],
        ),
    ],
)
def test_posts_go_out_without_a_label_and_come_back_with_one(desk, db, tmp_path, now, form, label):
    post = desk.keep("Illegals out of our county")
    text = labelexport.write_tasks([(post, "Illegals out of our county")], form)
    rows = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
    label(rows)
    done = taken(db, written(tmp_path, json.dumps(rows)), now)
    assert (done.reviews, done.refused) == (1, [])
    (found,) = agreed(db)
    assert (found.post_id, found.label, found.reviewers) == (post, 1, ("Ana",))
