"""Where reviewers differ, and how far they agree."""

from starlette.responses import Response

from models.user import UserRole
from monitor import posts
from monitor.review.agreement import agreements, differences
from monitor.web.page import Page, Visit
from monitor.web.veil import veiled


def show(visit: Visit) -> Response:
    """Posts for a lead to settle; percent agreement and Cohen's kappa of each two people."""
    quorum = visit.config.learning.quorum
    with visit.db.read() as session:
        open_ = differences(session, quorum=quorum)
        kept = {found.post.id: found for found in posts.load(session, [one.post_id for one in open_[:50]])}
        return visit.render(
            "agreement.html",
            agreements=agreements(session),
            open=[(one, kept[one.post_id]) for one in open_ if one.post_id in kept],
            count=len(open_),
            quorum=quorum,
            veiled=veiled(visit, kept.values()),
        )


PAGES = (Page("GET", "/agreement", show, UserRole.LEAD),)
