"""A database as it stands after years of use, invented: a million posts, their wordings, scores, flags and verdicts.

Shares and skews are meant to be those of real use: a few offices write most posts, a few words make up most of the
text, about one post in forty is flagged, and four flags in five have been decided. Same ``count``, same data.
"""

import itertools
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np
import sqlalchemy as sa

import classifier
from models import (
    Account,
    Agency,
    Agreement,
    Alert,
    ClassifierVersion,
    Coverage,
    DriftReading,
    Event,
    Flag,
    Post,
    PostVersion,
    Review,
    Score,
)
from models.db import Database
from monitor.review.verdicts import REASONS, THEMES
from monitor.tally import monday

STATES = (
    "TX FL CA GA NC OH PA NY IL MI TN VA IN MO AL LA SC KY WI OK AR MS KS IA NE WA CO MN AZ OR UT NM WV ID MT NV SD ND"
    " NJ MD MA ME NH VT WY CT DE RI AK HI"
).split()
AGENCIES, ACCOUNTS = 3000, 5000
REVIEWERS = ("Ana", "Ben", "Carla", "Dev", "Ema", "Farid", "Gus", "Hoa")
CHUNK = 20_000
NOW = datetime(2026, 11, 1, tzinfo=UTC)
SPAN = timedelta(days=3 * 365)
COMMON = (
    "the to and of a in county sheriff for our is deputies on at office with community from this be you are we please "
    "will all public safety today by as that road area your have was has it no an who or not law enforcement night "
    "morning thank if more information call any one two near vehicle closed jail support state team family school "
    "help contact after arrested suspect warrant charged drug investigation detectives traffic crash weather storm"
).split()
RARER = "border illegal alien fence wall invasion deport federal agreement immigration detainer visa asylum".split()
RARE_WORD = "zebra"
PHRASE = "catch and release"
_SCOPES = tuple(f"theme:{name}" for name in THEMES)


class Words:
    """Texts whose words are as unevenly frequent as in real ones (Zipf), the same on each run."""

    def __init__(self, rng: np.random.Generator) -> None:
        parts = [c + v for c in "b c d f g l m n p r s t v".split() for v in "a e i o u".split()]
        made = ("".join(three) for three in itertools.product(parts, parts, parts))
        invented = list(itertools.islice(made, 40_000))
        rng.shuffle(invented)
        words = [*COMMON, *invented]
        for place, word in enumerate(RARER):
            words.insert(250 + 60 * place, word)
        weights = 1 / (np.arange(len(words)) + 2.7)
        self._words = np.array(words, dtype=object)
        self._cumulated = np.cumsum(weights / weights.sum())
        self._rng = rng

    def texts(self, count: int) -> list[str]:
        """So many texts of 5 to 300 words, mostly 20 to 60."""
        lengths = np.clip(self._rng.lognormal(3.5, 0.6, count).astype(int), 5, 300)
        drawn = self._words[
            np.searchsorted(self._cumulated, self._rng.random(lengths.sum())).clip(max=len(self._words) - 1)
        ]
        ends = np.cumsum(lengths)
        return [" ".join(drawn[end - length : end]) for end, length in zip(ends, lengths, strict=True)]


Rows = list[tuple[Any, ...]]
Load = Callable[[type, str, Rows], None]
"""Takes a table, the names of columns, and rows of text, numbers and None; the other columns get their defaults."""


def fill(db: Database, count: int) -> None:
    """Put ``count`` posts and all that belongs to them into an empty database."""
    rng, draws = random.Random(7), np.random.default_rng(7)
    with _bulk(db) as load:
        _surroundings(load, rng)
        words, numbers, flags = Words(draws), itertools.count(1), itertools.count(1)
        popular = np.cumsum(draws.pareto(1.2, ACCOUNTS) + 0.05)
        kit = _Kit(rng)
        for start in range(1, count + 1, CHUNK):
            ids = range(start, min(start + CHUNK, count + 1))
            texts, size = words.texts(len(ids)), len(ids)
            accounts = 1 + np.searchsorted(popular / popular[-1], draws.random(size)).clip(max=ACCOUNTS - 1)
            likely = np.where(draws.random(size) < 0.03, draws.beta(5, 2, size), draws.beta(0.25, 8, size)).round(6)
            _chunk(load, kit, zip(ids, texts, likely.tolist(), accounts.tolist(), strict=True), count, numbers, flags)
    _settle(db)


