"""The command line: thin; one function a command, one file a subject."""

import importlib
import os
import pkgutil
import sys

import click
import typer

from models.db import DatabaseError
from monitor.errors import SheriffwatchError, UsageError

app = typer.Typer(
    name="sheriffwatch",
    help="Reads sheriffs' offices' public posts, flags anti-immigrant rhetoric, keeps the evidence, alerts people.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def main() -> None:
    """Run the program: 0 done, 1 failed or unhealthy, 2 used wrongly; one sentence, never a traceback."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    _register_commands()

    try:
        code = app(args=arguments, prog_name="sheriffwatch", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except UsageError as error:
        return _fail(str(error), 2)
    except (SheriffwatchError, DatabaseError) as error:
        return _fail(str(error), 1)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _fail("Stopped.", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; nothing is wrong
        return 0
    except Exception as error:
        if os.environ.get("SHERIFFWATCH_DEBUG"):
            raise
        return _fail(
            f"Unexpected fault ({type(error).__name__}: {error}). Nothing stored is lost. "
            "Run again with SHERIFFWATCH_DEBUG=1 for the details, and report it.",
            1,
        )


def _register_commands() -> None:
    """Every file of this folder adds its commands to the program when it is imported."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


def _fail(sentence: str, code: int) -> int:
    print(f"sheriffwatch: {' '.join(sentence.split())}", file=sys.stderr)
    return code
