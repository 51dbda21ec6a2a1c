"""``sheriffwatch user …``: who may use the review page."""

import getpass
import sys
from typing import Annotated

import typer

from models.clock import utcnow
from models.user import UserRole
from monitor import users
from monitor.cli import app
from monitor.cli.common import ConfigOption, JsonOption, Workspace, ago, out, print_json, print_table, workspace
from monitor.errors import UsageError

group = typer.Typer(help="People who use the review page, and what they may do there.", no_args_is_help=True)
app.add_typer(group, name="user")

Name = Annotated[str, typer.Argument(metavar="NAME")]
FromInput = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of making a link.")
]


@group.command("add")
def add(
    name: Name,
    role: Annotated[UserRole, typer.Option(help="viewer, reviewer, lead or admin.")] = UserRole.REVIEWER,
    slack_id: Annotated[str, typer.Option(help="Who this is in Slack: U0123456789.")] = "",
    password_stdin: FromInput = False,
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """Add somebody, and print the link with which they choose a password."""
    password = _read_password() if password_stdin else ""
    with workspace(config) as space:
        user = users.add(space.db, name, role, by=_me(), now=utcnow(), slack_id=slack_id)
        if password:
            users.set_password(space.db, user.name, password, by=_me(), now=utcnow())
        link = "" if password else _link(space, user.name)
    if json_:
        print_json({"name": user.name, "role": user.role, "link": link or None})
    else:
        out.print(f"{user.name} is added, with the role {user.role.value}.", markup=False)
        if link:
            out.print(f"Their link, once, within three days: {link}", markup=False, soft_wrap=True)


@group.command("list")
def list_(config: ConfigOption = None, json_: JsonOption = False) -> None:
    """Everybody who may use the page, or could."""
    with workspace(config) as space, space.db.read() as session:
        people = users.all_of(session)
    if json_:
        print_json(
            [
                {
                    "name": user.name,
                    "role": user.role,
                    "slack_id": user.slack_id,
                    "created_at": user.created_at,
                    "disabled_at": user.disabled_at,
                    "has_password": bool(user.password_hash),
                }
                for user in people
            ]
        )
        return
    now = utcnow()
    print_table(
        "Users",
        ["name", "role", "slack id", "added", "state"],
        (
            (
                user.name,
                user.role.value,
                user.slack_id,
                ago(user.created_at, now),
                "disabled" if user.disabled_at else "active" if user.password_hash or user.oidc_subject else "invited",
            )
            for user in people
        ),
    )


@group.command("invite")
def invite(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Nobody: the first user.")] = "",
    config: ConfigOption = None,
) -> None:
    """Print a new link with which somebody chooses a password, once."""
    with workspace(config) as space:
        if not name:
            with space.db.read() as session:
                if users.any_user(session):
                    raise UsageError("Somebody can log in already. Name the user whom the link is for.")
        out.print(_link(space, name), markup=False, soft_wrap=True)


@group.command("password")
def password(name: Name, password_stdin: FromInput = False, config: ConfigOption = None) -> None:
    """Set somebody's password; all their sessions end."""
    new = _read_password() if password_stdin else _ask_password()
    with workspace(config) as space:
        user = users.set_password(space.db, name, new, by=_me(), now=utcnow())
    out.print(f"{user.name} has a new password. Sessions that were open have ended.", markup=False)


@group.command("role")
def role(
    name: Name,
    role: Annotated[UserRole, typer.Argument(help="viewer, reviewer, lead or admin")],
    config: ConfigOption = None,
) -> None:
    """Give somebody another role."""
    with workspace(config) as space:
        user = users.set_role(space.db, name, role, by=_me(), now=utcnow())
    out.print(f"{user.name} is now {user.role.value}.", markup=False)


@group.command("disable")
def disable(
    name: Name,
    undo: Annotated[bool, typer.Option("--undo", help="Let them in again.")] = False,
    config: ConfigOption = None,
) -> None:
    """Let somebody in no more. Their verdicts stay."""
    with workspace(config) as space:
        change = users.enable if undo else users.disable
        user = change(space.db, name, by=_me(), now=utcnow())
    out.print(f"{user.name} can {'log in again' if undo else 'no longer log in'}.", markup=False)


def _link(space: Workspace, name: str) -> str:
    web = space.config.web
    base = web.base_url.rstrip("/") or f"http://{web.host}:{web.port}"
    return f"{base}/welcome/{users.invite(space.db, name, by=_me(), now=utcnow())}"


def _read_password() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _ask_password() -> str:
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask at: give the password with --password-stdin.")
    first = getpass.getpass("New password: ")
    if first != getpass.getpass("The same again: "):
        raise UsageError("The two passwords differ.")
    return first


def _me() -> str:
    return f"cli:{getpass.getuser()}"
