"""Accounts: the list; one with its health, coverage and figures; forms to add, verify, assign, pause and resume."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col
from starlette.exceptions import HTTPException
from starlette.responses import Response

from models.account import Account, Role
from models.agency import Agency
from models.evidence import Event
from models.user import UserRole
from monitor import accounts, agencies, coverage
from monitor.accounts import NewAccount
from monitor.errors import SheriffwatchError, UsageError
from monitor.http import Web
from monitor.overview import Condition, condition_of
from monitor.scoring import TEST_PLATFORM
from monitor.sources import source_classes
from monitor.web.charts import columns
from monitor.web.page import Page, Visit
from monitor.web.routes.agencies import MOST_WORDS, PER_PAGE, figures, months_chart, page_number
from monitor.web.routes.overview import counted
from monitor.web.tiles import NAMES

SPANS = {"30": 1, "90": 1, "365": 7}
"""Days that the chart of coverage may reach back, and days of one column."""
MOST_GAPS = 30
MOST_EVENTS = 30
ROLES: Mapping[Role, str] = {
    Role.OFFICE: "the office's own",
    Role.SHERIFF_PERSONAL: "the sheriff's, in person",
    Role.CAMPAIGN: "a campaign's",
    Role.PIO: "a public information officer's",
}


def index(visit: Visit) -> Response:
    """All accounts, or those in one condition, on one platform, with a part of a name."""
    found = counted(visit)
    wanted = visit.query.get("is", "")
    condition = Condition(wanted) if wanted in set(Condition) else None
    platform = visit.query.get("platform", "")
    platform = platform if platform in source_classes() else ""
    words = visit.query.get("q", "")[:MOST_WORDS]
    number = page_number(visit)
    with visit.db.read() as session:
        rows, total = agencies.accounts(
            session,
            found,
            condition=condition,
            words=words,
            platform=platform,
            skip=(number - 1) * PER_PAGE,
            limit=PER_PAGE,
        )
    return visit.render(
        "accounts.html",
        rows=rows,
        total=total,
        at=found.at,
        health=found.health,
        condition=condition,
        platform=platform,
        platforms=sorted(source_classes()),
        words=words,
        number=number,
        pages=-(-total // PER_PAGE),
    )


def show(visit: Visit) -> Response:
    """One account."""
    return _page(visit, 200, "", {})


def form(visit: Visit) -> Response:
    """The form to watch another account."""
    return _form(
        visit, 200, "", {"role": Role.OFFICE.value, "check": "on", "agency": visit.query.get("agency", "")[:200]}
    )


def add(visit: Visit) -> Response:
    """Watch another account from now on. The platform is asked first, unless the form says not to."""
    names = ("platform", "address", "agency", "state", "name", "role", "check")
    typed = {name: visit.field(name, 2000) for name in names}
    try:
        wanted = _wanted(visit, typed)
        account = asyncio.run(_add(visit, wanted, check=typed["check"] == "on"))
    except SheriffwatchError as error:
        return _form(visit, 400, str(error), typed)
    return visit.go(f"/accounts/{account.id}", f"{account.name} is watched from now on.")


def verify(visit: Visit) -> Response:
    """Write down that the account is the office's own, and the page that shows it."""
    page = visit.field("page", 2000)

    def change(session: Session, account: Account) -> None:
        accounts.verify(session, account, page=page, by=visit.user.name, now=visit.now)

    return _change(visit, change, "Verified.", {"page": page})


def assign(visit: Visit) -> Response:
    """Say whose account it is."""
    typed = {name: visit.field(name, 300) for name in ("agency", "state", "role")}

    def change(session: Session, account: Account) -> None:
        role = _role(typed["role"])
        by, now = visit.user.name, visit.now
        accounts.assign(session, account, agency=typed["agency"], state=typed["state"], role=role, by=by, now=now)

    return _change(visit, change, "Changed.", typed)


def pause(visit: Visit) -> Response:
    """Stop polling the account; everything kept stays."""

    def change(session: Session, account: Account) -> None:
        accounts.pause(session, account, by=visit.user.name, now=visit.now)

    return _change(visit, change, "Paused: it is polled no more. Everything kept stays.", {})


def resume(visit: Visit) -> Response:
    """Poll the account again from now on."""

    def change(session: Session, account: Account) -> None:
        accounts.resume(session, account, by=visit.user.name, now=visit.now)

    return _change(visit, change, "It is polled again from now on.", {})


def _change(
    visit: Visit, change: Callable[[Session, Account], None], notice: str, typed: Mapping[str, str]
) -> Response:
    try:
        with visit.db.write() as session:
            change(session, _account(session, visit.number()))
    except UsageError as error:
        return _page(visit, 400, str(error), typed)
    return visit.go(f"/accounts/{visit.number()}", notice)


