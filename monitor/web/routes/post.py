"""One post with all that is kept of it."""

import sqlalchemy as sa
from sqlmodel import col
from starlette.exceptions import HTTPException
from starlette.responses import Response

from models.agency import Agreement
from models.classifier import ClassifierVersion
from models.evidence import Event
from models.flag import Alert
from models.review import Review
from models.user import UserRole
from monitor import conversation, posts
from monitor.duplicates import elsewhere
from monitor.messages import themes_of
from monitor.review.verdicts import agreed
from monitor.telling import parts_of, weights_of
from monitor.web.page import Page, Visit
from monitor.web.routes.queue import blind_for
from monitor.web.veil import is_severe, veiled
from monitor.wordings import steps

MOST_SHOWN = 50
"""Wordings, verdicts and events shown of one post; the newest of them."""


def show(visit: Visit) -> Response:
    """Words, wordings, pictures, where else it stands, where it came from, and what was decided."""
    post_id = visit.number()
    with visit.db.read() as session:
        kept = posts.get(session, post_id)
        if kept is None:
            raise HTTPException(404)
        blind = visit.may("reviewer") and blind_for(visit, kept)
        score = None if blind else kept.score
        version = session.get(ClassifierVersion, score.classifier_version_id) if score else None
        history = session.execute(
            sa.select(Review).where(col(Review.post_id) == post_id).order_by(col(Review.id).desc()).limit(MOST_SHOWN)
        ).scalars()
        alerts = (
            session.execute(
                sa.select(Alert).where(col(Alert.flag_id) == kept.flag.id).order_by(col(Alert.id)).limit(MOST_SHOWN)
            ).scalars()
            if kept.flag
            else ()
        )
        agreements = (
            session.execute(
                sa.select(Agreement).where(col(Agreement.agency_id) == kept.agency.id).order_by(col(Agreement.signed))
            ).scalars()
            if kept.agency
            else ()
        )
        events = session.execute(
            sa.select(Event).where(col(Event.subject) == f"post:{post_id}").order_by(col(Event.id)).limit(MOST_SHOWN)
        ).scalars()
        others = elsewhere(session, kept)
        thread = conversation.around(session, kept.post)
        return visit.render(
            "post.html",
            kept=kept,
            parts=parts_of(kept.current, score),
            weights=weights_of(score),
            score=score,
            version=version,
            themes=themes_of(score) if score else (),
            verdict=None if blind else agreed(kept.reviews),
            blind=blind,
            severe=is_severe(kept) and visit.config.review.blur,
            blur=visit.config.review.blur,
            wordings=list(reversed(steps(kept.versions)[-MOST_SHOWN:])),
            captures={capture.id: capture for capture in posts.captures_of(session, kept)},
            elsewhere=others,
            thread=thread,
            veiled=veiled(visit, [*others.posts, *thread.before, *thread.after]),
            history=[] if blind else list(history),
            alerts=list(alerts),
            agreements=list(agreements),
            events=[] if blind else list(events),
        )


PAGES = (Page("GET", "/posts/{id}", show, UserRole.VIEWER),)
