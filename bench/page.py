"""How fast every page is with a million posts, in SQLite and in PostgreSQL, and how many kilobytes it has.

    python -m bench.page                          both, made anew in a folder for temporary files (ten minutes)
    python -m bench.page --posts 50000 --only sqlite
    python -m bench.page --database sqlite:////data/million.db      made if empty, used again otherwise

Asks a served page over HTTP, one request after another, with other posts, words and offices each time: the GET routes
as the application has them, searches of many kinds, the queue's decide-and-next, the first byte of exports, and the
JSON API. Beside the time it tells the median of the processor time and of the statements a request takes, which depend
less on what else the machine does, and how fast the machine is just then: what ten million additions in a bare loop
take. Ends with 1 when a page breaks the promise: 95 of 100 requests within 100 ms, no page over 150 kB.
"""

import argparse
import asyncio
import itertools
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import sqlalchemy as sa
from sqlmodel import Session, col

from bench import million
from models import Account, Blob, Checkout, Flag, Post, PostVersion, Review, UserRole
from models.clock import utcnow
from models.db import Database, open_db
from monitor import apitokens, sessions, users
from monitor.config import load
from monitor.review.verdicts import THEMES
from monitor.web.page import COOKIE
from monitor.web.routes import ALL
from monitor.web.security import form_token
from monitor.web.serve import serving
from tests import postgres

MOST_MS, MOST_KB = 100, 150
ELSEWHERE = ("/welcome", "/login/oidc")
"""Links that work once, and the way to an identity provider."""
NAME = "Bench"
SEARCHES: dict[str, dict[str, list[str]]] = {
    "newest": {},
    "rare word": {"q": [million.RARE_WORD]},
    "word in a few": {"q": million.RARER},
    "common word": {"q": ["county", "sheriff", "community", "deputies"]},
    "phrase": {"q": [f'"{million.PHRASE}"', '"public safety"', '"the county sheriff"']},
    "beginning of words": {"q": ["deport*", "bar*", "immi*"]},
    "and, or, not": {"q": ["county -border", "border OR wall", "(border OR fence) alien NOT visa"]},
    "no hit": {"q": ["unfindableword", '"wall of the county office"']},
    "relevance, common": {"q": ["county", "deputies"], "sort": ["relevance"]},
    "relevance, word in a few": {"q": million.RARER, "sort": ["relevance"]},
    "relevance, phrase": {"q": [f'"{million.PHRASE}"', '"public safety"'], "sort": ["relevance"]},
    "state": {"state": ["TX", "WY", "HI"]},
    "state and common word": {"state": ["TX", "WY", "HI"], "q": ["county", "deputies"]},
    "state and relevance": {"state": ["TX", "WY", "HI"], "q": ["border", "county"], "sort": ["relevance"]},
    "agency": {"agency": ["1", "7", "1500", "3000"]},
    "account and word": {"account": ["1", "11", "4000"], "q": ["border", "county"]},
    "platform": {"platform": ["feed", "mastodon"]},
    "platform and word": {"platform": ["mastodon"], "q": ["border", "county"]},
    "flagged": {"flagged": ["yes"]},
    "flagged and common word": {"flagged": ["yes"], "q": ["county"]},
    "flagged, state, word": {"flagged": ["yes"], "state": ["TX", "HI"], "q": ["border"]},
    "verdict": {"verdict": ["confirmed", "rejected", "unsure"]},
    "nobody decided": {"verdict": ["none"]},
    "flagged, nobody decided": {"verdict": ["none"], "flagged": ["yes"]},
    "verdict and word": {"verdict": ["confirmed", "unsure"], "q": ["border", "county"]},
    "theme": {"theme": list(THEMES)},
    "theme and state": {"theme": ["invasion", "burden"], "state": ["TX", "HI"]},
    "score": {"score_min": ["0.5", "0.95", "0.999"]},
    "score between": {"score_min": ["0.1"], "score_max": ["0.11"]},
    "order by score": {"sort": ["score"]},
    "order by score, word": {"sort": ["score"], "q": ["border", "county"]},
    "order by score, state": {"sort": ["score"], "state": ["TX", "HI"]},
    "order by date": {"sort": ["date"]},
    "a month": {"since": ["2024-03-01", "2026-01-01"], "until": ["2026-02-01"]},
    "a month and word": {"since": ["2026-01-01"], "until": ["2026-01-31"], "q": ["county", "border"]},
    "deleted": {"deleted": ["yes"]},
    "edited": {"edited": ["yes"]},
    "deleted, state, word": {"deleted": ["yes"], "state": ["TX", "HI"], "q": ["county", "border"]},
    "with a picture": {"picture": ["yes"]},
    "language": {"lang": ["es"]},
    "language and word": {"lang": ["es"], "q": ["county", "border"]},
    "everything at once": {
        "q": ["county"], "state": ["TX"], "platform": ["feed"], "flagged": ["yes"], "verdict": ["confirmed"],
        "theme": ["invasion"], "score_min": ["0.6"], "since": ["2025-01-01"], "edited": ["no"], "lang": ["en"],
    },
}  # fmt: skip

