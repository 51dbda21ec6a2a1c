"""Signed HTTP requests: the other door, for who has a public address and wants no Socket Mode."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from monitor.alerts.slack import Slack
from monitor.errors import SheriffwatchError
from monitor.slack.desk import Desk, Work
from monitor.slack.signature import MOST_AGE_S, MOST_BYTES, is_slacks, looks_signed, minutes_off

log = structlog.get_logger()

READ_S = 5.0
"""How long a body may take to come, in seconds."""


def create_app(slack: Slack, desk: Desk, *, clock_s: Callable[[], float] | None = None) -> Starlette:
    """``POST /slack/interactive`` and ``POST /slack/command``; whatever is not signed by Slack is refused with 401."""
    now_s = clock_s or (lambda: desk.clock().timestamp())

    async def take(request: Request) -> Response:
        body = await _signed_body(request, slack.signing_secret.get_secret_value(), now_s)
        if isinstance(body, Response):
            return body
        signature = request.headers["x-slack-signature"]
        if not await asyncio.to_thread(desk.is_first, f"http\x1f{signature}"):
            return _refused("replay")
        payload = _payload(body)
        if payload is None:
            return _refused("no form")
        taken = await desk.take(payload)
        background = BackgroundTask(_do, taken.work) if taken.work is not None else None
        if not taken.answer:
            return Response(status_code=200, background=background)
        return JSONResponse(dict(taken.answer), background=background)

    return Starlette(
        routes=[
            Route("/slack/interactive", take, methods=["POST"]),
            Route("/slack/command", take, methods=["POST"]),
        ]
    )


@contextlib.asynccontextmanager
async def serving(slack: Slack, desk: Desk) -> AsyncIterator[str]:
    """Take signed requests while the block runs. Raises SheriffwatchError when the address cannot be had."""
    host, _, port = slack.listen.rpartition(":")
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host.strip("[]"), int(port)))
        listening.listen(64)
    except (OSError, OverflowError) as error:
        listening.close()
        raise SheriffwatchError(
            f"Slack's requests cannot be taken at {slack.listen}: {error}. Set another slack.listen."
        ) from None
    listening.setblocking(False)
    server = _Server(
        uvicorn.Config(
            create_app(slack, desk),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            limit_concurrency=50,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=5,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://{host}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        await desk.finish()
        listening.close()


class _Server(uvicorn.Server):
    """Leaves signals to the process it runs in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: the scheduler or the command listens."""
        yield


async def _signed_body(request: Request, secret: str, now_s: Callable[[], float]) -> bytes | Response:
    """The raw body of a request that Slack signed, or the refusal. Nothing is read of what cannot be signed."""
    headers = request.headers.raw
    if not looks_signed(headers, now_s=now_s()):
        off = minutes_off(headers, now_s=now_s())
        if off is not None and abs(off) * 60 > MOST_AGE_S:
            return _refused(f"its time is {off:+.0f} minutes off this computer's clock; compare the clock with Slack's")
        return _refused("headers")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > MOST_BYTES:
        return _refused("size")
    body = b""
    try:
        async with asyncio.timeout(READ_S):
            async for part in request.stream():
                body += part
                if len(body) > MOST_BYTES:
                    return _refused("size")
    except TimeoutError:
        return PlainTextResponse("Too slow.\n", 408)
    except ClientDisconnect:
        return Response(status_code=400)
    return body if is_slacks(secret, headers, body, now_s=now_s()) else _refused("signature")


async def _do(work: Work) -> None:
    await work()


def _refused(why: str) -> Response:
    log.warning("slack.request_refused", why=why)
    # Closing spares us the rest of a body that nobody asked for.
    return PlainTextResponse("Not signed by Slack.\n", 401, headers={"Connection": "close"})


def _payload(body: bytes) -> dict[str, Any] | None:
    """The JSON of an interaction, or the fields of a slash command."""
    try:
        form = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=100)
        if "payload" in form:
            payload = json.loads(form["payload"][0])
            return payload if isinstance(payload, dict) else None
    except ValueError:
        return None
    return {key: values[0] for key, values in form.items()} if "command" in form else None
