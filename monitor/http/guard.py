"""Which addresses may be connected to.

The decision falls on the address a socket is about to connect to, never on a name: a name may resolve differently the
next time (DNS rebinding), and parsers disagree about odd spellings of addresses. A host is looked up once, what may not
be asked is taken out, and the rest is what the connection is made to; the socket factory checks once more.
"""

import asyncio
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohappyeyeballs import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

Address = IPv4Address | IPv6Address
Lookup = Callable[[str], list[str]]
"""Finds a name's addresses, as text; raises OSError when there are none. May block."""

WEB_PORTS = frozenset({80, 443})
_UNICAST_V6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_RELAYS_V4 = IPv4Network("192.88.99.0/24")
_LOOKUPS_AT_ONCE = 32
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?", re.ASCII)


class RefusedError(OSError):
    """A connection that the rules do not allow. The message is the reason, a part of a sentence."""


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public Internet, looking inside the IPv6 forms that carry an IPv4 address."""
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and address not in _RELAYS_V4
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    if address in _SIX_TO_FOUR:
        return address.sixtofour is not None and is_public(address.sixtofour)
    return address in _UNICAST_V6 and address.is_global


@dataclass(frozen=True)
class Allowance:
    """One entry of ``http.allow_private``: a network or a name, with a port or for all ports."""

    network: IPv4Network | IPv6Network | None
    name: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> "Allowance":
        """Read ``CIDR``, ``address`` or ``name``, each with or without ``:port``. Raises ValueError with a sentence."""
        place, port = _split_port(text.strip().lower())
        try:
            return cls(ip_network(place, strict=False), "", port)
        except ValueError:
            pass
        if "/" in place or not _NAME.fullmatch(place) or re.fullmatch(r"[0-9.x]*", place):
            raise ValueError(
                f"“{text}” is neither an address, a network nor a host name; write 127.0.0.1:8799, 10.1.0.0/16, "
                "[fd00::/8]:8080 or newsroom.internal"
            )
        return cls(None, place.rstrip("."), port)

    def covers(self, address: Address, port: int) -> bool:
        """Whether this entry is about this address and port."""
        return self.network is not None and self.port in (None, port) and address in self.network

    def names(self, host: str, port: int) -> bool:
        """Whether this entry is about this host name and port."""
        return bool(self.name) and self.port in (None, port) and host.rstrip(".").lower() == self.name


def _split_port(text: str) -> tuple[str, int | None]:
    bracketed = re.fullmatch(r"\[([^\]]+)\](?::(\d+))?", text)
    if bracketed:
        place, port = bracketed.groups()
    elif text.count(":") == 1:
        place, port = text.split(":")
    else:
        return text, None
    if port is None:
        return place, None
    if not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise ValueError(f"“{text}” has “{port}” where a port from 1 to 65535 is expected")
    return place, int(port)


class Guard:
    """The rules of one configuration, asked for every connection."""

    def __init__(self, allowances: Iterable[Allowance] = (), ports: Iterable[int] = ()) -> None:
        self._allowances = tuple(allowances)
        self._ports = WEB_PORTS | frozenset(ports)
        self._by_name: set[tuple[str, int]] = set()
        self.check = lru_cache(maxsize=4096)(self._check)

    def owns(self, host: str, port: int) -> bool:
        """Whether the operator named this host as their own: an allowed name or an allowed literal address."""
        address = literal(host)
        if address is None:
            return any(entry.names(host, port) for entry in self._allowances)
        return any(entry.covers(address, port) for entry in self._allowances)

    def _check(self, text: str, port: int) -> None:
        """Raise RefusedError unless ``text``, an address, may be connected to at ``port``."""
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            raise RefusedError(f"{text} is not an address") from None
        if any(entry.covers(address, port) for entry in self._allowances):
            return
        if not is_public(address):
            raise RefusedError(f"{text} is a private address; if it is yours, add it to http.allow_private")
        if port not in self._ports:
            raise RefusedError(f"port {port} is not open to us; if it is right, add it to http.ports")

    def admit(self, host: str, port: int, found: Sequence[str]) -> list[str]:
        """Those of the addresses found for ``host`` that may be connected to. Raises RefusedError if there are none."""
        if any(entry.names(host, port) for entry in self._allowances):
            self._by_name.update((address, port) for address in found)
            return list(found)
        admitted = []
        reason = RefusedError("it has no address")
        for address in found:
            try:
                self.check(address, port)
            except RefusedError as refused:
                reason = refused
            else:
                admitted.append(address)
        if not admitted:
            raise reason
        return admitted

    def open_socket(self, info: AddrInfoType) -> socket.socket:
        """The connector's socket factory: the last word before an address is connected to. Raises RefusedError."""
        family, kind, proto, _, (address, port, *_) = info
        if (address, port) not in self._by_name:
            self.check(address, port)
        return socket.socket(family, kind, proto)


def literal(host: str) -> Address | None:
    """The address that ``host`` spells in its usual form, or None if it is a name."""
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None


def look_up(host: str) -> list[str]:
    """Ask the system's resolver, which blocks. Raises OSError when the name is unknown."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class GuardedResolver(AbstractResolver):
    """Gives the connector only addresses that the guard admits.

    Look-ups run in threads of their own: a name server that does not answer holds a thread for many seconds, and in the
    loop's default executor that would hold up the database as well.
    """

    def __init__(self, guard: Guard, lookup: Lookup = look_up) -> None:
        self._guard = guard
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, thread_name_prefix="look-up")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The admitted addresses of ``host``. Raises RefusedError, or OSError when the name is unknown."""
        found = await asyncio.get_running_loop().run_in_executor(self._threads, self._lookup, host)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._guard.admit(host, port, found)
        ]

    async def close(self) -> None:
        """Let go of the threads without waiting for look-ups that still hang."""
        self._threads.shutdown(wait=False, cancel_futures=True)
