"""What people have decided on a post, as every message about it shows it."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col

from models.review import Review
from models.slackperson import SlackPerson
from monitor.alerts import Said
from monitor.review.verdicts import agreed, in_force

SLACK_NAME = "slack:"
"""How somebody is called who decides in Slack and has no account on the page: ``slack:U0123456789``."""


@dataclass(frozen=True)
class Standing:
    """The verdicts on one post."""

    said: tuple[Said, ...] = ()
    word: str = ""
    """``confirmed``, ``rejected``, ``unsure``, ``second_look`` where people differ, empty where nobody has decided."""
    revision: str = "0"
    """Grows with each verdict given or taken back: the number of the last one, and how many were taken back."""


def standings(session: Session, post_ids: Collection[int]) -> dict[int, Standing]:
    """The standing of each of these posts on which anybody has ever decided."""
    rows = session.execute(
        sa.select(
            col(Review.post_id),
            sa.func.max(col(Review.id)),
            sa.func.count(col(Review.revoked_at)),
        )
        .where(col(Review.post_id).in_(post_ids))
        .group_by(col(Review.post_id))
    ).all()
    given: dict[int, list[Review]] = {}
    for review in in_force(session, [row[0] for row in rows]) if rows else ():
        given.setdefault(review.post_id, []).append(review)
    names = shown_names(session, {review.reviewer for some in given.values() for review in some})
    return {
        post_id: _standing(given.get(post_id, []), names, f"{newest}.{revoked}") for post_id, newest, revoked in rows
    }


def shown_names(session: Session, reviewers: Collection[str]) -> dict[str, str]:
    """The names to show for reviewers who are known by their Slack id only."""
    ids = [name.removeprefix(SLACK_NAME) for name in reviewers if name.startswith(SLACK_NAME)]
    if not ids:
        return {}
    people = session.execute(sa.select(SlackPerson).where(col(SlackPerson.slack_id).in_(ids))).scalars()
    return {f"{SLACK_NAME}{person.slack_id}": person.name for person in people if person.name}


def _standing(reviews: list[Review], names: dict[str, str], revision: str) -> Standing:
    verdict = agreed(reviews)
    differ = len({review.verdict for review in reviews}) > 1
    said = tuple(
        Said(
            who=names.get(review.reviewer, review.reviewer),
            verdict=review.verdict.value,
            at=review.created_at,
            reason=review.reason,
            via=review.via,
        )
        for review in reviews
    )
    return Standing(said, "second_look" if differ else verdict.value if verdict else "", revision)
