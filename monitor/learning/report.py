"""What a retraining came to, on one page: HTML for reading, a few plain lines for Slack."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment

from monitor.learning import flips as flipping
from monitor.learning.flips import Flip
from monitor.learning.gate import Comparison

_MOST_FLIPS = 25
_PAGE = Path(__file__).with_name("report.html")


def as_html(comparison: Comparison, flips: Sequence[Flip], *, headline: str, notes: Sequence[str] = ()) -> str:
    """One page that needs nothing from elsewhere; every foreign text in it is escaped."""
    page = Environment(autoescape=True).from_string(_PAGE.read_text("utf-8"))
    return page.render(
        comparison=comparison,
        flips=flips[:_MOST_FLIPS],
        counted=flipping.count(flips),
        headline=headline,
        notes=notes,
    )


def as_text(comparison: Comparison, flips: Sequence[Flip], *, notes: Sequence[str] = ()) -> str:
    """The same in a few plain lines."""
    lines = [f"{d.sentence} ({d.change:+.3f}, 95 % {d.low:+.3f} to {d.high:+.3f})" for d in comparison.differences]
    themes = [f"{t.theme} {t.before:.2f} → {t.after:.2f}" for t in comparison.themes if t.before != t.after]
    if themes:
        lines.append(f"Found by theme: {', '.join(themes)}")
    lines.append(f"Posts decided differently: {flipping.count(flips)}.")
    for flip in flips[:5]:
        text = " ".join(flip.text.split())
        lines.append(
            f"• post {flip.post_id}, {flip.before:.2f} → {flip.after:.2f}: {text[:160]}{'…' * (len(text) > 160)}"
        )
    if comparison.words:
        lines.append(
            "Words: " + ", ".join(f"{word} {old:+.2f} → {new:+.2f}" for word, old, new in comparison.words[:8])
        )
    return "\n".join([*lines, *notes])


def as_record(comparison: Comparison, flips: Sequence[Flip], *, notes: Sequence[str] = ()) -> dict[str, Any]:
    """The same as JSON, to be kept; of a post that is decided differently its number instead of its text."""
    return {
        **comparison.to_dict(),
        "flipped": flipping.count(flips),
        "flips": [
            {"post_id": f.post_id, "account": f.account, "before": f.before, "after": f.after, "flagged": f.flagged}
            for f in flips[:_MOST_FLIPS]
        ],
        "notes": list(notes),
    }
