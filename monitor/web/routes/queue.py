"""The queue: one post at a time or a list; decide, undo, skip."""

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session
from starlette.exceptions import HTTPException
from starlette.responses import Response

from models.review import Verdict
from models.user import UserRole
from monitor import conversation, posts
from monitor.errors import UsageError
from monitor.messages import themes_of
from monitor.posts import KeptPost
from monitor.review import desk, verdicts
from monitor.review.verdicts import REASONS, THEMES, Decision
from monitor.telling import parts_of, weights_of
from monitor.web.page import Page, Visit
from monitor.web.veil import is_severe, veiled

LISTED = 30
MEANINGS: Mapping[str, str] = {
    "policy": "A policy position, without a hostile frame",
    "news": "News or figures in neutral terms",
    "enforcement": "An arrest or case in neutral terms",
    "counter_speech": "Defends immigrants, criticises the words",
    "quote": "Reports somebody else's words",
    "statute": "A statute, case or programme by its name",
    "other_illegal": "Something else that is illegal",
    "other_alien": "Space, films, plants, names",
    "ordinary": "An ordinary post",
    "slogan": "A slogan that says nothing about people",
}
"""The codebook's reason codes in a few words, in the order of the digits 1 to 9 and 0."""


def show(visit: Visit) -> Response:
    """What waits: how much, where to begin, and the list."""
    name = visit.user.name
    with visit.db.read() as session:
        waiting = posts.load(session, desk.least_certain(session, visit.config, name, now=visit.now, limit=LISTED))
        return visit.render(
            "queue.html",
            waiting=waiting,
            veiled=veiled(visit, waiting),
            count=desk.count(session, visit.config, name, now=visit.now),
            most=desk.MOST_COUNTED,
            on_desk=desk.on_desk(session, name, visit.now),
            undoable=desk.last_verdict(session, name, visit.now),
            stint=_rest(visit, desk.stint(session, name, visit.now)),
            blind=visit.config.review.blind,
        )


def next_(visit: Visit) -> Response:
    """Take the next post."""
    return _next(visit)


def read(visit: Visit) -> Response:
    """One post, to be decided."""
    with visit.db.read() as session:
        kept = posts.get(session, visit.number())
        if kept is None:
            raise HTTPException(404)
        return _page(visit, session, kept, 200, "", {})


def decide(visit: Visit) -> Response:
    """Give a verdict, and go on to the next post. What was typed is kept when it cannot be taken."""
    post_id = visit.number()
    typed = {"note": visit.field("note"), "themes": visit.fields("theme"), "severe": visit.field("severe") == "on"}
    with visit.db.read() as session:
        kept = posts.get(session, post_id)
        if kept is None:
            raise HTTPException(404)
        if visit.field("wording", 12) not in ("", str(kept.post.current_version_id)):
            changed = "The post was edited while you read it. This is the new wording; nothing was stored yet."
            return _page(visit, session, kept, 409, changed, typed)
        try:
            decision = _decision(visit, post_id, typed)
        except UsageError as error:
            return _page(visit, session, kept, 400, str(error), typed)
    verdicts.decide(visit.db, decision, now=visit.now)
    if visit.field("then", 10) == "stay":
        desk.release(visit.db, post_id, visit.user.name)
        return visit.go(f"/posts/{post_id}", f"Stored: {decision.verdict.value}.")
    return _next(visit, done=post_id)


def undo(visit: Visit) -> Response:
    """Take back one's last verdict of the last ten minutes, and show its post again."""
    with visit.db.read() as session:
        last = desk.last_verdict(session, visit.user.name, visit.now)
    if last is None or last.id is None:
        return visit.go("/queue", "There is nothing to take back: a verdict can be undone for ten minutes.")
    verdicts.revoke(visit.db, last.id, by=visit.user.name, now=visit.now)
    desk.hold(visit.db, visit.config, last.post_id, visit.user.name, now=visit.now)
    return visit.go(f"/queue/{last.post_id}", f"Taken back: {last.verdict.value}. The post waits for your verdict.")


