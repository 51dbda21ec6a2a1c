"""Labels for elsewhere: JSON lines, Label Studio, Argilla, so that a team may label with what it knows."""

import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from monitor.learning.labels import Label


class Format(StrEnum):
    """How labels are written."""

    JSONL = "jsonl"
    LABEL_STUDIO = "label-studio"
    ARGILLA = "argilla"


def write(labels: Sequence[Label], form: Format) -> str:
    """The labels as the text of a file of that form; importing it again gives the same labels."""
    if form is Format.LABEL_STUDIO:
        return json.dumps([_label_studio(n, label) for n, label in enumerate(labels, 1)], ensure_ascii=False, indent=1)
    one = _argilla if form is Format.ARGILLA else _plain
    return "".join(json.dumps(one(label), ensure_ascii=False) + "\n" for label in labels)


def write_tasks(posts: Iterable[tuple[int, str]], form: Format) -> str:
    """Posts (number, text) that have no label yet, as the text of a file to be labelled elsewhere."""
    if form is Format.LABEL_STUDIO:
        tasks = [{"data": {"text": text, "post": post_id}} for post_id, text in posts]
        return json.dumps(tasks, ensure_ascii=False, indent=1)
    rows: list[dict[str, Any]] = [
        {"id": f"post:{post_id}", "fields": {"text": text}, "metadata": {"post": post_id}, "suggestions": {}}
        | {"responses": {}, "vectors": {}}
        if form is Format.ARGILLA
        else {"post": post_id, "text": text, "label": None, "themes": [], "reason": "", "reviewer": ""}
        for post_id, text in posts
    ]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _plain(label: Label) -> dict[str, Any]:
    return {
        "post": label.post_id,
        "text": label.text,
        "label": label.label,
        "themes": list(label.themes),
        "reason": label.reason,
        "reviewer": ", ".join(label.reviewers),
        "reviewers": list(label.reviewers),
        "weight": label.weight,
        "decided_at": label.decided_at.isoformat(),
        "source": label.source,
    }


def _label_studio(number: int, label: Label) -> dict[str, Any]:
    """A task of Label Studio's JSON (https://labelstud.io/guide/export#Label-Studio-JSON-format-of-annotated-tasks)."""

    def result(name: str, choices: Sequence[str]) -> dict[str, Any]:
        return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": list(choices)}}

    results = [result("verdict", ["confirmed" if label.label else "rejected"])]
    if label.themes:
        results.append(result("themes", label.themes))
    if label.reason:
        results.append(result("reason", [label.reason]))
    return {
        "id": number,
        "data": {"text": label.text, "post": label.post_id},
        "annotations": [{"completed_by": {"email": reviewer}, "result": results} for reviewer in label.reviewers],
    }


def _argilla(label: Label) -> dict[str, Any]:
    """A record as Argilla 2 writes it, and reads it (https://docs.argilla.io/latest/how_to_guides/record/)."""

    def values(value: Any) -> list[dict[str, Any]]:
        return [{"user_id": reviewer, "value": value, "status": "submitted"} for reviewer in label.reviewers]

    responses = {"verdict": values("confirmed" if label.label else "rejected")}
    if label.themes:
        responses["themes"] = values(list(label.themes))
    if label.reason:
        responses["reason"] = values(label.reason)
    return {
        "id": label.key,
        "fields": {"text": label.text},
        "metadata": {"post": label.post_id} if label.post_id else {},
        "suggestions": {},
        "responses": responses,
        "vectors": {},
    }
