"""``sheriffwatch posts``, ``export`` and ``evidence show``"""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from models.clock import utcnow
from monitor import accounts, exports, posts
from monitor.captures import read_blob
from monitor.cli import app
from monitor.cli.common import (
    ConfigOption,
    JsonOption,
    Workspace,
    out,
    parse_since,
    print_json,
    print_table,
    shorten,
    workspace,
)
from monitor.errors import SheriffwatchError, UsageError
from monitor.exports import Format
from monitor.posts import KeptPost, PostFilter
from monitor.spreadsheets import write_xlsx

evidence = typer.Typer(help="What exactly was seen, and when.", no_args_is_help=True)
app.add_typer(evidence, name="evidence")


FlaggedOption = Annotated[bool, typer.Option("--flagged", help="Only flagged posts.")]
AccountsOption = Annotated[list[str] | None, typer.Option("--account", help="Only of these accounts.")]
SinceOption = Annotated[str | None, typer.Option(help="Posted since: 2026-11-01, or 7d, 12h.")]


@app.command("posts")
def list_posts(
    flagged: FlaggedOption = False,
    account: AccountsOption = None,
    since: SinceOption = None,
    search: Annotated[
        str, typer.Option(help='Words the text must have: "a phrase", OR, NOT or -word, begin*, parentheses.')
    ] = "",
    limit: Annotated[int, typer.Option(help="The most posts to show.", min=1)] = 50,
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """Posts that are kept, the newest first."""
    with workspace(config) as space, space.db.read() as session:
        wanted = _filter(space, flagged, account, since, search)
        found = list(posts.find(session, wanted, limit=limit))
        if json_:
            print_json([kept.to_dict() for kept in found])
            return
        print_table(
            "Posts",
            ["id", "posted", "account", "score", "verdict", "text"],
            (_line(kept) for kept in found),
        )


@app.command("export")
def export(
    format_: Annotated[Format, typer.Option("--format", help="jsonl, csv or xlsx.")] = Format.JSONL,
    all_: Annotated[bool, typer.Option("--all", help="All posts, not only the flagged ones.")] = False,
    account: AccountsOption = None,
    since: SinceOption = None,
    out_: Annotated[Path | None, typer.Option("--out", help="Write to this file, not to standard output.")] = None,
    config: ConfigOption = None,
) -> None:
    """Export posts: one object a post."""
    with workspace(config) as space, ExitStack() as stack:
        wanted = _filter(space, not all_, account, since, "")
        rows = exports.rows(space.db, wanted)
        if format_ is Format.XLSX:
            if out_ is None:
                raise UsageError("An xlsx export needs --out FILE.")
            write_xlsx(out_, rows)
            return
        stream = stack.enter_context(_open(out_)) if out_ else sys.stdout
        stream.writelines(exports.lines(format_, rows))


@evidence.command("show")
def show(
    post: Annotated[int, typer.Argument(metavar="POST")],
    raw: Annotated[bool, typer.Option("--raw", help="Write the exact bytes of the last capture.")] = False,
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """How a post was seen: every wording, with the captured answers it rests on."""
    with workspace(config) as space, space.db.read() as session:
        kept = posts.get(session, post)
        if kept is None:
            raise SheriffwatchError(f"There is no post {post}. “sheriffwatch posts” lists them.")
        captures = posts.captures_of(session, kept)
        if raw:
            body = read_blob(session, captures[-1].body_sha256) if captures else None
            if body is None:
                raise SheriffwatchError(f"No captured answer is kept for post {post}.")
            sys.stdout.buffer.write(body)
            return
        if json_:
            print_json({**kept.to_dict(), "captures": [capture.model_dump() for capture in captures]})
            return
        print_table(
            f"Wordings of post {post}: {kept.post.url}",
            ["first seen", "last seen", "sha256", "text"],
            ((v.first_seen_at, v.last_seen_at, v.content_sha256, v.readable()) for v in kept.versions),
        )
        print_table(
            "Captured answers",
            ["id", "answered", "status", "url", "sha256 of the body", "times"],
            ((c.id, c.answered_at, c.status, c.url, c.body_sha256, c.times_seen) for c in captures),
        )
        if kept.post.deleted_at:
            out.print(f"No longer shown at {kept.post.url} since {kept.post.missing_since}.", markup=False)


def _filter(space: Workspace, flagged: bool, account: list[str] | None, since: str | None, search: str) -> PostFilter:
    ids: list[int] = []
    if account:
        with space.db.read() as session:
            ids = [found.id for found in accounts.find(session, account) if found.id is not None]
    return PostFilter(flagged=flagged, account_ids=ids, since=parse_since(since, utcnow()), search=search)


def _line(kept: KeptPost) -> tuple[Any, ...]:
    row = kept.to_dict()
    posted = kept.post.posted_at or kept.post.first_seen_at
    score = "" if row["score"] is None else f"{row['score']:.2f}{' !' if row['flagged'] else ''}"
    text = ("[deleted] " if row["deleted"] else "") + shorten(row["text"])
    return (row["id"], f"{posted:%Y-%m-%d %H:%M}", row["account"], score, row["verdict"], text)


def _open(file: Path) -> TextIO:
    try:
        return file.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise SheriffwatchError(f"{file} cannot be written: {error.strerror}.") from None