def blind_for(visit: Visit, kept: KeptPost) -> bool:
    """Whether score and others' verdicts are hidden from this person on this post."""
    decided = any(review.reviewer == visit.user.name for review in kept.reviews)
    return visit.config.review.blind and not decided and not visit.may("lead")


def _next(visit: Visit, done: int | None = None) -> Response:
    post_id = desk.check_out(visit.db, visit.config, visit.user.name, now=visit.now, done=done)
    if post_id is None:
        return visit.go("/queue", "Nothing else waits for you.")
    return visit.go(f"/queue/{post_id}")


def _page(
    visit: Visit, session: Session, kept: KeptPost, status: int, sentence: str, typed: Mapping[str, Any]
) -> Response:
    blind = blind_for(visit, kept)
    score = None if blind else kept.score
    name = visit.user.name
    other = desk.holder(session, kept.post.id or 0, visit.now)
    undoable = desk.last_verdict(session, name, visit.now)
    stint = desk.stint(session, name, visit.now)
    thread = conversation.before(session, kept.post)
    mine = next((review for review in kept.reviews if review.reviewer == name), None)
    suggested = list(themes_of(score)) if score else []
    return visit.render(
        "read.html",
        status,
        kept=kept,
        parts=parts_of(kept.current, score),
        weights=weights_of(score),
        blind=blind,
        severe=is_severe(kept) and visit.config.review.blur,
        blur=visit.config.review.blur,
        themes=THEMES,
        reasons=[(str((n + 1) % 10), code, MEANINGS[code]) for n, code in enumerate(REASONS)],
        mine=mine,
        thread=thread,
        veiled=veiled(visit, thread.before),
        others=[] if blind else [review for review in kept.reviews if review.reviewer != name],
        other=other if other is not None and other.reviewer != name else None,
        undoable=undoable,
        stint=_rest(visit, stint),
        sentence=sentence,
        note=typed.get("note", mine.note if mine else ""),
        chosen=typed.get("themes", mine.themes if mine else suggested),
        marked_severe=typed.get("severe", mine.severe if mine else False),
    )


def _decision(visit: Visit, post_id: int, typed: Mapping[str, Any]) -> Decision:
    try:
        verdict = Verdict(visit.field("verdict", 20))
    except ValueError:
        raise UsageError("Choose a verdict: confirm, reject or unsure.") from None
    reason = visit.field("reason", 40) if verdict is Verdict.REJECTED else ""
    if verdict is Verdict.REJECTED and not reason:
        raise UsageError("Choose the reason why it is no match, then reject.")
    if reason and reason not in REASONS:
        raise UsageError(f"Unknown reason “{reason}”. Choose one of the list.")
    for theme in typed["themes"]:
        if theme not in THEMES:
            raise UsageError(f"Unknown theme “{theme}”. Choose from the list.")
    confirmed = verdict is Verdict.CONFIRMED
    return Decision(
        post_id,
        verdict,
        visit.user.name,
        reason=reason,
        themes=tuple(typed["themes"]) if confirmed else (),
        severe=confirmed and typed["severe"],
        note=typed["note"],
        via="web",
    )


def _rest(visit: Visit, stint: desk.Stint) -> desk.Stint | None:
    """The stint, when it is time for a break."""
    after = visit.config.review.rest_after_min
    return stint if after and stint.minutes >= after else None


PAGES = (
    Page("GET", "/queue", show, UserRole.REVIEWER),
    Page("POST", "/queue/next", next_, UserRole.REVIEWER),
    Page("POST", "/queue/undo", undo, UserRole.REVIEWER),
    Page("GET", "/queue/{id}", read, UserRole.REVIEWER),
    Page("POST", "/queue/{id}", decide, UserRole.REVIEWER),
)
