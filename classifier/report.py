"""An evaluation as a terminal table, JSON, Markdown, or one HTML page with plots that need no script."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from classifier.evaluation import AtPrevalence, Figure, Report

if TYPE_CHECKING:
    from rich.console import Group as Renderable

_TITLES = {
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "average_precision": "Average precision",
    "recall_at_p90": "Recall at precision .90",
    "ordinary_flagged": "Ordinary posts flagged",
    "hard_flagged": "Hard negatives flagged",
    "accuracy": "Accuracy",
    "alert_recall": "Recall of alerts",
    "alert_precision": "Precision of alerts",
    "brier": "Brier score",
}
Table = tuple[str, Sequence[str], list[Sequence[str]]]


def as_json(report: Report) -> str:
    """Return the report as indented JSON."""
    return json.dumps(report.to_dict(), indent=2, ensure_ascii=False)


def tables(report: Report) -> Iterable[Table]:
    """Yield (title, headings, rows), the same for every form."""
    yield (
        f"{report.rows} texts, {report.matches} matches, queue {report.thresholds.queue:g}, "
        f"alert {report.thresholds.alert:g}",
        ("figure", "value", "95 % interval"),
        [(_TITLES[name], _number(figure.value), _interval(figure)) for name, figure in report.figures.items()],
    )
    yield (
        "Precision by prevalence (share of matches among posts)",
        ("prevalence", "queue", "interval", "alert", "interval"),
        [_prevalence(line) for line in report.prevalences],
    )
    for by, groups in report.groups.items():
        yield (
            f"By {by}",
            (by, "texts", "matches", "flagged", "right"),
            [(g.name, str(g.rows), str(g.matches), str(g.flagged), _number(g.accuracy)) for g in groups],
        )
    if report.themes:
        yield (
            "By theme",
            ("theme", "texts", "precision", "recall", "F1"),
            [(t.theme, str(t.rows), _number(t.precision), _number(t.recall), _number(t.f1)) for t in report.themes],
        )
    yield (
        "Reliability: what was said, what came true",
        ("probability", "texts", "said", "true"),
        [(f"{b.low:.1f} to {b.high:.1f}", str(b.rows), _number(b.said), _number(b.true)) for b in report.reliability],
    )
    for title, mistakes in (("Missed", report.missed), ("Flagged wrongly", report.false_alarms)):
        if mistakes:
            yield (
                title,
                ("probability", "kind", "text"),
                [(_number(m.probability), m.kind, " ".join(m.text.split())[:160]) for m in mistakes],
            )


def as_terminal(report: Report) -> Renderable:
    """Return what ``rich`` prints."""
    from rich import box
    from rich.console import Group
    from rich.table import Table as RichTable
    from rich.text import Text

    shown: list[RichTable | Text] = [Text(f"Classifier {report.version}", style="bold")]
    for title, headings, rows in tables(report):
        table = RichTable(title=title, title_justify="left", box=box.SIMPLE_HEAD)
        for heading in headings:
            table.add_column(heading)
        for row in rows:
            table.add_row(*map(Text, row))
        shown.append(table)
    return Group(*shown)


def as_markdown(report: Report) -> str:
    """Return the report as Markdown."""
    parts = [f"# Classifier {report.version}"]
    for title, headings, rows in tables(report):
        lines = [headings, ["---"] * len(headings), *([_cell(value) for value in row] for row in rows)]
        parts.append(f"## {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines))
    return "\n\n".join(parts) + "\n"


def as_html(report: Report) -> str:
    """Return one self-contained page; texts of posts are escaped."""
    parts = []
    for title, headings, rows in tables(report):
        head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        parts.append(f"<h2>{escape(title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    plots = _plot("Precision over recall", report.curve, joined=True) + _plot(
        "Reliability: true share over probability said", [(b.said, b.true) for b in report.reliability], joined=False
    )
    title = f"Classifier {escape(report.version)}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>"
        f"<body><h1>{title}</h1><div>{plots}</div>{''.join(parts)}</body></html>\n"
    )


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left;border-bottom:1px solid #ddd;"
    "vertical-align:top}svg{margin-right:2rem}h2{font-size:1.05rem;margin-top:2rem}"
)


def _plot(title: str, points: Sequence[tuple[float, float]], *, joined: bool) -> str:
    size, edge = 240, 30

    def place(x: float, y: float) -> str:
        return f"{edge + x * size:.1f},{edge + (1 - y) * size:.1f}"

    marks = "".join(
        f'<circle cx="{place(x, y).split(",")[0]}" cy="{place(x, y).split(",")[1]}" r="4" fill="#0b5cad"/>'
        for x, y in points
    )
    line = (
        f'<polyline points="{" ".join(place(x, y) for x, y in points)}" fill="none" stroke="#0b5cad" stroke-width="2"/>'
    )
    diagonal = "" if joined else f'<polyline points="{place(0, 0)} {place(1, 1)}" stroke="#aaa" stroke-dasharray="4"/>'
    scale = "".join(
        f'<text x="{edge + t * size}" y="{edge + size + 16}" text-anchor="middle">{t:g}</text>'
        f'<text x="{edge - 6}" y="{edge + (1 - t) * size + 4}" text-anchor="end">{t:g}</text>'
        for t in (0, 0.5, 1)
    )
    return (
        f'<svg width="{size + 2 * edge}" height="{size + 2 * edge}" role="img" font-size="11" '
        f'aria-label="{escape(title)}">'
        f'<text x="{edge}" y="16" font-size="13">{escape(title)}</text>'
        f'<rect x="{edge}" y="{edge}" width="{size}" height="{size}" fill="none" stroke="#888"/>'
        f"{scale}{diagonal}{line if joined else marks}</svg>"
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _interval(figure: Figure) -> str:
    return "" if figure.low is None or figure.high is None else f"{figure.low:.3f} to {figure.high:.3f}"


def _prevalence(line: AtPrevalence) -> Sequence[str]:
    share = f"{line.prevalence * 100:g} %"
    return share, _number(line.queue.value), _interval(line.queue), _number(line.alert.value), _interval(line.alert)


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
