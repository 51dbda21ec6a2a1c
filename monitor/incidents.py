"""Health alerts: one for each cause when it begins, one when it is over, whatever the number of polls between."""

from collections import defaultdict
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from models.db import Database
from models.flag import Alert, Destination
from models.noise import Incident
from monitor import status
from monitor.config import Config
from monitor.routing import Place, places_named
from monitor.status import LISTENING, AccountStatus, Status

SICK_FOR = 3
"""Failures in a row from which a failing account is worth an alarm; blocked, gone or moved ones are at once."""
_AT_ONCE = frozenset({"blocked", "login-wall", "gone", "moved", "quiet"})
_OUTAGE_SHARE = 0.5
_OUTAGE_LEAST = 3


def watch(db: Database, config: Config, *, now: datetime, listening: str = "") -> tuple[int, int]:
    """Open an incident for each new cause and close those that are over, each with one message. Again does nothing.

    ``listening`` is what keeps this process from hearing Slack's buttons, if anything does. Returns how many began and
    how many ended. What only changes its form, as when one account's trouble turns out to be its platform's, ends
    without a word.
    """
    state = status.gather(db, config, now=now)
    with db.read() as session:
        stopped = list(
            session.execute(sa.select(Destination).where(col(Destination.stopped_at).is_not(None))).scalars()
        )
        known = {row.cause: row for row in session.execute(sa.select(Incident).where(_still_open())).scalars()}
    causes = causes_of(state, stopped, listening)
    if causes.keys() == known.keys():
        return 0, 0
    with db.write() as session:
        known = {row.cause: row for row in session.execute(sa.select(Incident).where(_still_open())).scalars()}
        fresh = [cause for cause in causes if cause not in known]
        over = [row for cause, row in known.items() if cause not in causes]
        for cause in fresh:
            incident = Incident(cause=cause, sentence=causes[cause], opened_at=now)
            session.add(incident)
            session.flush()
            _tell(session, config, incident, "A person must act", causes[cause], now)
        for row in over:
            row.closed_at = now
            session.add(row)
            if _goes_on(row.cause, causes, state):
                continue
            since = f"It lasted from {row.opened_at:%Y-%m-%d %H:%M} to {now:%Y-%m-%d %H:%M} UTC."
            _tell(session, config, row, "Over", f"{row.sentence}\n{since}", now)
    return len(fresh), len(over)


def causes_of(state: Status, stopped: list[Destination], listening: str = "") -> dict[str, str]:
    """What needs a person now, by cause. When most accounts of a platform fail, that is one cause and not many."""
    causes: dict[str, str] = {}
    if listening:
        causes[LISTENING] = f"Nobody hears Slack's buttons and commands: {listening}"
    sick = [account for account in state.accounts if _is_sick(account)]
    watched: dict[str, int] = defaultdict(int)
    for account in state.accounts:
        watched[account.platform] += not account.paused
    by_platform: dict[str, list[AccountStatus]] = defaultdict(list)
    for account in sick:
        if account.health != "quiet":
            by_platform[account.platform].append(account)
    outages = {
        platform
        for platform, accounts in by_platform.items()
        if len(accounts) >= max(_OUTAGE_LEAST, _OUTAGE_SHARE * watched[platform])
    }
    for platform in sorted(outages):
        accounts = by_platform[platform]
        causes[f"platform:{platform}"] = (
            f"{platform}: {len(accounts)} of {watched[platform]} accounts cannot be read. {_short(accounts[0])}"
        )
    for account in sick:
        if account.health == "quiet":
            sentence = "has been silent for three times its usual gap"
        elif account.platform in outages:
            continue
        else:
            sentence = f"is {account.health}: {_short(account)}"
        causes[f"account:{account.id}:{account.health}"] = f"{account.account} ({account.platform}) {sentence}"
    for place in stopped:
        where = f"{place.channel} {place.destination}".strip()
        causes[f"destination:{place.channel}:{place.destination}"] = f"Alerts to {where} are stopped: {place.error}"
    return causes


def _goes_on(cause: str, causes: dict[str, str], state: Status) -> bool:
    """Whether the trouble of an account goes on under another name: in other health, or as its whole platform's."""
    kind, _, rest = cause.partition(":")
    if kind != "account":
        return False
    number = rest.partition(":")[0]
    platforms = {f"platform:{account.platform}" for account in state.accounts if str(account.id) == number}
    return bool(platforms & causes.keys()) or any(other.startswith(f"account:{number}:") for other in causes)


def _is_sick(account: AccountStatus) -> bool:
    if account.paused:
        return False
    return account.health in _AT_ONCE or (account.health == "failing" and account.error_count >= SICK_FOR)


def _short(account: AccountStatus) -> str:
    return " ".join(account.last_error.split())[:200] or account.health


def _still_open() -> sa.ColumnElement[bool]:
    return col(Incident.closed_at).is_(None)


def _tell(session: Session, config: Config, incident: Incident, headline: str, body: str, now: datetime) -> None:
    for place in _places(config, incident):
        session.add(
            Alert(
                kind="health",
                channel=place.channel,
                destination=place.destination,
                dedupe_key=f"incident:{incident.id}:{headline}:{place.destination}",
                payload={"headline": headline, "body": body},
                created_at=now,
                next_attempt_at=now,
            )
        )


def _places(config: Config, incident: Incident) -> list[Place]:
    """Where to tell; that a place is stopped is told everywhere else, if there is an elsewhere."""
    places = places_named(config, config.alerts.health_to)
    if not incident.cause.startswith("destination:"):
        return places
    _, channel, destination = incident.cause.split(":", 2)
    broken = Place(channel, destination)
    others = [place for place in dict.fromkeys([*places, *places_named(config, [])]) if place != broken]
    return others or places
