"""Who presses and types: whether they may, and under which name their verdicts stand."""

import time
from datetime import datetime

import structlog
from sqlmodel import Session

from models.db import Database
from models.evidence import Event
from models.slackperson import SlackPerson
from models.user import UserRole
from monitor import users
from monitor.alerts.slack import Slack
from monitor.errors import DeliveryError
from monitor.slack.payloads import Asked
from monitor.standing import SLACK_NAME

log = structlog.get_logger()

GROUP_KEPT_S = 300.0
"""How long the members of the user group are remembered, in seconds."""


class People:
    """The people of one workspace."""

    def __init__(self, db: Database, slack: Slack) -> None:
        self._db = db
        self._slack = slack
        self._team = slack.workspace
        self._members: frozenset[str] = frozenset()
        self._members_until = 0.0

    async def is_ours(self, asked: Asked) -> bool:
        """Whether the request comes from the workspace that our token belongs to. Raises DeliveryError if that
        cannot be found out.
        """
        if not self._team:
            self._team = str((await self._slack.call("auth.test")).get("team_id", ""))
        return bool(self._team) and asked.team == self._team

    async def may_act(self, asked: Asked) -> bool:
        """Whether this person may decide and command: in the list, in the user group, or a reviewer of the page."""
        if asked.user in self._slack.reviewers or asked.user in self._slack.leads:
            return True
        with self._db.read() as session:
            user = users.of_slack(session, asked.user)
        if user is not None:
            return user.role.covers(UserRole.REVIEWER)
        return bool(self._slack.reviewer_group) and asked.user in await self._group()

    def is_lead(self, asked: Asked) -> bool:
        """Whether this person may have the classifier retrained: named as a lead, or a lead of the page."""
        with self._db.read() as session:
            user = users.of_slack(session, asked.user)
        return asked.user in self._slack.leads or (user is not None and user.role.covers(UserRole.LEAD))

    def reviewer(self, asked: Asked, *, now: datetime) -> str:
        """The name under which this person's verdicts stand: the page's if they have one, else their Slack id."""
        with self._db.write() as session:
            user = users.of_slack(session, asked.user)
            if user is not None:
                return user.name
            _remember(session, asked, now)
        return f"{SLACK_NAME}{asked.user}"

    def refused(self, asked: Asked, what: str, *, now: datetime) -> None:
        """Write down that somebody tried who may not."""
        with self._db.write() as session:
            data = {"what": what, "team": asked.team}
            session.add(Event(at=now, kind="slack.refused", actor=f"{SLACK_NAME}{asked.user}", data=data))

    async def _group(self) -> frozenset[str]:
        if time.monotonic() >= self._members_until:
            try:
                answer = await self._slack.call("usergroups.users.list", usergroup=self._slack.reviewer_group)
            except DeliveryError as error:  # the members known so far still count
                log.warning("slack.group_unknown", error=str(error))
            else:
                self._members = frozenset(answer.get("users") or ())
            self._members_until = time.monotonic() + GROUP_KEPT_S
        return self._members


def _remember(session: Session, asked: Asked, now: datetime) -> None:
    person = session.get(SlackPerson, asked.user) or SlackPerson(slack_id=asked.user)
    person.name = asked.name[:80] or person.name
    person.seen_at = now
    session.add(person)
