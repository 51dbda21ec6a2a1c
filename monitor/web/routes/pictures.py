"""Pictures of posts, from our own copy: never from the platform, which would learn who looks."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from models.user import UserRole
from monitor.byhand import check_picture
from monitor.captures import read_blob
from monitor.errors import UsageError
from monitor.web.page import Page, Visit
from monitor.web.security import SANDBOX

_KINDS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}


def show(visit: Visit) -> Response:
    """The exact bytes, if they are a picture. They come from strangers: sandboxed, and saved rather than opened."""
    sha256 = str(visit.request.path_params["sha256"])
    if len(sha256) != 64 or not sha256.isalnum() or not sha256.isascii():
        raise HTTPException(404)
    with visit.db.read() as session:
        body = read_blob(session, sha256)
    if body is None:
        raise HTTPException(404)
    try:
        kind = check_picture(body)
    except UsageError:
        raise HTTPException(404) from None
    return Response(
        body,
        media_type=_KINDS[kind],
        headers={
            "Content-Security-Policy": SANDBOX,
            "Content-Disposition": f'attachment; filename="{sha256[:16]}.{kind.lower()}"',
            "Cache-Control": "private, max-age=86400, immutable",
        },
    )


PAGES = (Page("GET", "/pictures/{sha256}", show, UserRole.VIEWER),)
