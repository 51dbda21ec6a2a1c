"""``sheriffwatch api …``: the read-only JSON API."""

from typing import Annotated

import typer

from models.clock import utcnow
from monitor import apitokens
from monitor.cli import app
from monitor.cli.common import ConfigOption, err, out, workspace
from monitor.errors import SheriffwatchError

group = typer.Typer(help="A read-only JSON API for notebooks and other programs.", no_args_is_help=True)
app.add_typer(group, name="api")


@group.command("token")
def token(name: Annotated[str, typer.Argument(metavar="NAME")], config: ConfigOption = None) -> None:
    """Make a token that reads in the name and role of the user NAME. It is shown once and kept only as a hash."""
    with workspace(config) as space:
        out.print(apitokens.make(space.db, name.strip(), now=utcnow()), markup=False, soft_wrap=True)


@group.command("revoke")
def revoke(name: Annotated[str, typer.Argument(metavar="NAME")], config: ConfigOption = None) -> None:
    """Make all tokens of NAME worthless."""
    with workspace(config) as space:
        gone = apitokens.revoke_all(space.db, name.strip(), now=utcnow())
    if not gone:
        raise SheriffwatchError(f"{name} has no token in force.")
    out.print(f"{gone} tokens of {name} revoked.", markup=False)


@group.command("serve")
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on. Default: web.host.")] = "",
    port: Annotated[int | None, typer.Option(help="Port. Default: web.port.", min=0, max=65535)] = None,
    config: ConfigOption = None,
) -> None:
    """Serve the API alone until SIGTERM, described at /openapi.json. The review page has the same one under /api/v1."""
    import uvicorn

    from monitor.web.api import make_api

    with workspace(config) as space:
        where = host or space.config.web.host, space.config.web.port if port is None else port
        api = make_api(space.db, space.config)
        err.print(f"The API listens on http://{where[0]}:{where[1]}/posts", markup=False)
        try:
            uvicorn.run(api, host=where[0], port=where[1], log_level="warning", access_log=False)
        except SystemExit as stopped:
            if stopped.code:
                raise SheriffwatchError(
                    f"{where[0]}:{where[1]} cannot be listened on; choose another --port."
                ) from None
