from collections.abc import Iterator

import httpx
import pytest

from monitor.sample import SampleServer


@pytest.fixture(scope="session")
def shared() -> Iterator[SampleServer]:
    """The one server, for tests that only read."""
    with SampleServer(accounts=2) as server:
        yield server


@pytest.fixture
def server(shared: SampleServer) -> Iterator[SampleServer]:
    """The same server for a test that changes the world; put right again afterwards."""
    shared.reset_counts()
    yield shared
    shared.reset()


@pytest.fixture
def ask(shared: SampleServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shared.url, trust_env=False, timeout=10) as client:
        yield client
