"""What the ``webhook`` channel sends, as the types of its schema (docs/reference/webhook.md).

Fields are only ever added; whoever reads them should pass over those it does not know.
"""

import base64
import hashlib
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from monitor.alerts import Message
from monitor.alerts._picture import kind_of
from monitor.alerts._text import sound


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Word(_Part):
    """A telling word or cue and the weight by which it moved the score."""

    text: str
    weight: float


class Verdict(_Part):
    """One person's verdict in force."""

    who: str
    verdict: str
    reason: str
    via: str
    at: datetime


class Change(_Part):
    """A part of an edit."""

    kind: Literal["same", "gone", "new"]
    text: str


class Picture(_Part):
    """Our copy of a picture."""

    media_type: str
    sha256: str
    base64: str
    alt: str


class Post(_Part):
    """The post of a match, as we kept it."""

    id: int | None
    platform: str
    url: str
    kept_url: str
    agency: str
    state: str
    agreements: list[str]
    account: str
    account_role: str
    account_url: str
    posted_at: datetime | None
    seen_at: datetime | None
    quote: str
    complete: bool
    marks: list[tuple[int, int]]


class Match(_Part):
    """Why a post was flagged and what people decided."""

    score: float | None
    classifier: str
    themes: list[str]
    reasons: list[str]
    words: list[Word]
    earlier_count: int
    earlier_last: datetime | None
    places: list[str]
    standing: str
    verdicts: list[Verdict]


class Data(_Part):
    """The message itself."""

    alert: str
    headline: str
    body: str
    url: str
    possible_repeat: bool
    reduced: bool
    post: Post | None = None
    match: Match | None = None
    changes: list[Change] = []
    picture: Picture | None = None


class Event(_Part):
    """One request's body."""

    type: str
    timestamp: datetime | None
    data: Data


def event_of(message: Message, *, with_picture: bool = False, reduced: bool = False) -> Event:
    """A message as an event. ``reduced`` leaves out what the office wrote, for a receiver that stumbles over it."""
    belongs_to = message.replaces or message.thread
    data = Data(
        alert=str(belongs_to.get("alert") or message.id),
        headline=sound(message.headline),
        body="" if reduced else sound(message.body),
        url=sound(message.kept_url or message.post_url or message.about_url),
        possible_repeat=message.possible_repeat,
        reduced=reduced,
        post=_post(message, reduced) if message.quote else None,
        match=_match(message, reduced) if message.quote else None,
        changes=[] if reduced else [Change.model_validate({"kind": k, "text": sound(t)}) for k, t in message.changes],
        picture=_picture(message) if with_picture and not reduced else None,
    )
    return Event(type=_type(message), timestamp=message.queued_at, data=data)


def _type(message: Message) -> str:
    if message.replaces:
        return "match.updated"
    if message.thread:
        return "match.follow_up"
    return "match.new" if message.kind == "match" else message.kind


def _post(message: Message, reduced: bool) -> Post:
    return Post(
        id=message.post_id,
        platform=message.platform,
        url=sound(message.post_url),
        kept_url=sound(message.kept_url),
        agency=sound(message.agency),
        state=sound(message.state),
        agreements=list(message.agreements),
        account=sound(message.account),
        account_role=message.account_role,
        account_url=sound(message.account_url),
        posted_at=message.posted_at,
        seen_at=message.seen_at,
        quote="" if reduced else sound(message.quote),
        complete=not message.cut and not reduced,
        marks=[] if reduced else list(message.marks),
    )


def _match(message: Message, reduced: bool) -> Match:
    return Match(
        score=message.score,
        classifier=message.version,
        themes=list(message.themes),
        reasons=list(message.reasons),
        words=[] if reduced else [Word(text=sound(word.text), weight=word.weight) for word in message.words],
        earlier_count=message.earlier_count,
        earlier_last=message.earlier_last,
        places=[] if reduced else [sound(place) for place in message.places],
        standing=message.standing,
        verdicts=[
            Verdict(who=sound(said.who), verdict=said.verdict, reason=said.reason, via=said.via, at=said.at)
            for said in message.said
        ],
    )


def _picture(message: Message) -> Picture | None:
    kind = kind_of(message.picture) if message.picture else ""
    if not message.picture or not kind:
        return None
    return Picture(
        media_type=f"image/{kind}",
        sha256=hashlib.sha256(message.picture).hexdigest(),
        base64=base64.b64encode(message.picture).decode("ascii"),
        alt=sound(message.picture_alt),
    )
