"""Whether posts and scores still look as they did: weekly readings, and an alert when they do not."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account
from models.classifier import Score
from models.db import Database
from models.drift import DriftReading
from models.flag import Alert
from models.post import Authorship, Post, PostVersion
from models.review import Review, Verdict
from monitor.config import Config
from monitor.review.verdicts import agreed, in_force
from monitor.scoring import TEST_PLATFORM
from monitor.versions import Active

WEEK = timedelta(days=7)
BASELINE_WEEKS = 8
LEAST_POSTS = 50
"""Posts in a week below which its distribution says nothing."""
LEAST_REVIEWS = 15
LEAST_FLAGGED = 10
"""Flagged posts in a week below which their share says nothing."""
_BINS = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97)
_MOST_TEXTS = 5000
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass
class _Tally:
    """What was counted of one scope."""

    posts: int = 0
    flagged: int = 0
    bins: list[int] = field(default_factory=lambda: [0] * (len(_BINS) + 1))
    words: int = 0
    unknown: int = 0
    reviewed: int = 0
    right: int = 0

    def figures(self) -> dict[str, Any]:
        return {
            "posts": self.posts,
            "flagged": self.flagged,
            "flagged_share": self.flagged / self.posts if self.posts else None,
            "bins": self.bins,
            "unknown_words": self.unknown / self.words if self.words else None,
            "reviewed": self.reviewed,
            "agreement": self.right / self.reviewed if self.reviewed else None,
        }


def read_week(db: Database, active: Active, week: date, *, now: datetime) -> list[DriftReading]:
    """Read one week (from a Monday) as a whole, by platform and by theme; store the readings. Again replaces them."""
    start = datetime.combine(week, time(), UTC)
    with db.read() as session:
        tallies = _tally(session, active, start, start + WEEK)
    with db.write() as session:
        session.execute(
            sa.delete(DriftReading).where(col(DriftReading.week) == week, col(DriftReading.version) == active.version),
            execution_options={"synchronize_session": False},
        )
        readings = [
            DriftReading(week=week, version=active.version, scope=scope, figures=tally.figures(), read_at=now)
            for scope, tally in sorted(tallies.items())
        ]
        session.add_all(readings)
    return readings


def missing_weeks(session: Session, active: Active, *, now: datetime) -> list[date]:
    """The whole weeks behind us, of the last few, that the version on duty has not read yet; oldest first."""
    this_week = now.date() - timedelta(days=now.weekday())
    known = set(
        session.execute(sa.select(col(DriftReading.week)).where(col(DriftReading.version) == active.version)).scalars()
    )
    first = session.execute(sa.select(sa.func.min(col(Post.first_seen_at)))).scalar()
    weeks = [this_week - n * WEEK for n in range(BASELINE_WEEKS, 0, -1)]
    return [week for week in weeks if week not in known and first is not None and week + WEEK > first.date()]


def concerns(session: Session, config: Config, week: date, version: str) -> list[str]:
    """What of one week lies outside the stated bands, against the weeks before it, one sentence each."""
    rules = config.learning
    rows = session.execute(
        sa.select(DriftReading)
        .where(
            col(DriftReading.version) == version,
            col(DriftReading.week) <= week,
            col(DriftReading.week) >= week - BASELINE_WEEKS * WEEK,
        )
        .order_by(col(DriftReading.week))
    ).scalars()
    by_scope: dict[str, list[DriftReading]] = defaultdict(list)
    for row in rows:
        by_scope[row.scope].append(row)
    said = []
    for scope, readings in sorted(by_scope.items()):
        if readings[-1].week != week or len(readings) < 2:
            continue
        latest, before = readings[-1].figures, [reading.figures for reading in readings[:-1]]
        name = "all posts" if scope == "all" else scope.replace(":", " ")
        moved = distance(readings[-1], readings)
        if moved is not None and moved >= rules.drift_band:
            said.append(f"Scores of {name} have moved: index {moved:.2f}, band {rules.drift_band:.2f}.")
        was, reviews = _mean_agreement(before)
        if was is not None and reviews >= LEAST_REVIEWS and latest["reviewed"] >= LEAST_REVIEWS:
            fall = was - latest["agreement"]
            if fall >= rules.agreement_band:
                said.append(
                    f"Reviewers agree less with the classifier on {name}: {latest['agreement']:.0%} after {was:.0%}."
                )
        unknown = [figures["unknown_words"] for figures in before if figures["unknown_words"] is not None]
        if unknown and latest["posts"] >= LEAST_POSTS and latest["unknown_words"] is not None:
            usual = sum(unknown) / len(unknown)
            if latest["unknown_words"] >= usual + rules.unknown_band:
                said.append(f"More words of {name} are unknown: {latest['unknown_words']:.0%} after {usual:.0%}.")
    return [*said, *_moved_shares(by_scope, week, rules.flagged_band)]


def _moved_shares(by_scope: dict[str, list[DriftReading]], week: date, band: float) -> Iterable[str]:
    """What is flagged far more or less often than before: of all posts, of a platform's, and of all for a theme."""
    for scope, readings in sorted(by_scope.items()):
        theme = scope.startswith("theme:")
        whole = by_scope["all" if theme else scope]
        now = sum(reading.figures["flagged"] for reading in readings if reading.week == week)
        was = sum(reading.figures["flagged"] for reading in readings if reading.week < week)
        posts = sum(reading.figures["posts"] for reading in whole if reading.week == week)
        posts_before = sum(reading.figures["posts"] for reading in whole if reading.week < week)
        if min(posts, posts_before) < LEAST_POSTS:
            continue
        expected = was / posts_before * posts
        if max(now, expected) < LEAST_FLAGGED or abs(now - expected) < 3 * math.sqrt(max(expected, 1.0)):
            continue  # may be chance
        if not 1 / band < now / max(expected, 1e-9) < band:
            of = (
                f"Posts flagged for {scope.removeprefix('theme:')}"
                if theme
                else f"Flagged of {scope.replace(':', ' ')}"
            )
            of = "Flagged of all posts" if scope == "all" else of
            yield f"{of}: {now / posts:.1%} after {was / posts_before:.1%}, beyond the band of {band:g} times."


