"""``sheriffwatch demo``"""

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli import app
from monitor.cli.common import out, plain, print_table, run_async
from monitor.logs import configure_logging


@app.command("demo")
def demo(
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Where to put the demo's database. Default: a new one.")
    ] = None,
) -> None:
    """The whole job on invented offices: offline, no key, no setup, under a minute."""
    from monitor import demo as whole_job

    configure_logging()

    def tell(line: str) -> None:
        out.print(plain(line), markup=False, soft_wrap=True)

    done = run_async(lambda: whole_job.run(tell, folder))
    print_table("What happened", ["", ""], done.rows)
    config = done.folder / "config.toml"
    out.print("Look further:", markup=False)
    for command in ("posts --flagged", "review list", "evidence show 1", "status", "web"):
        out.print(f"  sheriffwatch {command} --config {config}", markup=False, soft_wrap=True)
