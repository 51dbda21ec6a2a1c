"""What users get wrong gets one sentence, the right exit code, and leaves nothing half done."""

import json
import re
import subprocess
import sys

import pytest
import sqlalchemy as sa

from models import Account, Event
from monitor import cli


@pytest.fixture
def sheriffwatch(config_file, capsys):
    """Runs one command and returns (exit code, standard output, standard error)."""

    def run(*arguments):
        code = cli.run([*arguments, "--config", str(config_file)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def accounts(db):
    with db.read() as session:
        return session.execute(sa.select(sa.func.count(Account.id))).scalar()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["account", "add", "myspace", "sheriff"], 2, "Unknown platform “myspace”.*bluesky.*feed.*mastodon"),
        (["account", "add", "bluesky", "not a handle"], 2, "not a handle"),
        (["account", "add", "bluesky", "nobody.example"], 1, "nobody.example"),
        (["account", "add", "bluesky", "sheriff.pinon-county.example", "--state", "Ohio"], 2, "Ohio.*two-letter"),
        (["account", "add", "feed", "ftp://x/feed"], 2, "ftp"),
        (["account", "pause", "nobody"], 2, "No account “nobody” is watched"),
        (["poll"], 2, "--once"),
        (["poll", "--once", "--account", "nobody"], 2, "No account “nobody”"),
        (["review", "decide", "999", "confirmed", "--reviewer", "ana"], 1, "no post 999"),
        (["review", "decide", "999", "confirmed", "--theme", "nonsense", "--reviewer", "ana"], 2, "Unknown theme"),
        (["review", "decide", "1", "rejected", "--reason", "nonsense", "--reviewer", "ana"], 2, "Unknown reason"),
        (["posts", "--since", "last week"], 2, "last week.*not a date"),
        (["evidence", "show", "999"], 1, "no post 999"),
        (["export", "--format", "xlsx"], 2, "--out"),
        (["account", "import", "nowhere.csv"], 2, "nowhere.csv cannot be read"),
    ],
)
def test_a_mistake_gets_one_sentence_and_its_exit_code(sheriffwatch, db, arguments, code, said):
    got, out, err = sheriffwatch(*arguments)
    assert got == code, err
    assert re.search(said, err)
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in out + err
    assert accounts(db) == 0


def test_a_web_page_that_is_no_feed_offers_the_feeds_it_links_to(sheriffwatch, server, db):
    feed = next(row["address"] for row in server.accounts("feed"))
    page = feed.rsplit("/", 1)[0] + "/"
    code, _, err = sheriffwatch("account", "add", "feed", page)
    assert code == 1
    assert feed in err
    assert accounts(db) == 0


def test_discover_finds_the_feeds_of_a_page_and_says_how_to_add_them(sheriffwatch, server):
    feed = next(row["address"] for row in server.accounts("feed"))
    code, out, err = sheriffwatch("account", "discover", feed.rsplit("/", 1)[0] + "/")
    assert code == 0, err
    assert f"account add feed {feed}" in out


def test_an_account_that_is_watched_already_is_not_watched_twice(sheriffwatch, db):
    add = ["account", "add", "bluesky", "sheriff.pinon-county.example"]
    assert sheriffwatch(*add)[0] == 0
    code, _, err = sheriffwatch("account", "add", "bluesky", "@Sheriff.Pinon-County.Example")
    assert code == 1
    assert "watched already" in err
    assert accounts(db) == 1


def test_bad_rows_of_an_import_are_named_and_the_others_go_on(sheriffwatch, server, db, tmp_path):
    good = server.accounts("bluesky")[0]
    file = tmp_path / "accounts.csv"
    file.write_text(
        "platform,handle,agency,state\n"
        f"bluesky,{good['address']},Pinon County Sheriff,NM\n"
        "myspace,sheriff,Old County Sheriff,OH\n"
        "bluesky,,Nameless County Sheriff,OH\n"
    )
    code, out, err = sheriffwatch("account", "import", str(file))
    assert code == 1
    assert "1 accounts added, 2 rows refused" in out
    assert "accounts.csv:3" in err.replace("\n", "")
    assert "accounts.csv:4" in err.replace("\n", "")
    assert accounts(db) == 1


@pytest.mark.parametrize("line", ["3", "[1]", "{broken", '"text"'])
def test_a_line_of_an_import_that_is_no_object_is_named_and_nothing_is_added(sheriffwatch, db, tmp_path, line):
    file = tmp_path / "accounts.jsonl"
    file.write_text('{"platform": "feed", "url": "https://office.example/feed"}\n' + line + "\n")
    code, out, err = sheriffwatch("account", "import", str(file), "--no-check")
    assert code == 2
    assert "accounts.jsonl, line 2" in err.replace("\n", "")
    assert "Traceback" not in out + err
    assert accounts(db) == 0


def test_a_json_line_without_a_platform_is_named_and_the_others_go_on(sheriffwatch, db, tmp_path):
    file = tmp_path / "accounts.jsonl"
    file.write_text('{"url": "https://a.example/feed"}\n{"platform": "feed", "url": "https://b.example/feed"}\n')
    code, _, err = sheriffwatch("account", "import", str(file), "--no-check")
    assert code == 1
    assert "accounts.jsonl:1" in err.replace("\n", "")
    assert accounts(db) == 1


