"""Reads the invented offices from ``offices/*.json`` and makes light ones for load tests."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any, get_args

from monitor.sample.world import Card, Office, Platform, Post, Quote, Stranger, serial_before

_LIGHT_TEXTS = (
    "Deputies are on scene of a two-vehicle crash on County Road {n}. Expect delays.",
    "Our lobby closes at noon on Friday for staff training.",
    "K9 Biscuit located a missing hiker near mile marker {n} this morning. Good dog!",
    "Scam alert: we never ask for payment by gift card over the phone.",
    "Burn restrictions are in force until further notice.",
)


def sample_offices(now: datetime) -> list[Office]:
    """The bundled offices, their posts dated backwards from ``now`` (aware). Raises ``ValueError`` naming the file
    and post when an entry is not understood.
    """
    found = [entry for entry in files(__package__).joinpath("offices").iterdir() if entry.name.endswith(".json")]
    return [
        _office(entry.name, json.loads(entry.read_text("utf-8")), now) for entry in sorted(found, key=lambda e: e.name)
    ]


def light_offices(number: int, now: datetime) -> Iterator[Office]:
    """``number`` synthetic offices for each platform. All share the same few posts, so ten thousand cost little."""
    posts = tuple(
        Post(
            id=f"light-{rank}",
            serial=serial_before(6 * (rank + 1)),
            posted_at=now - timedelta(hours=6 * (rank + 1)),
            text=text.format(n=rank + 7),
            title=text.format(n=rank + 7)[:60],
        )
        for rank, text in enumerate(_LIGHT_TEXTS)
    )
    for platform in get_args(Platform):
        for n in range(1, number + 1):
            name = f"light{n:06d}"
            yield Office(
                slug=f"{platform}-{name}",
                platform=platform,
                handle=f"{name}.sheriffs.example" if platform == "bluesky" else name,
                agency=f"Light {n} County Sheriff's Office",
                state="KS",
                name=f"Light {n} County Sheriff",
                posts=posts,
                modified_at=posts[0].posted_at,
            )


def _office(file: str, raw: dict[str, Any], now: datetime) -> Office:
    posts = [_post(file, entry, now) for entry in raw.pop("posts")]
    posts.sort(key=lambda post: post.serial, reverse=True)
    try:
        office = Office(**raw, posts=tuple(posts), modified_at=posts[0].posted_at)
    except TypeError as error:
        raise ValueError(f"offices/{file}: {error}") from error
    if office.platform not in get_args(Platform):
        raise ValueError(f"offices/{file}: unknown platform {office.platform!r}")
    return office


def _post(file: str, raw: dict[str, Any], now: datetime) -> Post:
    raw = dict(raw)
    hours = float(raw.pop("hours"))
    for name in ("alts", "matches"):
        raw[name] = tuple(raw.get(name, ()))
    for name in ("quote", "answers"):
        if name in raw:
            quoted = raw[name]
            author = Stranger(name=quoted["name"], handle=quoted["handle"])
            raw[name] = Quote(author=author, text=quoted["text"])
    if "card" in raw:
        raw["card"] = Card(**raw["card"])
    if "repost" in raw:
        raw["repost"] = Stranger(**raw["repost"])
    try:
        return Post(**raw, serial=serial_before(hours), posted_at=now - timedelta(hours=hours))
    except TypeError as error:
        raise ValueError(f"offices/{file}: post {raw.get('id')!r}: {error}") from error
