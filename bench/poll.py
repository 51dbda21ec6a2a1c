"""Polls a second of unchanged and of changed accounts, against bare loops on the same loopback server in the same run.

Two yardsticks: the bare client (httpx over the same transport, GET and read, nothing else) and our own ``Web.get``,
which adds the guard, the caps, the deadline and the politeness. Prints ratios and the CPU time of one poll.

    python bench/poll.py --accounts 200 --rounds 5
"""

import argparse
import asyncio
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
from httpx_aiohttp import AiohttpTransport

from models.clock import utcnow
from models.db import open_db
from monitor.accounts import NewAccount, add
from monitor.config import load
from monitor.http import Web
from monitor.poller import Poller
from monitor.sample import SampleServer

CONCURRENCY = 50
PLATFORMS = ("feed", "bluesky", "mastodon")


def serve(pipe: Connection, accounts: int) -> None:
    """The loopback server, in a process of its own so that its CPU is not counted as ours."""
    with SampleServer(accounts=accounts) as server:
        light = [row for row in server.accounts() if "light" in row["address"] or "light" in row["name"].lower()]
        pipe.send((server.url, server.port, light or server.accounts()))
        turn = 0
        while pipe.recv() == "publish":
            turn += 1
            for office in server.world:
                server.publish(office.slug, f"Road closed at mile {turn}. Use the county road.")
            pipe.send("done")


async def side_by_side(work: Callable[[int], Awaitable[object]], count: int) -> float:
    """Run ``work`` for 0..count-1, CONCURRENCY at a time; the seconds it took."""
    room = asyncio.Semaphore(CONCURRENCY)

    async def one(number: int) -> None:
        async with room:
            await work(number)

    started = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(count)))
    return time.perf_counter() - started


def cpu_s() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


async def measure(pipe: Connection, accounts: int, rounds: int) -> None:
    url, port, rows = pipe.recv()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.toml"
        file.write_text(
            f'[http]\nallow_private = ["127.0.0.1:{port}"]\n[poll]\nconcurrency = {CONCURRENCY}\n'
            f'per_host = {CONCURRENCY}\n[sources.bluesky]\nappview = "{url}"\n'
        )
        config = load(file, {})
        db = open_db(config.database_url)
        async with Web(config.http, per_host=CONCURRENCY, concurrency=CONCURRENCY) as web:
            print(f"{'':34}{'polls/s':>9}{'bare/s':>9}{'Web/s':>9}{'/bare':>7}{'/Web':>7}{'CPU ms/poll':>13}")
            for platform in PLATFORMS:
                mine = [row for row in rows if row["platform"] == platform][:accounts]
                ids = []
                for row in mine:
                    wanted = NewAccount(row["platform"], row["address"], name=row["name"])
                    ids.append((await add(db, web, config, wanted, now=utcnow())).id)
                await poll(db, web, config, ids)
                urls = [await question(web, config, row) for row in mine]
                for kind in ("unchanged", "changed"):
                    await compare(pipe, db, web, config, ids, urls, f"{platform}, {kind}", kind == "changed", rounds)
        db.close()
    pipe.send("stop")


async def question(web: Web, config: object, row: dict[str, str]) -> str:
    """The URL that a poll of this account asks first."""
    source = config.source(row["platform"])
    fetch = web.fetch()
    profile = await source.identify(fetch, source.normalise(row["address"]))
    fetch = web.fetch()
    from monitor.sources import Target

    await source.read(fetch, Target(source.normalise(row["address"]), profile.external_id))
    return max((answer.url for answer in fetch.answers), key=len)


async def poll(db: object, web: Web, config: object, ids: list[int]) -> None:
    poller = Poller(db, web, config)
    await poller.run_due(ids)
    await poller.close()


async def compare(
    pipe: Connection,
    db: object,
    web: Web,
    config: object,
    ids: list[int],
    urls: list[str],
    name: str,
    changed: bool,
    rounds: int,
) -> None:
    ours, bare, through_web, cpu = [], [], [], []
    async with httpx.AsyncClient(
        transport=AiohttpTransport(limits=httpx.Limits(max_connections=CONCURRENCY))
    ) as client:

        async def bare_get(number: int) -> None:
            (await client.get(urls[number])).read()

        async def web_get(number: int) -> None:
            await web.get(urls[number])

        for _ in range(rounds):
            if changed:
                pipe.send("publish")
                pipe.recv()
            bare.append(len(urls) / await side_by_side(bare_get, len(urls)))
            through_web.append(len(urls) / await side_by_side(web_get, len(urls)))
            used, started = cpu_s(), time.perf_counter()
            await poll(db, web, config, ids)
            ours.append(len(ids) / (time.perf_counter() - started))
            cpu.append((cpu_s() - used) / len(ids) * 1000)
    rate, bare_rate, web_rate = (statistics.median(values) for values in (ours, bare, through_web))
    print(
        f"{name:34}{rate:9.0f}{bare_rate:9.0f}{web_rate:9.0f}{rate / bare_rate:7.2f}{rate / web_rate:7.2f}"
        f"{statistics.median(cpu):13.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=200, help="accounts of each platform")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    here, there = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there, options.accounts), daemon=True)
    server.start()
    asyncio.run(measure(here, options.accounts, options.rounds))
    server.join(timeout=10)


if __name__ == "__main__":
    main()
