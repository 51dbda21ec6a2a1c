"""Where a match goes: by state, agency, agreement, theme, score and platform to channels and places in them."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account
from models.agency import Agency, Agreement, name_key
from models.classifier import Score
from models.flag import Flag
from models.post import Post, PostVersion
from monitor.config import Config, RouteConfig
from monitor.errors import SheriffwatchError


@dataclass(frozen=True, order=True)
class Place:
    """One destination of one channel; an empty one is the channel's own."""

    channel: str
    destination: str = ""


@dataclass(frozen=True)
class Facts:
    """What routes ask of a match."""

    account_id: int
    platform: str
    state: str
    agency: str
    agreements: frozenset[str]
    themes: frozenset[str]
    score: float
    text: str


def facts_of(session: Session, flag: Flag, *, with_agreements: bool = True) -> Facts:
    """All that routes ask of a flag. Raises SheriffwatchError when its post is gone."""
    row = session.execute(
        sa.select(
            col(Post.account_id),
            col(Account.platform),
            col(Account.agency_id),
            col(Agency.state),
            col(Agency.name_key),
            Score,
            PostVersion,
        )
        .join(Account, col(Account.id) == col(Post.account_id))
        .outerjoin(Agency, col(Agency.id) == col(Account.agency_id))
        .outerjoin(Score, col(Score.id) == flag.score_id)
        .outerjoin(
            PostVersion, col(PostVersion.id) == sa.func.coalesce(col(Score.post_version_id), Post.current_version_id)
        )
        .where(col(Post.id) == flag.post_id)
    ).first()
    if row is None:
        raise SheriffwatchError(f"Post {flag.post_id} of flag {flag.id} is not there any more.")
    account_id, platform, agency_id, state, agency_key, score, version = row
    models: Sequence[str] = ()
    if agency_id is not None and with_agreements:
        models = (
            session.execute(
                sa.select(col(Agreement.model)).where(
                    col(Agreement.agency_id) == agency_id, col(Agreement.missing_since).is_(None)
                )
            )
            .scalars()
            .all()
        )
    return Facts(
        account_id=account_id,
        platform=platform,
        state=state or "",
        agency=agency_key or "",
        agreements=frozenset(model.upper() for model in models),
        themes=frozenset(score.theme_list) if score else frozenset(),
        score=flag.probability,
        text=version.readable() if version else "",
    )


def places_for(config: Config, facts: Facts) -> list[Place]:
    """The places a match goes to: those of every route it fits, else the own place of every channel set up."""
    found = [place for route in config.alerts.routes if _fits(route, facts) for place in route.to]
    return places_named(config, found)


def places_named(config: Config, names: Sequence[str]) -> list[Place]:
    """The places that names such as ``slack:C01`` mean. None, or none that is set up: every channel's own place."""
    channels = config.ready_channels
    places = []
    for name in names:
        channel, _, destination = name.partition(":")
        if channel in channels:
            own = channels[channel].default_destination
            places.append(Place(channel, "" if destination == own else destination))
    return list(dict.fromkeys(places)) or [Place(name) for name in channels]


def _fits(route: RouteConfig, facts: Facts) -> bool:
    return (
        (not route.states or facts.state in {state.upper() for state in route.states})
        and (not route.agencies or facts.agency in {name_key(name) for name in route.agencies})
        and (not route.agreements or bool(facts.agreements & {model.upper() for model in route.agreements}))
        and (not route.themes or bool(facts.themes & set(route.themes)))
        and (not route.platforms or facts.platform in route.platforms)
        and facts.score >= route.least_score
    )
