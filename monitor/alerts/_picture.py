"""Which kind of picture some bytes are."""

_BEGINNINGS = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF87a", "gif"), (b"GIF89a", "gif"))


def kind_of(picture: bytes) -> str:
    """``png``, ``jpeg``, ``gif`` or ``webp`` by the first bytes; empty for anything else."""
    for beginning, kind in _BEGINNINGS:
        if picture.startswith(beginning):
            return kind
    return "webp" if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP" else ""
