"""All routes of the page: each file of this folder has its ``PAGES``, and each page names the least role it needs.

A new file is added to ``ALL``; what people should find is added to ``NAVIGATION``.
"""

from dataclasses import dataclass

from models.user import UserRole
from monitor.web.page import Page
from monitor.web.routes import (
    accounts,
    agencies,
    agreement,
    byhand,
    classifier,
    exports,
    home,
    login,
    me,
    oidc,
    overview,
    people,
    pictures,
    post,
    queue,
    saved,
    search,
)

ALL: tuple[Page, ...] = (
    *home.PAGES,
    *login.PAGES,
    *oidc.PAGES,
    *me.PAGES,
    *people.PAGES,
    *queue.PAGES,
    *agreement.PAGES,
    *search.PAGES,
    *exports.PAGES,
    *saved.PAGES,
    *byhand.PAGES,
    *post.PAGES,
    *pictures.PAGES,
    *overview.PAGES,
    *agencies.PAGES,
    *accounts.PAGES,
    *classifier.PAGES,
)


@dataclass(frozen=True)
class Entry:
    """One entry of the navigation."""

    label: str
    path: str
    least: UserRole
    key: str = ""
    """Of the sign in the sprite ``icons.svg``."""


NAVIGATION = (
    Entry("Queue", "/queue", UserRole.REVIEWER, "queue"),
    Entry("Posts", "/posts", UserRole.VIEWER, "search"),
    Entry("Agencies", "/agencies", UserRole.VIEWER, "agency"),
    Entry("Overview", "/overview", UserRole.VIEWER, "chart"),
    Entry("Agreement", "/agreement", UserRole.LEAD, "scales"),
    Entry("Classifier", "/classifier", UserRole.LEAD, "dial"),
    Entry("People", "/people", UserRole.ADMIN, "people"),
)
"""Entries whose path has no page are left out."""
