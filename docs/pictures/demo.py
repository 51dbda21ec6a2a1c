"""Draws docs/images/demo.svg: the demo as a terminal shows it. Run by ``make pictures``."""

import asyncio
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from monitor import demo
from monitor.alerts import Message
from monitor.alerts import console as channel
from monitor.logs import configure_logging

IMAGE = Path(__file__).parents[1] / "images" / "demo.svg"
MOST_ALERTS = 2


def main() -> None:
    """Run the demo and keep what it says as a picture."""
    configure_logging("critical")
    screen = Console(record=True, width=100, file=open("/dev/null", "w"), highlight=False)  # noqa: SIM115
    shown: list[Message] = []

    def show(message: Message, _stream: object) -> None:
        shown.append(message)
        if len(shown) <= MOST_ALERTS:
            screen.print(channel.panel(message))
        elif len(shown) == MOST_ALERTS + 1:
            screen.print("  … and the other alerts …", style="dim")

    channel.print_message = show
    screen.print("$ make demo", style="bold")
    done = asyncio.run(demo.run(lambda line: screen.print(line, markup=False)))
    table = Table(title="What happened", title_justify="left", show_header=False)
    for name, value in done.rows:
        table.add_row(name, "demo.db" if name == "Database" else value)
    screen.print(table)
    IMAGE.write_text(screen.export_svg(title="sheriffwatch demo"), "utf-8")
    sys.stdout.write(f"{IMAGE} ({len(shown)} alerts)\n")


if __name__ == "__main__":
    main()
