"""Labels from elsewhere: JSON lines, Label Studio, Argilla, and public data sets."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from models.db import Database
from models.evidence import Event
from models.post import Post, PostVersion
from models.review import Review, Verdict
from models.textlabel import TextLabel
from monitor.errors import SheriffwatchError, UsageError
from monitor.learning.labels import text_sha256
from monitor.review.verdicts import REASONS, THEMES, latest_of

_WORDS = {
    "confirmed": Verdict.CONFIRMED,
    "rejected": Verdict.REJECTED,
    "unsure": Verdict.UNSURE,
    "1": Verdict.CONFIRMED,
    "0": Verdict.REJECTED,
    "true": Verdict.CONFIRMED,
    "false": Verdict.REJECTED,
    "match": Verdict.CONFIRMED,
    "no match": Verdict.REJECTED,
}
_LARGEST_TEXT = 200_000


@dataclass(frozen=True)
class Given:
    """One label as a file gives it."""

    verdict: Verdict
    reviewer: str
    text: str = ""
    post_id: int | None = None
    themes: tuple[str, ...] = ()
    reason: str = ""
    note: str = ""
    place: str = ""
    """Its file and line, for what cannot be stored."""


@dataclass
class Imported:
    """What came of a file."""

    reviews: int = 0
    """Verdicts on posts kept here."""
    texts: int = 0
    """Labels on texts that are no posts of ours."""
    known: int = 0
    """Labels that were here already."""
    refused: list[str] = field(default_factory=list)
    """One sentence for each row that could not be used, naming file and line."""


def read(file: Path, *, reviewer: str = "") -> Iterator[Given | str]:
    """Read labels; the form is recognised. A row that cannot be used comes as a sentence about it.

    ``reviewer`` is whose labels they are where a row names nobody. Raises UsageError when the file cannot be read.
    """
    try:
        text = file.read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8 text.") from None
    rows: Iterable[tuple[str, Any]]
    if text.lstrip().startswith("["):
        rows = _array(text, file)
    else:
        rows = ((f"{file}, line {n}", line) for n, line in enumerate(text.split("\n"), 1) if line.strip())
    for place, row in rows:
        try:
            value = json.loads(row) if isinstance(row, str) else row
        except (ValueError, RecursionError):
            yield f"{place}: is not JSON."
            continue
        try:
            yield from (replace(one, place=place) for one in _given(value, reviewer))
        except ValueError as error:
            yield f"{place}: {error}"


def take(db: Database, given: Iterable[Given | str], *, source: str, now: datetime, by: str = "") -> Imported:
    """Store labels: on posts kept here as verdicts, on other texts beside them. The same again changes nothing."""
    done = Imported()
    with db.write() as session:
        for item in given:
            if isinstance(item, str):
                done.refused.append(item)
            elif (post := _post_of(session, item)) is not None:
                _take_review(session, item, post, done, now)
            elif not item.text:
                done.refused.append(f"{item.place}: there is no post {item.post_id} here; give its “text” instead.")
            else:
                _take_text(session, item, source, done, now)
        session.add(
            Event(
                at=now,
                kind="labels.imported",
                actor=by,
                subject=f"file:{source}",
                data={"reviews": done.reviews, "texts": done.texts, "refused": len(done.refused)},
            )
        )
    return done


# --- forms in -------------------------------------------------------------------------------------------------------


def _array(text: str, file: Path) -> list[tuple[str, Any]]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UsageError(f"{file}{where}: is not JSON.") from None
    return [(f"{file}, entry {n}", value) for n, value in enumerate(values, 1)]


def _given(value: Any, reviewer: str) -> Iterator[Given]:
    if not isinstance(value, dict):
        raise ValueError("is not a JSON object.")
    if isinstance(value.get("annotations"), list) and isinstance(value.get("data"), dict):
        yield from _from_label_studio(value, reviewer)
    elif isinstance(value.get("fields"), dict):
        yield from _from_argilla(value, reviewer)
    else:
        names = value.get("reviewers") or [value.get("reviewer") or reviewer]
        for name in names if isinstance(names, list) else [names]:
            yield _checked(
                value.get("label", value.get("verdict")),
                name,
                text=value.get("text"),
                post=value.get("post"),
                themes=value.get("themes"),
                reason=value.get("reason"),
                note=value.get("note"),
            )


def _from_label_studio(task: dict[str, Any], reviewer: str) -> Iterator[Given]:
    for annotation in task["annotations"]:
        if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
            continue
        said: dict[str, list[str]] = {}
        for result in annotation.get("result") or []:
            choices = (result.get("value") or {}).get("choices") if isinstance(result, dict) else None
            if isinstance(choices, list):
                said.setdefault(str(result.get("from_name")), []).extend(map(str, choices))
        by = annotation.get("completed_by")
        name = (by.get("email") or by.get("id")) if isinstance(by, dict) else by
        yield _checked(
            next(iter(said.get("verdict") or said.get("label") or []), None),
            name or reviewer,
            text=task["data"].get("text"),
            post=task["data"].get("post"),
            themes=said.get("themes"),
            reason=next(iter(said.get("reason", [])), ""),
        )


def _from_argilla(record: dict[str, Any], reviewer: str) -> Iterator[Given]:
    responses = record.get("responses")
    if not isinstance(responses, dict) or not responses:
        raise ValueError("has no responses.")
    said: dict[str, dict[str, Any]] = {}
    for question, answers in responses.items():
        for answer in answers if isinstance(answers, list) else []:
            if isinstance(answer, dict) and answer.get("status", "submitted") == "submitted":
                said.setdefault(str(answer.get("user_id") or reviewer), {})[question] = answer.get("value")
    metadata = record.get("metadata")
    for name, answers in said.items():
        yield _checked(
            answers.get("verdict", answers.get("label")),
            name,
            text=record["fields"].get("text"),
            post=metadata.get("post") if isinstance(metadata, dict) else None,
            themes=answers.get("themes"),
            reason=answers.get("reason"),
        )


def _checked(
    label: Any, reviewer: Any, *, text: Any, post: Any, themes: Any = None, reason: Any = None, note: Any = None
) -> Given:
    """A label whose every part is what it must be. Raises ValueError with one sentence."""
    verdict = _WORDS.get(str(label).strip().lower()) if label is not None else None
    if verdict is None:
        raise ValueError(f"needs “label”: 1, 0, confirmed, rejected or unsure, not {label!r}.")
    name = str(reviewer or "").strip()
    if not name:
        raise ValueError("needs “reviewer”; or give --reviewer NAME for the whole file.")
    if post is not None and (isinstance(post, bool) or not isinstance(post, int)):
        raise ValueError(f"“post” is the number of a post kept here, not {post!r}.")
    if post is None and not (isinstance(text, str) and text.strip()):
        raise ValueError("needs “text” or “post”.")
    if isinstance(text, str) and len(text) > _LARGEST_TEXT:
        raise ValueError(f"has a text of more than {_LARGEST_TEXT} characters.")
    listed = tuple(map(str, themes)) if isinstance(themes, list) else (str(themes),) if themes else ()
    for theme in listed:
        if theme not in THEMES:
            raise ValueError(f"unknown theme “{theme}”. Themes: {', '.join(THEMES)}.")
    why = str(reason or "")
    if why and why not in REASONS:
        raise ValueError(f"unknown reason “{why}”. Reasons: {', '.join(REASONS)}.")
    if why and verdict is not Verdict.REJECTED:
        raise ValueError("a reason belongs to a rejection.")
    return Given(verdict, name, text if isinstance(text, str) else "", post, listed, why, str(note or ""))


# --- storing --------------------------------------------------------------------------------------------------------


def _post_of(session: Session, item: Given) -> Post | None:
    """The post kept here that a label is of; None when the number means another post, as after another installation."""
    post = session.get(Post, item.post_id) if item.post_id is not None else None
    if post is None or not item.text:
        return post
    wordings = session.execute(sa.select(PostVersion).where(col(PostVersion.post_id) == post.id)).scalars()
    same = text_sha256(item.text)
    return post if any(text_sha256(wording.readable()) == same for wording in wordings) else None


def _take_review(session: Session, item: Given, post: Post, done: Imported, now: datetime) -> None:
    before = latest_of(session, item.post_id or 0, item.reviewer)
    if before is not None and (before.verdict, before.reason, sorted(before.themes)) == (
        item.verdict,
        item.reason,
        sorted(item.themes),
    ):
        done.known += 1
        return
    review = Review(
        post_id=item.post_id or 0,
        post_version_id=post.current_version_id,
        reviewer=item.reviewer,
        verdict=item.verdict,
        reason=item.reason,
        themes=list(item.themes),
        note=item.note,
        via="import",
        created_at=now,
    )
    session.add(review)
    session.flush()
    data = {"review": review.id, "verdict": item.verdict.value, "reason": item.reason, "via": "import"}
    session.add(Event(at=now, kind="review.decided", actor=item.reviewer, subject=f"post:{item.post_id}", data=data))
    done.reviews += 1


def _take_text(session: Session, item: Given, source: str, done: Imported, now: datetime) -> None:
    if item.verdict is Verdict.UNSURE:
        done.refused.append(f"{item.place}: unsure says nothing of a text that is no post here.")
        return
    sha256 = text_sha256(item.text)
    # The same person's word on the same text from another file replaces the first, as a second verdict would.
    row = session.execute(
        sa.select(TextLabel)
        .where(col(TextLabel.text_sha256) == sha256, col(TextLabel.reviewer) == item.reviewer)
        .order_by(col(TextLabel.source) != source)
        .limit(1)
    ).scalar()
    label = int(item.verdict is Verdict.CONFIRMED)
    said = (label, sorted(item.themes), item.reason)
    if row is not None and row.revoked_at is None and (row.label, sorted(row.themes), row.reason) == said:
        done.known += 1
        return
    if row is None:
        row = TextLabel(
            text=item.text, text_sha256=sha256, label=label, reviewer=item.reviewer, source=source, imported_at=now
        )
    row.label, row.themes, row.reason = said
    row.imported_at, row.revoked_at = now, None
    session.add(row)
    session.flush()
    done.texts += 1


def take_dataset(
    db: Database, rows: Sequence[tuple[str, int, float]], *, name: str, source: str, by: str, now: datetime
) -> int:
    """Keep a data set's rows (text, label, weight) as labels of a reviewer of its own name. Returns how many are new.

    Reverting the labels of that name takes the data set out again. Raises SheriffwatchError when there is no row.
    """
    if not rows:
        raise SheriffwatchError(f"{source} has no row to learn from.")
    with db.write() as session:
        known = set(
            session.execute(
                sa.select(col(TextLabel.text_sha256)).where(
                    col(TextLabel.reviewer) == name,
                    col(TextLabel.source) == source,
                    col(TextLabel.revoked_at).is_(None),
                )
            ).scalars()
        )
        fresh = {text_sha256(text): (text, label, weight) for text, label, weight in rows}
        for sha256 in known:
            fresh.pop(sha256, None)
        session.execute(
            sa.delete(TextLabel).where(
                col(TextLabel.reviewer) == name, col(TextLabel.source) == source, col(TextLabel.revoked_at).is_not(None)
            )
        )
        session.add_all(
            TextLabel(
                text=text,
                text_sha256=sha256,
                label=label,
                reviewer=name,
                source=source,
                weight=weight,
                imported_at=now,
            )
            for sha256, (text, label, weight) in fresh.items()
        )
        data = {"rows": len(fresh), "name": name}
        session.add(Event(at=now, kind="dataset.imported", actor=by, subject=f"file:{source}", data=data))
    return len(fresh)
