"""Listening beside whatever else the process does, through the door that the configuration opens."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from models.db import Database
from monitor.alerts.slack import Slack
from monitor.config import Config
from monitor.http import Web
from monitor.slack import http
from monitor.slack.desk import Desk
from monitor.slack.socket import SocketMode


@dataclass(frozen=True)
class Listening:
    """That somebody listens."""

    how: str = ""
    """By which door, for people; empty when nothing is set up to listen with."""
    trouble: Callable[[], str] = lambda: ""
    """What keeps it from hearing anything now, as a sentence; empty when all is well."""


def listener_of(config: Config) -> Slack | None:
    """The Slack channel whose buttons are to be answered, or None when none is set up for that."""
    slack = config.ready_channels.get("slack")
    return slack if isinstance(slack, Slack) and slack.listens else None


@contextlib.asynccontextmanager
async def listening(
    db: Database, config: Config, web: Web, *, after: Callable[[], Awaitable[None]] | None = None
) -> AsyncIterator[Listening]:
    """Listen while the block runs."""
    slack = listener_of(config)
    if slack is None:
        yield Listening()
        return
    desk = Desk(db, config, slack, web, after=after)
    if not slack.app_token.get_secret_value():
        async with http.serving(slack, desk) as address:
            yield Listening(f"signed requests at {address}")
        return
    stopping = asyncio.Event()
    mode = SocketMode(slack, desk)
    task = asyncio.create_task(mode.run(stopping))
    try:
        yield Listening("Socket Mode", lambda: mode.trouble)
    finally:
        stopping.set()
        await task