AT_RANDOM = 200
"""Searches for two to four things of the above, drawn with the same seed each time."""

LONG_COUNTS = ("phrase", "beginning of words", "verdict and word", "language and word", "everything at once")
"""Searches that take long to count."""


@dataclass
class Line:
    """What was measured of one page."""

    name: str
    times: list[float] = field(default_factory=list)
    """Milliseconds."""
    cpu: list[float] = field(default_factory=list)
    """Milliseconds of the processor, with the asking and whatever is worked out behind the pages meanwhile."""
    statements: list[int] = field(default_factory=list)
    """What the database was asked, beginnings of transactions included."""
    most_bytes: int = 0
    faults: set[int] = field(default_factory=set)

    def percentile(self, share: float) -> float:
        """The time within which this share of the requests was answered, in milliseconds."""
        return sorted(self.times)[max(0, math.ceil(share * len(self.times)) - 1)]

    @property
    def broken(self) -> bool:
        """Whether the page is slower or larger than promised, or did not come."""
        return self.percentile(0.95) > MOST_MS or self.most_bytes > MOST_KB * 1000 or bool(self.faults)


class Meter:
    """What a request takes, from ``start`` to ``note``; one request at a time."""

    def __init__(self, db: Database) -> None:
        self._asked = 0
        self._running: set[int] = set()
        sa.event.listen(db.engine, "before_cursor_execute", self._ask)
        sa.event.listen(db.engine, "after_cursor_execute", lambda _, cursor, *more: self._end(cursor))
        sa.event.listen(
            db.engine, "handle_error", lambda fault: self._end(getattr(fault.execution_context, "cursor", None))
        )

    def start(self) -> None:
        """A request begins."""
        self._began = time.perf_counter(), time.process_time(), self._asked

    def note(self, line: Line, status: int, size: int) -> None:
        """It has been answered."""
        clock, cpu, asked = self._began
        line.times.append((time.perf_counter() - clock) * 1000)
        line.cpu.append((time.process_time() - cpu) * 1000)
        line.statements.append(self._asked - asked)
        line.most_bytes = max(line.most_bytes, size)
        if status >= 400:
            line.faults.add(status)

    async def quiet(self, most_s: float = 60) -> None:
        """Wait for what a page has worked out behind it, the classifier's figures or a comparison, to end."""
        until = time.monotonic() + most_s
        before: tuple[float, int] | None = None
        while time.monotonic() < until:
            now = time.process_time(), self._asked
            still = before is not None and now[0] - before[0] < 0.02 and now[1] == before[1]
            if still and not self._running:
                return
            before = now
            await asyncio.sleep(0.1)

    def _ask(self, _connection: object, cursor: object, *_: object) -> None:
        self._asked += 1
        self._running.add(id(cursor))

    def _end(self, cursor: object) -> None:
        self._running.discard(id(cursor))  # twice where SQLite is broken off while its rows are read


