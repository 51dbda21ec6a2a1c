"""Searching posts: one page whose address says what is looked for, and suggestions for its two fields of names."""

from dataclasses import dataclass

from starlette.responses import RedirectResponse, Response

from models.review import Verdict
from models.user import UserRole
from monitor import finding, lookup, posts, savedsearches, search
from monitor.errors import UsageError
from monitor.postfilter import PostFilter, Sort
from monitor.posts import KeptPost
from monitor.review.verdicts import agreed
from monitor.telling import Piece, excerpt_of
from monitor.web.filters import HIDDEN_WHEN_BLIND, AmbiguousError, Asked, choices
from monitor.web.page import Page, Visit
from monitor.web.routes.queue import blind_for
from monitor.web.veil import is_severe

LISTED = 25
MOST_COUNTED = 1000
COUNTED_S = 0.06
"""Seconds that counting may take; what takes longer stays “more than” what the page shows."""
MOST_SAVED_SHOWN = 12
_LONGEST_REDIRECT = 2000


@dataclass(frozen=True)
class Hit:
    """One post of the list, with what this person may see of it."""

    kept: KeptPost
    pieces: list[Piece]
    blind: bool
    severe: bool
    verdict: Verdict | None


def show(visit: Visit) -> Response:
    """The posts that the address asks for; what is wrong with it is said, and what was typed stays."""
    asked = Asked.of(visit.query)
    after = visit.query.get("after", "").strip()[:100]
    hits: list[Hit] = []
    trouble, unclear, next_, among = "", None, "", None
    with visit.db.read() as session:
        try:
            asked = asked.settle(session)
            wanted = wanted_by(visit, asked)
            shared = asked.url(after=after)
            meant = {**asked.typed, **({"after": after} if after else {})}
            if dict(visit.query) != meant and len(shared) <= _LONGEST_REDIRECT:
                return RedirectResponse(shared, 303)  # without empty parameters, names as numbers: to be shared
            page = posts.page(session, wanted, after=after, limit=LISTED, explained=True)
            hits = [_hit(visit, kept, wanted) for kept in page.posts]
            next_, among = asked.url(after=page.after) if page.after else "", page.among
        except UsageError as error:
            trouble = str(error)
            unclear = error if isinstance(error, AmbiguousError) else None
        saved = savedsearches.saved(session)
        return visit.render(
            "posts.html",
            400 if trouble else 200,
            asked=asked,
            choices=choices(session, blind=is_blind(visit)),
            blind=is_blind(visit),
            hits=hits,
            told=_told(None if after or next_ else len(hits)),
            to_count=bool(after or next_),
            among=among,
            first=not after,
            next=next_,
            trouble=trouble,
            unclear=unclear,
            saved=[(row, Asked.of(row.query)) for row in saved[:MOST_SAVED_SHOWN]],
            saved_more=len(saved) - MOST_SAVED_SHOWN,
        )


def count(visit: Visit) -> Response:
    """How many posts the address asks for, for the page of them to fetch when it has come."""
    asked = Asked.of(visit.query)
    with visit.db.read() as session:
        wanted = wanted_by(visit, asked.settle(session))
        number = finding.count(session, wanted, most=MOST_COUNTED, within_s=COUNTED_S)
    if not visit.is_fragment:
        return visit.go(asked.url(), f"{_told(number)}.")
    return visit.render("posts_count.html", told=_told(number))


def suggest_agencies(visit: Visit) -> Response:
    """Agencies whose names hold what has been typed so far, as options of a list."""
    with visit.db.read() as session:
        found = lookup.agencies(session, visit.query.get("agency", "")[:200])
    return visit.render("suggestions.html", found=found)


def suggest_accounts(visit: Visit) -> Response:
    """The same for accounts."""
    with visit.db.read() as session:
        found = lookup.accounts(session, visit.query.get("account", "")[:200])
    return visit.render("suggestions.html", found=found)


def wanted_by(visit: Visit, asked: Asked) -> PostFilter:
    """The filter, its names settled. Raises UsageError for one that cannot be read, or that undoes blind mode."""
    wanted = PostFilter.from_query(asked.typed)
    if is_blind(visit) and (HIDDEN_WHEN_BLIND & set(asked.typed) or wanted.sort is Sort.SCORE):
        raise UsageError("Blind mode is on: scores, themes and verdicts cannot be searched by. Ask a lead to do it.")
    return wanted


def is_blind(visit: Visit) -> bool:
    """Whether scores and verdicts of posts are hidden from this person until they have decided."""
    return visit.config.review.blind and visit.may("reviewer") and not visit.may("lead")


def _told(number: int | None) -> str:
    if number is None:
        return f"More than {LISTED:,} posts"
    if number > MOST_COUNTED:
        return f"More than {MOST_COUNTED:,} posts"
    return "No post fits" if number == 0 else "One post" if number == 1 else f"{number:,} posts"


def _hit(visit: Visit, kept: KeptPost, wanted: PostFilter) -> Hit:
    blind = is_blind(visit) and blind_for(visit, kept)
    found = search.found_in(search.parse(wanted.search), kept.current.readable()) if wanted.search else []
    return Hit(
        kept,
        excerpt_of(kept.current, None if blind else kept.score, found),
        blind,
        visit.config.review.blur and is_severe(kept),
        None if blind else agreed(kept.reviews),
    )


PAGES = (
    Page("GET", "/posts", show, UserRole.VIEWER),
    Page("GET", "/posts/count", count, UserRole.VIEWER),
    Page("GET", "/suggest/agencies", suggest_agencies, UserRole.VIEWER),
    Page("GET", "/suggest/accounts", suggest_accounts, UserRole.VIEWER),
)
