"""How fast pages are with many posts: makes the data, asks for each page, prints times and sizes.

    python -m bench.page --posts 1000000 [--database sqlite:////tmp/bench.db]

Deterministic; a SQLite file that is there already is used again. Times are in milliseconds, of the whole request
inside the process; on PostgreSQL give the URL of an empty database.
"""

import argparse
import json
import random
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from models import Account, Agency, ClassifierVersion, Coverage, Flag, Post, PostVersion, Review, Score
from models.db import Database, open_db
from monitor import overview, posts
from monitor.postfilter import PostFilter
from monitor.review.verdicts import THEMES

STATES = (
    "AL AK AZ AR CA CO FL GA ID IL IN IA KS KY LA ME MD MI MN MS MO MT NE NV NM NY NC ND OH OK OR PA SC SD TN TX"
).split()  # fmt: skip
ACCOUNTS = 1500
CHUNK = 20_000
NOW = datetime(2026, 11, 1, tzinfo=UTC)
ASKED = (
    {}, {"q": "county"}, {"q": "border wall"}, {"q": '"road closed"'}, {"q": "zebra*"}, {"q": "county -border"},
    {"q": "border", "sort": "relevance"}, {"q": "border", "state": "OH", "flagged": "yes"}, {"state": "TX"},
    {"agency": "7"}, {"account": "11"}, {"platform": "mastodon"}, {"flagged": "yes"},
    {"flagged": "yes", "verdict": "none"},
    {"verdict": "confirmed"}, {"theme": "invasion"}, {"score_min": "0.95"}, {"sort": "score"}, {"deleted": "yes"},
    {"edited": "yes"}, {"picture": "yes"}, {"lang": "es"}, {"since": "2024-01-01", "until": "2024-02-01"},
    {"sort": "date", "q": "county"}, {"q": "unfindableword"},
)  # fmt: skip


def words() -> list[str]:
    common = "county road sheriff deputies office community update weather closed traffic safety family school".split()
    return common * 30 + "border wall fence jail court judge patrol".split() * 5 + [f"word{n}" for n in range(4000)]


def fill(db: Database, count: int) -> None:
    rng = random.Random(7)
    vocabulary = words()
    tables = {t: t.__table__ for t in (Agency, Account, Post, PostVersion, Score, Flag, Review, Coverage)}
    with db.write() as session:
        session.add(
            ClassifierVersion(
                id=1, version="bench", sha256="0" * 64, queue_threshold=0.6, alert_threshold=0.9, status="active"
            )
        )
        session.flush()
        connection = session.connection()
        for n in range(1, ACCOUNTS + 1):
            name = f"Sample {n} County Sheriff"
            session.add(Agency(id=n, name=name, name_key=name.lower(), state=STATES[n % len(STATES)]))
        session.flush()
        for n in range(1, ACCOUNTS + 1):
            platform = ("feed", "bluesky", "mastodon")[n % 3]
            session.add(
                Account(
                    id=n, agency_id=n, platform=platform, address=f"office{n}.test", name=f"Office {n}", added_at=NOW
                )
            )
        session.flush()
        connection.execute(
            sa.insert(tables[Coverage]),
            [
                {
                    "account_id": n,
                    "outcome": "ok" if k % 9 else "timeout",
                    "since": NOW - timedelta(hours=k + 1),
                    "until": NOW - timedelta(hours=k),
                    "polls": 4,
                    "detail": "",
                }
                for n in range(1, ACCOUNTS + 1)
                for k in range(20)
            ],
        )
    for start in range(1, count + 1, CHUNK):
        with db.write() as session:
            _chunk(session.connection(), tables, rng, vocabulary, range(start, min(start + CHUNK, count + 1)), count)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE"))
        if not db.is_sqlite:
            for table in ("post", "post_version", "score", "flag", "review", "account", "agency"):
                highest = f"(SELECT coalesce(max(id), 1) FROM {table})"
                connection.execute(sa.text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {highest})"))