class Asker:
    """Somebody who is logged in and asks for pages."""

    def __init__(
        self, client: httpx.AsyncClient, meter: Meter, session_token: str, api_token: str, repeat: int
    ) -> None:
        self.client = client
        self.meter = meter
        self.repeat = repeat
        self.form_token = form_token(session_token)
        self._headers = {"Cookie": f"{COOKIE}={session_token}"}
        self._api = {"Authorization": f"Bearer {api_token}"}

    async def pages(self, name: str, paths: list[str]) -> Line:
        """Ask for these in turn, the first one once more beforehand: a template is read at its first use."""
        line = Line(name)
        await self._once(Line(name), paths[0])
        await self.meter.quiet()
        for path in itertools.islice(itertools.cycle(paths), max(self.repeat, len(paths))):
            await self._once(line, path)
        return line

    async def decide_and_next(self, waiting: list[int]) -> Line:
        """The verdict, and the page of the next post that it leads to."""
        line = Line("POST /queue/{id} and the next post")
        await self.meter.quiet()
        for number, post_id in enumerate(waiting[: self.repeat]):
            verdict = {"verdict": "confirmed"} if number % 2 else {"verdict": "rejected", "reason": "news"}
            self.meter.start()
            answer = await self.client.post(
                f"/queue/{post_id}", data={"token": self.form_token, **verdict}, headers=self._headers
            )
            size = 0
            if answer.status_code == 303:
                answer = await self.client.get(answer.headers["location"], headers=self._headers)
                size = len(answer.content)
            self.meter.note(line, answer.status_code, size)
        return line

    async def _once(self, line: Line, path: str) -> None:
        headers = self._api if path.startswith("/api/") else self._headers
        if path.startswith("/posts/count"):
            headers = {**headers, "HX-Request": "true"}
        self.meter.start()
        async with self.client.stream("GET", path, headers=headers) as answer:
            if "export" in path:  # as long as it is: what counts is that it begins
                async for _ in answer.aiter_raw():
                    break
                self.meter.note(line, answer.status_code, 0)
                return
            size = len(await answer.aread())
        self.meter.note(line, answer.status_code, 0 if path.startswith("/api/") else size)


@dataclass
class Samples:
    """Values for the parameters of routes: what is big, what is usual."""

    session: Session
    repeat: int

    def of(self, path: str) -> list[str]:
        """The route's path with values filled in; nothing when none are known."""
        parameters = [part for part in path.split("/") if part.startswith("{")]
        if not parameters:
            return [path]
        values = self._values(path.split("/")[1])
        return [path.replace(parameters[0], str(value)) for value in values] if len(parameters) == 1 else []

    def waiting(self) -> list[int]:
        """Flagged posts that nobody has read."""
        given = sa.exists().where(col(Review.post_id) == col(Flag.post_id))
        held = sa.exists().where(col(Checkout.post_id) == col(Flag.post_id))
        return self._numbers(sa.select(col(Flag.post_id)).where(~given, ~held).order_by(col(Flag.id).desc()))

    def _values(self, kind: str) -> list[int] | list[str]:
        if kind == "posts":
            edited = self._numbers(sa.select(col(Post.id)).where(col(Post.version_count) > 1).order_by(col(Post.id)))
            flagged = self._numbers(sa.select(col(Flag.post_id)).order_by(col(Flag.id).desc()))
            usual = random.Random(3).choices(range(1, self._numbers(sa.select(sa.func.max(col(Post.id))))[0]), k=40)
            return [number for three in zip(edited, flagged, usual, strict=False) for number in three][: self.repeat]
        if kind == "queue":
            return self.waiting()
        if kind == "agencies":
            return [self._busiest(col(Account.agency_id)), 1, 7, 500, 1500, 2500, 3000]
        if kind == "accounts":
            return [self._busiest(col(Account.id)), 1, 7, 500, 2500, 4999]
        if kind == "pictures":
            return list(self.session.execute(sa.select(col(Blob.sha256)).limit(1)).scalars())
        return []

    def _busiest(self, of: sa.ColumnElement[int]) -> int:
        posts = sa.select(col(Post.account_id), sa.func.count().label("n")).group_by(col(Post.account_id)).subquery()
        query = sa.select(of).join(posts, posts.c.account_id == col(Account.id))
        return self._numbers(query.group_by(of).order_by(sa.func.sum(posts.c.n).desc()))[0]

    def _numbers(self, query: sa.Select[tuple[int]]) -> list[int]:
        return list(self.session.execute(query.limit(self.repeat)).scalars())


