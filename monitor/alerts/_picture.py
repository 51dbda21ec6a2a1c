"""Which kind of picture some bytes are, and one that every program shows."""

import io

from PIL import Image

_BEGINNINGS = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF87a", "gif"), (b"GIF89a", "gif"))


def kind_of(picture: bytes) -> str:
    """``png``, ``jpeg``, ``gif`` or ``webp`` by the first bytes; empty for anything else."""
    for beginning, kind in _BEGINNINGS:
        if picture.startswith(beginning):
            return kind
    return "webp" if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP" else ""


def shown_anywhere(picture: bytes) -> bytes:
    """The picture as it is, but a WebP as PNG: not every program shows that. What cannot be read stays what it is."""
    if kind_of(picture) != "webp":
        return picture
    out = io.BytesIO()
    try:
        with Image.open(io.BytesIO(picture), formats=("WEBP",)) as image:
            image.convert("RGBA").save(out, "PNG")
    except Exception:  # Pillow's readers raise whatever a broken file leads them to
        return picture
    return out.getvalue()
