"""``sheriffwatch classifier`` list, retrain, compare, promote, rollback and pin: which version is on duty."""

from pathlib import Path
from typing import Annotated

import typer

from models.clock import utcnow
from monitor import retrain as retraining
from monitor.cli.classifying import ByOption, group
from monitor.cli.common import ConfigOption, JsonOption, out, print_json, print_table, shorten, workspace
from monitor.errors import SheriffwatchError
from monitor.learning import flips as flipping
from monitor.learning import gate, promotion, report
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
            least_labels=least_labels,
        )
    if json_:
        print_json(outcome)
    else:
        out.print(outcome.sentence, markup=False, soft_wrap=True)
        for note in outcome.notes:
            out.print(note, markup=False, soft_wrap=True)
        if outcome.report:
            out.print(f"Report: {outcome.report}", markup=False, soft_wrap=True)


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


@group.command("pin")
def pin(
    version: Annotated[str, typer.Argument(metavar="VERSION")] = "",
    off: Annotated[bool, typer.Option("--off", help="Let retrainings promote again.")] = False,
    by: ByOption = "",
    config: ConfigOption = None,
) -> None:
    """Put a version on duty and keep it there, whatever a retraining or a new release brings."""
    with workspace(config) as space:
        duty = active(space.db, space.config)
        who = by or promotion.login()
        if off:
            was = promotion.unpin(space.db, by=who, now=utcnow())
            out.print(f"{was} is no longer pinned." if was else "No version is pinned.", markup=False)
            return
        row = promotion.pin(space.db, space.config, version or duty.version, by=who, now=utcnow())
    out.print(f"{row.version} is on duty and pinned.", markup=False)


@group.command("compare")
def compare(
    before: Annotated[str, typer.Argument(metavar="BEFORE")],
    after: Annotated[str, typer.Argument(metavar="AFTER")],
    page: Annotated[Path | None, typer.Option("--report", help="Write the comparison there as one HTML page.")] = None,
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """Two versions on the frozen set, the functional suite and the newest posts kept here."""
    with workspace(config) as space:
        active(space.db, space.config)
        comparison, flips = retraining.compare(space.db, space.config, before, after)
    passes, reason = gate.decide(comparison)
    if page:
        try:
            page.write_text(report.as_html(comparison, flips, headline=reason), "utf-8")
        except OSError as error:
            raise SheriffwatchError(f"{page} cannot be written: {error.strerror}.") from None
    if json_:
        flipped = [flip.to_dict() for flip in flips]
        print_json({**comparison.to_dict(), "passes": passes, "reason": reason, "flips": flipped})
        return
    print_table(
        f"{after} against {before}",
        ["texts", "figure", "before", "after", "change", "95 % interval"],
        (
            (d.on, d.figure, f"{d.before:.3f}", f"{d.after:.3f}", f"{d.change:+.3f}", f"{d.low:+.3f} to {d.high:+.3f}")
            for d in comparison.differences
        ),
    )
    print_table(
        f"Posts decided differently: {flipping.count(flips)}",
        ["post", "before", "after", "text"],
        ((f.post_id, f"{f.before:.2f}", f"{f.after:.2f}", shorten(f.text, 100)) for f in flips[:20]),
    )
    out.print(f"{'Would pass' if passes else 'Would not pass'} the gate: {reason}.", markup=False, soft_wrap=True)
