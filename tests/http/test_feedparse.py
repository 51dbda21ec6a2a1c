"""Feeds are parsed in children that a hostile feed can neither leave, nor fill, nor hold for long."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from loopback_server import LoopbackServer

from monitor.errors import FetchError
from monitor.feedparse import FeedParser
from monitor.http import Web

MakeWeb = Callable[..., Awaitable[Web]]
URL = "https://office.example/news/feed.xml"
ITEM = """<item><guid isPermaLink="false">Guid-1</guid><title>Road &amp;amp; bridge</title><link>/news/1</link>
<description>&lt;p&gt;Closed &lt;img src="/map.png"&gt;&lt;/p&gt;</description>
<pubDate>Mon, 23 Nov 2026 10:00:00 -0500</pubDate><author>desk@example.org (Press desk)</author>
<category>Roads</category><enclosure url="/a.mp3" type="audio/mpeg" length="5"/></item>"""


def rss(items: str, before: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="utf-8"?>{before}<rss version="2.0"><channel><title>News</title>'
        f"<link>/news</link><ttl>15</ttl>{items}</channel></rss>"
    ).encode()


AUTHOR_BOMB = rss(f"<item><title>t</title><author>{'a' * 50_000}</author></item>")
NESTED_BOMB = rss(f"<item><title>t</title>{'<b>' * 100_000}</item>")


@pytest.fixture
async def parser() -> AsyncIterator[FeedParser]:
    parser = FeedParser(limit_s=0.7)
    yield parser
    await parser.aclose()


async def parse(parser: FeedParser, body: bytes, url: str = URL) -> dict:
    return await parser.parse(body, "application/rss+xml", url)


def children() -> set[int]:
    """Our direct child processes, living or not yet waited for."""
    pids = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread of an earlier test may just end
            pids.update(map(int, (task / "children").read_text().split()))
    return pids


async def test_an_rss_item_is_read_with_what_a_source_needs(parser: FeedParser) -> None:
    parsed = await parse(parser, rss(ITEM))
    assert (parsed["version"], parsed["bozo"], parsed["notes"]) == ("rss20", "", [])
    assert (parsed["feed"]["title"], parsed["feed"]["ttl"]) == ("News", "15")
    assert parsed["feed"]["link"] == "https://office.example/news"
    (entry,) = parsed["entries"]
    assert (entry["id"], entry["guidislink"]) == ("Guid-1", False)
    assert entry["link"] == "https://office.example/news/1"
    assert '<img src="https://office.example/map.png"' in entry["summary"]
    assert entry["published_parsed"] == 1_795_446_000
    assert "updated" not in entry
    assert entry["updated_parsed"] is None
    assert entry["tags"] == [{"term": "Roads"}]
    assert entry["enclosures"] == [{"href": "/a.mp3", "type": "audio/mpeg", "length": "5"}]
    assert entry["authors"] == [{"name": "Press desk", "email": "desk@example.org"}]


async def test_an_atom_entry_of_a_video_channel_is_read(parser: FeedParser) -> None:
    body = b"""<feed xmlns="http://www.w3.org/2005/Atom" xmlns:yt="http://www.youtube.com/xml/schemas/2015"
    xmlns:media="http://search.yahoo.com/mrss/"><title>Videos</title><link rel="hub" href="https://hub.example/"/>
    <entry><id>yt:video:abc</id><yt:videoId>abc</yt:videoId><yt:channelId>UC1</yt:channelId><title>Briefing</title>
    <published>2026-11-23T10:00:00Z</published><updated>2026-11-24T10:00:00Z</updated>
    <media:group><media:description>What was said</media:description><media:thumbnail url="https://i.example/t.jpg"
    width="1" height="2"/></media:group><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">Hi</div></content>
    </entry></feed>"""
    parsed = await parser.parse(body, "application/atom+xml", URL)
    assert {"rel": "hub", "href": "https://hub.example/"} in [
        {key: link[key] for key in ("rel", "href")} for link in parsed["feed"]["links"]
    ]
    (entry,) = parsed["entries"]
    assert (entry["yt_videoid"], entry["yt_channelid"], entry["summary"]) == ("abc", "UC1", "What was said")
    assert (entry["published_parsed"], entry["updated_parsed"]) == (1_795_428_000, 1_795_514_400)
    assert entry["media_thumbnail"][0]["url"] == "https://i.example/t.jpg"
    assert "Hi" in entry["content"][0]["value"]


@pytest.mark.parametrize("encoding", ["latin-1", "shift_jis", "utf-16", "cp1251"])
async def test_every_encoding_is_known_in_the_child_that_can_open_no_file(parser: FeedParser, encoding: str) -> None:
    title = {"shift_jis": "日本", "cp1251": "Привет"}.get(encoding, "Größe")
    body = rss(f"<item><title>{title}</title></item>").decode().replace("utf-8", encoding)
    parsed = await parser.parse(body.encode(encoding), "application/xml", URL)
    assert parsed["entries"][0]["title"] == title


@pytest.mark.parametrize("body", [b"", b"%PDF-1.7 \x00\xff", b"<html><body>Sorry</body></html>", b'{"version": 1}'])
async def test_what_is_no_feed_has_no_version(parser: FeedParser, body: bytes) -> None:
    parsed = await parse(parser, body)
    assert (parsed["version"], parsed["entries"]) == ("", [])


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(AUTHOR_BOMB, id="author of 50 kB"),
        pytest.param(NESTED_BOMB, id="100,000 nested tags", marks=pytest.mark.slow),
    ],
)
async def test_a_bomb_ends_at_the_limit_and_its_child_is_replaced(parser: FeedParser, bomb: bytes) -> None:
    others = children()  # of tests that ran earlier in this process
    await parse(parser, rss(ITEM))
    before = children() - others
    assert before
    started = time.monotonic()
    with pytest.raises(FetchError, match=f"the feed at {URL} could not be parsed in 0.7 s") as caught:
        await parse(parser, bomb)
    assert time.monotonic() - started < 3
    assert caught.value.kind == "malformed"
    assert not before & children(), "the child that was stuck is gone"
    assert len((await parse(parser, rss(ITEM)))["entries"]) == 1


async def test_unclosed_comments_cost_little(parser: FeedParser) -> None:
    parser.limit_s = 10
    started = time.monotonic()
    await parse(parser, rss(ITEM)[:-16] + b"<!--" * 50_000)
    assert time.monotonic() - started < 10


async def test_feeds_that_broke_a_child_before_never_hold_all_children() -> None:
    parser = FeedParser(concurrency=2, limit_s=0.4)
    suspects = [f"https://bad{number}.example/" for number in range(2)]
    await asyncio.gather(*(parse(parser, AUTHOR_BOMB, url) for url in suspects), return_exceptions=True)
    again = [asyncio.create_task(parse(parser, AUTHOR_BOMB, url)) for url in suspects]
    await asyncio.sleep(0)
    await parse(parser, rss(ITEM))
    assert not all(task.done() for task in again), "the good feed did not wait for both"
    await asyncio.gather(*again, return_exceptions=True)
    await parser.aclose()


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE rss [<!ENTITY x SYSTEM "file://{path}">]>',
        '<!DOCTYPE rss [<!ENTITY x SYSTEM "{url}">]>',
        '<!DOCTYPE rss SYSTEM "{url}">',
        '<!DOCTYPE rss [<!ENTITY % p SYSTEM "{url}"> %p;]>',
        '<?xml-stylesheet href="{url}"?>',
    ],
)
async def test_xml_opens_no_file_and_no_connection(
    parser: FeedParser, server: LoopbackServer, tmp_path: Path, declaration: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary")
    server.serve("/x.dtd", body=b'<!ENTITY x "canary">')
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" parse="text" href="file://{secret}"/>'
    body = rss(
        f"<item><title>&x;</title><description>&x;{include}</description></item>",
        declaration.format(path=secret, url=server.url("/x.dtd")),
    )
    assert "canary" not in str(await parse(parser, body))
    assert server.connections == 0


@pytest.mark.parametrize("entity", [pytest.param("lol9", marks=pytest.mark.slow), "big"])
async def test_entities_that_grow_without_bound_are_not_resolved(parser: FeedParser, entity: str) -> None:
    parser.limit_s = 10
    lol = "".join(f'<!ENTITY lol{n} "{f"&lol{n - 1};" * 10}">' for n in range(1, 10))
    declared = f'<!DOCTYPE rss [<!ENTITY lol0 "lol">{lol}<!ENTITY big "{"a" * 100_000}">]>'
    parsed = await parse(parser, rss(f"<item><title>{f'&{entity};' * 1000}</title></item>", declared))
    assert len(str(parsed)) < 1_000_000


async def test_a_child_has_no_descriptors_no_secrets_and_cannot_open_anything(
    parser: FeedParser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHERIFFWATCH__SLACK__BOT_TOKEN", "canary")
    with (tmp_path / "database").open("w") as held:
        os.set_inheritable(held.fileno(), True)
        before = children()
        await parse(parser, rss(ITEM))
        (child,) = children() - before
        proc = Path(f"/proc/{child}")
        assert {path.name for path in (proc / "fd").iterdir()} == {"0", "1", "2"}
        assert b"canary" not in (proc / "environ").read_bytes()
        limits = {line[:26].strip(): line[26:].split()[0] for line in (proc / "limits").read_text().splitlines()}
        assert (limits["Max open files"], limits["Max file size"], limits["Max core file size"]) == ("3", "0", "0")
        assert int(limits["Max address space"]) == 512 * 2**20


async def test_a_feed_that_needs_too_much_memory_is_told_in_a_sentence() -> None:
    parser = FeedParser(memory_bytes=128 * 2**20, limit_s=20)
    with pytest.raises(FetchError, match="could not be parsed: it needs more memory than allowed"):
        await parse(parser, rss(f"<item><title>{'x' * 30_000_000}</title></item>"))
    assert len((await parse(parser, rss(ITEM)))["entries"]) == 1
    await parser.aclose()


async def test_overlong_texts_and_lists_are_cut_and_that_is_said() -> None:
    parser = FeedParser()
    items = "<item><title>t</title></item>" * 2001 + f"<item><title>{'x' * 10}</title></item>"
    parsed = await parse(parser, rss(items))
    assert len(parsed["entries"]) == 2000
    assert parsed["notes"] == ["the feed has 2002 items, and the first 2000 were read"]
    parsed = await parse(parser, rss(f"<item><title>{'x' * 500_000}</title></item>"))
    assert len(parsed["entries"][0]["title"]) == 400_000
    assert parsed["notes"] == ["1 texts longer than 400000 characters were cut"]
    await parser.aclose()


async def test_a_child_is_replaced_after_so_many_feeds_and_when_it_died_idle() -> None:
    parser = FeedParser(recycle_after=2)
    seen: list[set[int]] = []
    before = children()
    for _ in range(4):
        await parse(parser, rss(ITEM))
        seen.append(children() - before)
    assert [len(pids) for pids in seen] == [1, 0, 1, 0]
    await parse(parser, rss(ITEM))
    (idle,) = children() - before
    os.kill(idle, signal.SIGKILL)
    await asyncio.sleep(0.1)
    assert len((await parse(parser, rss(ITEM)))["entries"]) == 1
    await parser.aclose()


async def test_closing_leaves_no_process_behind() -> None:
    before = children()
    parser = FeedParser(limit_s=10)
    await parse(parser, rss(ITEM))
    busy = asyncio.create_task(parse(parser, AUTHOR_BOMB))
    await asyncio.sleep(0.1)
    await parser.aclose()
    with pytest.raises(FetchError, match="we are closing"):
        await busy
    assert children() == before


async def test_cancelling_a_parse_ends_its_child(parser: FeedParser) -> None:
    before = children()
    parser.limit_s = 10
    task = asyncio.create_task(parse(parser, AUTHOR_BOMB))
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() == before


def test_children_end_when_their_parent_is_killed() -> None:
    program = """
import asyncio, sys
from monitor.feedparse import FeedParser
async def main():
    await FeedParser().parse(b"<rss version='2.0'/>", "text/xml", "http://a.example/")
    print("ready", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    child = int(Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text())
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 5
    while is_running(child):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_parsing_is_part_of_a_polls_deadline(server: LoopbackServer, make_web: MakeWeb) -> None:
    web = await make_web(deadline_s=0.3)
    fetch = web.fetch()
    answer = await fetch.get(server.serve("/", body=AUTHOR_BOMB, content_type="application/rss+xml"))
    with pytest.raises(FetchError, match="could not be parsed in 1 s"):
        await fetch.parse_feed(answer)