def _chunk(connection, tables, rng, vocabulary, ids, count) -> None:
    rows: dict = {table: [] for table in (PostVersion, Post, Score, Flag, Review)}
    for n in ids:
        at = NOW - timedelta(minutes=(count - n) * 1_500_000 / count)
        text = " ".join(rng.choices(vocabulary, k=rng.randint(12, 60)))
        if n % 200 == 0:
            text += " road closed zebras"
        probability = round(rng.random() ** 6, 4)
        rows[Post].append(
            {
                "id": n, "account_id": 1 + (n * 7919) % ACCOUNTS, "external_id": f"p{n}", "url": f"https://office.test/{n}",
                "authorship": "own", "author_id": "", "author_handle": "", "posted_at": at, "first_seen_at": at,
                "backfilled": False, "version_count": 2 if n % 50 == 0 else 1, "current_version_id": None,
                "missing_checks": 0, "deleted_at": at + timedelta(days=1) if n % 100 == 0 else None,
                "deletion_cause": "",
            }
        )  # fmt: skip
        rows[PostVersion].append(
            {
                "id": n, "post_id": n, "content_sha256": f"{n:064x}", "title": "", "text": text, "alt_texts": [],
                "link_titles": [], "quoted_text": "", "quoted_author": "", "revision": "",
                "lang": "es" if n % 20 == 0 else "en",
                "media": [{"kind": "image", "url": "", "alt": ""}] if n % 3 == 0 else [],
                "teaser_only": False, "first_seen_at": at, "last_seen_at": at, "pending_score": False,
            }
        )  # fmt: skip
        rows[Score].append(
            {
                "id": n, "post_version_id": n, "classifier_version_id": 1, "probability": probability, "themes": {},
                "theme_list": [THEMES[n % 7]] if probability > 0.6 else [], "reasons": [], "lang": "en",
                "explanation": [], "scored_at": at,
            }
        )  # fmt: skip
        if probability > 0.8:
            rows[Flag].append(
                {"post_id": n, "score_id": n, "probability": probability, "origin": "classifier", "created_at": at}
            )
            if n % 2:
                rows[Review].append(
                    {
                        "post_id": n, "post_version_id": n, "reviewer": "ana", "themes": [], "severe": False,
                        "note": "",
                        "verdict": ("confirmed", "rejected")[n % 3 == 0], "reason": "", "via": "web", "created_at": at,
                    }
                )  # fmt: skip
    for table in (Post, PostVersion):
        connection.execute(sa.insert(tables[table]), rows[table])
    post = tables[Post]
    connection.execute(sa.update(post).where(post.c.id.between(ids[0], ids[-1])).values(current_version_id=post.c.id))
    for table in (Score, Flag, Review):
        if rows[table]:
            connection.execute(sa.insert(tables[table]), rows[table])


def queries(db: Database, repeat: int) -> list[tuple[str, float, float]]:
    """What the pages ask of the database, apart from drawing them."""
    found = []
    for query in ASKED:
        wanted = PostFilter.from_query(query)
        times = []
        for _ in range(repeat):
            started = time.perf_counter()
            with db.read() as session:
                posts.page(session, wanted, limit=25)
            times.append((time.perf_counter() - started) * 1000)
        found.append((json.dumps(query), statistics.median(times), sorted(times)[int(0.95 * (len(times) - 1))]))
    started = time.perf_counter()
    with db.read() as session:
        overview.reckon(session, NOW)
    cold = (time.perf_counter() - started) * 1000
    found.append(("overview, counted anew (once a minute)", cold, cold))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--database", default="")
    parser.add_argument("--repeat", type=int, default=20)
    options = parser.parse_args()
    url = options.database or f"sqlite:////tmp/sheriffwatch-bench-{options.posts}.db"
    db = open_db(url)
    with db.read() as session:
        there = session.execute(sa.select(sa.func.max(Post.id))).scalar() or 0
    if there != options.posts:
        if there:
            raise SystemExit(f"{url} holds other posts: give an empty database.")
        started = time.perf_counter()
        fill(db, options.posts)
        print(f"made {options.posts:,} posts in {time.perf_counter() - started:.0f} s")
    if db.path:
        print(f"{Path(db.path).stat().st_size / 1e6:,.0f} MB")
    print(f"{'p50 ms':>8} {'p95 ms':>8}  query")
    for name, middle, high in queries(db, options.repeat):
        print(f"{middle:8.1f} {high:8.1f}  {name}")
    db.close()


if __name__ == "__main__":
    main()