@contextmanager
def _bulk(db: Database) -> Iterator[Load]:
    """Loads rows past SQLAlchemy and without checks of foreign keys: a wording goes in before its post, so that the
    trigger which keeps the index of words finds it.
    """
    with db.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if db.is_sqlite:
            for pragma in ("synchronous=OFF", "cache_size=-400000", "foreign_keys=OFF"):
                driver.execute(f"PRAGMA {pragma}")
            yield _into_sqlite(driver)
            connection.detach()
            return
        driver.execute("SET timezone TO 'UTC'")
        for table in (Post, PostVersion, Score, Flag, Review, Alert):
            name = table.__table__.name  # type: ignore[attr-defined]
            driver.execute(f"ALTER TABLE {name} DISABLE TRIGGER ALL")
        for name in ("post", "review", "flag"):  # those that keep the index of words, the verdicts and whose post it is
            driver.execute(f"ALTER TABLE {name} ENABLE TRIGGER USER")
        of_words = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'post_fts' AND indexname LIKE '%gin'"
        indexes = driver.execute(of_words).fetchall()
        for name, _ in indexes:
            driver.execute(f"DROP INDEX {name}")
        yield _into_postgres(driver)
        driver.execute("SET maintenance_work_mem TO '512MB'")
        for _, definition in indexes:
            driver.execute(definition)
        for table in (Post, PostVersion, Score, Flag, Review, Alert):
            name = table.__table__.name  # type: ignore[attr-defined]
            driver.execute(f"ALTER TABLE {name} ENABLE TRIGGER ALL")
        driver.commit()
        connection.detach()


def _into_sqlite(driver: Any) -> Load:
    def load(table: type, columns: str, rows: Rows) -> None:
        names, more = _columns(table, columns)
        marks = ", ".join("?" * len(names))
        statement = f"INSERT INTO {table.__table__.name} ({', '.join(names)}) VALUES ({marks})"  # type: ignore[attr-defined]
        driver.execute("BEGIN")
        driver.executemany(statement, [row + more for row in rows])
        driver.execute("COMMIT")

    return load


def _into_postgres(driver: Any) -> Load:
    def load(table: type, columns: str, rows: Rows) -> None:
        names, more = _columns(table, columns)
        quoted = ", ".join(f'"{name}"' for name in names)
        statement = f"COPY {table.__table__.name} ({quoted}) FROM STDIN"  # type: ignore[attr-defined]
        with driver.cursor().copy(statement) as copy:
            for row in rows:
                copy.write_row(row + more)

    return load


def _columns(table: type, given: str) -> tuple[list[str], tuple[Any, ...]]:
    """The columns to be written, and the defaults of those that are not given."""
    names = given.split()
    more = {
        name: _plain(field.get_default(call_default_factory=True))
        for name, field in table.model_fields.items()  # type: ignore[attr-defined]
        if name not in (*names, "id", "shown_at") and not field.is_required()
    }
    return [*names, *more], tuple(more.values())


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return _written(value)
    return json.dumps(value) if isinstance(value, list | dict) else str(value) if isinstance(value, StrEnum) else value


def _written(moment: datetime) -> str:
    """As SQLAlchemy writes it to SQLite; PostgreSQL, told that the zone is UTC, reads the same."""
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")


def _settle(db: Database) -> None:
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if db.is_sqlite:
            connection.execute(sa.text("INSERT INTO post_fts(post_fts) VALUES ('optimize')"))
            connection.execute(sa.text("ANALYZE"))
            return
        for table in ("post", "post_version", "score", "flag", "agency", "account", "classifier_version"):
            highest = f"(SELECT max(id) FROM {table})"
            connection.execute(sa.text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {highest})"))
        connection.execute(sa.text("VACUUM ANALYZE"))


