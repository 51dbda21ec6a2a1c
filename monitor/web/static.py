"""Style sheet, scripts and signs: read once, kept by browsers for a year under the stamp of their content."""

from functools import cache

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from monitor.web.templating import STATIC

_KINDS = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "woff2": "font/woff2",
}


async def static_file(request: Request) -> Response:
    """One file of the folder ``static``."""
    name = request.path_params["name"]
    content = _contents().get(name)
    if content is None:
        raise HTTPException(404)
    keep = "public, max-age=31536000, immutable" if "v" in request.query_params else "no-cache"
    kind = _KINDS.get(name.rpartition(".")[2], "application/octet-stream")
    return Response(content, headers={"Cache-Control": keep}, media_type=kind)


@cache
def _contents() -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in STATIC.iterdir()}