def _page(visit: Visit, status: int, sentence: str, typed: Mapping[str, str]) -> Response:
    wanted = visit.query.get("days", "")
    days = wanted if wanted in SPANS else "30"
    with visit.db.read() as session:
        account = _account(session, visit.number())
        agency = session.get(Agency, account.agency_id) if account.agency_id else None
        starts = _starts(visit.now, int(days), SPANS[days])
        since = datetime.combine(starts[0], datetime.min.time(), visit.now.tzinfo)
        period_s = account.interval_s or visit.config.poll.interval_s
        told = coverage.stretches(session, account, since, visit.now, period_s=period_s)
        by_day = coverage.by_day(told, starts, visit.now)
        total, series = figures(visit, session, [account.id or 0])
        events = session.execute(
            sa.select(Event)
            .where(col(Event.subject) == f"account:{account.id}")
            .order_by(col(Event.id).desc())
            .limit(MOST_EVENTS)
        ).scalars()
        return visit.render(
            "account.html",
            status,
            account=account,
            agency=agency,
            condition=condition_of(session, account, visit.now),
            agreements=agencies.agreements_of(session, [agency.id or 0]).get(agency.id or 0, []) if agency else [],
            total=total,
            series=series,
            chart=months_chart(series),
            days=days,
            spans=list(SPANS),
            coverage=by_day,
            strip=_strip(by_day, SPANS[days]),
            share=coverage.share_polled(told),
            gaps=[stretch for stretch in reversed(told) if stretch.kind != "polled"][:MOST_GAPS],
            interval_s=period_s,
            events=list(events),
            roles=ROLES,
            states=sorted(NAMES.items(), key=lambda item: item[1]),
            sentence=sentence,
            typed=typed,
        )


def _starts(now: datetime, days: int, each: int) -> list[date]:
    first = now.date() - timedelta(days=days - 1)
    return [first + timedelta(days=n) for n in range(0, days, each)]


def _strip(days: list[coverage.Day], each: int) -> Any:
    """Each day as one whole: what went well stands at the bottom, what failed above it, and the rest is open."""
    labels = [f"{'Week from' if each > 1 else ''} {day.start.day} {day.start:%b}".strip() for day in days]
    reach = {
        "not-polled": [100 * (day.polled + day.failed + day.not_polled) for day in days],
        "failed": [100 * (day.polled + day.failed) for day in days],
        "polled": [100 * day.polled for day in days],
    }
    drawn = columns(
        labels,
        [(kind, kind, values) for kind, values in reach.items()],
        height=78,
        every=max(1, len(days) // 5),
        top=100.0,
        unit=" %",
        lines=False,
    )
    said = [f"{label}: {_said(day)}" for label, day in zip(labels, days, strict=True)]
    return drawn.told(said)


def _said(day: coverage.Day) -> str:
    if not day.watched:
        return "not watched yet"
    parts = [
        f"{100 * day.polled:.0f} % polled",
        f"{100 * day.failed:.0f} % failed",
        f"{100 * day.not_polled:.0f} % not polled",
    ]
    return ", ".join(parts)


def _account(session: Session, number: int) -> Account:
    account = session.get(Account, number)
    if account is None or account.platform == TEST_PLATFORM:
        raise HTTPException(404)
    return account


def _form(visit: Visit, status: int, sentence: str, typed: Mapping[str, str]) -> Response:
    return visit.render(
        "account_add.html",
        status,
        sentence=sentence,
        typed=typed,
        platforms=sorted(source_classes()),
        roles=ROLES,
        states=sorted(NAMES.items(), key=lambda item: item[1]),
    )


def _wanted(visit: Visit, typed: Mapping[str, str]) -> NewAccount:
    if not typed["platform"]:
        raise UsageError("Choose the platform.")
    if not typed["address"]:
        raise UsageError("Give the handle or the web address of the account.")
    return NewAccount(
        typed["platform"],
        typed["address"],
        typed["agency"],
        typed["state"],
        typed["name"],
        _role(typed["role"]),
        added_by=visit.user.name,
    )


def _role(word: str) -> Role:
    if word not in set(Role):
        raise UsageError("Choose whose account it is.")
    return Role(word)


async def _add(visit: Visit, wanted: NewAccount, *, check: bool) -> Account:
    poll = visit.config.poll
    async with Web(visit.config.http, per_host=poll.per_host, concurrency=poll.concurrency) as web:
        return await accounts.add(visit.db, web, visit.config, wanted, now=visit.now, check=check)


PAGES = (
    Page("GET", "/accounts", index, UserRole.VIEWER),
    Page("POST", "/accounts", add, UserRole.LEAD),
    Page("GET", "/accounts/add", form, UserRole.LEAD),
    Page("GET", "/accounts/{id}", show, UserRole.VIEWER),
    Page("POST", "/accounts/{id}/verify", verify, UserRole.LEAD),
    Page("POST", "/accounts/{id}/assign", assign, UserRole.LEAD),
    Page("POST", "/accounts/{id}/pause", pause, UserRole.LEAD),
    Page("POST", "/accounts/{id}/resume", resume, UserRole.LEAD),
)
