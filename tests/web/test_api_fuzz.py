"""The API against inputs that schemathesis makes from its own description, over HTTP."""

import asyncio
import os
import threading
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings

from models import UserRole
from models.clock import utcnow
from monitor import apitokens, users
from monitor.config import load
from monitor.web.serve import serving
from tests.monitor.made_posts import make_office, make_post, make_version

pytestmark = pytest.mark.slow

CASES = int(os.environ.get("API_CASES", "150"))
"""For each operation and kind of input, right and wrong ones."""


@contextmanager
def served(db, config):
    """The page in a thread, since schemathesis asks without an event loop; its address."""
    address, ready, done = [], threading.Event(), threading.Event()

    async def serve():
        async with serving(db, config) as at:
            address.append(at)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(30), "the page does not start"
        yield address[0]
    finally:
        done.set()
        thread.join(30)


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_no_input_makes_the_api_fail_and_every_answer_is_as_described(db, mode):
    # Imported here, since the quick tests read this file too and would wait for it.
    import schemathesis
    from schemathesis.generation import GenerationMode
    from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

    mode = GenerationMode(mode)
    # Parameters that nobody knows are passed over, and a description cannot tell which ``after`` was ever handed out.
    not_promised = [negative_data_rejection, positive_data_acceptance]
    with db.write() as session:
        office, version = make_office(session), make_version(session)
        for number in range(30):
            make_post(
                session, office, f"Post {number} of the fence.", number=number, version=version,
                probability=number / 30, verdict="confirmed" if number % 3 else None, themes=["invasion"],
            )  # fmt: skip
    users.add(db, "Ana", UserRole.VIEWER, by="test", now=utcnow())
    mine = {"Authorization": f"Bearer {apitokens.make(db, 'Ana', now=utcnow())}"}
    config = load(None, environment={})
    config.web.port = 0
    asked = dict.fromkeys(("GET /posts", "GET /posts/{post_id}", "GET /flags", "GET /reviews", "GET /agencies",
                           "GET /accounts"), 0)  # fmt: skip
    with served(db, config) as address:
        schema = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json")
        for found in schema.get_all_operations():
            operation = found.ok()

            @settings(
                max_examples=CASES, deadline=None, database=None, derandomize=True,
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case):
                answer = case.call(headers=mine, timeout=20)
                asked[case.operation.label] += 1
                assert answer.status_code < 500, case.as_curl_command()
                case.validate_response(answer, excluded_checks=not_promised)

            if mode is GenerationMode.NEGATIVE and not operation.query and not operation.path_parameters:
                continue
            ask()
    assert all(asked.values()), asked
