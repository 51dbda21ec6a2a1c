"""``sheriffwatch classifier metrics`` and ``import-dataset``, and ``review next``"""

from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer
from sqlmodel import col

import classifier
from classifier import DatasetError
from models.clock import utcnow
from models.drift import DriftReading
from monitor.cli.classifying import ByOption, group
from monitor.cli.common import ConfigOption, JsonOption, out, print_json, print_table, shorten, workspace
from monitor.cli.reviewing import group as review_group
from monitor.errors import UsageError
from monitor.learning import audit, drift, exchange, promotion
from monitor.learning import labels as labelling
from monitor.review import selection
from monitor.versions import active


@group.command("metrics")
def metrics(config: ConfigOption = None, json_: JsonOption = False) -> None:
    """How the classifier does here: what it misses by the random sample, what people agree on, and drift by week."""
    now = utcnow()
    with workspace(config) as space:
        duty = active(space.db, space.config)
        drift.watch(space.db, space.config, duty, now=now)
        with space.db.read() as session:
            estimate = audit.estimate(session, since=now - audit.MONTH)
            found = labelling.gather(session, space.config.learning)
            readings = list(
                session.execute(
                    sa.select(DriftReading)
                    .where(col(DriftReading.version) == duty.version)
                    .order_by(col(DriftReading.week).desc(), col(DriftReading.scope))
                    .limit(200)
                ).scalars()
            )
            concerns = (
                drift.concerns(session, space.config, readings[0].week, duty.version) if readings else list[str]()
            )
    if json_:
        print_json(
            {
                "version": duty.version,
                "audit": estimate.to_dict(),
                "labels": {
                    "agreed": len(found.agreed),
                    "matches": found.matches,
                    "undecided": found.undecided,
                    "contradictory": found.contradictory,
                },
                "weeks": [
                    {"week": r.week, "scope": r.scope, **r.figures, "distance": drift.distance(r, readings)}
                    for r in readings
                ],
                "concerns": concerns,
            }
        )
        return
    out.print(estimate.sentence, markup=False, soft_wrap=True)
    out.print(
        f"{len(found.agreed)} labels, {found.matches} of them matches; {found.undecided} posts undecided.", markup=False
    )
    print_table(
        f"Weeks, as {duty.version} read them",
        ["week", "scope", "posts", "flagged", "distance", "unknown words", "agreement"],
        (
            (
                reading.week,
                reading.scope,
                reading.figures["posts"],
                _share(reading.figures["flagged_share"]),
                "" if (moved := drift.distance(reading, readings)) is None else f"{moved:.2f}",
                _share(reading.figures["unknown_words"]),
                _share(reading.figures["agreement"]),
            )
            for reading in readings
        ),
    )
    for concern in concerns:
        out.print(f"! {concern}", markup=False)


@group.command("import-dataset")
def import_dataset(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    form: Annotated[str, typer.Option("--format", help="hateval, davidson, ethos, stormfront, hatexplain or generic")],
    mapping: Annotated[list[str] | None, typer.Option("--map", help="LABEL=0 or LABEL=1, for generic.")] = None,
    accept: Annotated[bool, typer.Option("--accept-licence", help="You may use it on its terms.")] = False,
    by: ByOption = "",
    config: ConfigOption = None,
) -> None:
    """Let the next retraining learn from a public data set too, with a low weight. “labels revert” takes it out."""
    from classifier.datasets import FORMATS

    if form in FORMATS and not accept:
        chosen = FORMATS[form]
        raise UsageError(f"{chosen.title} is under: {chosen.licence}. If you may use it so, add --accept-licence.")
    try:
        examples = classifier.import_dataset(file, form, labels=_mapping(mapping or []))
    except DatasetError as error:
        raise UsageError(f"{error}.") from None
    with workspace(config) as space:
        new = exchange.take_dataset(
            space.db,
            [(example.text, example.label, example.weight) for example in examples],
            name=f"dataset/{form}",
            source=file.name,
            by=by or promotion.login(),
            now=utcnow(),
        )
    out.print(
        f"{new} new rows of {len(examples)}, as labels of “dataset/{form}”. "
        f"“sheriffwatch labels revert --by dataset/{form}” takes them out again.",
        markup=False,
        soft_wrap=True,
    )


@review_group.command("next")
def next_(
    limit: Annotated[int, typer.Option(help="The most posts to show.", min=1, max=500)] = 20,
    reviewer: Annotated[str, typer.Option(help="What this person has not decided yet.")] = "",
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """The posts whose verdicts teach the classifier most, flagged or not."""
    with workspace(config) as space:
        duty = active(space.db, space.config)
        with space.db.read() as session:
            picks = selection.next_up(session, duty, limit=limit, reviewer=reviewer)
    if json_:
        print_json([pick.to_dict() for pick in picks])
        return
    print_table(
        "Review next",
        ["post", "score", "why", "text"],
        ((pick.post_id, f"{pick.probability:.2f}", pick.why, shorten(pick.text, 110)) for pick in picks),
    )


def _mapping(pairs: list[str]) -> dict[str, int]:
    labels = {}
    for pair in pairs:
        name, _, value = pair.rpartition("=")
        if not name or value not in ("0", "1"):
            raise UsageError(f"--map {pair}: write LABEL=0 or LABEL=1.")
        labels[name] = int(value)
    return labels


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