def _surroundings(load: Load, rng: random.Random) -> None:
    bundled = classifier.load()
    load(
        ClassifierVersion,
        "id version sha256 queue_threshold alert_threshold status activated_at",
        [
            (1, "before", "0" * 64, 0.5, 0.85, "retired", _written(NOW - SPAN)),
            (2, bundled.version, bundled.sha256, 0.5, 0.85, "active", _written(NOW - SPAN / 3)),
        ],
    )
    states = rng.choices(STATES, [1 / (place + 3) for place in range(len(STATES))], k=AGENCIES)
    named = [(n, f"Sample {n} County Sheriff", state) for n, state in enumerate(states, 1)]
    load(Agency, "id name name_key state", [(n, name, name.lower(), state) for n, name, state in named])
    load(
        Agreement,
        "agency_id model signed",
        [(n, rng.choice(("JEM", "TFM", "WSO")), f"2025-0{rng.randint(1, 9)}-15") for n in range(1, AGENCIES + 1, 4)],
    )
    load(
        Account,
        "id agency_id platform address name added_at health last_ok_at paused_at",
        [
            (
                n,
                1 + (n - 1) % AGENCIES,
                rng.choices(("feed", "bluesky", "mastodon"), (6, 3, 1))[0],
                f"office{n}.example",
                f"Office {n}",
                _written(NOW - SPAN),
                rng.choices(("ok", "slow", "failing", "blocked", "quiet"), (90, 3, 3, 1, 3))[0],
                _written(NOW - timedelta(minutes=rng.randint(1, 900))),
                _written(NOW) if n % 100 == 0 else None,
            )
            for n in range(1, ACCOUNTS + 1)
        ],
    )
    for start in range(1, ACCOUNTS + 1, 1000):
        spans = [span for n in range(start, start + 1000) for span in _coverage(n, rng)]
        load(Coverage, "account_id outcome since until polls", spans)
    load(
        DriftReading,
        "week version scope figures",
        [
            ((monday(NOW.date()) - timedelta(weeks=n)).isoformat(), bundled.version, scope, json.dumps(_read(rng)))
            for n in range(26)
            for scope in ("all", *(f"platform:{name}" for name in ("bluesky", "feed", "mastodon")), *_SCOPES)
        ],
    )


def _read(rng: random.Random) -> dict[str, Any]:
    """The figures of one week, as monitor/learning/drift.py keeps them."""
    flagged, reviewed = rng.randint(130, 170), rng.randint(90, 120)
    return {
        "posts": 6000,
        "flagged": flagged,
        "flagged_share": flagged / 6000,
        "bins": [4000 + rng.randint(-200, 200), 1200, 300, 120, 80, 60, 50, 40, 40, 50, 60],
        "unknown_words": rng.uniform(0.02, 0.03),
        "reviewed": reviewed,
        "agreement": rng.uniform(0.85, 0.95),
    }


def _coverage(account: int, rng: random.Random) -> Iterator[tuple[Any, ...]]:
    until = NOW
    for place in range(40):
        since = until - timedelta(hours=rng.randint(1, 100) if place % 2 == 0 else rng.randint(1, 5))
        outcome = "ok" if place % 2 == 0 else rng.choice(("timeout", "server", "blocked"))
        yield account, outcome, _written(since), _written(until), 20
        until = since


