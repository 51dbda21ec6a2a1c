"""Turning whatever the libraries raise into one sentence that names the host and what happened."""

import os
import socket
import ssl
from collections.abc import Iterator

import aiohttp

from monitor.errors import FetchError
from monitor.http.guard import RefusedError


def explain(error: BaseException, host: str) -> FetchError:
    """The FetchError that tells of ``error``, which httpx, aiohttp, ssl or the system raised while asking ``host``."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, RefusedError):
            return FetchError(f"blocked: {host} was not asked, because {cause}", kind="private_address")
        if isinstance(cause, socket.gaierror):
            return FetchError(f"{host} cannot be found by name: {cause.strerror}", kind="network")
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError | aiohttp.ClientConnectorCertificateError):
            reason = getattr(_innermost(cause), "verify_message", "") or _first_line(str(cause))
            return FetchError(f"{host} could not prove who it is: {reason.rstrip('.').lower()}", kind="network")
        if isinstance(cause, ssl.SSLError):
            return FetchError(f"no secure connection to {host}: {_tls_reason(cause)}", kind="network")
        if isinstance(cause, aiohttp.ServerDisconnectedError):
            return FetchError(f"{host} closed the connection without an answer", kind="network")
        if isinstance(cause, aiohttp.ClientPayloadError):
            return FetchError(f"{host} cut its answer off before its end", kind="network")
        if isinstance(cause, aiohttp.ClientConnectorError):
            return FetchError(f"{host} could not be reached: {_system_reason(cause.os_error)}", kind="network")
        if isinstance(cause, aiohttp.ClientResponseError | aiohttp.http.HttpProcessingError):
            return FetchError(f"{host} did not answer in HTTP: {_first_line(cause.message)}", kind="malformed")
    for cause in causes:
        if isinstance(cause, OSError):
            return FetchError(f"the connection to {host} broke: {_system_reason(cause)}", kind="network")
    return FetchError(
        f"{host} sent no usable answer: {_first_line(str(error)) or type(error).__name__}", kind="network"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        inner = getattr(error, "os_error", None)
        if isinstance(inner, BaseException):
            yield inner
        error = error.__cause__ or error.__context__


def _innermost(error: BaseException) -> BaseException:
    return getattr(error, "certificate_error", error)


def _system_reason(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno and error.errno > 0 else _first_line(str(error))


def _tls_reason(error: BaseException) -> str:
    # aiohttp's ClientConnectorSSLError is an ssl.SSLError that never got a reason of its own.
    inner = getattr(error, "os_error", error)
    return str(getattr(inner, "reason", "") or _first_line(str(inner)))


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200]
