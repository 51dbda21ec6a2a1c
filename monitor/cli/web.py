"""``sheriffwatch web``"""

import asyncio
import signal
from typing import Annotated

import typer

from models.db import Database
from monitor.cli import app
from monitor.cli.common import ConfigOption, err, run_async, workspace


@app.command("web")
def web(
    host: Annotated[str, typer.Option(help="Address to listen on. Default: web.host.")] = "",
    port: Annotated[int | None, typer.Option(help="Port. Default: web.port.", min=0, max=65535)] = None,
    config: ConfigOption = None,
) -> None:
    """Serve the review page until SIGTERM or Ctrl-C. “sheriffwatch run” serves it too."""
    from monitor.web.serve import serving

    with workspace(config) as space:
        if host:
            space.config.web.host = host
        if port is not None:
            space.config.web.port = port

        async def work() -> None:
            stopping = asyncio.Event()
            loop = asyncio.get_running_loop()
            for signum in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(signum, stopping.set)
            async with serving(space.db, space.config) as address:
                tell_address(space.db, address)
                await stopping.wait()

        run_async(work)


def tell_address(db: Database, address: str) -> None:
    """Say where the page is, and how the first user gets in."""
    from monitor.web.serve import first_link

    err.print(f"The review page is at {address}", markup=False, soft_wrap=True)
    link = first_link(db, address)
    if link:
        err.print(f"The first user comes in here, once, within three days: {link}", markup=False, soft_wrap=True)
