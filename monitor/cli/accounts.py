"""``sheriffwatch account …``"""

import codecs
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
import typer
from sqlmodel import col

from classifier.tables import TableError, delimited, json_lines
from models.account import Account, Role
from models.agency import Agency
from models.clock import utcnow
from monitor import accounts
from monitor.accounts import NewAccount
from monitor.cli import app
from monitor.cli.common import ConfigOption, JsonOption, ago, err, out, print_json, print_table, run_async, workspace
from monitor.errors import FetchError, SheriffwatchError, UsageError
from monitor.learning.promotion import login
from monitor.scoring import TEST_PLATFORM

group = typer.Typer(help="The accounts that are watched.", no_args_is_help=True)
app.add_typer(group, name="account")

_COLUMNS = {"platform", "address", "handle", "url", "agency", "state", "name", "role", "interval_s"}


@group.command("add")
def add(
    platform: Annotated[str, typer.Argument(help="bluesky, mastodon, feed …")],
    address: Annotated[str, typer.Argument(metavar="HANDLE_OR_URL")],
    agency: Annotated[str, typer.Option(help="The agency's name, e.g. “Example County Sheriff”.")] = "",
    state: Annotated[str, typer.Option(help="Two letters.")] = "",
    name: Annotated[str, typer.Option(help="How the account is called here.")] = "",
    role: Annotated[Role, typer.Option(help="Whose account it is.")] = Role.OFFICE,
    interval: Annotated[float | None, typer.Option(help="Seconds between polls.", min=1)] = None,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Ask the platform who answers there.")] = True,
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """Watch an account from now on."""
    wanted = NewAccount(platform, address, agency, state, name, role, interval, added_by="cli")
    with workspace(config) as space:

        async def work() -> Account:
            async with space.web() as web:
                return await accounts.add(space.db, web, space.config, wanted, now=utcnow(), check=check)

        account = run_async(work)
    if json_:
        print_json({"id": account.id, "account": account.name, "platform": platform, "address": account.address})
    else:
        out.print(f"Watching {account.name} ({platform} {account.address}) as account {account.id}.", markup=False)


@group.command("list")
def list_(config: ConfigOption = None, json_: JsonOption = False) -> None:
    """All accounts that are watched."""
    with workspace(config) as space, space.db.read() as session:
        rows = session.execute(
            sa.select(Account, Agency)
            .outerjoin(Agency, col(Agency.id) == col(Account.agency_id))
            .where(col(Account.platform) != TEST_PLATFORM)
            .order_by(col(Account.id))
        ).all()
    if json_:
        print_json([_as_dict(account, agency) for account, agency in rows])
        return
    now = utcnow()
    print_table(
        "Accounts",
        ["id", "agency", "state", "platform", "account", "role", "health", "last ok"],
        (
            (
                account.id,
                agency.name if agency else "",
                agency.state if agency else "",
                account.platform,
                account.address,
                account.role.value,
                "paused" if account.paused_at else account.health.value,
                ago(account.last_ok_at, now),
            )
            for account, agency in rows
        ),
    )


@group.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV with a header, or JSONL: platform, address (or handle, url), …")],
    check: Annotated[bool, typer.Option("--check/--no-check", help="Ask each platform who answers there.")] = False,
    config: ConfigOption = None,
) -> None:
    """Watch all accounts of a file; a row that cannot be used is named and the others go on."""
    rows = _read_rows(file)
    added, refused = 0, 0
    with workspace(config) as space:

        async def work() -> None:
            nonlocal added, refused
            async with space.web() as web:
                for line, row in rows:
                    try:
                        await accounts.add(space.db, web, space.config, _wanted(row), now=utcnow(), check=check)
                        added += 1
                    except SheriffwatchError as error:
                        refused += 1
                        err.print(f"{file}:{line}: {error}", markup=False)

        run_async(work)
    out.print(f"{added} accounts added, {refused} rows refused.")
    if refused:
        raise typer.Exit(1)


