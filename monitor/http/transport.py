"""httpx's interface over aiohttp's connections, which go only where the guard lets them.

Why this pair: ``docs/decisions/0002-http-transport.md``.
"""

import hashlib
import ssl
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from monitor.http.config import HttpConfig
from monitor.http.guard import Guard, GuardedResolver, Lookup, look_up

_KEEP_ALIVE_S = 20
_DNS_TTL_S = 60
_HEADER_BYTES = 65_536  # content security policies of real sites exceed aiohttp's 8 KiB


@dataclass(frozen=True)
class Peer:
    """Who is at the other end of a connection."""

    ip: str = ""
    cert_sha256: str = ""


_peer: ContextVar[Peer] = ContextVar("peer")


def current_peer() -> Peer:
    """The peer of the answer that this task received last."""
    return _peer.get()


class _Response(aiohttp.ClientResponse):
    """Notes the peer while the connection is at hand: a short answer gives it back before its headers are read."""

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        transport = connection.transport
        address = transport.get_extra_info("peername") if transport else None
        encrypted = transport.get_extra_info("ssl_object") if transport else None
        certificate = encrypted.getpeercert(binary_form=True) if encrypted else None
        _peer.set(Peer(address[0] if address else "", hashlib.sha256(certificate).hexdigest() if certificate else ""))
        return await super().start(connection)


@lru_cache(maxsize=1)  # reading the public authorities takes longer than a hundred requests
def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Certificates are always checked, against the public authorities and those in ``ca_file``."""
    context = httpx.create_ssl_context(trust_env=False)
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context


def guarded_transport(config: HttpConfig, guard: Guard, lookup: Lookup = look_up) -> AiohttpTransport:
    """A transport without proxies, cookies or credentials from the environment. Needs a running loop."""
    context = tls_context(config.ca_file)
    connector = aiohttp.TCPConnector(
        limit=0,  # how many at a time is decided by Web and its host slots
        resolver=GuardedResolver(guard, lookup),
        socket_factory=guard.open_socket,
        ttl_dns_cache=_DNS_TTL_S,
        keepalive_timeout=_KEEP_ALIVE_S,
        ssl=context,
    )
    session = aiohttp.ClientSession(
        connector=connector,
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        response_class=_Response,
        auto_decompress=False,
        max_line_size=_HEADER_BYTES,
        max_field_size=_HEADER_BYTES,
        timeout=aiohttp.ClientTimeout(total=None),
    )
    return AiohttpTransport(verify=context, trust_env=False, client=session)
