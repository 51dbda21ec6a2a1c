"""What the JSON API answers, described: a promise to programs, apart from the tables, which may change."""

from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from models.account import Health, Role
from models.post import Authorship
from models.review import Verdict

Item = TypeVar("Item")


class Answer(BaseModel):
    """One object of an answer, made from a row."""

    model_config = ConfigDict(from_attributes=True)


class Fault(BaseModel):
    """Why there is no answer, and what to do."""

    detail: str


class Wording(Answer):
    """One wording of a post; an edit adds one."""

    text: str
    sha256: str = Field(description="Of the wording: equal words, equal hash.")
    first_seen_at: datetime
    last_seen_at: datetime
    quoted_text: str = Field(description="Words of somebody else that the post quotes.")


class PostAnswer(Answer):
    """One post with every wording."""

    id: int
    account: str
    agency: str
    state: str = Field(description="Two-letter postal code, or empty.")
    platform: str
    external_id: str = Field(description="The platform's own key of the post.")
    url: str
    authorship: Authorship
    text: str = Field(description="All text of the present wording, with alt texts and titles of linked pages.")
    posted_at: datetime | None = Field(description="When the platform says it was posted: a claim.")
    first_seen_at: datetime
    deleted: bool
    deleted_since: datetime | None
    versions: list[Wording]
    score: float | None = Field(description="Probability of the classifier on duty; null while it is hidden from you.")
    flagged: bool
    themes: list[str]
    verdict: Verdict | None = Field(description="What the reviewers agree on; `unsure` where they differ.")
    blind: bool = Field(description="Whether score, themes and verdict are hidden: you have not decided this post yet.")


class FlagAnswer(Answer):
    """A person should look at this post, or should have."""

    id: int
    post_id: int
    probability: float | None = Field(description="Null while it is hidden from you.")
    origin: str = Field(description="`classifier`, `audit` (drawn at random) or `person` (sent in by hand).")
    created_at: datetime


class ReviewAnswer(Answer):
    """One person's verdict on one post."""

    id: int
    post_id: int
    post_version_id: int | None = Field(description="The wording that was judged.")
    reviewer: str
    verdict: Verdict
    reason: str = Field(description="A reason code of the codebook, when rejected.")
    themes: list[str]
    severe: bool
    note: str
    via: str = Field(description="`web`, `slack`, `cli` or `import`.")
    created_at: datetime
    revoked_at: datetime | None = Field(description="Set when the verdict was taken back.")


class AgencyAnswer(Answer):
    """A law-enforcement agency."""

    id: int
    name: str
    state: str
    aliases: list[str]
    created_at: datetime


class AccountAnswer(Answer):
    """One watched account, feed or page, and how watching it goes."""

    id: int
    agency_id: int | None
    platform: str
    address: str
    external_id: str
    name: str
    url: str
    role: Role
    verified_by: str
    verified_from: str
    verified_at: datetime | None
    added_at: datetime
    paused_at: datetime | None
    health: Health
    error_count: int = Field(description="Failures in a row.")
    last_error: str
    last_error_at: datetime | None
    last_ok_at: datetime | None
    last_new_at: datetime | None


class Listed(BaseModel, Generic[Item]):
    """One page of rows."""

    items: list[Item]
    next: int | None = Field(description="Give it back as `after` for the next page; null on the last.")


class ListedPosts(BaseModel):
    """One page of posts."""

    items: list[PostAnswer]
    next: str | None = Field(description="Give it back as `after`, with the same filters; null on the last page.")


def hidden(post: dict[str, Any]) -> dict[str, Any]:
    """A post as somebody sees it who is still to judge it."""
    return {**post, "score": None, "themes": [], "verdict": None, "blind": True}
