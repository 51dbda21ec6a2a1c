"""One place where requests from Slack are let in, answered and carried out, whatever door they came through."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from models.clock import utcnow
from models.db import Database, DatabaseError
from models.flag import Alert, Flag
from models.review import Review
from models.slackperson import SlackRequest
from monitor import byhand, posts
from monitor.alerts.slack import Slack
from monitor.config import Config
from monitor.errors import SheriffwatchError
from monitor.http import Web
from monitor.review import verdicts
from monitor.slack import buttons, commands, handposts, modals
from monitor.slack.answers import Answers, private
from monitor.slack.buttons import Match
from monitor.slack.effects import Decide, Effect, KeepByHand, Object, Open, TakeBack, Whisper
from monitor.slack.handposts import Whose
from monitor.slack.payloads import Asked, Command, PayloadError, Press, Request, Shortcut, Submission, read
from monitor.slack.people import People
from monitor.threads import Teller
from monitor.versions import Duty

log = structlog.get_logger()

UNDO_WITHIN = timedelta(minutes=10)
ANSWER_S = 2.0
"""Slack waits three seconds; what takes longer is answered later, at the address the request brought along."""
_KEPT = timedelta(days=1)
NOT_LISTED = (
    "Only reviewers may do that here, and you are not listed yet. Whoever runs sheriffwatch can add you: your id in "
    "Slack is {user}."
)
ELSEWHERE = "This comes from another Slack workspace than the one sheriffwatch belongs to; nothing was done."
FAULT = "That did not work: a fault of ours. Nothing that was stored is lost. Try again."

Work = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Taken:
    """What goes back to Slack at once, and what is done after that."""

    answer: Mapping[str, Any]
    work: Work | None = None


class Desk:
    """Takes requests and carries them out. ``after`` is called when a message may have to change."""

    def __init__(
        self,
        db: Database,
        config: Config,
        slack: Slack,
        web: Web,
        *,
        clock: Callable[[], datetime] = utcnow,
        after: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.db = db
        self.config = config
        self.slack = slack
        self.web = web
        self.clock = clock
        self.people = People(db, slack)
        self.duty = Duty(db, config)
        self._answers = Answers(slack)
        self._teller = Teller(db, config)
        self._after = after
        self._under_way: set[asyncio.Task[None]] = set()

    async def take(self, payload: Mapping[str, Any]) -> Taken:
        """Answer one request. Never raises: what is wrong with it is said to who asked, or logged."""
        try:
            request = read(payload)
        except PayloadError as error:
            log.warning("slack.payload_refused", reason=str(error))
            return Taken({})
        if request is None:
            return Taken({})
        taking = asyncio.ensure_future(self._take_safely(request))
        done, _ = await asyncio.wait({taking}, timeout=ANSWER_S)
        if done:
            return taking.result()
        waiting = private("Working on it …") if isinstance(request, Command) else {}
        return Taken(waiting, lambda: self._later(request.by, taking))

    async def _take_safely(self, request: Request) -> Taken:
        try:
            return await self._take(request)
        except (SheriffwatchError, DatabaseError) as error:
            return self._private(request, str(error))
        except Exception:
            log.exception("slack.fault")
            return self._private(request, FAULT)

    async def _later(self, by: Asked, taking: asyncio.Future[Taken]) -> None:
        """Say, once it is there, what there was no time to answer with; then do the rest."""
        taken = await taking
        said = taken.answer.get("text") or "; ".join(taken.answer.get("errors", {}).values())
        if "blocks" in taken.answer:
            said = "\n".join(block["text"]["text"] for block in taken.answer["blocks"])
        if said:
            await self._answers.try_to_say(by, said)
        if taken.work is not None:
            await taken.work()

    def start(self, work: Work | None) -> None:
        """Carry out work beside everything else."""
        if work is not None:
            task = asyncio.ensure_future(work())
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def finish(self) -> None:
        """Let work under way end."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=10)

    async def _take(self, request: Request) -> Taken:
        now = self.clock()
        if not await self.people.is_ours(request.by):
            await asyncio.to_thread(self.people.refused, request.by, "another workspace", now=now)
            return self._private(request, ELSEWHERE)
        if isinstance(request, Command) and commands.split(request.text)[0] == "help":
            return self._private(request, commands.HELP)
        if not await self.people.may_act(request.by):
            await asyncio.to_thread(self.people.refused, request.by, _what(request), now=now)
            return self._private(request, NOT_LISTED.format(user=request.by.user))
        reviewer = await asyncio.to_thread(self.people.reviewer, request.by, now=now)
        if isinstance(request, Command):
            return await self._command(request, reviewer)
        if isinstance(request, Press):
            return Taken({}, lambda: self._guarded(request.by, self._press(request, reviewer)))
        if isinstance(request, Shortcut):
            return Taken({}, lambda: self._guarded(request.by, self._shortcut(request)))
        return await self._submission(request, reviewer)

    async def _press(self, press: Press, reviewer: str) -> None:
        stamp = "\x1f".join((press.by.team, press.by.user, press.action, press.value, press.at))
        if press.at and not await asyncio.to_thread(self.is_first, stamp):
            return  # the same press once more
        match = await asyncio.to_thread(self._match, buttons.alert_id_of(press))
        await self._carry_out(press.by, buttons.on_press(press, match, reviewer))

    async def _shortcut(self, shortcut: Shortcut) -> None:
        if shortcut.name != handposts.NAME:
            return
        effects = await asyncio.to_thread(self._hand_form, shortcut)
        await self._carry_out(shortcut.by, effects)

    async def _submission(self, form: Submission, reviewer: str) -> Taken:
        if form.form == modals.MORE:
            number = int(form.about) if form.about.isascii() and form.about.isdigit() else None
            match = await asyncio.to_thread(self._match, number)
            effects = modals.on_more(form, match.post_id if match else None, reviewer)
        elif form.form == handposts.NAME:
            effects = handposts.on_submission(form, await asyncio.to_thread(self._whose, form), reviewer)
        else:
            return Taken({})
        wrong = next((effect for effect in effects if isinstance(effect, Object)), None)
        if wrong is not None:
            return Taken({"response_action": "errors", "errors": dict(wrong.errors)})
        return Taken({}, lambda: self._guarded(form.by, self._carry_out(form.by, effects)))

    async def _command(self, command: Command, reviewer: str) -> Taken:
        is_lead = await asyncio.to_thread(self.people.is_lead, command.by)
        tools = commands.Tools(self.db, self.config, self.duty, self.web, reviewer, self.clock(), is_lead=is_lead)
        return Taken(private(await commands.run(tools, command.text)))

    async def _carry_out(self, by: Asked, effects: list[Effect]) -> None:
        for effect in effects:
            now = self.clock()
            if isinstance(effect, Open):
                await self.slack.call("views.open", trigger_id=by.trigger_id, view=dict(effect.view))
            elif isinstance(effect, Whisper):
                await self._answers.say(by, effect.text)
            elif isinstance(effect, Decide):
                await asyncio.to_thread(verdicts.decide, self.db, effect.decision, now=now)
                await self._show(now)
            elif isinstance(effect, TakeBack):
                if await asyncio.to_thread(self._take_back, effect, now):
                    await self._show(now)
                else:
                    await self._answers.say(by, "There is no verdict of yours from the last ten minutes to take back.")
            elif isinstance(effect, KeepByHand):
                await self._answers.say(by, await asyncio.to_thread(self._keep, effect, now))

    async def _show(self, now: datetime) -> None:
        await asyncio.to_thread(self._teller.update, now=now)
        if self._after is not None:
            await self._after()

    async def _guarded(self, by: Asked, work: Awaitable[None]) -> None:
        """Do work whose fault is told to who asked, in one sentence."""
        try:
            await work
        except (SheriffwatchError, DatabaseError) as error:
            log.warning("slack.not_done", error=str(error))
            await self._answers.try_to_say(by, f"That did not work: {error}")
        except Exception:
            log.exception("slack.fault")
            await self._answers.try_to_say(by, FAULT)

    def _private(self, request: Request, text: str) -> Taken:
        """Say something in private to who asked: commands are answered at once, the rest afterwards."""
        if isinstance(request, Command):
            return Taken(private(text))
        return Taken({}, lambda: self._answers.try_to_say(request.by, text))

    def is_first(self, stamp: str) -> bool:
        """Whether a request with this stamp was never let in before; from now on it was."""
        digest, now = hashlib.sha256(stamp.encode()).hexdigest(), self.clock()
        with self.db.write() as session:
            connection = session.connection()
            connection.execute(sa.delete(SlackRequest).where(col(SlackRequest.at) < now - _KEPT))
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            row = insert(SlackRequest).values(digest=digest, at=now).on_conflict_do_nothing()
            return connection.execute(row.returning(col(SlackRequest.digest))).first() is not None

    def _match(self, alert_id: int | None) -> Match | None:
        if alert_id is None:
            return None
        with self.db.read() as session:
            post_id = session.execute(
                sa.select(col(Flag.post_id))
                .join(Alert, col(Alert.flag_id) == col(Flag.id))
                .where(col(Alert.id) == alert_id)
            ).scalar()
            kept = posts.get(session, post_id) if post_id is not None else None
        return Match(str(alert_id), kept) if kept is not None else None

    def _hand_form(self, shortcut: Shortcut) -> list[Effect]:
        with self.db.read() as session:
            return handposts.on_shortcut(session, shortcut)

    def _whose(self, form: Submission) -> Whose:
        with self.db.read() as session:
            return handposts.whose(session, form)

    def _keep(self, effect: KeepByHand, now: datetime) -> str:
        """Keep a post and say what became of it. One of this link that is kept already only comes before people."""
        post = effect.post
        if effect.agency_id is not None:
            account_id = byhand.account_of(self.db, effect.agency_id, post.url, by=post.by, now=now)
            post = replace(post, account_id=account_id)
        with self.db.read() as session:
            before = byhand.kept_already(session, post.account_id, post.url)
        if before is not None and before.id is not None:
            new = byhand.queue(self.db, before.id, by=post.by, note=post.note, now=now)
            said = "was kept already and waits for review now" if new else "was there already"
            return f"Thank you: post {before.id} {said}."
        added = byhand.add(self.db, post, now=now)
        return f"Thank you: post {added.post_id} {'waits for review' if added.new else 'was there already'}."

    def _take_back(self, effect: TakeBack, now: datetime) -> bool:
        with self.db.read() as session:
            latest = _latest(session, effect)
        if latest is None or latest.id is None or latest.created_at < now - UNDO_WITHIN:
            return False
        return verdicts.revoke(self.db, latest.id, by=effect.reviewer, now=now)


def _latest(session: Session, effect: TakeBack) -> Review | None:
    return verdicts.latest_of(session, effect.post_id, effect.reviewer)


def _what(request: Request) -> str:
    if isinstance(request, Press):
        return f"{request.action} {request.value[:40]}"
    if isinstance(request, Submission):
        return request.form[:60]
    if isinstance(request, Command):
        return f"/{commands.split(request.text)[0][:40]}"
    return request.name[:60]
