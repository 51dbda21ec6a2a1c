"""A scripted site on loopback, a Web that may ask it, and the recorded answers where they lie beside the checkout."""

import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import pytest_asyncio

from monitor.http import HttpConfig, Web

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "recorded"

Reply = tuple[int, dict[str, str], bytes]
Query = list[tuple[str, str]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of this folder share one event loop, so that they can share one Web."""
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


class Site:
    """Answers each path with what was put there last: bytes, text, JSON, or a function of the query."""

    def __init__(self) -> None:
        self.pages: dict[str, Callable[[Query, dict[str, str]], Reply]] = {}
        self.asked: list[tuple[str, Query, dict[str, str]]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65_536  # head and body in one packet, or each answer waits 40 ms for an acknowledgement

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = parse_qsl(parts.query, keep_blank_values=True)
                headers = {name.lower(): value for name, value in self.headers.items()}
                site.asked.append((parts.path, query, headers))
                page = site.pages.get(self.path) or site.pages.get(parts.path)
                status, extra, body = (
                    page(query, headers) if page else (404, {"Content-Type": "text/html"}, b"<h1>404</h1>")
                )
                self.send_response(status)
                for name, value in extra.items():
                    self.send_header(name, value)
                if status != 304:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if status != 304:
                    self.wfile.write(body)
                self.wfile.flush()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.netloc = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.netloc}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def put(self, path: str, body: Any, *, status: int = 200, kind: str = "", **headers: str) -> None:
        """Serve ``body`` at ``path``; a dict or list is sent as JSON. Header names are written with underscores."""
        if isinstance(body, dict | list):
            body, kind = json.dumps(body), kind or "application/json; charset=utf-8"
        raw = body if isinstance(body, bytes) else body.encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = (status, {"Content-Type": kind or "text/html; charset=utf-8", **named}, raw)
        self.pages[path] = lambda _query, _headers: reply

    def put_call(self, path: str, answer: Callable[[dict[str, str]], Any]) -> None:
        """Serve what ``answer`` makes of the query as JSON; a pair is a status and a body."""

        def page(query: Query, _headers: dict[str, str]) -> Reply:
            made = answer(dict(query))
            status, body = made if isinstance(made, tuple) else (200, made)
            return status, {"Content-Type": "application/json"}, json.dumps(body).encode()

        self.pages[path] = page

    def put_conditional(self, path: str, body: bytes, kind: str, etag: str) -> None:
        """Serve ``body``, or 304 to who has the ETag already."""

        def page(_query: Query, headers: dict[str, str]) -> Reply:
            fits = headers.get("if-none-match") == etag
            return (304 if fits else 200), {"Content-Type": kind, "ETag": etag}, b"" if fits else body

        self.pages[path] = page

    def redirect(self, path: str, target: str, status: int = 301) -> None:
        """Send whoever asks for ``path`` on to ``target``."""
        self.pages[path] = lambda _query, _headers: (status, {"Location": target}, b"")

    def paths(self) -> list[str]:
        """The paths asked for, in order."""
        return [path for path, _, _ in self.asked]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(scope="session")
def _one_site() -> Iterator[Site]:
    served = Site()
    yield served
    served.close()


@pytest.fixture
def site(_one_site: Site) -> Site:
    """The scripted site, empty."""
    _one_site.pages, _one_site.asked = {}, []
    return _one_site


@pytest.fixture
def other_site() -> Iterator[Site]:
    """A second site, which is another one by its port."""
    served = Site()
    yield served
    served.close()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def web() -> AsyncIterator[Web]:
    """One Web for all tests of sources: its parsing child costs half a second to start."""
    async with Web(HttpConfig(allow_private=["127.0.0.0/8"], deadline_s=20)) as asking:
        yield asking


@pytest_asyncio.fixture(loop_scope="session")
async def fresh_web() -> AsyncIterator[Web]:
    """A Web of one's own, for tests after which a host is left to rest."""
    async with Web(HttpConfig(allow_private=["127.0.0.0/8"], deadline_s=20)) as asking:
        yield asking


@pytest.fixture
def recorded() -> Callable[[str], Any]:
    """Reads a recorded answer's body, or skips the test where there are none."""

    def read(name: str) -> Any:
        file = RECORDED / name
        if not file.is_file():
            pytest.skip("the recorded answers are not beside this checkout")
        if file.suffix != ".json":
            return file.read_bytes()
        content = json.loads(file.read_text("utf-8"))
        return content["body"] if isinstance(content, dict) and {"body", "status"} <= content.keys() else content

    return read
