from collections.abc import Iterator

import httpx
import pytest

from monitor.sample import SampleServer


@pytest.fixture(scope="module")
def shared() -> Iterator[SampleServer]:
    """One server for the tests that only read; those that change the world start their own."""
    with SampleServer() as server:
        yield server


@pytest.fixture
def server() -> Iterator[SampleServer]:
    with SampleServer(accounts=2) as server:
        yield server


@pytest.fixture
def ask(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of the server the test uses: its own if it asked for one, else the shared one."""
    name = "server" if "server" in request.fixturenames else "shared"
    with httpx.Client(base_url=request.getfixturevalue(name).url, trust_env=False, timeout=10) as client:
        yield client
