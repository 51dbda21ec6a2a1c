"""Reading a body piece by piece: one content encoding, and never more bytes than allowed, on the wire or decoded."""

import zlib
from collections.abc import Mapping

from monitor.errors import FetchError

_STEP = 256 * 1024
_MAX_MEMBERS = 1000
_GZIP_MAGIC = b"\x1f\x8b"


class Body:
    """Collects one answer's body. ``feed`` takes what arrives, ``finish`` gives the content's exact bytes.

    Raises FetchError (``too_large``, ``malformed``, ``network`` for a cut transfer). httpx decodes without a limit: one
    step of a doubly compressed body came to 1 GiB, so decoding is done here, against the cap, byte for byte.
    """

    def __init__(self, host: str, headers: Mapping[str, str], *, max_wire: int, max_decoded: int) -> None:
        self._host = host
        self._max_wire = max_wire
        self._max_decoded = max_decoded
        self._wire = 0
        self._content = bytearray()
        encodings = [part.strip().lower() for part in headers.get("content-encoding", "").split(",")]
        encodings = [part for part in encodings if part not in ("", "identity")]
        if len(encodings) > 1 or (encodings and encodings[0] not in ("gzip", "x-gzip", "deflate")):
            raise FetchError(
                f"{host} encoded its answer as “{', '.join(encodings)}”, and only one gzip or deflate is accepted",
                kind="malformed",
            )
        self._encoding = encodings[0].removeprefix("x-") if encodings else ""
        self._inflate: zlib._Decompress | None = None
        self._members = 0
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > max_wire:
            raise self._too_large(max_wire)

    @property
    def size(self) -> int:
        """Bytes held so far."""
        return len(self._content)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes from the wire."""
        self._wire += len(chunk)
        if self._wire > self._max_wire:
            raise self._too_large(self._max_wire)
        if not self._encoding:
            self._keep(chunk)
            return
        try:
            self._decode(chunk)
        except zlib.error as error:
            raise FetchError(
                f"{self._host} sent {self._encoding} data that is damaged ({error})", kind="malformed"
            ) from None

    def finish(self) -> bytes:
        """The whole content. Raises FetchError if compressed data ended too early."""
        if self._inflate is not None and not self._inflate.eof:
            raise FetchError(f"{self._host} cut its answer off: the {self._encoding} data has no end", kind="network")
        return bytes(self._content)

    def _decode(self, chunk: bytes) -> None:
        while chunk:
            if self._inflate is None or self._inflate.eof:
                if self._members and not (self._encoding == "gzip" and chunk.startswith(_GZIP_MAGIC)):
                    return  # bytes after the end: padding, which every browser ignores
                self._start_member(chunk)
            assert self._inflate is not None
            self._keep(self._inflate.decompress(chunk, _STEP))
            while self._inflate.unconsumed_tail:
                self._keep(self._inflate.decompress(self._inflate.unconsumed_tail, _STEP))
            chunk = self._inflate.unused_data

    def _start_member(self, first: bytes) -> None:
        self._members += 1
        if self._members > _MAX_MEMBERS:
            raise FetchError(f"{self._host} sent gzip data in more than {_MAX_MEMBERS} parts", kind="malformed")
        if self._encoding == "gzip":
            self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        else:  # "deflate" means zlib, yet some servers send it raw
            zlib_header = first[0] & 0x0F == 8 and (len(first) < 2 or int.from_bytes(first[:2], "big") % 31 == 0)
            self._inflate = zlib.decompressobj(zlib.MAX_WBITS if zlib_header else -zlib.MAX_WBITS)

    def _keep(self, piece: bytes) -> None:
        if len(self._content) + len(piece) > self._max_decoded:
            raise self._too_large(self._max_decoded)
        self._content += piece

    def _too_large(self, cap: int) -> FetchError:
        return FetchError(f"{self._host} sent an answer that is too large (over {cap:,} bytes)", kind="too_large")
