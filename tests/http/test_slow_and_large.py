"""A server may be slow, endless or enormous: it costs a bounded time and a bounded memory."""

import asyncio
import gzip
import time
import zlib
from collections.abc import Awaitable, Callable

import pytest
from loopback_server import Exchange, LoopbackServer, head

from monitor.errors import FetchError
from monitor.http import Web

MakeWeb = Callable[..., Awaitable[Web]]
DEADLINE_S = 0.4


async def silence(exchange: Exchange) -> None:
    await asyncio.sleep(60)


async def slow_headers(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        await exchange.send(f"x-{number}: y\r\n".encode())
        await asyncio.sleep(0.05)


async def slowloris(exchange: Exchange) -> None:
    await exchange.send(head(content_length="1000"))
    for _ in range(1000):
        await exchange.send(b"x")
        await asyncio.sleep(0.05)


async def stall_in_the_middle(exchange: Exchange) -> None:
    await exchange.send(head(content_length="1000") + b"x" * 500)
    await asyncio.sleep(60)


async def slow_redirects(exchange: Exchange) -> None:
    await asyncio.sleep(0.15)
    await exchange.answer("302 Found", location=exchange.path.partition("?")[0] + f"?{time.monotonic_ns()}")


@pytest.mark.parametrize("reply", [silence, slow_headers, slowloris, stall_in_the_middle, slow_redirects])
async def test_whatever_a_server_does_slowly_ends_at_the_total_deadline(
    server: LoopbackServer, make_web: MakeWeb, reply: Callable[[Exchange], Awaitable[None]]
) -> None:
    web = await make_web(deadline_s=DEADLINE_S)
    url = server.on("/slow", reply)
    started = time.monotonic()
    with pytest.raises(FetchError, match=f"{server.netloc} did not finish its answer within 0.4 s") as caught:
        await web.get(url)
    assert caught.value.kind == "timeout"
    assert DEADLINE_S * 0.9 < time.monotonic() - started < DEADLINE_S + 1


async def test_all_requests_of_one_poll_share_one_deadline(server: LoopbackServer, make_web: MakeWeb) -> None:
    async def reply(exchange: Exchange) -> None:
        await asyncio.sleep(0.15)
        await exchange.answer()

    fetch = (await make_web(deadline_s=DEADLINE_S)).fetch()
    url = server.on("/", reply)
    for _ in range(2):
        await fetch.get(url)
    with pytest.raises(FetchError, match="did not finish") as caught:
        await fetch.get(url)
    assert caught.value.kind == "timeout"
    assert len(fetch.answers) == 2


async def test_waiting_politely_for_a_host_is_not_counted_against_the_deadline(
    server: LoopbackServer, make_web: MakeWeb
) -> None:
    async def reply(exchange: Exchange) -> None:
        await asyncio.sleep(0.13)
        await exchange.answer()

    web = await make_web(deadline_s=DEADLINE_S, per_host=1)
    url = server.on("/", reply)
    answers = await asyncio.gather(*(web.get(url) for _ in range(4)))
    assert [answer.status for answer in answers] == [200] * 4
    assert all(answer.elapsed_s < DEADLINE_S for answer in answers)


async def test_a_slow_server_delays_no_other(server: LoopbackServer, make_web: MakeWeb) -> None:
    other = LoopbackServer()
    await other.start()
    web = await make_web(allow_private=["127.0.0.1"], per_host=2, deadline_s=2)
    slow = [asyncio.create_task(web.get(server.on("/", silence))) for _ in range(20)]
    await asyncio.sleep(0.05)
    answer = await web.get(other.serve("/", body=b"quick"))
    assert answer.body == b"quick"
    assert answer.elapsed_s < 1
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    await other.stop()


async def test_an_endless_body_stops_at_the_cap(server: LoopbackServer, make_web: MakeWeb) -> None:
    sent = 0

    async def endless(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.send(head())
        while True:
            await exchange.send(b"x" * 65_536)
            sent += 65_536

    web = await make_web(max_bytes=300_000)
    with pytest.raises(FetchError, match="too large") as caught:
        await web.get(server.on("/endless", endless))
    assert caught.value.kind == "too_large"
    assert sent < 20_000_000


async def test_a_body_that_is_large_only_on_the_wire_stops_at_its_own_cap(
    server: LoopbackServer, make_web: MakeWeb
) -> None:
    async def many_empty_blocks(exchange: Exchange) -> None:
        await exchange.send(head(content_encoding="gzip") + gzip.compress(b"", mtime=0)[:10])
        while True:
            await exchange.send(b"\x00\x00\x00\xff\xff" * 10_000)

    web = await make_web(max_wire_bytes=300_000)
    with pytest.raises(FetchError, match=r"too large \(over 300,000 bytes\)"):
        await web.get(server.on("/", many_empty_blocks))


async def test_a_declared_size_over_the_cap_is_refused_before_reading(
    server: LoopbackServer, make_web: MakeWeb
) -> None:
    async def declare(exchange: Exchange) -> None:
        await exchange.send(head(content_length=str(10 * 2**30)))
        await asyncio.sleep(60)

    web = await make_web(deadline_s=5)
    started = time.monotonic()
    with pytest.raises(FetchError, match="too large"):
        await web.get(server.on("/", declare))
    assert time.monotonic() - started < 2


def bomb(size: int) -> bytes:
    """``size`` zero bytes, gzipped, built without holding them."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return b"".join(squeeze.compress(bytes(2**20)) for _ in range(size // 2**20)) + squeeze.flush()


async def test_a_gzip_bomb_stops_at_the_cap_of_decoded_bytes(server: LoopbackServer, make_web: MakeWeb) -> None:
    url = server.serve("/bomb", body=bomb(64 * 2**20), content_encoding="gzip")
    web = await make_web(max_bytes=1_000_000)
    with pytest.raises(FetchError, match="too large") as caught:
        await web.get(url)
    assert caught.value.kind == "too_large"


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "gzip, identity, deflate", "zstd", "compress"])
async def test_more_than_one_or_another_encoding_is_refused(server: LoopbackServer, web: Web, encoding: str) -> None:
    url = server.serve("/", body=gzip.compress(gzip.compress(b"x", mtime=0)), content_encoding=encoding)
    with pytest.raises(FetchError, match="only one gzip or deflate"):
        await web.get(url)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", b"hello"),
        ("identity", b"hello"),
        ("gzip", gzip.compress(b"hello", mtime=0)),
        ("x-gzip", gzip.compress(b"hello", mtime=0)),
        ("gzip", gzip.compress(b"hel", mtime=0) + gzip.compress(b"lo", mtime=0)),
        ("gzip", gzip.compress(b"hello", mtime=0) + bytes(100)),
        ("deflate", zlib.compress(b"hello")),
        ("deflate", zlib.compress(b"hello")[2:-4]),
    ],
)
async def test_the_body_is_the_exact_content(server: LoopbackServer, web: Web, encoding: str, body: bytes) -> None:
    answer = await web.get(server.serve("/", body=body, content_encoding=encoding))
    assert answer.body == b"hello"


async def test_an_encoded_body_that_comes_byte_by_byte_is_the_same(server: LoopbackServer, web: Web) -> None:
    content = bytes(range(256)) * 50
    packed = gzip.compress(content)

    async def drip(exchange: Exchange) -> None:
        await exchange.send(head(content_encoding="gzip", content_length=str(len(packed))))
        for at in range(0, len(packed), 7):
            await exchange.send(packed[at : at + 7])
            await asyncio.sleep(0)

    assert (await web.get(server.on("/", drip))).body == content


async def cut_by_length(exchange: Exchange) -> None:
    await exchange.send(head(content_length="1000") + b"x" * 999)
    exchange.writer.close()


async def cut_chunks(exchange: Exchange) -> None:
    await exchange.send(head(transfer_encoding="chunked") + b"5\r\nhello\r\n")
    exchange.writer.close()


async def cut_gzip(exchange: Exchange) -> None:
    await exchange.send(head(content_encoding="gzip", connection="close") + gzip.compress(b"hello " * 1000)[:-4])
    exchange.writer.close()


async def empty_gzip_without_length(exchange: Exchange) -> None:
    await exchange.send(head(content_encoding="gzip", connection="close") + gzip.compress(b"x", mtime=0)[:5])
    exchange.writer.close()


@pytest.mark.parametrize("reply", [cut_by_length, cut_chunks, cut_gzip, empty_gzip_without_length])
async def test_a_cut_answer_is_an_error_and_not_a_short_answer(
    server: LoopbackServer, web: Web, reply: Callable[[Exchange], Awaitable[None]]
) -> None:
    with pytest.raises(FetchError, match=f"{server.netloc} cut its answer off") as caught:
        await web.get(server.on("/", reply))
    assert caught.value.kind == "network"


async def test_damaged_compression_is_an_error(server: LoopbackServer, web: Web) -> None:
    url = server.serve("/", body=gzip.compress(b"hello", mtime=0)[:10] + b"\xff" * 50, content_encoding="gzip")
    with pytest.raises(FetchError, match="damaged") as caught:
        await web.get(url)
    assert caught.value.kind == "malformed"


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip"])
async def test_a_bomb_of_a_gibibyte_takes_no_memory(server: LoopbackServer, make_web: MakeWeb, encoding: str) -> None:
    body = bomb(2**30)
    if encoding == "gzip, gzip":
        body = gzip.compress(body)
    web = await make_web(deadline_s=30)
    url = server.serve("/bomb", body=body, content_encoding=encoding)
    before = resident_bytes()
    with pytest.raises(FetchError):
        await web.get(url)
    assert resident_bytes() - before < 64 * 2**20


def resident_bytes() -> int:
    """The highest resident memory of this process so far."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
