import os
import subprocess
import sys

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from models import Agency, Event, Flag, Post, Review, Verdict
from models.db import MIGRATIONS, SCHEMA, DatabaseError, open_db, schema_version
from tests.monitor.made_posts import make_office, make_post


def test_a_new_database_has_this_releases_schema(db):
    assert schema_version(db) == SCHEMA


def test_tables_and_migrations_say_the_same(db):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlmodel import SQLModel

    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        differences = [d for d in compare_metadata(context, SQLModel.metadata) if "post_fts" not in str(d)]
    assert differences == []


def test_verdicts_that_stood_before_are_brought_along(db):
    with db.write() as session:
        office = make_office(session)
        posts = [make_post(session, office, f"Post {n}.", number=n, verdict="confirmed") for n in range(3)]
        session.add(Review(post_id=posts[1].id, reviewer="ben", verdict=Verdict.REJECTED))
        session.add(Review(post_id=posts[2].id, reviewer="ana", verdict=Verdict.REJECTED))
        make_post(session, office, "Nobody decided.", number=9)
    migrate(db, "0005")
    assert schema_version(db) == "0005"
    migrate(db, "head")
    with db.read() as session:
        kept = session.execute(sa.select(Post.verdict).order_by(Post.id)).scalars()
        assert list(kept) == ["confirmed", "unsure", "rejected", ""]


def test_a_flag_knows_whose_post_it_is_also_one_that_stood_before(db):
    with db.write() as session:
        other = make_office(session)
        office = make_office(session, "Sample County Sheriff", "TX", "mastodon", "s@s.test")
        session.add(Flag(post_id=make_post(session, office, "Before.").id, probability=0.9))
    migrate(db, "0007")
    migrate(db, "head")
    with db.write() as session:
        session.add(Flag(post_id=make_post(session, other, "After.").id, probability=0.9))
    with db.read() as session:
        assert list(session.execute(sa.select(Flag.account_id).order_by(Flag.id)).scalars()) == [2, 1]


def migrate(db, revision):
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with db._lock, db._writing.begin() as connection:
        config.attributes["connection"] = connection
        (command.downgrade if revision < "head" else command.upgrade)(config, revision)


def test_sqlite_is_durable_after_power_loss(tmp_path):
    db = open_db(f"sqlite:///{tmp_path / 'a.db'}")
    with db.engine.connect() as connection:
        assert connection.execute(sa.text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(sa.text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(sa.text("PRAGMA foreign_keys")).scalar() == 1
    db.close()


def test_a_write_that_fails_leaves_nothing_behind(db):
    def write_and_fail():
        with db.write() as session:
            session.add(Event(kind="test"))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    with db.read() as session:
        assert session.execute(sa.select(sa.func.count(Event.id))).scalar() == 0


def test_a_database_of_a_newer_release_is_refused(database_url):
    db = open_db(database_url)
    with db.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    db.close()
    with pytest.raises(DatabaseError, match=r"9999.*newer release"):
        open_db(database_url)


def test_a_file_that_is_no_database_is_refused_and_untouched(tmp_path):
    file = tmp_path / "letter.db"
    file.write_text("Dear Sheriff, this is a letter and no database. " * 50)
    with pytest.raises(DatabaseError, match="not a database"):
        open_db(f"sqlite:///{file}")
    assert file.read_text().startswith("Dear Sheriff")


@pytest.mark.parametrize("url", ["mysql://x/y", "not a url", "sqlite://"])
def test_a_url_that_cannot_work_is_refused_with_a_sentence(url):
    with pytest.raises(DatabaseError, match=r"database\.url"):
        open_db(url)


def test_the_database_file_is_private(tmp_path):
    open_db(f"sqlite:///{tmp_path / 'a.db'}").close()
    assert os.stat(tmp_path / "a.db").st_mode & 0o077 == 0


@pytest.mark.slow
def test_two_processes_that_write_at_once_both_succeed(tmp_path):
    url = f"sqlite:///{tmp_path / 'a.db'}"
    open_db(url).close()
    program = (
        "import sys; from models import Event; from models.db import open_db\n"
        "db = open_db(sys.argv[1])\n"
        "for n in range(40):\n"
        "    with db.write() as session: session.add(Event(kind=sys.argv[2]))\n"
        "db.close()\n"
    )
    both = [subprocess.Popen([sys.executable, "-c", program, url, name]) for name in ("a", "b")]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    db = open_db(url)
    with db.read() as session:
        assert session.execute(sa.select(sa.func.count(Event.id))).scalar() == 80
    db.close()


def test_a_writer_that_waits_too_long_is_told_that_the_database_is_busy(db, monkeypatch):
    if not db.is_sqlite:
        pytest.skip("PostgreSQL lets several write at once")
    monkeypatch.setattr("models.db.BUSY_TIMEOUT_S", 0.05)
    other = open_db(f"sqlite:///{db.path}")
    with db.write(), pytest.raises(DatabaseError, match="busy"), other.write():
        pass
    other.close()


def test_an_agency_is_known_by_its_name_however_it_is_spelled():
    assert (
        Agency.named("Piñon County Sheriff’s  Office").name_key
        == Agency.named("PINON COUNTY SHERIFF'S OFFICE").name_key
    )
