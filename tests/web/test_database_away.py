"""The database goes away while people work, and comes back: for real, since PostgreSQL can be told to let nobody in."""

from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from models import Review

pytestmark = pytest.mark.slow


@pytest.fixture
def database_url(postgres_url):
    """PostgreSQL: a file of SQLite does not go away."""
    return postgres_url


@contextmanager
def shut(postgres_server, postgres_url):
    """Let nobody into the database while the block runs, and throw out who is in."""
    name = make_url(postgres_url).database
    engine = sa.create_engine(
        postgres_server.replace("postgresql:", "postgresql+psycopg:") + "/postgres", isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as admin:
        admin.execute(sa.text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        admin.execute(
            sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
        )
        try:
            yield
        finally:
            admin.execute(sa.text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    engine.dispose()


async def test_every_page_says_so_and_a_verdict_is_taken_when_it_is_back(
    db, log_in, stranger, some_posts, postgres_server, postgres_url
):
    ana = log_in("Ana", "admin")
    given = {"verdict": "confirmed", "note": "half typed <&>"}
    with shut(postgres_server, postgres_url):
        for person in (ana, stranger):
            for path in (
                "/",
                "/queue",
                "/queue/1",
                "/posts",
                "/posts/1",
                "/overview",
                "/agencies",
                "/login",
                "/healthz",
            ):
                answer = await person.get(path)
                if person is stranger and answer.status_code == 303:
                    continue  # to the log-in, which says it
                assert answer.status_code == 503, f"{path}: {answer.status_code}"
                assert "Wait a moment" in answer.text
                assert "psycopg" not in answer.text
        api = await ana.get("/api/v1/posts", headers={"Authorization": "Bearer swt_x"})
        assert (api.status_code, "does not answer" in api.text) == (503, True)
        answer = await ana.post("/queue/1", given)
        assert answer.status_code == 503
        assert "half typed &lt;&amp;&gt;</textarea>" in answer.text
        assert 'action="/queue/1"' in answer.text
    assert (await ana.get("/queue")).status_code == 200
    assert (await ana.post("/queue/1", given)).status_code == 303
    with db.read() as session:
        assert session.execute(sa.select(Review.note)).scalars().all() == ["half typed <&>"]
