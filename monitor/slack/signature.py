"""Whether a request is Slack's: the signature over its raw bytes, and its age.

docs.slack.dev/authentication/verifying-requests-from-slack. slack_sdk's verifier raises on a timestamp that is no
number, a body that is no UTF-8 and a signature that is no ASCII; here each of these is a refusal.
"""

import hashlib
import hmac
from collections.abc import Iterable

MOST_BYTES = 1_000_000
MOST_AGE_S = 300


def is_slacks(secret: str, headers: Iterable[tuple[bytes, bytes]], body: bytes, *, now_s: float) -> bool:
    """Whether the body was signed with the secret, less than five minutes ago. Never raises."""
    stamp = _only(headers, b"x-slack-request-timestamp")
    given = _only(headers, b"x-slack-signature")
    if not secret or not _is_plausible(stamp, given) or abs(now_s - int(stamp)) > MOST_AGE_S:
        return False
    wanted = hmac.new(secret.encode(), b"v0:" + stamp + b":" + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(f"v0={wanted}".encode(), given)


def looks_signed(headers: Iterable[tuple[bytes, bytes]], *, now_s: float) -> bool:
    """Whether the headers could be Slack's, before a body is read."""
    stamp = _only(headers, b"x-slack-request-timestamp")
    return _is_plausible(stamp, _only(headers, b"x-slack-signature")) and abs(now_s - int(stamp)) <= MOST_AGE_S


def minutes_off(headers: Iterable[tuple[bytes, bytes]], *, now_s: float) -> float | None:
    """How many minutes the time a request claims lies before ``now_s``; None for one that claims no time."""
    stamp = _only(headers, b"x-slack-request-timestamp")
    return (now_s - int(stamp)) / 60 if stamp.isdigit() and len(stamp) <= 12 else None


def sign(secret: str, stamp: int, body: bytes) -> str:
    """The signature that Slack would put on a body."""
    return "v0=" + hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()


def _is_plausible(stamp: bytes, given: bytes) -> bool:
    return stamp.isdigit() and len(stamp) <= 12 and given.startswith(b"v0=") and len(given) == 67


def _only(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes:
    """The value of a header that was sent exactly once."""
    found = [value for key, value in headers if key.lower() == name]
    return found[0] if len(found) == 1 else b""
