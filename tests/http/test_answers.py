"""What an answer tells, and which answers are none."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from loopback_server import Exchange, LoopbackServer

from monitor import __version__
from monitor.errors import FetchError
from monitor.http import Web

MakeWeb = Callable[..., Awaitable[Web]]


async def test_an_answer_carries_what_evidence_needs(server: LoopbackServer, make_web: MakeWeb) -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    ticks = iter(now + timedelta(seconds=second) for second in range(100))
    web = await make_web(clock=lambda: next(ticks))
    url = server.serve("/feed", body=b"\x00\xffbytes", content_type='Text/XML; Charset="ISO-8859-1"', etag='"1"')
    answer = await web.get(url)
    assert (answer.url, answer.final_url, answer.status, answer.ip) == (url, url, 200, "127.0.0.1")
    assert answer.body == b"\x00\xffbytes"
    assert answer.sha256 == hashlib.sha256(answer.body).hexdigest()
    assert (answer.content_type, answer.charset) == ("text/xml", "iso-8859-1")
    assert answer.headers["ETag"] == '"1"'
    assert answer.text() == "\x00ÿbytes"
    assert answer.cert_sha256 == ""
    assert now <= answer.requested_at < answer.answered_at
    assert 0 < answer.elapsed_s < 5


async def test_every_answer_of_a_poll_is_kept_in_order(server: LoopbackServer, web: Web) -> None:
    fetch = web.fetch()
    for path in ("/a", "/b"):
        await fetch.get(server.serve(path, body=path.encode()))
    assert [answer.body for answer in fetch.answers] == [b"/a", b"/b"]


async def test_we_say_who_we_are_and_nothing_else(server: LoopbackServer, make_web: MakeWeb) -> None:
    await (await make_web()).get(server.serve("/"))
    await (await make_web(user_agent="county-watch (mail@example.org)")).get(server.url())
    first, second = (exchange.headers for exchange in server.requests)
    assert first["user-agent"].startswith(f"sheriffwatch/{__version__} ")
    assert second["user-agent"] == "county-watch (mail@example.org)"
    assert set(first) == {"host", "user-agent", "accept", "accept-encoding"}
    assert first["accept-encoding"] == "gzip"


async def test_a_header_of_the_caller_replaces_ours_whatever_its_case(server: LoopbackServer, web: Web) -> None:
    await web.get(server.serve("/"), headers={"ACCEPT": "application/json", "Accept-Encoding": "br"})
    assert server.requests[0].headers["accept"] == "application/json"
    assert server.requests[0].headers["accept-encoding"] == "gzip"


async def test_no_cookie_is_kept(server: LoopbackServer, web: Web) -> None:
    url = server.serve("/", set_cookie="session=canary; Path=/")
    await web.get(url)
    await web.get(url)
    assert all("cookie" not in exchange.headers for exchange in server.requests)


async def test_connections_are_used_again(server: LoopbackServer, web: Web) -> None:
    url = server.serve("/", body=b"x")
    for _ in range(5):
        await web.get(url)
    assert (len(server.requests), server.connections) == (5, 1)


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "400 Bad Request", "404 Not Found", "418 Teapot"])
async def test_a_status_that_a_source_can_judge_is_returned(server: LoopbackServer, web: Web, status: str) -> None:
    answer = await web.get(server.serve("/", status))
    assert answer.status == int(status[:3])
    assert answer.body == b""


@pytest.mark.parametrize(
    ("status", "kind", "permanent"),
    [
        (401, "blocked", False),
        (403, "blocked", False),
        (406, "blocked", False),
        (415, "blocked", False),
        (404, "gone", False),
        (410, "gone", True),
        (400, "server", False),
        (451, "server", False),
    ],
)
async def test_a_refusing_status_raised_says_what_kind_it_is(
    server: LoopbackServer, web: Web, status: int, kind: str, permanent: bool
) -> None:
    answer = await web.get(server.serve("/", f"{status} Whatever"))
    with pytest.raises(FetchError, match=f"{server.netloc} answered {status}") as caught:
        answer.raise_for_status()
    assert (caught.value.kind, caught.value.permanent) == (kind, permanent)


async def test_a_good_status_raises_nothing(server: LoopbackServer, web: Web) -> None:
    (await web.get(server.serve("/"))).raise_for_status()


async def test_not_modified_answers_only_a_request_that_asked_for_changes(server: LoopbackServer, web: Web) -> None:
    url = server.serve("/", "304 Not Modified", etag='"1"')
    answer = await web.get(url, headers={"If-None-Match": '"1"'})
    assert (answer.status, answer.body) == (304, b"")
    assert (await web.get(url, headers={"if-modified-since": "Tue, 24 Nov 2026 10:00:00 GMT"})).status == 304
    with pytest.raises(FetchError, match="304 Not Modified to a request that did not ask"):
        await web.get(url)


async def test_validators_are_sent_back_verbatim(server: LoopbackServer, web: Web) -> None:
    await web.get(server.serve("/"), headers={"If-None-Match": 'W/"a b,c"', "If-Modified-Since": "yesterday"})
    assert server.requests[0].headers["if-none-match"] == 'W/"a b,c"'
    assert server.requests[0].headers["if-modified-since"] == "yesterday"


@pytest.mark.parametrize("etag", ['"größe"', '"a\r\nx-injected: 1"', '"\x00"'])
async def test_a_validator_that_cannot_be_sent_is_left_out(server: LoopbackServer, web: Web, etag: str) -> None:
    answer = await web.get(server.serve("/"), headers={"If-None-Match": etag})
    assert answer.status == 200
    assert not {"if-none-match", "x-injected"} & set(server.requests[0].headers)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ('{"a": "é"}'.encode("utf-16"), {"a": "é"}),
        (b'{"a": NaN, "b": -Infinity}', {"a": None, "b": None}),
        (b'{"id": ' + b"9" * 5000 + b', "b": 7}', {"id": "9" * 5000, "b": 7}),
        (b'{"a": "\\ud800"}', {"a": "\ud800"}),
    ],
)
async def test_json_is_read_with_the_dirt_of_real_servers(
    server: LoopbackServer, web: Web, body: bytes, value: object
) -> None:
    assert (await web.get(server.serve("/", body=body))).json() == value


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"a": ', b"[" * 100_000, b"\xff\xfe\xfd", b"{} {}", b'{"a": ' + b"9" * 5000]
)
async def test_what_is_not_json_is_told_in_a_sentence(server: LoopbackServer, web: Web, body: bytes) -> None:
    answer = await web.get(server.serve("/", body=body, content_type="text/html"))
    with pytest.raises(FetchError, match=f"{server.netloc} sent .* where JSON was expected") as caught:
        answer.json()
    assert caught.value.kind == "malformed"
    assert len(str(caught.value)) < 300


async def garbage(exchange: Exchange) -> None:
    await exchange.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


async def hang_up(exchange: Exchange) -> None:
    exchange.writer.close()


async def two_lengths(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx")


async def negative_length(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nxx")


async def bad_chunks(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n")


async def endless_header(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1_000_000 + b"\r\n\r\n")


async def many_headers(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000 + b"\r\n")


@pytest.mark.parametrize(
    "reply", [garbage, hang_up, two_lengths, negative_length, bad_chunks, endless_header, many_headers]
)
async def test_what_is_not_http_becomes_one_sentence_that_names_the_host(
    server: LoopbackServer, web: Web, reply: Callable[[Exchange], Awaitable[None]]
) -> None:
    with pytest.raises(FetchError, match=server.netloc) as caught:
        await web.get(server.on("/", reply))
    assert caught.value.kind in ("network", "malformed")
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


async def test_the_large_headers_of_real_sites_are_read(server: LoopbackServer, web: Web) -> None:
    answer = await web.get(server.serve("/", content_security_policy="x" * 20_000))
    assert len(answer.headers["content-security-policy"]) == 20_000
