"""Where the parts of a chart lie. The templates draw them as SVG: across in percent, so that a chart takes any width
and its words keep their size; the colours are the style sheet's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

GAP = 0.22
"""Share of a column's width that is left free."""


@dataclass(frozen=True)
class Part:
    """One coloured piece of a column."""

    kind: str
    """A class of the style sheet."""
    y: float
    height: float


@dataclass(frozen=True)
class Column:
    """One column, with its label below when there is room for one."""

    x: str
    width: str
    middle: str
    parts: list[Part]
    label: str
    words: str
    """What it says, in words."""


@dataclass(frozen=True)
class Tick:
    """One line across."""

    y: float
    label: str


@dataclass(frozen=True)
class Columns:
    """A chart of columns."""

    height: int
    floor: float
    columns: list[Column]
    ticks: list[Tick]

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands in it."""
        return not any(column.parts for column in self.columns)

    def told(self, words: Sequence[str]) -> "Columns":
        """The same chart with other words for its columns."""
        return replace(self, columns=[replace(c, words=said) for c, said in zip(self.columns, words, strict=True)])


def columns(
    labels: Sequence[str],
    series: Sequence[tuple[str, str, Sequence[float]]],
    *,
    height: int = 160,
    every: int = 1,
    top: float | None = None,
    unit: str = "",
    bare: bool = False,
    lines: bool = True,
) -> Columns:
    """Columns of series that stand on the same floor, the later one in front: each with its class, name and values.

    ``every`` labels one column in so many, from the last one back. ``top`` is the value at the upper edge, for charts
    that are to be compared; ``bare`` leaves out the labels, too, without ``lines`` only the lines across.
    """
    count = len(labels)
    above, below = (4, 2) if bare else (18, 22) if lines else (4, 22)
    floor = float(height - below)
    most = nice_top(max((value for _, _, values in series for value in values), default=0.0)) if top is None else top
    step = 100 / max(1, count)
    drawn = []
    for n, label in enumerate(labels):
        parts = [
            Part(
                kind,
                round(floor - _share(values[n], most) * (floor - above), 2),
                round(_high(values[n], most, floor - above), 2),
            )
            for kind, _, values in series
            if values[n] > 0
        ]
        words = ", ".join(f"{_number(values[n])}{unit} {name}" for _, name, values in series)
        drawn.append(
            Column(
                x=_percent(n * step + step * GAP / 2),
                width=_percent(step * (1 - GAP)),
                middle=_percent(n * step + step / 2),
                parts=parts,
                label=label if not bare and (count - 1 - n) % every == 0 else "",
                words=f"{label}: {words}",
            )
        )
    ticks = (
        []
        if bare or not lines
        else [
            Tick(round(floor - share * (floor - above), 2), f"{_number(share * most)}{unit}")
            for share in (0.5, 1.0)
            if most
        ]
    )
    return Columns(height, floor, drawn, ticks)


def nice_top(value: float) -> float:
    """The next round number, so that half of it is round as well."""
    if value <= 0:
        return 0.0
    if value > 1:
        value = max(value, 2)
    size = 10.0 ** math.floor(math.log10(value))
    return next((step * size for step in (1, 2, 4, 6, 8, 10) if step * size >= value - 1e-12), 10 * size)


def shares(parts: Sequence[tuple[str, float]]) -> list[tuple[str, str, str]]:
    """Pieces of one whole, side by side: each with its class, where it begins and how wide it is."""
    laid, at = [], 0.0
    for kind, share in parts:
        if share > 0:
            laid.append((kind, _percent(at * 100), _percent(share * 100)))
        at += share
    return laid


def level(value: float, most: float, levels: int = 4) -> int:
    """Which shade a value has: 0 for nothing, else 1 to ``levels`` by the square root, so that small ones show."""
    if value <= 0 or most <= 0:
        return 0
    return max(1, min(levels, math.ceil(levels * math.sqrt(value / most))))


def _share(value: float, most: float) -> float:
    return min(1.0, value / most) if most else 0.0


def _high(value: float, most: float, room: float) -> float:
    """At least one and a half pixels: what is there is seen."""
    return max(1.5, _share(value, most) * room)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}" if value >= 1 else f"{value:.2g}"


def _percent(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") + "%"
