"""Redirects are followed by us, hop by hop, and nothing private crosses an origin."""

from collections.abc import Awaitable, Callable

import pytest
from loopback_server import Exchange, LoopbackServer

from monitor.errors import FetchError
from monitor.http import Web

MakeWeb = Callable[..., Awaitable[Web]]


async def test_the_chain_and_the_final_address_are_kept(server: LoopbackServer, web: Web) -> None:
    server.serve("/c", body=b"here")
    server.serve("/b", "301 Moved Permanently", location=server.url("/c"))
    url = server.serve("/a", "302 Found", location="b")
    answer = await web.get(url)
    assert answer.url == url
    assert answer.final_url == server.url("/c")
    assert answer.redirects == (url, server.url("/b"))
    assert answer.body == b"here"


async def test_a_space_in_a_location_is_mended(server: LoopbackServer, web: Web) -> None:
    server.serve("/new%20page", body=b"here")
    assert (await web.get(server.serve("/a", "301 Moved", location="/new page"))).body == b"here"


async def test_a_circle_of_redirects_is_told_apart_from_a_long_way(server: LoopbackServer, web: Web) -> None:
    server.serve("/b", "302 Found", location="/a")
    with pytest.raises(FetchError, match="redirects in a circle"):
        await web.get(server.serve("/a", "302 Found", location="/b"))


@pytest.mark.parametrize(("steps", "arrives"), [(5, True), (6, False)])
async def test_five_redirects_are_followed_and_no_more(
    server: LoopbackServer, web: Web, steps: int, arrives: bool
) -> None:
    server.serve("/0", body=b"here")
    for step in range(1, steps + 1):
        server.serve(f"/{step}", "302 Found", location=f"/{step - 1}")
    if arrives:
        assert (await web.get(server.url(f"/{steps}"))).body == b"here"
        return
    with pytest.raises(FetchError, match="redirects more than 5 times") as caught:
        await web.get(server.url(f"/{steps}"))
    assert caught.value.kind == "server"
    assert len(server.requests) == 6


async def test_credentials_and_validators_stay_within_their_origin(server: LoopbackServer, make_web: MakeWeb) -> None:
    other = LoopbackServer()
    await other.start()
    web = await make_web(allow_private=["127.0.0.1"])
    other.serve("/", body=b"there")
    server.serve("/same", "302 Found", location=other.url())
    url = server.serve("/", "302 Found", location="/same")
    private = {
        "Authorization": "Bearer canary",
        "Cookie": "canary=1",
        "If-None-Match": '"canary"',
        "If-Modified-Since": "Tue, 24 Nov 2026 10:00:00 GMT",
        "X-Api-Key": "canary",
        "Accept": "application/json",
    }
    await web.get(url, headers=private)
    within = server.requests[1].headers
    assert (within["authorization"], within["if-none-match"], within["x-api-key"]) == (
        "Bearer canary",
        '"canary"',
        "canary",
    )
    across = other.requests[0].headers
    assert across["accept"] == "application/json"
    assert "canary" not in str(across)
    assert not {"if-modified-since", "authorization", "cookie"} & set(across)
    await other.stop()


async def test_parameters_are_sent_once_and_not_to_the_redirect_target(server: LoopbackServer, web: Web) -> None:
    server.serve("/to", body=b"x")
    url = server.serve("/from", "302 Found", location="/to?own=1")
    answer = await web.get(url + "?kept=1", params=[("id[]", "1"), ("id[]", "2 & 3")])
    assert server.requests[0].path == "/from?kept=1&id%5B%5D=1&id%5B%5D=2+%26+3"
    assert server.requests[1].path == "/to?own=1"
    assert answer.final_url == server.url("/to?own=1")


async def test_a_redirect_without_a_target_is_an_answer(server: LoopbackServer, web: Web) -> None:
    answer = await web.get(server.serve("/", "302 Found", body=b"nowhere"))
    assert (answer.status, answer.body) == (302, b"nowhere")


async def test_the_body_of_a_redirect_is_not_read(server: LoopbackServer, web: Web) -> None:
    async def huge_redirect(exchange: Exchange) -> None:
        await exchange.answer("302 Found", b"x" * 30_000_000, location="/to")

    server.serve("/to", body=b"here")
    assert (await web.get(server.on("/", huge_redirect))).body == b"here"
