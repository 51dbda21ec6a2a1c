"""``sheriffwatch search``"""

import getpass
from typing import Annotated
from urllib.parse import parse_qsl

import typer

from models.clock import utcnow
from monitor import savedsearches
from monitor.cli import app
from monitor.cli.common import ConfigOption, JsonOption, out, print_json, print_table, workspace
from monitor.errors import UsageError
from monitor.postfilter import FIELDS

group = typer.Typer(help="Searches kept under a name, which can alert.", no_args_is_help=True)
app.add_typer(group, name="search")


@group.command("save")
def save(
    name: Annotated[str, typer.Argument()],
    query: Annotated[str, typer.Argument(help="As in the page's URL: q=border+wall&state=OH")],
    alerts: Annotated[bool, typer.Option("--alert", help="Tell of new posts that match.")] = False,
    by: Annotated[str, typer.Option(help="Whose search it is.")] = "",
    config: ConfigOption = None,
) -> None:
    """Keep a search under a name; the same name again replaces it."""
    asked = dict(parse_qsl(query.lstrip("?")))
    if not asked or (unknown := sorted(set(asked) - set(FIELDS))):
        what = f"Unknown parameter “{unknown[0]}”" if asked else f"“{query}” is no search"
        raise UsageError(f"{what}: write it as in the page's URL, q=border+wall&state=OH. Known: {', '.join(FIELDS)}.")
    with workspace(config) as space:
        row = savedsearches.save(space.db, name, asked, owner=by or getpass.getuser(), alerts=alerts, now=utcnow())
    out.print(f"Saved as “{row.name}”{', with alerts' if row.alerts else ''}.", markup=False)


@group.command("list")
def list_searches(config: ConfigOption = None, json_: JsonOption = False) -> None:
    """The saved searches."""
    with workspace(config) as space, space.db.read() as session:
        rows = savedsearches.saved(session)
    if json_:
        print_json([row.model_dump() for row in rows])
        return
    print_table(
        "Saved searches", ["name", "owner", "alerts", "query"], ((r.name, r.owner, r.alerts, r.query) for r in rows)
    )


@group.command("delete")
def delete(name: Annotated[str, typer.Argument()], config: ConfigOption = None) -> None:
    """Forget a saved search."""
    with workspace(config) as space:
        savedsearches.delete(space.db, name, by=getpass.getuser(), now=utcnow())
    out.print("Deleted.")


@group.command("run")
def run(config: ConfigOption = None, json_: JsonOption = False) -> None:
    """Queue an alert for each new post that matches a saved search with alerts."""
    with workspace(config) as space:
        ran = savedsearches.run(space.db, space.config, now=utcnow())
    if json_:
        print_json(ran)
        return
    print_table("Saved searches", ["name", "new posts", "alerts queued"], ((r.name, r.new, r.alerts) for r in ran))