@group.command("discover")
def discover(
    url: Annotated[str, typer.Argument(help="A web page of the office.")],
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """Find the feeds and accounts that a web page links to."""
    from monitor.discovery import discover as find

    with workspace(config) as space:

        async def work() -> list[dict[str, str]]:
            async with space.web() as web:
                return await find(web, space.config, url)

        try:
            found = run_async(work)
        except FetchError as error:
            raise SheriffwatchError(f"{url} could not be read: {error}") from None
    if json_:
        print_json(found)
        return
    for item in found:
        out.print(f"sheriffwatch account add {item['platform']} {item['address']}", markup=False, soft_wrap=True)
    if not found:
        raise SheriffwatchError(f"{url} links to no feed and no account that sheriffwatch can read.")


@group.command("pause")
def pause(words: Annotated[list[str], typer.Argument(metavar="ACCOUNT…")], config: ConfigOption = None) -> None:
    """Stop polling accounts; everything kept stays."""
    _set_paused(words, config, paused=True)


@group.command("resume")
def resume(words: Annotated[list[str], typer.Argument(metavar="ACCOUNT…")], config: ConfigOption = None) -> None:
    """Poll paused accounts again, from now on."""
    _set_paused(words, config, paused=False)


@group.command("verify")
def verify(
    words: Annotated[list[str], typer.Argument(metavar="ACCOUNT…")],
    page: Annotated[str, typer.Option("--from", help="The page that shows that it is the office's own.")],
    by: Annotated[str, typer.Option("--by", help="Who saw it. Default: your login name.")] = "",
    config: ConfigOption = None,
) -> None:
    """Write down that an account belongs to its office, and the page that shows it."""
    with workspace(config) as space, space.db.write() as session:
        for account in accounts.find(session, words):
            accounts.verify(session, account, page=page, by=by or login(), now=utcnow())
            out.print(f"{account.name or account.address}: verified.", markup=False)


def _set_paused(words: list[str], config: Path | None, *, paused: bool) -> None:
    change = accounts.pause if paused else accounts.resume
    with workspace(config) as space, space.db.write() as session:
        for account in accounts.find(session, words):
            change(session, account, by="cli", now=utcnow())
            out.print(f"{account.name or account.address}: {'paused' if paused else 'resumed'}.", markup=False)


def _read_rows(file: Path) -> list[tuple[int, dict[str, Any]]]:
    try:
        with file.open("rb") as stream:
            first = stream.read(1000).removeprefix(codecs.BOM_UTF8).lstrip()[:1]
        if first == b"{":
            return list(json_lines(file))
        rows = list(delimited(file, ","))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None
    except TableError as error:
        raise UsageError(f"{error}. Accounts are read from CSV and from JSON lines; nothing was added.") from None
    if rows and "platform" not in rows[0][1]:
        raise UsageError(f"{file} has no column “platform”. Columns: {', '.join(sorted(_COLUMNS))}.")
    return rows


def _wanted(row: dict[str, Any]) -> NewAccount:
    value = {key: str(row.get(key) or "").strip() for key in _COLUMNS}
    address = value["address"] or value["handle"] or value["url"]
    if not address:
        raise UsageError("the row has neither an address, a handle nor a url.")
    try:
        role = Role(value["role"]) if value["role"] else Role.OFFICE
        interval = float(value["interval_s"]) if value["interval_s"] else None
    except ValueError as error:
        raise UsageError(f"{error}. Roles: {', '.join(role.value for role in Role)}.") from None
    return NewAccount(
        value["platform"], address, value["agency"], value["state"], value["name"], role, interval, added_by="import"
    )


def _as_dict(account: Account, agency: Agency | None) -> dict[str, Any]:
    return {
        "id": account.id,
        "account": account.name or account.address,
        "platform": account.platform,
        "address": account.address,
        "external_id": account.external_id,
        "agency": agency.name if agency else "",
        "state": agency.state if agency else "",
        "role": account.role,
        "health": account.health,
        "paused": account.paused_at is not None,
        "added_at": account.added_at,
        "last_ok": account.last_ok_at,
        "interval_s": account.interval_s,
    }
