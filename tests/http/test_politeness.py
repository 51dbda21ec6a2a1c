"""Servers are asked no more often than they can bear, and left in peace when they ask for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from loopback_server import Exchange, LoopbackServer

from monitor.errors import FetchError
from monitor.http import Web
from monitor.http.hosts import Hosts
from monitor.http.waiting import requested_wait

MakeWeb = Callable[..., Awaitable[Web]]
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
IN_90_S = NOW + timedelta(seconds=90)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "90"}, 90),
        ({"retry-after": " 90 "}, 90),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "-5"}, 0),
        ({"retry-after": format_datetime(IN_90_S, usegmt=True)}, 90),
        ({"retry-after": format_datetime(NOW - timedelta(days=3), usegmt=True)}, 0),
        ({"retry-after": "Tuesday, 24-Nov-26 12:01:30 GMT"}, 90),
        ({"retry-after": "Tue, 24 Nov 2026 13:01:30 +0100"}, 90),
        ({"retry-after": "1" + "0" * 18}, 86_400),
        ({"retry-after": "9" * 5000}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Tue, 99 Nov 2026 99:01:30 GMT"}, None),
        ({"retry-after": "soon", "ratelimit-reset": "30"}, 30),
        ({"ratelimit-reset": str(int(IN_90_S.timestamp()))}, 90),
        ({"x-ratelimit-reset": IN_90_S.isoformat()}, 90),
        ({"x-ratelimit-reset": "2026-11-24T12:01:30.000000Z"}, 90),
        ({"x-ratelimit-reset": str(int(IN_90_S.timestamp()))}, 90),
        ({"x-ratelimit-reset": str(int(IN_90_S.timestamp() * 1000))}, 90),
        ({"x-rate-limit-reset": str(int(IN_90_S.timestamp()))}, 90),
        ({"retry-after": "10", "ratelimit-reset": "30"}, 10),
    ],
)
def test_the_wait_a_server_asks_for_is_understood_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert requested_wait(headers, NOW) == seconds


def test_a_date_is_meant_by_the_servers_own_clock() -> None:
    wrong = NOW + timedelta(days=1)
    headers = {"date": format_datetime(NOW, usegmt=True), "retry-after": format_datetime(IN_90_S, usegmt=True)}
    assert requested_wait(headers, wrong) == 90


async def test_too_many_requests_lets_every_account_of_that_host_rest(server: LoopbackServer, web: Web) -> None:
    url = server.serve("/a", "429 Too Many Requests", retry_after="120")
    with pytest.raises(FetchError, match="we ask too often") as caught:
        await web.fetch().get(url)
    assert (caught.value.kind, round(caught.value.retry_after or 0)) == ("rate_limited", 120)
    server.serve("/b")
    with pytest.raises(FetchError, match=r"left in peace for another \d+ s") as caught:
        await web.fetch().get(server.url("/b"))
    assert caught.value.kind == "rate_limited"
    assert 118 < (caught.value.retry_after or 0) <= 120
    assert len(server.requests) == 1


async def test_those_already_waiting_for_a_turn_do_not_ask_either(server: LoopbackServer, make_web: MakeWeb) -> None:
    async def refuse(exchange: Exchange) -> None:
        await asyncio.sleep(0.05)
        await exchange.answer("429 Too Many Requests", retry_after="60")

    web = await make_web(per_host=1)
    url = server.on("/", refuse)
    results = await asyncio.gather(*(web.get(url) for _ in range(5)), return_exceptions=True)
    assert [result.kind for result in results if isinstance(result, FetchError)] == ["rate_limited"] * 5
    assert len(server.requests) == 1


async def test_the_rest_of_one_host_is_no_rest_of_another(server: LoopbackServer, make_web: MakeWeb) -> None:
    other = LoopbackServer()
    await other.start()
    web = await make_web(allow_private=["127.0.0.1"])
    with pytest.raises(FetchError):
        await web.get(server.serve("/", "429 Too Many Requests", retry_after="60"))
    assert (await web.get(other.serve("/"))).status == 200
    await other.stop()


async def test_too_many_requests_without_a_time_rests_a_minute(server: LoopbackServer, web: Web) -> None:
    with pytest.raises(FetchError) as caught:
        await web.get(server.serve("/", "429 Too Many Requests"))
    assert caught.value.retry_after == pytest.approx(60)


async def test_unavailable_with_a_time_rests_and_without_one_does_not(server: LoopbackServer, web: Web) -> None:
    for _ in range(2):
        with pytest.raises(FetchError, match="503 Service Unavailable") as caught:
            await web.get(server.serve("/", "503 Service Unavailable"))
        assert (caught.value.kind, caught.value.retry_after) == ("server", None)
    with pytest.raises(FetchError) as caught:
        await web.get(server.serve("/", "503 Service Unavailable", retry_after="30"))
    assert (caught.value.kind, caught.value.retry_after) == ("server", 30)
    with pytest.raises(FetchError, match="left in peace"):
        await web.get(server.url())
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [500, 502, 504, 520, 599])
async def test_other_server_errors_are_errors_of_the_server(server: LoopbackServer, web: Web, status: int) -> None:
    with pytest.raises(FetchError, match=f"{server.netloc} answered {status}") as caught:
        await web.get(server.serve("/", f"{status} Oops", retry_after="30"))
    assert (caught.value.kind, caught.value.permanent, caught.value.retry_after) == ("server", False, None)


@pytest.mark.parametrize("wait", [None, 0.0, 1.0, 60.0])
async def test_a_host_that_goes_on_refusing_is_asked_a_dozen_times_an_hour_at_most(wait: float | None) -> None:
    now = 1000.0
    hosts = Hosts(per_host=2, rate=5, owns=lambda host, port: True, monotonic=lambda: now)
    asked = 0
    while now < 4600:
        try:
            async with hosts.slot("example.org", 443, "example.org") as host:
                asked += 1
                hosts.rest(host, wait)
        except FetchError as resting:
            now += resting.retry_after or 0
    assert 3 <= asked <= 12


async def test_a_good_answer_forgives_the_refusals_before_it(server: LoopbackServer, make_web: MakeWeb) -> None:
    now = 1000.0
    web = await make_web(monotonic=lambda: now)
    waits = []
    for status in ("429 Too Many", "429 Too Many", "200 OK", "429 Too Many"):
        url = server.serve("/", status, retry_after="1")
        try:
            await web.get(url)
        except FetchError as resting:
            waits.append(resting.retry_after)
            now += resting.retry_after or 0
    assert waits == [2, 4, 2]


@pytest.mark.parametrize("per_host", [1, 3])
async def test_a_host_gets_only_so_many_requests_at_a_time(
    server: LoopbackServer, make_web: MakeWeb, per_host: int
) -> None:
    async def reply(exchange: Exchange) -> None:
        await asyncio.sleep(0.02)
        await exchange.answer()

    web = await make_web(per_host=per_host)
    url = server.on("/", reply)
    await asyncio.gather(*(web.get(url) for _ in range(9)))
    assert server.most_at_once == per_host


async def test_only_so_many_requests_run_in_all(server: LoopbackServer, make_web: MakeWeb) -> None:
    async def reply(exchange: Exchange) -> None:
        await asyncio.sleep(0.02)
        await exchange.answer()

    web = await make_web(concurrency=2)
    url = server.on("/", reply)
    await asyncio.gather(*(web.get(url) for _ in range(8)))
    assert server.most_at_once == 2


async def test_a_public_host_is_asked_no_faster_than_the_rate() -> None:
    hosts = Hosts(per_host=5, rate=50, owns=lambda host, port: False)

    async def ask() -> float:
        async with hosts.slot("example.org", 443, "example.org"):
            return time.monotonic()

    before = time.monotonic()
    moments = sorted(await asyncio.gather(*(ask() for _ in range(6))))
    # Against the start, not the moment before: a busy machine may wake one late and the next in time.
    assert all(moment - before >= 0.02 * number - 0.002 for number, moment in enumerate(moments))


async def test_the_operators_own_host_is_not_held_back(server: LoopbackServer, make_web: MakeWeb) -> None:
    web = await make_web(rate_per_host=0.1)
    url = server.serve("/")
    started = time.monotonic()
    for _ in range(5):
        await web.get(url)
    assert time.monotonic() - started < 5


async def test_idle_hosts_are_forgotten_and_resting_ones_are_not() -> None:
    now = 0.0
    hosts = Hosts(per_host=2, rate=5, owns=lambda host, port: True, monotonic=lambda: now)
    async with hosts.slot("tired.example", 443, "tired.example") as host:
        hosts.rest(host, 3600)
    for number in range(5000):
        async with hosts.slot(f"h{number}.example", 443, "h"):
            pass
    assert len(hosts) < 2000
    with pytest.raises(FetchError, match="left in peace"):
        async with hosts.slot("tired.example", 443, "tired.example"):
            pass


async def test_cancelling_a_request_frees_its_place(server: LoopbackServer, make_web: MakeWeb) -> None:
    async def hang(exchange: Exchange) -> None:
        await asyncio.sleep(60)

    web = await make_web(per_host=1, concurrency=1)
    task = asyncio.create_task(web.get(server.on("/hang", hang)))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await web.get(server.serve("/"))).status == 200
