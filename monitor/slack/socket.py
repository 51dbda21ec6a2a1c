"""Socket Mode: Slack's requests over a connection that we open, so that no public address is needed.

slack_sdk has a client for this too; it tries a revoked token again every five seconds for ever and takes proxies from
the environment. The protocol is four kinds of frames (docs.slack.dev/apis/events-api/using-socket-mode).
"""

import asyncio
import json
import time
from typing import Any

import aiohttp
import structlog

from monitor.alerts._slack_client import SlackClient
from monitor.alerts.slack import Slack
from monitor.errors import DeliveryError
from monitor.slack.desk import Desk

log = structlog.get_logger()

PERMANENT_S = 900.0
"""After an error that only a person can mend the connection is tried again this many seconds later."""
LASTING_S = 300.0
"""A connection that has been broken for this many seconds is told to people."""
_LONGEST_S = 60.0
_SHORT_LIFE_S = 10.0
"""A connection that Slack ends sooner than that was no success: the next one waits, so that nothing is hammered."""
_MOST_BYTES = 2_000_000
_PING_S = 20.0


class SocketMode:
    """Keeps one connection to Slack open and hands what comes over it to the desk."""

    def __init__(self, slack: Slack, desk: Desk) -> None:
        self._slack = slack
        self._desk = desk
        self.error = ""
        """What keeps the connection from standing; empty when it stands."""
        self._broken_since: float | None = None
        self._permanent = False

    @property
    def trouble(self) -> str:
        """What a person should know of: an error that only a person can mend, or that lasts. Empty when all is well."""
        if self._broken_since is None or not self.error:
            return ""
        lasts = time.monotonic() - self._broken_since >= LASTING_S
        return self.error if self._permanent or lasts else ""

    async def run(self, stopping: asyncio.Event) -> None:
        """Listen until told to stop; a broken connection is opened again, at growing distances."""
        failures = 0
        while not stopping.is_set():
            began = time.monotonic()
            try:
                await self._listen(stopping)
                failures = failures + 1 if time.monotonic() - began < _SHORT_LIFE_S else 0
                wait_s = min(2.0**failures, _LONGEST_S) if failures > 1 else 0.0
            except DeliveryError as error:
                failures += 1
                self._broke(str(error), permanent=error.permanent)
                wait_s = PERMANENT_S if error.permanent else error.retry_after or min(2.0**failures, _LONGEST_S)
                log.warning("slack.not_listening", error=self.error, again_in_s=wait_s)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                failures += 1
                self._broke(f"the connection to Slack broke ({type(error).__name__})")
                wait_s = min(2.0**failures, _LONGEST_S)
                log.info("slack.connection_broke", error=type(error).__name__, again_in_s=wait_s)
            except Exception as error:  # whatever it is, people must be heard again
                failures += 1
                self._broke(f"a fault of ours ({type(error).__name__})")
                wait_s = min(2.0**failures, _LONGEST_S)
                log.exception("slack.listening_fault", again_in_s=wait_s)
            if wait_s:
                await _sleep(wait_s, stopping)
        await self._desk.finish()

    def _broke(self, error: str, *, permanent: bool = False) -> None:
        self.error, self._permanent = error, permanent
        self._broken_since = self._broken_since or time.monotonic()

    async def _listen(self, stopping: asyncio.Event) -> None:
        client = SlackClient(self._slack.base_url, self._slack.app_token.get_secret_value())
        try:
            url = str((await client.call("apps.connections.open")).get("url") or "")
            if not url.startswith(("wss://", "ws://")):
                raise DeliveryError("Slack gave no address to connect to")
        finally:
            await client.close()
        async with (
            aiohttp.ClientSession(trust_env=False) as session,
            session.ws_connect(url, heartbeat=_PING_S, max_msg_size=_MOST_BYTES) as socket,
        ):
            stopped = asyncio.ensure_future(stopping.wait())
            try:
                while True:
                    frame = asyncio.ensure_future(socket.receive())
                    await asyncio.wait({frame, stopped}, return_when=asyncio.FIRST_COMPLETED)
                    if stopped.done():
                        frame.cancel()
                        return
                    message = frame.result()
                    if message.type != aiohttp.WSMsgType.TEXT:
                        if message.type in (aiohttp.WSMsgType.PING, aiohttp.WSMsgType.PONG):
                            continue
                        return
                    if await self._heard(socket, message.data):
                        return
            finally:
                stopped.cancel()

    async def _heard(self, socket: aiohttp.ClientWebSocketResponse, text: str) -> bool:
        """Act on one frame. True when Slack wants us to connect anew."""
        try:
            frame: dict[str, Any] = json.loads(text)
            kind = frame.get("type")
        except (ValueError, AttributeError):
            log.warning("slack.frame_unreadable")
            return False
        if kind == "hello":
            self.error, self._broken_since, self._permanent = "", None, False
            log.info("slack.listening")
        elif kind == "disconnect":
            if frame.get("reason") == "link_disabled":
                raise DeliveryError("Socket Mode is switched off in the app's settings", permanent=True)
            return frame.get("reason") != "warning"
        elif kind in ("interactive", "slash_commands") and isinstance(frame.get("payload"), dict):
            self._desk.start(lambda: self._answer(socket, frame))
        elif "envelope_id" in frame:
            await socket.send_json({"envelope_id": frame["envelope_id"]})
        return False

    async def _answer(self, socket: aiohttp.ClientWebSocketResponse, frame: dict[str, Any]) -> None:
        taken = await self._desk.take(frame["payload"])
        answer: dict[str, Any] = {"envelope_id": frame.get("envelope_id")}
        if taken.answer and frame.get("accepts_response_payload", True):
            answer["payload"] = dict(taken.answer)
        try:
            await socket.send_json(answer)
        except (ConnectionError, aiohttp.ClientError):
            log.info("slack.ack_lost")  # Slack shows the person a warning; what they asked for is done all the same
        if taken.work is not None:
            await taken.work()


async def _sleep(seconds: float, stopping: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return
