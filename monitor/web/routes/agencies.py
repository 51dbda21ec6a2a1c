"""Agencies: the list, and one with its agreements, accounts and figures."""

from datetime import timedelta

from sqlmodel import Session
from starlette.exceptions import HTTPException
from starlette.responses import Response

from models.account import Account
from models.agency import Agency
from models.user import UserRole
from monitor import agencies, coverage, posts, tally
from monitor.accounts import STATES
from monitor.posts import PostFilter
from monitor.tally import Count
from monitor.web.charts import columns
from monitor.web.page import Page, Visit
from monitor.web.routes.overview import counted
from monitor.web.tiles import NAMES
from monitor.web.veil import veiled

PER_PAGE = 50
MONTHS = 24
MOST_WORDS = 100
NEWEST = 5
MANY_POSTS = 10_000
"""Counting more by month takes longer than a page may."""
COVERED_DAYS = 30
MOST_ACCOUNTS = 12
"""Accounts whose coverage is reckoned; the others have it on their own pages."""


def index(visit: Visit) -> Response:
    """All agencies, or those of a state or with a part of a name, fifty at a time."""
    found = counted(visit)
    state = visit.query.get("state", "").strip().upper()
    state = state if state in STATES else ""
    words = visit.query.get("q", "")[:MOST_WORDS]
    number = page_number(visit)
    with visit.db.read() as session:
        rows, total = agencies.agencies(
            session,
            found,
            state=state,
            words=words,
            skip=(number - 1) * PER_PAGE,
            limit=PER_PAGE,
        )
    return visit.render(
        "agencies.html",
        rows=rows,
        total=total,
        at=found.at,
        state=state,
        words=words,
        states=sorted(NAMES.items(), key=lambda item: item[1]),
        number=number,
        pages=-(-total // PER_PAGE),
    )


def show(visit: Visit) -> Response:
    """One agency."""
    number = visit.number()
    with visit.db.read() as session:
        agency = session.get(Agency, number)
        if agency is None:
            raise HTTPException(404)
        rows = agencies.of_agency(session, number)
        ids = [account.id or 0 for account in rows]
        total, series = figures(visit, session, ids)
        newest = posts.page(session, PostFilter(agency_id=number, flagged=True), limit=NEWEST).posts if ids else []
        return visit.render(
            "agency.html",
            agency=agency,
            state_name=NAMES.get(agency.state, ""),
            accounts=rows,
            total=total,
            series=series,
            chart=months_chart(series),
            agreements=agencies.agreements_of(session, [number]).get(number, []),
            polled=_shares_polled(visit, session, rows[:MOST_ACCOUNTS]),
            days=COVERED_DAYS,
            newest=newest,
            veiled=veiled(visit, newest),
        )


def _shares_polled(visit: Visit, session: Session, accounts: list[Account]) -> dict[int, float | None]:
    """For each of these accounts the share of the last days in which polls went well."""
    since, usual = visit.now - timedelta(days=COVERED_DAYS), visit.config.poll.interval_s
    return {
        account.id or 0: coverage.share_polled(
            coverage.stretches(session, account, since, visit.now, period_s=account.interval_s or usual)
        )
        for account in accounts
    }


def figures(visit: Visit, session: Session, account_ids: list[int]) -> tuple[Count, tally.Series]:
    """What stands under these accounts, and by month; of accounts with very many posts at most a minute old."""
    starts = tally.last_months(visit.now, MONTHS)

    def reckon(by: Session) -> tuple[Count, tally.Series]:
        total = sum(tally.by_account(by, account_ids).values(), Count())
        return total, tally.over_time(by, starts, account_ids)

    def apart() -> tuple[Count, tally.Series]:
        with visit.db.read() as own:
            return reckon(own)

    if not tally.has_more_posts(session, account_ids, MANY_POSTS):
        return reckon(session)
    key = ("figures", starts[-1], *account_ids)
    found: tuple[Count, tally.Series] | None = visit.shared.slow.get(key, apart, keep_s=60, wait_s=30)
    if found is None:
        raise HTTPException(503, "Counting takes unusually long. Try again in a minute.")
    return found


def months_chart(series: tally.Series) -> object:
    """Posts, flagged and confirmed ones by month."""
    labels = [f"{start:%b %y}" for start in series.starts]
    every = [("posts", "posts", series.posts), ("flagged", "flagged", series.flagged)]
    return columns(labels, [*every, ("confirmed", "confirmed", series.confirmed)], height=180, every=6)


def page_number(visit: Visit) -> int:
    """Which page of a list is asked for; the first one for what is no number."""
    text = visit.query.get("page", "")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) <= 5 else 1


PAGES = (
    Page("GET", "/agencies", index, UserRole.VIEWER),
    Page("GET", "/agencies/{id}", show, UserRole.VIEWER),
)
