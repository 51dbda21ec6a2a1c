"""The whole circle: polled, scored, flagged, alerted, edited, deleted, reviewed, and nothing the second time."""

import contextlib
import hashlib
import io
import json

import pytest
import sqlalchemy as sa

from models import Alert, AlertState, Blob, Capture, Flag, Post, PostVersion, Score
from monitor import cli
from monitor.sample import SampleServer


@pytest.fixture
def sheriffwatch(config_file, capsys):
    """Runs one command and returns (exit code, standard output, standard error)."""

    def run(*arguments):
        code = cli.run([*arguments, "--config", str(config_file)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def watching(sheriffwatch, server: SampleServer, tmp_path):
    """All sample offices are watched."""
    file = tmp_path / "accounts.jsonl"
    file.write_text("\n".join(json.dumps(office) for office in server.accounts()))
    code, _, err = sheriffwatch("account", "import", str(file), "--check")
    assert code == 0, err
    return server


def poll(sheriffwatch):
    code, out, err = sheriffwatch("poll", "--once", "--json")
    return code, {row["account"]: row for row in json.loads(out)}, err


def due_again(db):
    with db.write() as session:
        session.execute(sa.text("UPDATE account SET next_poll_at = '2020-01-01 00:00:00' WHERE paused_at IS NULL"))


def count(db, table):
    with db.read() as session:
        return session.execute(sa.select(sa.func.count()).select_from(table)).scalar()


def test_posts_go_round_the_whole_circle(sheriffwatch, watching, db):
    code, polled, err = poll(sheriffwatch)
    assert code == 0, polled
    assert len(polled) == 8
    assert all(row["outcome"] == "ok" for row in polled.values())
    flagged = sum(row["flagged"] for row in polled.values())
    alerted = sum(row["alerted"] for row in polled.values())
    assert flagged >= alerted > 3
    assert "Score" in err, "alerts appear in the terminal when no other channel is set up"

    # Every text of the offices' own was scored, and its exact bytes are kept.
    assert count(db, Score) == count(db, PostVersion) - len(shared(db))
    assert count(db, Blob) >= 8

    # Again changes nothing.
    before = {table: count(db, table) for table in (Post, PostVersion, Score, Flag, Alert, Blob, Capture)}
    due_again(db)
    code, polled, _ = poll(sheriffwatch)
    assert all(row["outcome"] in ("ok", "unchanged") for row in polled.values())
    assert {table: count(db, table) for table in before} == before

    # An office edits one flagged post and takes another down.
    edited, deleted = flagged_posts(db, watching)[:2]
    watching.edit(edited["office"], edited["id"], "Come to the fair on Saturday, there will be pie.")
    watching.delete(deleted["office"], deleted["id"])
    due_again(db)
    code, polled, _ = poll(sheriffwatch)
    assert sum(row["edited"] for row in polled.values()) == 1
    assert sum(row["deleted"] for row in polled.values()) == 1
    assert sum(row["alerted"] for row in polled.values()) == 0

    rows = exported(sheriffwatch, "--all")
    assert [v["text"] for v in rows[edited["post"]]["versions"]][-1].startswith("Come to the fair")
    assert len(rows[edited["post"]]["versions"]) == 2
    assert rows[deleted["post"]]["deleted"]
    assert rows[deleted["post"]]["text"], "the text of a deleted post is kept"
    assert sum(row["deleted"] for row in rows.values()) == 1

    # People decide; the label stands in the export and the queue gets shorter.
    waiting = json.loads(sheriffwatch("review", "list", "--json")[1])
    first, second = waiting[0]["post_id"], waiting[1]["post_id"]
    assert sheriffwatch("review", "decide", str(first), "confirmed", "--reviewer", "ana")[0] == 0
    assert sheriffwatch("review", "decide", str(second), "rejected", "--reason", "quote", "--reviewer", "ben")[0] == 0
    rows = exported(sheriffwatch)
    assert (rows[first]["verdict"], rows[second]["verdict"]) == ("confirmed", "rejected")
    still = {row["post_id"] for row in json.loads(sheriffwatch("review", "list", "--json")[1])}
    assert not {first, second} & still

    code, out, _ = sheriffwatch("status", "--json")
    status = json.loads(out)
    assert status["healthy"], status["reasons"]
    assert code == 0
    assert status["outbox"]["sent"] == alerted
    assert status["outbox"]["queued"] == status["outbox"]["unknown"] == 0


def test_the_first_poll_of_an_account_is_silent_unless_asked(sheriffwatch, config_file, watching, db):
    config_file.write_text(config_file.read_text().replace("alert_on_backfill = true", "alert_on_backfill = false"))
    _, polled, _ = poll(sheriffwatch)
    assert sum(row["flagged"] for row in polled.values()) > 3
    assert count(db, Alert) == 0
    office = next(iter(watching.world))
    watching.publish(office.slug, "These criminal illegal aliens keep pouring over our border. Send them all back!")
    due_again(db)
    _, polled, err = poll(sheriffwatch)
    assert sum(row["alerted"] for row in polled.values()) == 1
    assert "criminal illegal aliens" in err


def test_one_broken_account_harms_no_other(sheriffwatch, watching):
    broken = list(watching.world)[:3]
    watching.break_account(broken[0].slug, status=500)
    watching.break_account(broken[1].slug, body="html")
    watching.break_account(broken[2].slug, body="empty")
    code, polled, _ = poll(sheriffwatch)
    assert code == 1
    assert sum(row["outcome"] == "ok" for row in polled.values()) == 5
    assert all(row["error"] for row in polled.values() if row["outcome"] != "ok")
    code, out, _ = sheriffwatch("status", "--json")
    assert code == 1
    assert len(json.loads(out)["reasons"]) == 3


@pytest.mark.parametrize(
    "faults",
    [
        [{"status": 404}, {"body": "empty"}],
        pytest.param([{"body": "html"}, {"status": 503}, {"status": 204}], marks=pytest.mark.slow),
    ],
)
def test_an_outage_of_an_account_never_looks_like_deletions(sheriffwatch, watching, db, faults):
    poll(sheriffwatch)
    posts = count(db, Post)
    for fault in faults:
        for office in watching.world:
            watching.break_account(office.slug, **fault)
        for _ in range(2):
            due_again(db)
            poll(sheriffwatch)
    for office in watching.world:
        watching.heal(office.slug)
    due_again(db)
    poll(sheriffwatch)
    with db.read() as session:
        assert session.execute(sa.select(sa.func.count()).where(Post.deleted_at.is_not(None))).scalar() == 0
    assert count(db, Post) == posts


def test_the_exact_bytes_of_an_answer_can_be_shown(config_file, watching, sheriffwatch, db):
    poll(sheriffwatch)
    with db.read() as session:
        version = session.execute(sa.select(PostVersion).limit(1)).scalar()
        capture = session.get(Capture, version.last_capture_id)
    shown = io.TextIOWrapper(io.BytesIO())
    with contextlib.redirect_stdout(shown):
        assert cli.run(["evidence", "show", str(version.post_id), "--raw", "--config", str(config_file)]) == 0
    assert hashlib.sha256(shown.buffer.getvalue()).hexdigest() == capture.body_sha256


def test_the_test_sentence_walks_through_everything(sheriffwatch, db):
    code, out, err = sheriffwatch("send-test", "--json")
    walk = json.loads(out)
    assert code == 0
    assert walk["alerts"] == [{"channel": "console", "state": "sent", "error": ""}]
    assert "Test:" in err
    assert exported(sheriffwatch, "--all") == {}, "the test sentence is no evidence"


def shared(db):
    with db.read() as session:
        return (
            session.execute(
                sa.select(PostVersion.id).join(Post, Post.id == PostVersion.post_id).where(Post.authorship == "shared")
            )
            .scalars()
            .all()
        )


def flagged_posts(db, server):
    """Flagged posts on platforms that can be asked for one post, with the office and id the server knows them by."""
    with db.read() as session:
        ours = dict(
            session.execute(
                sa.select(Post.external_id, Post.id)
                .join(Flag, Flag.post_id == Post.id)
                .join(Alert, Alert.flag_id == Flag.id)
                .where(Alert.state == AlertState.SENT)
            ).all()
        )
    return [
        {"office": office.slug, "id": post.id, "post": ours[server.external_id(office.slug, post.id)]}
        for office in server.world
        if office.platform != "feed"
        for post in office.posts
        if server.external_id(office.slug, post.id) in ours
    ]


def exported(sheriffwatch, *options):
    _, out, _ = sheriffwatch("export", "--format", "jsonl", *options)
    return {row["id"]: row for row in map(json.loads, out.splitlines())}
