"""Nothing that is not public is ever connected to, however it is spelt, named or redirected to."""

import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import ip_address

import pytest
from loopback_server import LoopbackServer
from pydantic import ValidationError

from monitor.errors import FetchError
from monitor.http import HttpConfig, Web
from monitor.http.guard import Allowance, Guard, RefusedError, is_public

MakeWeb = Callable[..., Awaitable[Web]]

PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::8.8.8.8", "2002:808:808::1"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_outside_the_public_internet_is_refused(address: str) -> None:
    assert not is_public(ip_address(address))
    with pytest.raises(RefusedError, match="private address"):
        Guard().check(address, 80)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_accepted_on_the_web_ports(address: str) -> None:
    Guard().check(address, 443)
    with pytest.raises(RefusedError, match=r"port 22 .* http\.ports"):
        Guard().check(address, 22)
    Guard(ports=[22]).check(address, 22)


def literals(server: LoopbackServer) -> Iterator[str]:
    for host in (
        "127.0.0.77",
        "0.0.0.0",
        "2130706509",
        "0x7f00004d",
        "0x7f.0.0.77",
        "0177.0.0.115",
        "127.77",
        "127.0.77",
        "127.0.0.77.",
        "127.0.0.077",
        "127.0.0.%37%37",
        "[::ffff:127.0.0.77]",
        "[::127.0.0.77]",
        "[64:ff9b::7f00:4d]",
        "[2002:7f00:4d::]",
        "１２７.0.0.77",
        "127。0。0。77",
        "①②⑦.0.0.77",
    ):
        yield f"http://{host}:{server.port}/"
    yield f"http://user@127.0.0.77:{server.port}/"
    yield f"http://127.0.0.77:{server.port}\\@example.org/"
    yield f"http://example.org\\@127.0.0.77:{server.port}/"
    yield f"http://example.org@127.0.0.77:{server.port}/"
    yield f"http://127.0.0.77:{server.port}#@example.org/"
    yield f"http:\t//127.0.0.77:{server.port}/"
    yield f" http://127.0.0.77:{server.port}/"
    yield f"http://127.0.0.77 :{server.port}/"
    yield f"ftp://127.0.0.77:{server.port}/"
    yield f"//127.0.0.77:{server.port}/"
    yield f"127.0.0.77:{server.port}"
    yield "file:///etc/passwd"
    yield "gopher://127.0.0.77/"
    yield "http://"
    yield ""
    yield "http://127.0.0.77:0/"
    yield "http://127.0.0.77:99999/"


async def test_no_spelling_reaches_a_private_server(other_server: LoopbackServer, web: Web) -> None:
    other_server.serve("/", body=b"secret")
    for url in literals(other_server):
        with pytest.raises(FetchError) as caught:
            await web.get(url)
        assert caught.value.kind in ("private_address", "malformed", "network"), url
    assert other_server.connections == 0


def test_of_the_addresses_found_only_public_ones_are_admitted() -> None:
    assert Guard().admit("mixed.example", 443, ["127.0.0.1", "8.8.8.8", "::1"]) == ["8.8.8.8"]


@pytest.mark.parametrize(
    "url",
    [
        "http://user@{}/",
        "http://user:password@{}/",
        "http://{}/a b",
        "http://{}/\\b",
        "http://{}/a\nb",
        " http://{}/",
        "http://{}/" + "a" * 9000,
    ],
)
async def test_a_url_that_parsers_disagree_about_is_refused_even_for_a_server_of_ours(
    server: LoopbackServer, web: Web, url: str
) -> None:
    with pytest.raises(FetchError, match="cannot be asked") as caught:
        await web.get(url.format(server.netloc))
    assert (caught.value.kind, caught.value.permanent) == ("malformed", True)
    assert len(str(caught.value)) < 400
    assert server.connections == 0


async def test_a_refusal_says_what_to_do(other_server: LoopbackServer, web: Web) -> None:
    with pytest.raises(FetchError, match=r"blocked: 127\.0\.0\.77:\d+ was not asked.*http\.allow_private"):
        await web.get(other_server.url())


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_into_a_private_network_is_refused(
    server: LoopbackServer, other_server: LoopbackServer, web: Web, status: str
) -> None:
    other_server.serve("/", body=b"secret")
    for number, target in enumerate(literals(other_server)):
        url = server.serve(f"/{number}", status, location=target.encode().decode("latin-1"))
        try:
            answer = await web.get(url)
        except FetchError:
            continue
        assert answer.status == 404, f"{target} is a path on the first server, where there is no such page"
    assert other_server.connections == 0


async def test_a_name_is_judged_by_the_addresses_it_has_at_the_moment_of_connecting(
    server: LoopbackServer, other_server: LoopbackServer, make_web: MakeWeb
) -> None:
    other_server.serve("/", body=b"secret")
    looked_up = []

    def rebinding(host: str) -> list[str]:
        looked_up.append(host)
        return ["8.8.8.8"] if len(looked_up) == 1 else ["127.0.0.77"]

    web = await make_web(lookup=rebinding, deadline_s=0.2, ports=[other_server.port])
    for _ in range(2):
        with pytest.raises(FetchError):
            await web.get(f"http://rebinding.example:{other_server.port}/")
    assert other_server.connections == 0
    assert looked_up == ["rebinding.example"], "one look-up decides and connects"


