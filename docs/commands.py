"""Writes docs/reference/commands.md from the program itself, by ``make reference``; a test holds them together."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from monitor import cli

PAGE = Path(__file__).parent / "reference" / "commands.md"
_HEAD = """\
# Commands

Written by `make reference` from the program itself. Every command takes `--config FILE` (default: `./config.toml` if
there is one); every reading command takes `--json`. Exit codes: 0 done, 1 failed or unhealthy, 2 used wrongly.
"""
_EVERYWHERE = {"config", "json_"}


def page() -> str:
    """The whole reference as Markdown."""
    cli._register_commands()
    program = typer.main.get_command(cli.app)
    return "\n".join([_HEAD, *(_section(name, command) for name, command in _commands(program, "sheriffwatch"))])


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word in sorted(inner):
        yield from _commands(inner[word], f"{name} {word}")


def _section(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name not in _EVERYWHERE]
    usage = " ".join([name, *(p.metavar or str(p.name).upper() for p in arguments)])
    lines = [f"## {name}", "", " ".join((command.help or "").split()), "", f"    {usage}", ""]
    for option in options:
        words = ", ".join(f"`{word}`" for word in [*option.opts, *option.secondary_opts])
        lines.append(f"- {words}: {' '.join((option.help or '').split())}")
    return "\n".join([*lines, ""] if options else lines)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    sys.stdout.write(f"{PAGE}\n")