def watch(db: Database, config: Config, active: Active, *, now: datetime) -> list[str]:
    """Read the weeks not read yet, and queue one health alert for the last one if it is outside the bands."""
    with db.read() as session:
        weeks = missing_weeks(session, active, now=now)
    for week in weeks:
        read_week(db, active, week, now=now)
    if not weeks:
        return []
    with db.write() as session:
        said = concerns(session, config, weeks[-1], active.version)
        for channel in config.ready_channels if said else ():
            key = f"drift:{weeks[-1]}:{active.version}"
            if session.execute(
                sa.select(col(Alert.id)).where(col(Alert.channel) == channel, col(Alert.dedupe_key) == key)
            ).first():
                continue
            session.add(
                Alert(
                    kind="health",
                    channel=channel,
                    dedupe_key=key,
                    payload={
                        "headline": f"The classifier may no longer fit what is posted (week of {weeks[-1]})",
                        "body": "\n".join(
                            [*said, "“sheriffwatch review next”, then “sheriffwatch classifier retrain”."]
                        ),
                    },
                    created_at=now,
                    next_attempt_at=now,
                )
            )
    return said


def distance(reading: DriftReading, readings: Iterable[DriftReading]) -> float | None:
    """How far a week's scores lie from those of the weeks before, by :func:`stability_index`; None of too few posts."""
    before = [
        other.figures["bins"]
        for other in readings
        if other.scope == reading.scope and reading.week - BASELINE_WEEKS * WEEK <= other.week < reading.week
    ]
    return stability_index([sum(column) for column in zip(*before, strict=True)], reading.figures["bins"])


def stability_index(before: Sequence[int], after: Sequence[int]) -> float | None:
    """The population stability index of two histograms, 0 for the same shape; None where there are too few posts."""
    if min(sum(before), sum(after)) < LEAST_POSTS:
        return None
    bins = len(before)
    total = 0.0
    for was, became in zip(before, after, strict=True):
        p, q = (was + 0.5) / (sum(before) + bins / 2), (became + 0.5) / (sum(after) + bins / 2)
        total += (q - p) * math.log(q / p)
    return total


def _tally(session: Session, active: Active, start: datetime, end: datetime) -> dict[str, _Tally]:
    tallies: dict[str, _Tally] = defaultdict(_Tally)
    known = set(active.classifier.weights.word.index)
    rows = session.execute(
        sa.select(Score, PostVersion, col(Account.platform), col(Post.id))
        .join(PostVersion, col(PostVersion.id) == col(Score.post_version_id))
        .join(Post, col(Post.current_version_id) == col(PostVersion.id))
        .join(Account, col(Account.id) == col(Post.account_id))
        .where(
            col(Score.classifier_version_id) == active.row_id,
            col(Post.first_seen_at) >= start,
            col(Post.first_seen_at) < end,
            col(Post.authorship) != Authorship.SHARED,
            col(Account.platform) != TEST_PLATFORM,
        )
        .order_by(col(Post.id))
        .execution_options(yield_per=500)
    )
    scopes_of: dict[int, tuple[list[str], bool]] = {}
    for number, (score, version, platform, post_id) in enumerate(rows):
        flagged = score.probability >= active.queue_threshold
        scopes = ["all", f"platform:{platform}", *(f"theme:{theme}" for theme in (score.theme_list if flagged else ()))]
        scopes_of[post_id] = (scopes, flagged)
        words = _WORD.findall(version.readable().casefold())[:400] if number < _MOST_TEXTS else []
        unknown = sum(word not in known for word in words)
        for scope in scopes:
            tally = tallies[scope]
            tally.posts += 1
            tally.flagged += flagged
            tally.bins[sum(score.probability >= edge for edge in _BINS)] += 1
            tally.words += len(words)
            tally.unknown += unknown
    for post_id, verdict in _agreed(session, list(scopes_of)):
        scopes, flagged = scopes_of[post_id]
        for scope in scopes:
            tallies[scope].reviewed += 1
            tallies[scope].right += (verdict is Verdict.CONFIRMED) == flagged
    return tallies


def _agreed(session: Session, post_ids: list[int]) -> Iterable[tuple[int, Verdict]]:
    for begin in range(0, len(post_ids), 500):
        by_post: dict[int, list[Review]] = defaultdict(list)
        for review in in_force(session, post_ids[begin : begin + 500]):
            by_post[review.post_id].append(review)
        for post_id, reviews in by_post.items():
            verdict = agreed(reviews)
            if verdict in (Verdict.CONFIRMED, Verdict.REJECTED):
                yield post_id, verdict


def _mean_agreement(before: Sequence[dict[str, Any]]) -> tuple[float | None, int]:
    reviews = sum(figures["reviewed"] for figures in before)
    right = sum((figures["agreement"] or 0.0) * figures["reviewed"] for figures in before)
    return (right / reviews, reviews) if reviews else (None, 0)