async def test_of_a_names_addresses_only_the_admitted_ones_are_connected_to(
    server: LoopbackServer, other_server: LoopbackServer, make_web: MakeWeb
) -> None:
    server.serve("/", body=b"open")
    other_server.serve("/", body=b"secret")
    web = await make_web(lookup=lambda host: ["127.0.0.77", "127.0.0.1"])
    answer = await web.get(f"http://mixed.example:{server.port}/")
    assert (answer.body, answer.ip) == (b"open", "127.0.0.1")
    assert other_server.connections == 0


async def test_a_name_that_leads_only_to_private_addresses_is_blocked(
    other_server: LoopbackServer, make_web: MakeWeb
) -> None:
    web = await make_web(lookup=lambda host: ["127.0.0.77", "::1", "169.254.169.254"])
    with pytest.raises(FetchError, match=r"blocked: inside\.example") as caught:
        await web.get("http://inside.example/")
    assert caught.value.kind == "private_address"


async def test_an_allowed_name_may_be_private_and_another_name_for_it_may_not(
    server: LoopbackServer, other_server: LoopbackServer, make_web: MakeWeb
) -> None:
    other_server.serve("/", body=b"ours")
    allow = [f"newsroom.internal:{other_server.port}"]
    web = await make_web(allow_private=allow, lookup=lambda host: ["127.0.0.77"])
    assert (await web.get(f"http://newsroom.internal:{other_server.port}/")).body == b"ours"
    for host in ("stranger.example", "127.0.0.77"):
        with pytest.raises(FetchError) as caught:
            await web.get(f"http://{host}:{other_server.port + 1}/")
        assert caught.value.kind == "private_address"


async def test_only_the_port_that_was_allowed_is_open(server: LoopbackServer, make_web: MakeWeb) -> None:
    another = LoopbackServer()
    await another.start()
    another.serve("/", body=b"secret")
    web = await make_web()
    with pytest.raises(FetchError) as caught:
        await web.get(another.url())
    assert caught.value.kind == "private_address"
    assert another.connections == 0
    await another.stop()


async def test_an_international_name_is_looked_up_in_its_ascii_form(server: LoopbackServer, make_web: MakeWeb) -> None:
    asked: list[str] = []

    def lookup(host: str) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    server.serve("/", body=b"ok")
    web = await make_web(lookup=lookup)
    answer = await web.get(f"http://bücher.example:{server.port}/")
    assert asked == ["xn--bcher-kva.example"]
    assert server.requests[0].headers["host"] == f"xn--bcher-kva.example:{server.port}"
    assert answer.final_url == f"http://xn--bcher-kva.example:{server.port}/"


async def test_an_unknown_name_is_told_in_a_sentence(make_web: MakeWeb) -> None:
    def lookup(host: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    web = await make_web(lookup=lookup)
    with pytest.raises(FetchError, match=r"nowhere\.example cannot be found by name") as caught:
        await web.get("http://nowhere.example/")
    assert caught.value.kind == "network"


async def test_a_hanging_look_up_ends_at_the_deadline(make_web: MakeWeb) -> None:
    web = await make_web(deadline_s=0.2, lookup=lambda host: time.sleep(0.6) or [])
    with pytest.raises(FetchError) as caught:
        await web.get("http://slow-dns.example/")
    assert caught.value.kind == "timeout"


async def test_a_closed_port_is_told_in_a_sentence(make_web: MakeWeb) -> None:
    closed = LoopbackServer()
    await closed.start()
    await closed.stop()
    web = await make_web(allow_private=["127.0.0.0/8"])
    with pytest.raises(FetchError, match=r"127\.0\.0\.1:\d+ could not be reached: connection refused"):
        await web.get(closed.url())


@pytest.mark.parametrize("entry", ["10.0.0.0/33", "nonsense!", "127.0.0.1:http", "127.0.0.1:70000", "", "1.2.3", "*"])
def test_an_unreadable_allowance_is_refused_in_a_sentence_that_names_it(entry: str) -> None:
    with pytest.raises(ValidationError, match=f"“{entry}”".replace("*", r"\*")):
        HttpConfig(allow_private=[entry])


@pytest.mark.parametrize(
    ("entry", "address", "port", "covered"),
    [
        ("127.0.0.1:8799", "127.0.0.1", 8799, True),
        ("127.0.0.1:8799", "127.0.0.1", 8800, False),
        ("127.0.0.1:8799", "127.0.0.2", 8799, False),
        ("10.1.0.0/16", "10.1.2.3", 5, True),
        ("10.1.0.0/16:80", "10.1.2.3", 81, False),
        ("[::1]:80", "::1", 80, True),
        ("fd00::/8", "fd12::1", 80, True),
        ("[fd00::/8]:80", "fd12::1", 81, False),
    ],
)
def test_an_allowance_covers_its_network_and_its_port(entry: str, address: str, port: int, covered: bool) -> None:
    assert Allowance.parse(entry).covers(ip_address(address), port) is covered


async def test_nothing_is_asked_through_a_proxy_of_the_environment(
    server: LoopbackServer, other_server: LoopbackServer, make_web: MakeWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other_server.url())
    monkeypatch.delenv("no_proxy", raising=False)
    web = await make_web()
    assert (await web.get(server.serve("/", body=b"direct"))).body == b"direct"
    assert other_server.connections == 0
