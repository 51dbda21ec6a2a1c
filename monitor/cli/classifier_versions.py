"""``sheriffwatch classifier`` list, retrain, compare, promote, rollback and pin: which version is on duty."""

from typing import Annotated

import typer

from models.clock import utcnow
from monitor import retrain as retraining
from monitor.cli.classifying import ByOption, group
from monitor.cli.common import ConfigOption, JsonOption, out, print_json, print_table, shorten, workspace
from monitor.learning import promotion
from monitor.versions import active


@group.command("list")
def list_(config: ConfigOption = None, json_: JsonOption = False) -> None:
    """All versions, the newest first."""
    with workspace(config) as space:
        active(space.db, space.config)
        with space.db.read() as session:
            rows = promotion.versions(session)
    if json_:
        print_json([promotion.to_dict(row) for row in rows])
        return
    print_table(
        "Classifier versions",
        ["version", "status", "trained", "queue", "alert", "why"],
        (
            (
                row.version,
                promotion.standing(row),
                f"{row.trained_at:%Y-%m-%d}",
                f"{row.queue_threshold:.2f}",
                f"{row.alert_threshold:.2f}",
                shorten(row.reason, 80),
            )
            for row in rows
        ),
    )


@group.command("retrain")
def retrain(
    least_labels: Annotated[int | None, typer.Option(help="Agreed labels needed at least.", min=1)] = None,
    by: ByOption = "",
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """Train a candidate from the corpus and the agreed labels; it goes on duty only if it is not worse."""
    with workspace(config) as space:
        outcome = retraining.retrain(
            space.db,
            space.config,
            by=by or promotion.login(),
            now=utcnow(),
            least_labels=retraining.LEAST_LABELS if least_labels is None else least_labels,
        )
    if json_:
        print_json(outcome)
    else:
        out.print(outcome.sentence, markup=False, soft_wrap=True)


@group.command("promote")
def promote(
    version: Annotated[str, typer.Argument(metavar="VERSION")], by: ByOption = "", config: ConfigOption = None
) -> None:
    """Put a version on duty; running processes take it up within seconds."""
    with workspace(config) as space:
        active(space.db, space.config)
        row = promotion.promote(space.db, space.config, version, by=by or promotion.login(), now=utcnow())
    out.print(f"{row.version} is on duty.", markup=False)


@group.command("rollback")
def rollback(by: ByOption = "", config: ConfigOption = None) -> None:
    """Put the version back on duty that was on duty before this one."""
    with workspace(config) as space:
        row = promotion.rollback(space.db, space.config, by=by or promotion.login(), now=utcnow())
    out.print(f"{row.version} is on duty again.", markup=False)
