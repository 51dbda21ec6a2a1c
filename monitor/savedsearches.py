"""Searches kept under a name, and telling people of new posts that match them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from models.db import Database
from models.evidence import Event
from models.flag import Alert
from models.post import Post
from models.savedsearch import SavedSearch
from monitor.config import Config
from monitor.errors import UsageError
from monitor.postfilter import FIELDS, PostFilter, Sort
from monitor.postquery import statement
from monitor.posts import get

MOST_NAME = 80
MOST_TOLD = 20
"""Posts of one search told of one by one in a run; the rest is told as a number."""


@dataclass(frozen=True)
class Ran:
    """What one run of one saved search found."""

    name: str
    new: int
    alerts: int


def save(
    db: Database, name: str, query: Mapping[str, str], *, owner: str, alerts: bool = False, now: datetime
) -> SavedSearch:
    """Keep a search under a name; the same name again replaces it. Only posts kept from now on are told of.

    Raises UsageError for a name that is missing or too long and for a search that cannot be read.
    """
    name = " ".join(name.split())
    if not name or len(name) > MOST_NAME:
        raise UsageError(f"Give the search a name of at most {MOST_NAME} characters.")
    asked = {key: value.strip() for key, value in query.items() if key in FIELDS and value.strip()}
    PostFilter.from_query(asked)
    with db.write() as session:
        row = _named(session, name) or SavedSearch(name=name)
        row.owner, row.query, row.alerts = owner, asked, alerts
        row.last_post_id = _newest(session)
        session.add(row)
        session.add(Event(at=now, kind="search.saved", actor=owner, subject=f"search:{name}", data=asked))
    return row


def set_alerts(db: Database, name: str, alerts: bool, *, by: str, now: datetime) -> None:
    """Let a saved search tell of the posts that are kept from now on, or be silent. Raises UsageError as ``delete``."""
    with db.write() as session:
        row = _named(session, name)
        if row is None:
            raise UsageError(f"No search is saved as “{name}”.")
        if row.alerts == alerts:
            return
        row.alerts, row.last_post_id = alerts, _newest(session)
        session.add(row)
        kind = "search.alerts_on" if alerts else "search.alerts_off"
        session.add(Event(at=now, kind=kind, actor=by, subject=f"search:{name}"))


def delete(db: Database, name: str, *, by: str, now: datetime) -> None:
    """Forget a saved search. Raises UsageError when there is none of this name."""
    with db.write() as session:
        row = _named(session, name)
        if row is None:
            raise UsageError(f"No search is saved as “{name}”.")
        session.delete(row)
        session.add(Event(at=now, kind="search.deleted", actor=by, subject=f"search:{name}"))


def saved(session: Session) -> list[SavedSearch]:
    """All saved searches by name."""
    return list(session.execute(sa.select(SavedSearch).order_by(col(SavedSearch.name))).scalars())


def run(db: Database, config: Config, *, now: datetime) -> list[Ran]:
    """Look at the posts that came since the last run and queue an alert for each that matches. Again gives nothing."""
    with db.read() as session:
        names = [row.name for row in saved(session) if row.alerts]
    return [ran for name in names if (ran := _run_one(db, config, name, now)) is not None]


def _run_one(db: Database, config: Config, name: str, now: datetime) -> Ran | None:
    with db.write() as session:
        row = _named(session, name)
        if row is None or not row.alerts:
            return None
        newest = _newest(session)
        wanted = replace(PostFilter.from_query(row.query), sort=Sort.NEWEST)
        matches = list(
            session.execute(
                statement(session, wanted)
                .where(col(Post.id) > row.last_post_id, col(Post.id) <= newest, col(Post.backfilled).is_(False))
                .order_by(col(Post.id))
            ).scalars()
        )
        alerts = 0
        for post_id in matches[:MOST_TOLD]:
            alerts += _queue(session, config, row, f"post:{post_id}", _body(session, config, post_id), now)
        if len(matches) > MOST_TOLD:
            rest = f"{len(matches) - MOST_TOLD} more new posts match. The page of the search shows them all."
            alerts += _queue(session, config, row, f"rest:{newest}", rest, now)
        row.last_post_id = newest
        session.add(row)
    return Ran(name, len(matches), alerts)


def _queue(session: Session, config: Config, row: SavedSearch, key: str, body: str, now: datetime) -> int:
    for channel in config.ready_channels:
        session.add(
            Alert(
                kind="search",
                channel=channel,
                dedupe_key=f"search:{row.id}:{key}",
                payload={"headline": f"Saved search “{row.name}”", "body": body},
                created_at=now,
                next_attempt_at=now,
            )
        )
    return len(config.ready_channels)


def _body(session: Session, config: Config, post_id: int) -> str:
    kept = get(session, post_id)
    if kept is None:
        return f"Post {post_id}"
    text = " ".join(kept.current.readable().split())
    who = kept.agency.name if kept.agency else kept.account.name or kept.account.address
    link = f"{config.web.base_url.rstrip('/')}/posts/{post_id}" if config.web.base_url else kept.post.url
    return f"{who} ({kept.account.platform}): {text[:600]}{'…' if len(text) > 600 else ''}\n{link}"


def _named(session: Session, name: str) -> SavedSearch | None:
    return session.execute(sa.select(SavedSearch).where(col(SavedSearch.name) == name)).scalar()


def _newest(session: Session) -> int:
    return session.execute(sa.select(sa.func.max(col(Post.id)))).scalar() or 0
