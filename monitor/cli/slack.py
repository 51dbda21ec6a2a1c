"""``sheriffwatch slack manifest``, ``setup`` and ``listen``, and ``digest``"""

import asyncio
import contextlib
import getpass
import signal
from datetime import timedelta
from typing import Annotated

import typer

from models.clock import utcnow
from monitor import digest as digests
from monitor import outbox, pipeline
from monitor.alerts.slack import Slack
from monitor.cli import app
from monitor.cli.common import (
    ConfigOption,
    JsonOption,
    Workspace,
    err,
    out,
    plain,
    print_json,
    print_table,
    run_async,
    workspace,
)
from monitor.config import load
from monitor.errors import UsageError
from monitor.schedule import RunLock
from monitor.slack import manifest as app_manifest
from monitor.slack.listening import listener_of, listening

group = typer.Typer(help="Slack as the place where people decide.", no_args_is_help=True)
app.add_typer(group, name="slack")


@group.command("manifest")
def manifest(
    url: Annotated[str, typer.Option(help="Your public https:// address, when you do not use Socket Mode.")] = "",
) -> None:
    """Print the manifest from which Slack makes the app."""
    if url and not url.startswith("https://"):
        raise UsageError("--url must begin with https://: Slack sends to no other address.")
    typer.echo(app_manifest.manifest(url), nl=False)


@group.command("setup")
def setup(config: ConfigOption = None, json_: JsonOption = False) -> None:
    """Check tokens, scopes, channels and the clock; say what is missing in one list."""
    settings = load(config)
    slack = settings.channels.get("slack")
    assert isinstance(slack, Slack)

    async def look() -> list[app_manifest.Finding]:
        try:
            return await app_manifest.look_over(slack, settings.alerts, now=utcnow())
        finally:
            await slack.close()

    findings = run_async(look)
    if json_:
        print_json(findings)
    else:
        print_table("Slack", ["", "finding"], ((f.level, f.sentence) for f in findings))
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(1)


@group.command("listen")
def listen(config: ConfigOption = None) -> None:
    """Answer buttons and commands, without polling, until SIGTERM or Ctrl-C. “sheriffwatch run” does it too."""
    with workspace(config) as space:
        if listener_of(space.config) is None:
            raise UsageError(
                "Nothing to listen with: set slack.bot_token and slack.channel, and slack.app_token (Socket Mode) or "
                "slack.signing_secret. “sheriffwatch slack setup” says what is missing."
            )
        run_async(lambda: _listen(space))


async def _listen(space: Workspace) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(signum, stopping.set)
    lock = RunLock(space.db)
    # On SQLite one process sends: if another one runs, it shows the verdicts.
    sends = lock.acquire()
    sending = asyncio.Lock()

    async def show() -> None:
        if sends:
            async with sending:
                await pipeline.alert(space.db, space.config, sole_sender=space.db.is_sqlite)

    try:
        async with space.web() as net, listening(space.db, space.config, net, after=show) as listener:
            err.print(f"Listening to Slack by {plain(listener.how)}. Ctrl-C or SIGTERM ends it.", markup=False)
            await stopping.wait()
    finally:
        await outbox.close(space.config.ready_channels)
        lock.release()


@app.command("digest")
def digest(
    days: Annotated[float, typer.Option(help="How many days it covers.", min=0.1, max=366)] = 7,
    send: Annotated[bool, typer.Option("--send/--no-send", help="Send it, or only show it.")] = False,
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """What came, what people decided, and which accounts fell silent or broke."""
    with workspace(config) as space:
        now = utcnow()
        if send:
            summary = digests.queue_now(space.db, space.config, days=days, by=getpass.getuser(), now=now)
            run_async(lambda: _deliver(space))
        else:
            since = now - timedelta(days=days)
            summary = digests.summarise(space.db, space.config, since=since, until=now, now=now)
    if json_:
        print_json(summary)
    else:
        for line in summary.lines():
            out.print(plain(line), markup=False)


async def _deliver(space: Workspace) -> None:
    lock = RunLock(space.db)
    alone = lock.acquire()
    try:
        await pipeline.alert(space.db, space.config, sole_sender=alone and space.db.is_sqlite, patience_s=10)
    finally:
        await outbox.close(space.config.ready_channels)
        lock.release()
