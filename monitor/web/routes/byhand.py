"""Posts that somebody brings by hand: a form, which a bookmarklet can fill from the page one is reading."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

from starlette.responses import Response

from models.user import UserRole
from monitor import byhand, imagetext, lookup, posts
from monitor.byhand import MOST_BYTES, HandPost
from monitor.errors import UsageError
from monitor.lookup import Named
from monitor.posts import KeptPost
from monitor.web.page import Page, Visit

MOST_BODY = 24_000_000
"""Bytes of the form. Pictures up to it are read in, so that a page can say they are too large and keep the rest."""
FIELDS = ("url", "text", "posted_at", "account", "agency", "picture_alt", "note")
_PREFILLED = ("url", "title", "text", "posted_at", "account", "agency")
_MOST_TOLD = 300
_BOOKMARKLET = (
    "(()=>{const p=new URLSearchParams({url:location.href,title:document.title,"
    "text:String(getSelection()).slice(0,1500)});"
    "open('%s/add?'+p,'_blank','noopener')})()"
)


@dataclass(frozen=True)
class Problem:
    """Why a post was not kept yet, and what to choose from."""

    sentence: str
    status: int = 400
    name: str = ""
    choices: list[Named] = field(default_factory=list)
    """Accounts or agencies that may be meant by the field ``name``."""
    kept: KeptPost | None = None
    """What is kept under the same link."""


class RefusedError(UsageError):
    """Something that the form can mend."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.sentence)
        self.problem = problem


def show(visit: Visit) -> Response:
    """The form, filled with what the address brings."""
    given = {name: visit.query.get(name, "").replace("\x00", "").strip()[:10_000] for name in _PREFILLED}
    with visit.db.read() as session:
        if not given["account"] and given["url"]:
            known = lookup.account_of_link(session, given["url"])
            given["account"] = known.label if known else ""
        for name, find in (("account", lookup.accounts), ("agency", lookup.agencies)):
            if given[name].isdigit() and (found := find(session, given[name])):
                given[name] = found[0].label
    given["text"] = given["text"] or given["title"]
    return _page(visit, given)


def keep(visit: Visit) -> Response:
    """Keep the post and flag it for review. What cannot be taken is said, and all that was typed stays."""
    typed = {name: visit.field(name, 200_000) for name in FIELDS}
    if not visit.request.headers.get("content-type", "").startswith("multipart/form-data"):
        # Held through a log-in or a pause of the database; browsers do not hold files.
        return _page(visit, typed, Problem("Nothing is kept yet. Choose the picture anew, if there was one.", 200))
    try:
        wanted = _wanted(visit, typed)
        added = byhand.add(visit.db, wanted, now=visit.now)
    except RefusedError as refused:
        return _page(visit, typed, refused.problem)
    except UsageError as error:
        return _page(visit, typed, Problem(str(error)))
    if not added.new:
        return visit.go(f"/posts/{added.post_id}", "This very post was kept before; nothing has changed.")
    words = " ".join(added.image_text.split())[:_MOST_TOLD]
    read = (
        f" Read in the picture: “{words}”"
        if words
        else " No words were found in the picture."
        if wanted.picture
        else ""
    )
    return visit.go(f"/posts/{added.post_id}", f"Kept; it waits in the queue.{read if imagetext.available() else ''}")


def _wanted(visit: Visit, typed: Mapping[str, str]) -> HandPost:
    """What is asked to be kept. Raises UsageError with what is missing or wrong."""
    link = byhand.check_link(typed["url"])
    posted_at = _moment(typed["posted_at"])
    picture = _picture(visit)
    if not typed["text"] and not picture:
        raise UsageError("Give the words of the post, or a picture of it.")
    account_id = _account(visit, typed)
    with visit.db.read() as session:
        before = byhand.kept_already(session, account_id, link)
        kept = posts.get(session, before.id or 0) if before else None
    if kept is not None and visit.field("anyway", 10) != "on":
        same_words = " ".join(kept.current.text.split()) == " ".join(typed["text"].split())
        if not (same_words and not picture and kept.post.external_id == link):
            raise RefusedError(Problem("A post of this link is kept already. Nothing was added.", 409, kept=kept))
    return HandPost(
        account_id,
        link,
        typed["text"],
        visit.user.name,
        posted_at=posted_at,
        picture=picture,
        picture_alt=typed["picture_alt"],
        note=typed["note"],
    )


def _account(visit: Visit, typed: Mapping[str, str]) -> int:
    """The account that was named, or the one that stands for the agency where that place is not watched."""
    name = "account" if typed["account"] else "agency"
    chosen = visit.field(f"{name}_choice", 20) or typed[name]
    if not chosen:
        raise UsageError("Say whose post it is: an account that is watched, or else the agency.")
    with visit.db.read() as session:
        found = (lookup.accounts if name == "account" else lookup.agencies)(session, chosen, most=8)
    if not found:
        raise UsageError(f"No {name} is called “{chosen[:80]}”. Write a part of its name.")
    if len(found) > 1:
        raise RefusedError(Problem(f"Which {name} do you mean? Choose one.", name=name, choices=found))
    if name == "account":
        return found[0].id
    return byhand.account_of(visit.db, found[0].id, typed["url"], by=visit.user.name, now=visit.now)


def _picture(visit: Visit) -> bytes:
    upload = visit.upload("picture")
    if upload is None:
        return b""
    picture = upload.file.read(MOST_BODY)
    try:
        byhand.check_picture(picture)
    except UsageError as error:
        raise RefusedError(Problem(str(error), 413 if len(picture) > MOST_BYTES else 415)) from None
    return picture


def _moment(typed: str) -> datetime | None:
    if not typed:
        return None
    try:
        moment = datetime.fromisoformat(typed)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError("The time of the post is not one: write it as 2026-11-01 14:30.") from None


def _page(visit: Visit, typed: Mapping[str, str], problem: Problem | None = None) -> Response:
    base = visit.config.web.base_url.rstrip("/") or f"{visit.request.url.scheme}://{visit.request.url.netloc}"
    return visit.render(
        "add.html",
        problem.status if problem else 200,
        typed={name: typed.get(name, "") for name in FIELDS},
        problem=problem,
        most_mb=MOST_BYTES // 1_000_000,
        most_bytes=MOST_BYTES,
        reads=imagetext.available(),
        bookmarklet="javascript:" + quote(_BOOKMARKLET % base, safe="!#$&'()*+,-./:;=?@_~{}[]>"),
    )


PAGES = (
    Page("GET", "/add", show, UserRole.REVIEWER),
    Page("POST", "/add", keep, UserRole.REVIEWER, most_body=MOST_BODY),
)
