"""The child process of ``feedparse``: reads feeds from standard input, writes what feedparser makes of them.

It is run as a file of its own and imports nothing of ours. A frame is four bytes of length and then the bytes: a header
(JSON) and the feed come in, one JSON object goes out. When the parent is gone, reading ends, and so does the child.
"""

import calendar
import encodings
import importlib
import io
import json
import pkgutil
import resource
import struct
import sys
import time
from typing import Any, BinaryIO

import feedparser

MAX_ENTRIES = 2_000
MAX_TEXT = 400_000
MAX_LIST = 200
MAX_REPLY = 16_000_000

_LENGTH = struct.Struct(">I")
_FEED_TEXTS = ("title", "subtitle", "link", "id", "language", "author", "updated", "published", "ttl", "generator",
               "rights", "sy_updateperiod", "sy_updatefrequency", "yt_channelid")  # fmt: skip
_ENTRY_TEXTS = ("id", "link", "title", "summary", "published", "updated", "created", "author", "yt_videoid",
                "yt_channelid", "media_description", "comments")  # fmt: skip
_WARM_UP = (
    b'<?xml version="1.0"?><rss version="2.0"><channel><title>a</title><item><title>b &amp; c</title>'
    b"<description>&lt;p&gt;d&lt;/p&gt;</description><pubDate>Mon, 23 Nov 2026 10:00:00 GMT</pubDate></item>",
    b'<feed xmlns="http://www.w3.org/2005/Atom"><title>a</title><entry><id>b</id><title type="html">c</title>'
    b"<updated>2026-11-23T10:00:00Z</updated><content type='xhtml'><div>d</div></content></entry></feed>",
    "<html><body><p>é</p></body></html>".encode("latin-1"),
)


def main() -> None:
    """Serve until standard input ends. Arguments: seconds of CPU a feed, bytes of memory."""
    seconds, memory = float(sys.argv[1]), int(sys.argv[2])
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    _load_all()
    _shut_in(memory)
    _write(outgoing, {"ready": True})
    while (head := _read(incoming)) is not None:
        body = _read(incoming)
        if body is None:
            return
        _limit_cpu(seconds)
        header = json.loads(head)
        try:
            reply = parse(body, header["content_type"], header["url"])
        except MemoryError:
            reply = {"fatal": "it needs more memory than allowed"}
        except RecursionError:
            reply = {"fatal": "it is nested too deeply"}
        except Exception as error:  # feedparser raises whatever its many parts raise
            reply = {"fatal": f"{type(error).__name__} in the parser"}
        _write(outgoing, reply)


def _load_all() -> None:
    """Import everything parsing may ask for later, because afterwards no file can be opened."""
    for module in pkgutil.iter_modules(encodings.__path__):
        if module.name not in ("mbcs", "oem", "cp65001"):
            importlib.import_module(f"encodings.{module.name}")
    for sample in _WARM_UP:
        parse(sample, "application/xml", "http://localhost/")