def test_a_cell_of_an_import_may_hold_a_line_break(sheriffwatch, db, tmp_path):
    file = tmp_path / "accounts.csv"
    file.write_text('platform,url,name\nfeed,https://a.example/feed,"Two\nlines"\nmyspace,x,y\n')
    code, _, err = sheriffwatch("account", "import", str(file), "--no-check")
    assert code == 1
    assert accounts(db) == 1
    assert "accounts.csv:4" in err.replace("\n", ""), "lines are counted as an editor counts them"


def test_a_paused_account_is_not_polled_until_it_is_resumed(sheriffwatch, db):
    sheriffwatch("account", "add", "bluesky", "sheriff.pinon-county.example")
    sheriffwatch("account", "pause", "sheriff.pinon-county.example")
    assert json.loads(sheriffwatch("poll", "--once", "--json")[1]) == []
    sheriffwatch("account", "resume", "1")
    (polled,) = json.loads(sheriffwatch("poll", "--once", "--json")[1])
    assert polled["outcome"] == "ok"
    with db.read() as session:
        kinds = session.execute(sa.select(Event.kind).order_by(Event.id)).scalars().all()
    assert [kind for kind in kinds if kind.startswith("account.")] == [
        "account.added",
        "account.paused",
        "account.resumed",
    ]


def test_poll_says_of_each_account_what_came_of_it(sheriffwatch):
    sheriffwatch("account", "add", "bluesky", "sheriff.pinon-county.example")
    (polled,) = json.loads(sheriffwatch("poll", "--once", "--json")[1])
    assert {
        "account",
        "outcome",
        "error",
        "new",
        "edited",
        "deleted",
        "flagged",
        "alerted",
        "seconds",
    } <= set(polled)


def test_doctor_looks_at_everything_and_says_so(sheriffwatch, db):
    code, out, _err = sheriffwatch("doctor", "--json")
    findings = {finding["what"]: finding for finding in json.loads(out)}
    assert code == 0, out
    assert {"database", "SQLite", "durability", "disk", "clock", "classifier", "channel console"} <= set(findings)


def test_a_backup_can_be_restored_elsewhere(sheriffwatch, db, tmp_path, config_file):
    if not db.is_sqlite:
        pytest.skip("PostgreSQL has pg_dump")
    sheriffwatch("account", "add", "bluesky", "sheriff.pinon-county.example")
    assert sheriffwatch("backup", str(tmp_path / "copy.db"))[0] == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "config.toml").write_text("")
    assert cli.run(["restore", str(tmp_path / "copy.db"), "--config", str(elsewhere / "config.toml")]) == 0
    assert cli.run(["account", "list", "--json", "--config", str(elsewhere / "config.toml")]) == 0


def test_a_file_that_is_no_backup_is_refused(sheriffwatch, db, tmp_path):
    if not db.is_sqlite:
        pytest.skip("PostgreSQL has pg_restore")
    (tmp_path / "letter.txt").write_text("Dear Sheriff")
    code, _, err = sheriffwatch("restore", str(tmp_path / "letter.txt"))
    assert code == 1
    assert "no sheriffwatch backup" in err


def test_init_overwrites_nothing(tmp_path, capsys):
    file = tmp_path / "config.toml"
    assert cli.run(["init", "--config", str(file)]) == 0
    file.write_text("[poll]\ninterval_s = 77\n")
    assert cli.run(["init", "--config", str(file)]) == 0
    assert "77" in file.read_text()


def test_a_database_that_cannot_be_opened_is_one_sentence(tmp_path, capsys):
    file = tmp_path / "config.toml"
    file.write_text('[database]\nurl = "sqlite:///nowhere/at/all.db"\n')
    assert cli.run(["status", "--config", str(file)]) == 1
    err = capsys.readouterr().err
    assert "cannot be opened" in err
    assert len(err.strip().splitlines()) == 1


def test_the_program_starts_as_a_program():
    said = subprocess.run([sys.executable, "-m", "monitor", "--help"], capture_output=True, text=True, timeout=60)
    assert said.returncode == 0
    for command in ("account", "poll", "run", "status", "review", "export", "doctor", "demo", "send-test"):
        assert command in said.stdout


def test_exports_of_a_spreadsheet_compute_nothing(sheriffwatch, server, tmp_path):
    sheriffwatch("account", "add", "bluesky", "sheriff.pinon-county.example")
    server.publish("pinon", '=HYPERLINK("https://evil.example","click")')
    sheriffwatch("poll", "--once")
    file = tmp_path / "posts.csv"
    assert sheriffwatch("export", "--format", "csv", "--all", "--out", str(file))[0] == 0
    assert "'=HYPERLINK" in file.read_text("utf-8")
    book = tmp_path / "posts.xlsx"
    assert sheriffwatch("export", "--format", "xlsx", "--all", "--out", str(book))[0] == 0
    import zipfile

    with zipfile.ZipFile(book) as parts:
        sheets = "".join(parts.read(name).decode() for name in parts.namelist() if name.endswith(".xml"))
    assert "=HYPERLINK" in sheets
    assert "<f>" not in sheets
