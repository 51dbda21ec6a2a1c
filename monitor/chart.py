"""The small chart of a digest: matches a week as bars, drawn as a PNG."""

import io
from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageDraw, ImageFont

_WIDTH, _HEIGHT = 640, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 16, 34, 40
_INK, _PALE, _BAR, _STRONG = "#1d1c1d", "#d9d9d9", "#9db4c0", "#b3261e"


def weeks_png(data: Mapping[str, Any]) -> bytes:
    """Bars of ``counts`` with ``labels`` below them and a ``title`` above; ``confirmed`` of each is drawn darker."""
    counts = [int(count) for count in data["counts"]]
    confirmed = [int(count) for count in data.get("confirmed") or [0] * len(counts)]
    labels = [str(label) for label in data["labels"]]
    picture = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(13)
    small = ImageFont.load_default(11)
    draw.text((_LEFT, 8), str(data.get("title", "")), fill=_INK, font=font)
    top = max([1, *counts])
    floor = _HEIGHT - _BOTTOM
    for share in (0, 0.5, 1):
        y = floor - share * (floor - _TOP)
        draw.line([(_LEFT, y), (_WIDTH - _RIGHT, y)], fill=_PALE)
        if share * top == int(share * top):
            draw.text((_LEFT - 8, y), str(int(share * top)), fill=_INK, font=small, anchor="rm")
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(counts))
    for number, (count, sure, label) in enumerate(zip(counts, confirmed, labels, strict=True)):
        left, right = _LEFT + number * step + step * 0.15, _LEFT + (number + 1) * step - step * 0.15
        for height, colour in ((count, _BAR), (min(sure, count), _STRONG)):
            if height:
                draw.rectangle([(left, floor - height / top * (floor - _TOP)), (right, floor)], fill=colour)
        draw.text(((left + right) / 2, floor + 8), label, fill=_INK, font=small, anchor="ma")
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def as_words(data: Mapping[str, Any]) -> str:
    """The chart for those who cannot see it."""
    parts = zip(data["labels"], data["counts"], strict=True)
    return f"{data.get('title', '')}: " + ", ".join(f"{label} {count}" for label, count in parts)
