"""Where reviewers differ, and how far they agree."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from models.user import UserRole
from monitor import posts
from monitor.review.agreement import Agreement, Difference, agreements, differences
from monitor.web.page import Page, Visit
from monitor.web.veil import veiled

MOST_SHOWN = 50
KEPT_S = 5.0
FIRST_WAIT_S = 30.0
"""How long the first who asks may wait."""


def show(visit: Visit) -> Response:
    """Posts for a lead to settle; percent agreement and Cohen's kappa of each two people.

    Both read every verdict, so they are kept for some seconds; what was settled meanwhile is left out all the same.
    """
    quorum = visit.config.learning.quorum

    def reckon() -> tuple[list[Difference], list[Agreement]]:
        with visit.db.read() as session:
            return differences(session, quorum=quorum), agreements(session)

    found = visit.shared.slow.get(("agreement", quorum), reckon, keep_s=KEPT_S, wait_s=FIRST_WAIT_S)
    if found is None:
        raise HTTPException(503, "Counting takes unusually long. Try again in a minute.")
    open_, people = found
    with visit.db.read() as session:
        ids = [one.post_id for one in open_[:MOST_SHOWN]]
        now = {one.post_id: one for one in differences(session, quorum=quorum, among=ids)}
        kept = {post.post.id: post for post in posts.load(session, list(now))}
        return visit.render(
            "agreement.html",
            agreements=people,
            open=[(now[number], kept[number]) for number in ids if number in kept],
            count=len(open_) - len(ids) + len(now),
            quorum=quorum,
            veiled=veiled(visit, kept.values()),
        )


PAGES = (Page("GET", "/agreement", show, UserRole.LEAD),)