async def measure(db: Database, url: str, repeat: int, only: str) -> tuple[list[Line], list[str]]:
    """Ask for everything there is. The second value names the routes for which no parameters are known."""
    now = utcnow()
    with db.read() as session:
        user = users.named(session, NAME)
    user = user or users.add(db, NAME, UserRole.ADMIN, by="bench", now=now)
    config = load(None, environment={})
    config.database.url, config.web.port = url, 0
    lines, unknown = [], []
    meter = Meter(db)
    async with serving(db, config) as address, httpx.AsyncClient(base_url=address, timeout=120) as client:
        asker = Asker(client, meter, sessions.start(db, user, now=now), apitokens.make(db, NAME, now=now), repeat)
        with db.read() as session:
            samples = Samples(session, repeat)
            waiting = samples.waiting()
            paths = [page.path for page in ALL if page.method == "GET" and not page.path.startswith(ELSEWHERE)]
            wanted = [(path, samples.of(path)) for path in paths]
        prefix = "/posts" if "/posts" in paths else "/api/v1/posts"
        wanted += [(f"{prefix}: {name}", _searches(prefix, values)) for name, values in SEARCHES.items()]
        wanted.append((f"{prefix}: {AT_RANDOM} at random", list(itertools.islice(_at_random(prefix), AT_RANDOM))))
        wanted += [(f"/posts/count: {name}", _searches("/posts/count", SEARCHES[name])) for name in LONG_COUNTS]
        wanted += _api(prefix)
        for name, addresses in wanted:
            if only and only not in name:
                continue
            if addresses:
                lines.append(await asker.pages(name, addresses))
            else:
                unknown.append(name)
        if not only or only in "/queue":
            lines.append(await asker.decide_and_next(waiting))
    return lines, unknown


def _searches(prefix: str, values: dict[str, list[str]]) -> list[str]:
    made = itertools.product(*([(name, value) for value in values[name]] for name in values))
    limit = {"limit": "25"} if prefix.startswith("/api/") else {}
    return [f"{prefix}?{httpx.QueryParams({**dict(pairs), **limit})}" for pairs in made]


def _at_random(prefix: str) -> Iterator[str]:
    """Searches nobody has thought of, for two to four things at once."""
    rng = random.Random(7)
    values: dict[str, set[str]] = {}
    for asked in SEARCHES.values():
        for name, some in asked.items():
            values.setdefault(name, set()).update(some)
    while True:
        names = rng.sample(sorted(values), rng.randint(2, 4))
        yield f"{prefix}?{httpx.QueryParams({name: rng.choice(sorted(values[name])) for name in names})}"


def _api(prefix: str) -> list[tuple[str, list[str]]]:
    there = [f"/api/v1/{kind}" for kind in ("flags", "reviews", "agencies", "accounts")]
    lists = [(path, [path, f"{path}?after=1000&limit=200"]) for path in there]
    own = [("/api/v1/posts", ["/api/v1/posts", "/api/v1/posts?q=border&limit=200"])] if prefix == "/posts" else []
    return [*own, *lists, ("/api/v1/posts/{id}", [f"/api/v1/posts/{n}" for n in (1, 99, 500, 1000)])]


