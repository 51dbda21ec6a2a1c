"""``sheriffwatch poll``, ``run``, ``status`` and ``send-test``"""

import contextlib
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from models.clock import utcnow
from monitor import accounts, outbox, pipeline, selftest, status
from monitor.cli import app
from monitor.cli.common import (
    ConfigOption,
    JsonOption,
    Workspace,
    ago,
    err,
    out,
    plain,
    print_json,
    print_table,
    run_async,
    workspace,
)
from monitor.errors import SheriffwatchError, UsageError
from monitor.http import Web
from monitor.poller import PollResult
from monitor.schedule import RunLock, Runner


@app.command("poll")
def poll(
    once: Annotated[bool, typer.Option("--once", help="One pass, then return.")] = False,
    account: Annotated[list[str] | None, typer.Option(help="Only these accounts, due or not.")] = None,
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """Poll what is due, score, flag and alert, once. For good: “sheriffwatch run”."""
    if not once:
        raise UsageError("“sheriffwatch poll” needs --once; to go on polling, use “sheriffwatch run”.")
    with workspace(config) as space:
        done = run_async(lambda: _one_pass(space, account or [], show_progress=not json_))
    if json_:
        print_json([_as_dict(result) for result in done.polls])
    else:
        _print_pass(done)
    for stopped in done.delivery.stopped:
        err.print(f"Alerts are stopped, the queue is kept: {stopped}.", markup=False, soft_wrap=True)
    if done.delivery.stopped or any(not result.ok for result in done.polls):
        raise typer.Exit(1)


async def _one_pass(space: Workspace, names: list[str], *, show_progress: bool) -> pipeline.Pass:
    lock = RunLock(space.db)
    alone = lock.acquire()
    try:
        async with space.web() as web:
            await accounts.add_configured(space.db, web, space.config, now=utcnow())
            only = None
            if names:
                with space.db.read() as session:
                    only = [found.id for found in accounts.find(session, names) if found.id is not None]
            with _progress(show_progress) as progress:
                task = progress.add_task("Polling", total=len(only) if only else None)

                def advance(_: PollResult) -> None:
                    progress.advance(task)

                return await pipeline.one_pass(
                    space.db, web, space.config, only=only, on_result=advance, sole_sender=alone and space.db.is_sqlite
                )
    finally:
        await outbox.close(space.config.ready_channels)
        lock.release()


def _progress(show: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not (show and err.is_terminal),
    )


def _print_pass(done: pipeline.Pass) -> None:
    if not done.polls:
        out.print("No account is due. “sheriffwatch account add” watches one; “sheriffwatch status” shows when.")
        return
    print_table(
        "Polled",
        ["account", "outcome", "new", "edited", "deleted", "flagged", "alerted", "s", "error"],
        (
            (r.account, r.outcome, r.new, r.edited, r.deleted, r.flagged, r.alerted, f"{r.seconds:.2f}", r.error)
            for r in done.polls
        ),
    )
    for result in done.polls:
        for note in result.notes:
            out.print(f"{result.account}: {plain(note)}", markup=False)
    delivery = done.delivery
    out.print(
        f"{done.scored} texts scored, {len(done.flagged)} flagged, {delivery.sent + delivery.reconciled} alerts sent, "
        f"{delivery.waiting} waiting."
    )


def _as_dict(result: PollResult) -> dict[str, Any]:
    return {
        "account": result.account,
        "account_id": result.account_id,
        "outcome": result.outcome,
        "error": result.error or None,
        "new": result.new,
        "edited": result.edited,
        "deleted": result.deleted,
        "flagged": result.flagged,
        "alerted": result.alerted,
        "seconds": round(result.seconds, 3),
        "notes": result.notes,
    }


@app.command("run")
def run(
    web: Annotated[bool, typer.Option("--web/--no-web", help="Serve the review page.")] = True,
    slack: Annotated[bool, typer.Option("--slack/--no-slack", help="Listen to Slack's buttons and commands.")] = True,
    config: ConfigOption = None,
) -> None:
    """Poll, score, flag and alert for good, until SIGTERM or Ctrl-C."""
    with workspace(config) as space:

        async def work() -> None:
            async with space.web() as net:
                runner = Runner(space.db, net, space.config)
                await accounts.add_configured(space.db, net, space.config, now=utcnow())
                err.print("sheriffwatch is running. Ctrl-C or SIGTERM ends it after what is under way.")
                async with contextlib.AsyncExitStack() as beside:
                    if web:
                        await _serve_page(beside, space)
                    if slack:
                        runner.not_hearing = await _listen_to_slack(beside, space, net)
                    await runner.run()

        run_async(work)


async def _listen_to_slack(beside: contextlib.AsyncExitStack, space: Workspace, net: Web) -> Callable[[], str]:
    """Polling goes on without the listener, as it does without the page. Returns how to ask what is wrong with it."""
    from monitor.slack.listening import listening

    try:
        listener = await beside.enter_async_context(listening(space.db, space.config, net))
    except SheriffwatchError as error:
        sentence = str(error)
        err.print(f"{sentence} Everything else runs.", markup=False, soft_wrap=True)
        return lambda: sentence
    if listener.how:
        err.print(f"Listening to Slack by {listener.how}.", markup=False)
    return listener.trouble


async def _serve_page(beside: contextlib.AsyncExitStack, space: Workspace) -> None:
    """Polling goes on without the page: of several workers on one host only the first gets the port."""
    from monitor.cli.web import tell_address
    from monitor.web.serve import serving

    try:
        tell_address(space.db, await beside.enter_async_context(serving(space.db, space.config)))
    except SheriffwatchError as error:
        err.print(f"{error} Everything else runs.", markup=False, soft_wrap=True)


@app.command("status")
def show_status(config: ConfigOption = None, json_: JsonOption = False) -> None:
    """How each account, the outbox and the classifier are doing; exit code 1 when a person must act."""
    now = utcnow()
    with workspace(config) as space:
        state = status.gather(space.db, space.config, now=now)
    if json_:
        print_json(state.to_dict())
    else:
        print_table(
            "Accounts",
            ["id", "account", "platform", "health", "last ok", "last new", "posts", "last error"],
            (
                (
                    a.id,
                    a.account,
                    a.platform,
                    "paused" if a.paused else a.health,
                    ago(a.last_ok, now),
                    ago(a.last_new, now),
                    a.posts,
                    a.last_error,
                )
                for a in state.accounts
            ),
        )
        counts = ", ".join(f"{value} {key}" for key, value in state.outbox.items() if value and key != "oldest_s")
        out.print(f"Outbox: {counts or 'empty'}. Waiting for review: {state.backlog['unreviewed']}.")
        out.print(f"Classifier: {state.classifier}.")
        for reason in state.reasons:
            out.print(f"! {plain(reason)}", markup=False)
        out.print("Healthy." if state.healthy else "A person must act.")
    if not state.healthy:
        raise typer.Exit(1)


@app.command("send-test")
def send_test(config: ConfigOption = None, json_: JsonOption = False) -> None:
    """Send the harmless test sentence through score, flag and alert."""
    with workspace(config) as space:
        walk = run_async(lambda: selftest.send_test(space.db, space.config, now=utcnow()))
    if json_:
        print_json({"post": walk.post_id, "probability": walk.probability, "alerts": walk.alerts})
    else:
        out.print(f"The test sentence was scored {walk.probability:.2f} and flagged.")
        for alert in walk.alerts:
            out.print(f"{alert['channel']}: {alert['state']} {alert['error']}".strip(), markup=False)
        if not walk.alerts:
            out.print("No alert was queued: the score is under the alert threshold.")
    if not walk.arrived:
        raise typer.Exit(1)
