"""``sheriffwatch review …``"""

import getpass
from typing import Annotated

import typer

from models.clock import utcnow
from models.review import Verdict
from monitor.cli import app
from monitor.cli.common import ConfigOption, JsonOption, out, print_json, print_table, shorten, workspace
from monitor.review import queue, verdicts
from monitor.review.verdicts import Decision

group = typer.Typer(help="Read what was flagged, and decide.", no_args_is_help=True)
app.add_typer(group, name="review")


@group.command("list")
def list_(
    limit: Annotated[int, typer.Option(help="The most posts to show.", min=1)] = 50,
    reviewer: Annotated[str, typer.Option(help="What this person has not decided yet.")] = "",
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """Flagged posts that wait for a verdict."""
    with workspace(config) as space, space.db.read() as session:
        found = queue.waiting(session, limit=limit, reviewer=reviewer)
    if json_:
        print_json([item.to_dict() for item in found])
        return
    print_table(
        "Waiting for review",
        ["post", "score", "agency", "platform", "text"],
        ((w.post_id, f"{w.probability:.2f}", w.agency or w.account, w.platform, shorten(w.text, 110)) for w in found),
    )


@group.command("decide")
def decide(
    post: Annotated[int, typer.Argument(metavar="POST")],
    verdict: Annotated[Verdict, typer.Argument(help="confirmed, rejected or unsure")],
    reason: Annotated[str, typer.Option(help="Why rejected: a codebook reason code.")] = "",
    theme: Annotated[list[str] | None, typer.Option(help="A codebook theme that applies; may be repeated.")] = None,
    severe: Annotated[bool, typer.Option("--severe", help="Mark as severe.")] = False,
    note: Annotated[str, typer.Option(help="A note for colleagues.")] = "",
    reviewer: Annotated[str, typer.Option(help="Who decides. Default: your login name.")] = "",
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """Give your verdict on a post."""
    decision = Decision(post, verdict, reviewer or getpass.getuser(), reason, theme or (), severe, note)
    with workspace(config) as space:
        review = verdicts.decide(space.db, decision, now=utcnow())
    if json_:
        print_json({"review": review.id, "post": post, "verdict": review.verdict, "reviewer": review.reviewer})
    else:
        out.print(f"Post {post}: {review.verdict} by {review.reviewer}.", markup=False)