class _Kit:
    """What is costly to make and may be the same in many rows."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.themes = [json.dumps({theme: round(rng.random(), 3) for theme in THEMES}) for _ in range(200)]
        self.lists = [json.dumps(rng.sample(THEMES, rng.choice((1, 1, 2)))) for _ in range(200)]
        self.explanations = [json.dumps([_moved(k, rng) for k in range(15)]) for _ in range(50)]


def _moved(k: int, rng: random.Random) -> dict[str, Any]:
    return {"name": f"word{k}", "kind": "word", "weight": round(rng.random(), 3), "spans": [[k * 9, k * 9 + 6]]}


def _chunk(
    load: Load,
    kit: _Kit,
    drawn: Iterator[tuple[int, str, float, int]],
    count: int,
    numbers: Iterator[int],
    flags: Iterator[int],
) -> None:
    rng = kit.rng
    rows: dict[type, Rows] = {table: [] for table in (PostVersion, Post, Score, Flag, Review, Event, Alert)}
    for n, text, probability, account in drawn:
        at = NOW - SPAN * ((count - n) / count)
        when = _written(at)
        if n % 20_000 == 777:
            text += f" {RARE_WORD}"
        if n % 500 == 99:
            text = f"Share: no more {PHRASE} in our county. {text[:60]}"
        edits = 0 if rng.random() < 0.965 else rng.choice((1, 1, 1, 2, 4))
        picture = '[{"kind": "image", "url": "https://media.example/1.jpg", "alt": ""}]' if rng.random() < 0.4 else "[]"
        lang = "es" if rng.random() < 0.03 else "en"
        for edit in range(edits + 1):
            number = next(numbers)
            wording = text if edit == 0 else f"Updated {edit}. {text}"
            rows[PostVersion].append((number, n, f"{number:064x}", wording, lang, picture, when, when, False))
            told = _told(kit, probability)
            score = 2 * number  # even ids are the classifier's on duty, odd ones those of the one before
            rows[Score].append((score, number, 2, probability, *told, when))
            if n % 5 == 0:
                rows[Score].append((score - 1, number, 1, probability, *told, when))
        gone = _written(at + timedelta(days=2)) if rng.random() < 0.01 else None
        url = f"https://office{account}.example/{n}"
        rows[Post].append((n, account, f"p{n}", url, when if n % 50 else None, when, edits + 1, number, gone))
        if probability > 0.5 or n % 400 == 0:
            _flagged(rows, next(flags), n, number, probability, at, rng)
    load(
        PostVersion,
        "id post_id content_sha256 text lang media first_seen_at last_seen_at pending_score",
        rows[PostVersion],
    )
    load(
        Post,
        "id account_id external_id url posted_at first_seen_at version_count current_version_id deleted_at",
        rows[Post],
    )
    load(
        Score,
        "id post_version_id classifier_version_id probability themes theme_list explanation scored_at",
        rows[Score],
    )
    load(Flag, "id post_id score_id probability origin created_at", rows[Flag])
    load(
        Review,
        "post_id post_version_id reviewer verdict reason themes severe via created_at revoked_at",
        rows[Review],
    )
    load(Event, "at kind actor subject", rows[Event])
    load(Alert, "flag_id channel dedupe_key state attempts created_at next_attempt_at sent_at", rows[Alert])


def _told(kit: _Kit, probability: float) -> tuple[str, str, str]:
    if probability <= 0.5:
        return "{}", "[]", "[]"
    return kit.rng.choice(kit.themes), kit.rng.choice(kit.lists), kit.rng.choice(kit.explanations)


def _flagged(
    rows: dict[type, Rows], flag: int, post: int, wording: int, probability: float, at: datetime, rng: random.Random
) -> None:
    when = _written(at)
    rows[Flag].append((flag, post, 2 * wording, probability, "classifier" if probability > 0.5 else "audit", when))
    if probability > 0.5:
        rows[Alert].append((flag, "slack", f"match:{post}", "sent", 1, when, when, when))
    if rng.random() < 0.2:
        return
    truth = rng.choices(("confirmed", "rejected", "unsure"), (55, 38, 7))[0]
    for reviewer in rng.sample(REVIEWERS, rng.choices((1, 2, 3), (70, 27, 3))[0]):
        verdict = truth if rng.random() < 0.85 else rng.choice(("confirmed", "rejected"))
        decided = _written(at + timedelta(hours=rng.randint(1, 100)))
        reason = rng.choice(REASONS) if verdict == "rejected" else ""
        themes = json.dumps([rng.choice(THEMES)] if verdict == "confirmed" else [])
        revoked = decided if rng.random() < 0.01 else None
        via = rng.choice(("web", "web", "slack"))
        severe = rng.random() < 0.1
        rows[Review].append((post, wording, reviewer, verdict, reason, themes, severe, via, decided, revoked))
        rows[Event].append((decided, "review.decided", reviewer, f"post:{post}"))
