"""Keeping channels quiet without losing anything: the same words once, caps, quiet hours, and digests of what was
held back.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account
from models.agency import Agency
from models.db import Database
from models.flag import Alert, Flag
from models.noise import Held, SameWords
from models.post import Post, PostVersion
from monitor.config import AlertsConfig, Config
from monitor.routing import Facts, Place, facts_of, places_for

HOUR = timedelta(hours=1)
LINES = 25
"""Matches that one message of a digest names."""
_LINK = re.compile(r"https?://\S+")
_WORD = re.compile(r"\w+")
_LEAST_WORDS = 4
_NAMED = 2
_WHY = {"quiet": "quiet hours", "account": "too many from one account", "channel": "too many in an hour"}


def place_match(session: Session, config: Config, flag: Flag, *, now: datetime) -> int:
    """Queue a flag's alerts, or hold them for a digest, or let the alert of the same words speak for it.

    Returns how many alerts were queued.
    """
    facts = facts_of(session, flag, with_agreements=any(route.agreements for route in config.alerts.routes))
    places = places_for(config, facts)
    if flag.origin == "test":
        return sum(_queue(session, flag, place, now) for place in places)
    spoken_for = _places_of_lead(session, config, flag, facts, now)
    queued = 0
    for place in places:
        if place in spoken_for:
            continue
        because = _held_because(session, config.alerts, facts.account_id, place, now)
        if because:
            held = Held(
                flag_id=flag.id or 0, channel=place.channel, destination=place.destination, because=because, at=now
            )
            session.add(held)
        else:
            queued += _queue(session, flag, place, now)
        session.flush()  # what follows counts this one
    return queued


def in_quiet_hours(alerts: AlertsConfig, now: datetime) -> bool:
    """Whether ``now`` lies in the quiet hours, which may pass midnight."""
    if not alerts.quiet_hours:
        return False
    begin, end = (time.fromisoformat(part) for part in alerts.quiet_hours.split("-"))
    here = now.astimezone(ZoneInfo(alerts.time_zone)).time()
    return begin <= here < end if begin <= end else here >= begin or here < end


def words_key(text: str) -> str:
    """The same for texts whose words are the same: links, case and punctuation do not count. Empty for few words."""
    words = _WORD.findall(_LINK.sub(" ", text.casefold()))
    return hashlib.sha256(" ".join(words).encode()).hexdigest() if len(words) >= _LEAST_WORDS else ""


def release(db: Database, config: Config, *, now: datetime) -> int:
    """Queue a digest for each place whose quiet hours or full hour are over. Returns how many matches it names."""
    if in_quiet_hours(config.alerts, now):
        return 0
    released = 0
    with db.write() as session:
        waiting = session.execute(
            sa.select(
                col(Held.channel),
                col(Held.destination),
                sa.func.min(col(Held.at)),
                sa.func.sum(sa.case((col(Held.because) == "quiet", 1), else_=0)),
            )
            .where(col(Held.digest_id).is_(None))
            .group_by(col(Held.channel), col(Held.destination))
        ).all()
        for channel, destination, first, quiet in waiting:
            if quiet or first <= now - HOUR:
                released += _release_place(session, config, Place(channel, destination), now)
    return released


def _release_place(session: Session, config: Config, place: Place, now: datetime) -> int:
    rows = list(
        session.execute(
            sa.select(Held)
            .where(
                col(Held.channel) == place.channel,
                col(Held.destination) == place.destination,
                col(Held.digest_id).is_(None),
            )
            .order_by(col(Held.id))
        ).scalars()
    )
    lines = {flag_id: (text, url) for flag_id, text, url in _lines(session, config, [row.flag_id for row in rows])}
    why = ", ".join(_WHY[word] for word in dict.fromkeys(row.because for row in rows))
    parts = [rows[start : start + LINES] for start in range(0, len(rows), LINES)]
    for number, part in enumerate(parts, 1):
        items = [lines.get(row.flag_id, (f"flag {row.flag_id}", "")) for row in part]
        of = f", part {number} of {len(parts)}" if len(parts) > 1 else ""
        alert = Alert(
            kind="digest",
            channel=place.channel,
            destination=place.destination,
            dedupe_key=f"held:{place.destination}:{part[0].id}",
            payload={
                "headline": f"{len(rows)} match{'es' if len(rows) > 1 else ''} held back ({why}){of}",
                "body": "\n".join(f"• {text} {url}".rstrip() for text, url in items),
                "items": items,
                "flags": [row.flag_id for row in part],
            },
            created_at=now,
            next_attempt_at=now,
        )
        session.add(alert)
        session.flush()
        for row in part:
            row.digest_id = alert.id
            session.add(row)
    return len(rows)


def _lines(session: Session, config: Config, flag_ids: Sequence[int]) -> Iterator[tuple[int, str, str]]:
    """Each flag's line and the address it leads to: our copy, or the post."""
    base = config.web.base_url.rstrip("/")
    also = _also(session, flag_ids)
    for start in range(0, len(flag_ids), 500):
        rows = session.execute(
            sa.select(Flag, Post, Account, Agency, PostVersion)
            .join(Post, col(Post.id) == col(Flag.post_id))
            .join(Account, col(Account.id) == col(Post.account_id))
            .join(PostVersion, col(PostVersion.id) == col(Post.current_version_id))
            .outerjoin(Agency, col(Agency.id) == col(Account.agency_id))
            .where(col(Flag.id).in_(flag_ids[start : start + 500]))
        )
        for flag, post, account, agency, version in rows:
            who = agency.name if agency else account.name or account.address
            state = f", {agency.state}" if agency and agency.state else ""
            text = " ".join(version.readable().split())
            shown = text if len(text) <= 100 else text[:99] + "…"
            url = f"{base}/posts/{post.id}" if base else post.url if len(post.url) <= 300 else ""
            line = f"{who[:60]}{state} ({account.platform}) {flag.probability:.2f}: {shown}"
            yield flag.id, line + _named(also.get(flag.id, [])), url