def bare_loop_s() -> float:
    """Seconds of ten million additions."""
    begun = time.perf_counter()
    total = 0
    for number in range(10_000_000):
        total += number
    return time.perf_counter() - begun


def report(db: Database, lines: list[Line], unknown: list[str], loop_s: list[float]) -> bool:
    """Print it. Whether a promise is broken."""
    kind = "SQLite" if db.is_sqlite else "PostgreSQL"
    print("ten million additions before and after: " + ", ".join(f"{seconds:.2f} s" for seconds in loop_s))
    print(f"\n{kind}\n{'p50 ms':>8} {'p95 ms':>8} {'CPU ms':>7} {'asked':>5} {'kB':>7}  page")
    for line in lines:
        middle, high, size = line.percentile(0.5), line.percentile(0.95), line.most_bytes / 1000
        cpu, asked = statistics.median(line.cpu), statistics.median(line.statements)
        mark = "!" if line.broken else " "
        faults = f"  answered {', '.join(map(str, sorted(line.faults)))}" if line.faults else ""
        figures = f"{middle:8.1f} {high:8.1f} {cpu:7.1f} {asked:5.0f} {size or math.nan:7.1f}".replace("nan", "  –")
        print(f"{figures} {mark}{line.name}{faults}")
    for path in unknown:
        print(f"{'':40}{path} was not measured: no values for its parameters")
    kept = sum(not line.broken for line in lines)
    print(f"{kept} of {len(lines)} lines keep the promise.")
    return kept < len(lines)


def bench(url: str, options: argparse.Namespace) -> bool:
    """Make the posts if the database is empty, measure, print."""
    db = open_db(url)
    try:
        with db.read() as session:
            there = session.execute(sa.select(sa.func.max(col(Post.id)))).scalar() or 0
        if there not in (0, options.posts):
            raise SystemExit(f"The database holds {there:,} posts, not {options.posts:,}: give an empty one.")
        if not there:
            started = time.perf_counter()
            million.fill(db, options.posts)
            print(f"made {options.posts:,} posts in {time.perf_counter() - started:.0f} s")
        with db.read() as session:
            wordings = session.execute(sa.select(sa.func.count()).select_from(PostVersion)).scalar_one()
            flags = session.execute(sa.select(sa.func.count()).select_from(Flag)).scalar_one()
            print(f"{options.posts:,} posts, {wordings:,} wordings, {flags:,} flags{_size(db)}")
        before = bare_loop_s()
        lines, unknown = asyncio.run(measure(db, url, options.repeat, options.page))
        return report(db, lines, unknown, [before, bare_loop_s()])
    finally:
        db.close()


def _size(db: Database) -> str:
    return f", {db.path.stat().st_size / 1e6:,.0f} MB" if db.path else ""


@contextmanager
def databases(options: argparse.Namespace) -> Iterator[Iterator[str]]:
    """The URLs of what is to be measured, thrown away afterwards unless given by the user."""
    if options.database:
        yield iter(options.database)
        return
    with tempfile.TemporaryDirectory(prefix="sheriffwatch-bench-") as folder:
        yield _made(Path(folder), options.only)


def _made(folder: Path, only: str) -> Iterator[str]:
    if only != "postgresql":
        yield f"sqlite:///{folder / 'million.db'}"
    if only == "sqlite":
        return
    programs = postgres.binaries()
    if programs is None:
        print("PostgreSQL is not installed, so it was not measured.")
        return
    with postgres.cluster(programs) as url:
        yield f"{url}/postgres"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--database", action="append", default=[], help="URL; may be given twice")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), default="")
    parser.add_argument("--page", default="", help="only pages whose name has this in it")
    parser.add_argument("--repeat", type=int, default=40, help="requests for each page")
    options = parser.parse_args()
    with databases(options) as urls:
        broken = [url for url in urls if bench(url, options)]
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