def _shut_in(memory: int) -> None:
    """No new descriptor can be opened, so neither files nor sockets; no core dump; bounded memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))


def _limit_cpu(seconds: float) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def parse(body: bytes, content_type: str, url: str) -> dict[str, Any]:
    """One feed as plain JSON values, cut to bounded lengths."""
    # A str or bytes would be taken as a URL or a file name first; a stream is only read.
    parsed = feedparser.parse(
        io.BytesIO(body),
        response_headers={"content-type": content_type, "content-location": url},
        sanitize_html=False,
    )
    entries = parsed.get("entries", [])
    notes = []
    if len(entries) > MAX_ENTRIES:
        notes.append(f"the feed has {len(entries)} items, and the first {MAX_ENTRIES} were read")
    problem = parsed.get("bozo_exception")
    result = {
        "version": parsed.get("version", ""),
        "encoding": str(parsed.get("encoding", "")),
        "bozo": str(f"{type(problem).__name__}: {problem}")[:500] if parsed.get("bozo") else "",
        "namespaces": {str(key): str(value) for key, value in list(parsed.get("namespaces", {}).items())[:MAX_LIST]},
        "feed": _feed(parsed.get("feed", {})),
        "entries": [_entry(entry) for entry in entries[:MAX_ENTRIES]],
    }
    shortened, cut = _shorten(result)
    if cut:
        notes.append(f"{cut} texts longer than {MAX_TEXT} characters were cut")
    return {**shortened, "notes": notes}


def _shorten(value: Any) -> tuple[Any, int]:
    """A copy with overlong texts cut, and how many were."""
    if isinstance(value, str):
        return value[:MAX_TEXT], int(len(value) > MAX_TEXT)
    if isinstance(value, list):
        pairs = [_shorten(item) for item in value]
        return [item for item, _ in pairs], sum(cut for _, cut in pairs)
    if isinstance(value, dict):
        items = {key: _shorten(item) for key, item in value.items()}
        return {key: item for key, (item, _) in items.items()}, sum(cut for _, cut in items.values())
    return value, 0


def _feed(feed: Any) -> dict[str, Any]:
    kept = _texts(feed, _FEED_TEXTS)
    kept["links"] = _dicts(feed, "links", ("rel", "href", "type", "title"))
    kept["image"] = str((feed.get("image") or {}).get("href", ""))
    kept["updated_at"] = _epoch(feed, "updated_parsed")
    kept["published_at"] = _epoch(feed, "published_parsed")
    return kept


def _entry(entry: Any) -> dict[str, Any]:
    kept = _texts(entry, _ENTRY_TEXTS)
    kept["guidislink"] = bool(entry.get("guidislink", False))
    kept["published_parsed"] = _epoch(entry, "published_parsed")
    kept["updated_parsed"] = _epoch(entry, "updated_parsed")
    kept["summary_type"] = str((entry.get("summary_detail") or {}).get("type", ""))
    kept["title_type"] = str((entry.get("title_detail") or {}).get("type", ""))
    kept["content"] = _dicts(entry, "content", ("type", "value", "language", "base"))
    kept["links"] = _dicts(entry, "links", ("rel", "href", "type", "title", "length"))
    kept["enclosures"] = _dicts(entry, "enclosures", ("href", "type", "length"))
    kept["media_content"] = _dicts(entry, "media_content", ("url", "type", "medium", "width", "height"))
    kept["media_thumbnail"] = _dicts(entry, "media_thumbnail", ("url", "width", "height"))
    kept["tags"] = _dicts(entry, "tags", ("term", "label", "scheme"))
    kept["authors"] = _dicts(entry, "authors", ("name", "href", "email"))
    kept["source"] = _texts(entry.get("source") or {}, ("title", "link", "href", "id"))
    return kept


def _texts(thing: Any, names: tuple[str, ...]) -> dict[str, Any]:
    # feedparser's own look-up gives the date of publication when there is no other; keys() tells what is really there
    return {name: str(thing[name]) for name in names if name in thing.keys() and thing[name] is not None}  # noqa: SIM118


def _dicts(thing: Any, name: str, fields: tuple[str, ...]) -> list[dict[str, str]]:
    items = thing.get(name)
    if not isinstance(items, list):
        return []
    return [
        {key: str(item[key]) for key in fields if item.get(key) is not None}
        for item in items[:MAX_LIST]
        if isinstance(item, dict)
    ]


def _epoch(thing: Any, name: str) -> int | None:
    moment = thing[name] if name in thing.keys() else None  # noqa: SIM118
    if not isinstance(moment, time.struct_time):
        return None
    try:
        return calendar.timegm(moment)
    except (ValueError, OverflowError):
        return None


def _read(stream: BinaryIO) -> bytes | None:
    prefix = stream.read(_LENGTH.size)
    if len(prefix) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(prefix)
    data = stream.read(length)
    return data if len(data) == length else None


def _write(stream: BinaryIO, reply: dict[str, Any]) -> None:
    data = json.dumps(reply).encode("ascii")
    while len(data) > MAX_REPLY and len(reply.get("entries", [])) > 1:
        kept = len(reply["entries"]) // 2
        reply = {**reply, "entries": reply["entries"][:kept]}
        reply["notes"] = [*reply["notes"], f"the feed is so large that only its first {kept} items were read"]
        data = json.dumps(reply).encode("ascii")
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


if __name__ == "__main__":
    main()