def _also(session: Session, flag_ids: Sequence[int]) -> dict[int, list[str]]:
    """For each flag the other offices with the same words, for which its line must speak."""
    found: dict[int, list[str]] = {}
    for start in range(0, len(flag_ids), 500):
        rows = session.execute(
            sa.select(col(SameWords.lead_id), col(Agency.name), col(Account.name), col(Account.address))
            .join(Flag, col(Flag.id) == col(SameWords.flag_id))
            .join(Post, col(Post.id) == col(Flag.post_id))
            .join(Account, col(Account.id) == col(Post.account_id))
            .outerjoin(Agency, col(Agency.id) == col(Account.agency_id))
            .where(
                col(SameWords.lead_id).in_(flag_ids[start : start + 500]),
                col(SameWords.flag_id) != col(SameWords.lead_id),
            )
            .order_by(col(SameWords.flag_id))
        )
        for lead_id, agency, name, address in rows:
            found.setdefault(lead_id, []).append(agency or name or address)
    return found


def _named(offices: Sequence[str]) -> str:
    """Other offices at the end of a line: the first by name, the rest as a number."""
    if not offices:
        return ""
    names = ", ".join(office[:40] for office in offices[:_NAMED])
    more = f" and {len(offices) - _NAMED:,} more" if len(offices) > _NAMED else ""
    return f" · the same words: {names}{more}"


def _places_of_lead(session: Session, config: Config, flag: Flag, facts: Facts, now: datetime) -> set[Place]:
    """Join the group of the same words. The places in which its first post, of another account, was or will be told."""
    key = words_key(facts.text)
    if not key or not config.alerts.same_words_days:
        return set()
    since = now - timedelta(days=config.alerts.same_words_days)
    group = session.execute(
        sa.select(col(SameWords.flag_id), col(SameWords.lead_id))
        .where(
            col(SameWords.words_sha256) == key, sa.or_(col(SameWords.at) >= since, col(SameWords.flag_id) == flag.id)
        )
        .order_by(col(SameWords.flag_id))
    ).all()
    if any(row.flag_id == flag.id for row in group):
        return set()  # placed before
    lead_id = group[0].lead_id if group else None
    same_account = (
        lead_id is not None
        and session.execute(
            sa.select(sa.func.count())
            .select_from(SameWords)
            .join(Flag, col(Flag.id) == col(SameWords.flag_id))
            .join(Post, col(Post.id) == col(Flag.post_id))
            .where(col(SameWords.lead_id) == lead_id, col(Post.account_id) == facts.account_id)
        ).scalar()
    )
    lead_id = None if same_account else lead_id
    assert flag.id is not None
    session.add(SameWords(flag_id=flag.id, words_sha256=key, lead_id=lead_id or flag.id, at=now))
    session.flush()
    if lead_id is None:
        return set()
    told = session.execute(
        sa.select(col(Alert.channel), col(Alert.destination)).where(
            col(Alert.flag_id) == lead_id, col(Alert.kind) == "match"
        )
    ).all()
    held = session.execute(
        sa.select(col(Held.channel), col(Held.destination)).where(
            col(Held.flag_id) == lead_id, col(Held.digest_id).is_(None)
        )
    ).all()
    return {Place(channel, destination) for channel, destination in [*told, *held]}


def _held_because(session: Session, alerts: AlertsConfig, account_id: int, place: Place, now: datetime) -> str:
    if in_quiet_hours(alerts, now):
        return "quiet"
    recent = (
        sa.select(sa.func.count())
        .select_from(Alert)
        .where(
            col(Alert.kind) == "match",
            col(Alert.channel) == place.channel,
            col(Alert.destination) == place.destination,
            col(Alert.created_at) > now - HOUR,
        )
    )
    if alerts.per_account_hour:
        of_account = (
            recent.join(Flag, col(Flag.id) == col(Alert.flag_id))
            .join(Post, col(Post.id) == col(Flag.post_id))
            .where(col(Post.account_id) == account_id)
        )
        if (session.execute(of_account).scalar() or 0) >= alerts.per_account_hour:
            return "account"
    if alerts.per_channel_hour and (session.execute(recent).scalar() or 0) >= alerts.per_channel_hour:
        return "channel"
    return ""


def _queue(session: Session, flag: Flag, place: Place, now: datetime) -> int:
    session.add(
        Alert(
            flag_id=flag.id,
            channel=place.channel,
            destination=place.destination,
            dedupe_key=f"flag:{flag.id}" + (f":{place.destination}" if place.destination else ""),
            created_at=now,
            next_attempt_at=now,
        )
    )
    return 1
