"""``sheriffwatch labels …`` and ``sheriffwatch rescore``"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from models.clock import utcnow
from monitor.cli import app
from monitor.cli.classifying import ByOption
from monitor.cli.common import (
    ConfigOption,
    JsonOption,
    err,
    out,
    parse_since,
    print_json,
    print_table,
    shorten,
    workspace,
)
from monitor.errors import SheriffwatchError
from monitor.learning import exchange, labelexport, promotion
from monitor.learning import labels as labelling
from monitor.learning.labelexport import Format
from monitor.learning.rescore import rescore as rescoring
from monitor.review import selection
from monitor.versions import active

group = typer.Typer(help="What people agree on: the labels that a retraining learns from.", no_args_is_help=True)
app.add_typer(group, name="labels")


@group.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="JSON lines, or an export of Label Studio or Argilla.")],
    reviewer: Annotated[str, typer.Option(help="Whose labels they are where a row names nobody.")] = "",
    by: ByOption = "",
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """Take labels given elsewhere. A row that cannot be used is named, and the others go on."""
    with workspace(config) as space:
        given = list(exchange.read(file, reviewer=reviewer))
        done = exchange.take(space.db, given, source=file.name, now=utcnow(), by=by or promotion.login())
    for sentence in done.refused:
        err.print(sentence, markup=False, soft_wrap=True)
    if json_:
        print_json(done)
    else:
        out.print(
            f"{done.reviews} verdicts on posts and {done.texts} labels on other texts taken, "
            f"{done.known} known already, {len(done.refused)} rows refused.",
            soft_wrap=True,
        )
    if done.refused:
        raise typer.Exit(1)


@group.command("export")
def export(
    form: Annotated[Format, typer.Option("--format", help="jsonl, label-studio or argilla")] = Format.JSONL,
    to: Annotated[Path | None, typer.Option("--out", help="The file to write. Default: standard output.")] = None,
    next_: Annotated[
        int, typer.Option("--next", help="Instead so many posts without a label, to be labelled there.", min=0)
    ] = 0,
    config: ConfigOption = None,
) -> None:
    """Write the labels in force, or with --next the posts whose labels would teach most."""
    with workspace(config) as space:
        duty = active(space.db, space.config) if next_ else None
        with space.db.read() as session:
            if duty is None:
                text = labelexport.write(labelling.gather(session, space.config.learning).agreed, form)
            else:
                picks = selection.next_up(session, duty, limit=next_)
                text = labelexport.write_tasks([(pick.post_id, pick.text) for pick in picks], form)
    if to is None:
        sys.stdout.write(text)
        return
    try:
        to.write_text(text, "utf-8")
    except OSError as error:
        raise SheriffwatchError(f"{to} cannot be written: {error.strerror}.") from None


@group.command("list")
def list_(config: ConfigOption = None, json_: JsonOption = False) -> None:
    """The labels in force, and what could not become one."""
    with workspace(config) as space, space.db.read() as session:
        found = labelling.gather(session, space.config.learning)
    if json_:
        print_json(found)
        return
    print_table(
        "Labels",
        ["post", "label", "themes or reason", "by", "text"],
        (
            (
                label.post_id or "–",
                "match" if label.label else "no match",
                ", ".join(label.themes) or label.reason,
                ", ".join(label.reviewers),
                shorten(label.text, 80),
            )
            for label in found.agreed
        ),
    )
    out.print(
        f"{len(found.agreed)} labels, {found.matches} of them matches; {found.undecided} texts undecided, "
        f"{found.contradictory} labels contradictory."
    )


@group.command("revert")
def revert(
    reviewer: Annotated[str, typer.Option("--by", metavar="NAME", help="Whose labels are taken back.")],
    retrain: Annotated[bool, typer.Option("--retrain", help="Retrain without them at once.")] = False,
    actor: Annotated[str, typer.Option("--actor", help="Who does this, for the log. Default: your login name.")] = "",
    config: ConfigOption = None,
) -> None:
    """Take back all labels of one person and hear them no more; “labels trust NAME 1” hears them again."""
    from monitor import retrain as retraining

    who = actor or promotion.login()
    with workspace(config) as space:
        taken = labelling.revert(space.db, reviewer, by=who, now=utcnow())
        out.print(f"{taken} labels of {reviewer} taken back.", markup=False)
        if retrain:
            outcome = retraining.retrain(space.db, space.config, by=who, now=utcnow())
            out.print(outcome.sentence, markup=False, soft_wrap=True)


@group.command("trust")
def trust(
    reviewer: Annotated[str, typer.Argument(metavar="NAME")],
    weight: Annotated[float, typer.Argument(metavar="WEIGHT", help="From 0, not heard, to 1.")],
    by: ByOption = "",
    config: ConfigOption = None,
) -> None:
    """Set how far one person's labels are believed, those given and those to come."""
    with workspace(config) as space:
        labelling.set_trust(space.db, reviewer, weight, by=by or promotion.login(), now=utcnow())
    out.print(f"{reviewer}: weight {weight:g}.", markup=False)


@app.command("rescore")
def rescore(
    since: Annotated[str | None, typer.Option(help="Posted since: 2026-11-01, or 7d, 12h. Default: all.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would change.")] = False,
    alert: Annotated[bool, typer.Option("--alert", help="Alert for old posts that are newly flagged.")] = False,
    by: ByOption = "",
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """Score kept posts again with the version on duty. Old posts are flagged for review, never alerted unless asked."""
    now = utcnow()
    with workspace(config) as space:
        duty = active(space.db, space.config)
        done = rescoring(
            space.db,
            space.config,
            duty,
            since=parse_since(since, now),
            by=by or promotion.login(),
            now=now,
            dry_run=dry_run,
            alert=alert,
        )
    if json_:
        print_json(done)
        return
    if done.flips:
        print_table(
            "Decided differently",
            ["post", "before", "now", "account", "text"],
            ((f.post_id, f"{f.before:.2f}", f"{f.after:.2f}", f.account, shorten(f.text, 80)) for f in done.flips[:30]),
        )
    would = "would be" if dry_run else "are"
    out.print(
        f"{done.texts} texts read by {done.version}: {done.newly_flagged} {would} newly flagged "
        f"({done.over_alert} of them over the alert threshold, {done.alerts} alerts queued), "
        f"{done.no_longer} would not be flagged any more.",
        markup=False,
        soft_wrap=True,
    )
