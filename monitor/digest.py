"""The regular digest: what came, what people decided, and which accounts fell silent or broke."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account
from models.agency import Agency
from models.classifier import Score
from models.db import Database
from models.evidence import Event
from models.flag import Alert, Flag
from models.noise import Digest
from models.post import Post
from models.review import Review, Verdict
from monitor import chart, status
from monitor.config import AlertsConfig, Config
from monitor.review.verdicts import agreed, in_force
from monitor.routing import places_named
from monitor.scoring import TEST_PLATFORM

BARS = 8
"""Days or weeks of the chart."""
_MOST_LISTED = 10


@dataclass(frozen=True)
class Summary:
    """The figures of one stretch of time."""

    since: datetime
    until: datetime
    posts: int
    matches: int
    verdicts: dict[str, int]
    waiting: int
    deleted: int
    offices: list[tuple[str, int]]
    themes: list[tuple[str, int]]
    trouble: list[str]
    chart: dict[str, Any] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """The figures as sentences."""
        said = [
            f"{self.posts:,} new posts, {self.matches:,} flagged.",
            "Decided: "
            + (", ".join(f"{count:,} {word}" for word, count in self.verdicts.items()) or "nothing")
            + f". Waiting for review: {self.waiting:,}.",
        ]
        if self.deleted:
            said.append(f"{self.deleted:,} posts were taken down.")
        if self.offices:
            said.append("Most matches: " + ", ".join(f"{name} ({count})" for name, count in self.offices) + ".")
        if self.themes:
            named = ", ".join(f"{theme.replace('_', ' ')} ({count})" for theme, count in self.themes)
            said.append(f"Themes: {named}.")
        said.append("")
        said.append("Accounts that fell silent or broke:" if self.trouble else "No account fell silent or broke.")
        said += [f"• {line}" for line in self.trouble[:_MOST_LISTED]]
        if len(self.trouble) > _MOST_LISTED:
            said.append(f"• and {len(self.trouble) - _MOST_LISTED} more: “sheriffwatch status”")
        return said


def run(db: Database, config: Config, *, now: datetime) -> bool:
    """Queue the digest of the period that just ended, unless it was made. A new installation waits for its first."""
    if config.alerts.digest == "off":
        return False
    since, until = last_period(config.alerts, now)
    period = _name(config.alerts, until)
    with db.read() as session:
        last = session.execute(sa.select(Digest).order_by(col(Digest.until).desc()).limit(1)).scalar()
    if last is not None and last.until >= until:
        return False
    if last is None:  # nothing was watched in the period that just ended
        with db.write() as session:
            session.add(Digest(period=period, since=since, until=until))
        return False
    return queue(db, config, since=since, until=until, period=period, now=now) > 0


def queue(db: Database, config: Config, *, since: datetime, until: datetime, period: str, now: datetime) -> int:
    """Queue a digest of this stretch of time. Returns to how many places; again for the same period to none."""
    summary = summarise(db, config, since=since, until=until, now=now)
    with db.write() as session:
        if session.execute(sa.select(col(Digest.id)).where(col(Digest.period) == period)).scalar():
            return 0
        session.add(Digest(period=period, since=since, until=until))
        return _queue(session, config, summary, f"digest:{period}", now)


def queue_now(db: Database, config: Config, *, days: float, by: str, now: datetime) -> Summary:
    """Queue a digest of the last days at once, because somebody asked for it."""
    summary = summarise(db, config, since=now - timedelta(days=days), until=now, now=now)
    with db.write() as session:
        _queue(session, config, summary, f"digest:now:{now.isoformat()}", now)
        session.add(Event(at=now, kind="digest.asked", actor=by, data={"days": days}))
    return summary


def summarise(db: Database, config: Config, *, since: datetime, until: datetime, now: datetime) -> Summary:
    """Count what happened from ``since`` to ``until``; the queue and the accounts are as they are now."""
    state = status.gather(db, config, now=now)
    trouble = [
        f"{account.account} ({account.platform}): {account.health}"
        + (f", {' '.join(account.last_error.split())[:120]}" if account.last_error else "")
        for account in state.accounts
        if not account.paused and account.health not in ("ok", "new", "slow")
    ]
    with db.read() as session:
        ours = col(Account.platform) != TEST_PLATFORM
        posts = _count(
            session,
            sa.select(sa.func.count())
            .select_from(Post)
            .join(Account, col(Account.id) == col(Post.account_id))
            .where(ours, col(Post.first_seen_at) >= since, col(Post.first_seen_at) < until),
        )
        flagged = session.execute(
            sa.select(
                col(Flag.post_id), col(Agency.name), col(Account.name), col(Account.address), col(Score.theme_list)
            )
            .join(Post, col(Post.id) == col(Flag.post_id))
            .join(Account, col(Account.id) == col(Post.account_id))
            .outerjoin(Agency, col(Agency.id) == col(Account.agency_id))
            .outerjoin(Score, col(Score.id) == col(Flag.score_id))
            .where(ours, col(Flag.origin) == "classifier", col(Flag.created_at) >= since, col(Flag.created_at) < until)
        ).all()
        deleted = _count(
            session,
            sa.select(sa.func.count()).where(col(Post.deleted_at) >= since, col(Post.deleted_at) < until),
        )
        return Summary(
            since=since,
            until=until,
            posts=posts,
            matches=len(flagged),
            verdicts=_verdicts(session, since, until),
            waiting=state.backlog["unreviewed"],
            deleted=deleted,
            offices=_top([agency or name or address for _, agency, name, address, _ in flagged]),
            themes=_top([theme for row in flagged for theme in row[4] or ()]),
            trouble=trouble,
            chart=_chart(session, config, since, until),
        )


def last_period(alerts: AlertsConfig, now: datetime) -> tuple[datetime, datetime]:
    """The day or week that ended last, from one ``digest_at`` to the next in the configured zone."""
    zone = ZoneInfo(alerts.time_zone)
    here = now.astimezone(zone)
    at = time.fromisoformat(alerts.digest_at)
    day = here.date() - timedelta(days=here.weekday() if alerts.digest == "weekly" else 0)
    step = 7 if alerts.digest == "weekly" else 1
    if datetime.combine(day, at, zone) > here:
        day -= timedelta(days=step)
    return (
        datetime.combine(day - timedelta(days=step), at, zone).astimezone(now.tzinfo),
        datetime.combine(day, at, zone).astimezone(now.tzinfo),
    )


def _name(alerts: AlertsConfig, until: datetime) -> str:
    day = until.astimezone(ZoneInfo(alerts.time_zone)).date()
    return f"{day:%G-W%V}" if alerts.digest == "weekly" else day.isoformat()


def _queue(session: Session, config: Config, summary: Summary, key: str, now: datetime) -> int:
    places = places_named(config, config.alerts.digest_to)
    zone = ZoneInfo(config.alerts.time_zone)
    first, last = summary.since.astimezone(zone), summary.until.astimezone(zone)
    for place in places:
        session.add(
            Alert(
                kind="digest",
                channel=place.channel,
                destination=place.destination,
                dedupe_key=f"{key}:{place.destination}",
                payload={
                    "headline": f"sheriffwatch from {first:%b} {first.day} to {last:%b} {last.day}",
                    "body": "\n".join(summary.lines()),
                    "chart": summary.chart,
                    "chart_alt": chart.as_words(summary.chart),
                },
                created_at=now,
                next_attempt_at=now,
            )
        )
    return len(places)


def _chart(session: Session, config: Config, since: datetime, until: datetime) -> dict[str, Any]:
    """Matches and confirmed ones of the last stretches of the same length, this one last."""
    step = max(until - since, timedelta(days=1))
    edges = [until - step * (BARS - number) for number in range(BARS + 1)]
    rows = session.execute(
        sa.select(col(Flag.post_id), col(Flag.created_at)).where(
            col(Flag.origin) == "classifier", col(Flag.created_at) >= edges[0], col(Flag.created_at) < until
        )
    ).all()
    given: dict[int, list[Any]] = {}
    for start in range(0, len(rows), 5000):
        for review in in_force(session, [row.post_id for row in rows[start : start + 5000]]):
            given.setdefault(review.post_id, []).append(review)
    counts, confirmed = [0] * BARS, [0] * BARS
    for post_id, at in rows:
        bar = min(BARS - 1, int((at - edges[0]) / step))
        counts[bar] += 1
        confirmed[bar] += agreed(given.get(post_id, [])) is Verdict.CONFIRMED
    zone = ZoneInfo(config.alerts.time_zone)
    begins: list[date] = [edge.astimezone(zone).date() for edge in edges[:-1]]
    return {
        "title": f"Flagged posts by {'week' if step >= timedelta(days=7) else 'day'} (dark: confirmed)",
        "labels": [f"{day:%b} {day.day}" for day in begins],
        "counts": counts,
        "confirmed": confirmed,
    }


def _verdicts(session: Session, since: datetime, until: datetime) -> dict[str, int]:
    rows = session.execute(
        sa.select(col(Review.verdict), sa.func.count())
        .where(col(Review.created_at) >= since, col(Review.created_at) < until, col(Review.revoked_at).is_(None))
        .group_by(col(Review.verdict))
    )
    return {verdict.value: count for verdict, count in rows}


def _top(names: Sequence[str], most: int = 5) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]


def _count(session: Session, query: Any) -> int:
    return int(session.execute(query).scalar_one())
