"""A server must prove who it is."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import trustme
from loopback_server import LoopbackServer

from monitor.errors import FetchError
from monitor.http import Web

MakeWeb = Callable[..., Awaitable[Web]]
AUTHORITY = trustme.CA()


async def tls_server(*names: str) -> tuple[LoopbackServer, bytes]:
    """A server that shows a certificate for ``names``, and that certificate's DER bytes."""
    certificate = AUTHORITY.issue_cert(*names)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    server = LoopbackServer(tls=context)
    await server.start()
    server.serve("/", body=b"sealed")
    return server, ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
async def office(ca_file: Path) -> AsyncIterator[tuple[LoopbackServer, bytes]]:
    server, der = await tls_server("office.example")
    yield server, der
    await server.stop()


async def test_a_proven_server_is_read_and_its_certificate_noted(
    office: tuple[LoopbackServer, bytes], make_web: MakeWeb, ca_file: Path
) -> None:
    server, der = office
    asked_for: list[str | None] = []
    assert server.tls is not None
    server.tls.sni_callback = lambda connection, name, context: asked_for.append(name)
    web = await make_web(allow_private=["127.0.0.1"], ca_file=ca_file, lookup=lambda host: ["127.0.0.1"])
    for _ in range(2):
        answer = await web.get(f"https://office.example:{server.port}/")
        assert answer.body == b"sealed"
        assert answer.cert_sha256 == hashlib.sha256(der).hexdigest()
        assert answer.ip == "127.0.0.1"
    assert asked_for == ["office.example"]


async def test_an_unknown_authority_is_refused(office: tuple[LoopbackServer, bytes], make_web: MakeWeb) -> None:
    server, _ = office
    web = await make_web(allow_private=["127.0.0.1"], lookup=lambda host: ["127.0.0.1"])
    with pytest.raises(FetchError, match=r"office\.example:\d+ could not prove who it is: unable to get") as caught:
        await web.get(f"https://office.example:{server.port}/")
    assert caught.value.kind == "network"
    assert not server.requests


@pytest.mark.parametrize("host", ["other.example", "127.0.0.1"])
async def test_a_certificate_for_another_name_is_refused(
    office: tuple[LoopbackServer, bytes], make_web: MakeWeb, ca_file: Path, host: str
) -> None:
    server, _ = office
    web = await make_web(allow_private=["127.0.0.1"], ca_file=ca_file, lookup=lambda host: ["127.0.0.1"])
    with pytest.raises(FetchError, match="could not prove who it is"):
        await web.get(f"https://{host}:{server.port}/")
    assert not server.requests


async def test_a_redirect_from_https_to_plain_http_is_refused(
    office: tuple[LoopbackServer, bytes], server: LoopbackServer, make_web: MakeWeb, ca_file: Path
) -> None:
    secure, _ = office
    secure.serve("/", "302 Found", location=server.serve("/plain"))
    web = await make_web(allow_private=["127.0.0.1"], ca_file=ca_file, lookup=lambda host: ["127.0.0.1"])
    with pytest.raises(FetchError, match="redirects from https to plain http"):
        await web.get(f"https://office.example:{secure.port}/")
    assert not server.requests


async def test_a_redirect_from_http_to_https_is_followed(
    office: tuple[LoopbackServer, bytes], server: LoopbackServer, make_web: MakeWeb, ca_file: Path
) -> None:
    secure, _ = office
    url = server.serve("/", "301 Moved", location=f"https://office.example:{secure.port}/")
    web = await make_web(allow_private=["127.0.0.1"], ca_file=ca_file, lookup=lambda host: ["127.0.0.1"])
    assert (await web.get(url)).body == b"sealed"


async def test_a_plain_server_behind_an_https_address_is_told_in_a_sentence(make_web: MakeWeb) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    plain = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = plain.sockets[0].getsockname()[1]
    web = await make_web(allow_private=["127.0.0.1"])
    with pytest.raises(FetchError, match=f"no secure connection to 127.0.0.1:{port}: "):
        await web.get(f"https://127.0.0.1:{port}/")
    plain.close()
    await plain.wait_closed()
