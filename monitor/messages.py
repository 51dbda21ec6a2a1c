"""What an alert says: a flag, with all that belongs to it, made into one Message."""

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account
from models.agency import Agency, Agreement
from models.classifier import ClassifierVersion, Score
from models.flag import Alert, Flag
from models.noise import SameWords
from models.post import Post, PostVersion
from monitor import chart
from monitor.alerts import Message, Word
from monitor.captures import read_blob
from monitor.config import Config
from monitor.standing import Standing, standings

QUOTE_CHARS = 1200
"""The most characters of a post that an alert quotes."""
_CONTEXT = 300


def message_for(session: Session, alert: Alert, config: Config) -> Message | None:
    """The message of one alert, complete; None when what it spoke of is gone."""
    made = _message_of(session, alert, config)
    return replace(made, queued_at=alert.created_at, zone=config.alerts.time_zone) if made else None


def _message_of(session: Session, alert: Alert, config: Config) -> Message | None:
    if alert.kind == "update":
        shown = session.get(Alert, alert.payload.get("of"))
        made = match_message(session, shown, config) if shown is not None and shown.receipt else None
        return replace(made, kind="match", replaces=shown.receipt) if made and shown else None
    if alert.flag_id is None or alert.kind == "thread":
        return _told_message(session, alert, config)
    return match_message(session, alert, config)


def _told_message(session: Session, alert: Alert, config: Config) -> Message | None:
    """What carries its own words: health, digests, saved searches, and what is added below a match."""
    payload = alert.payload
    above = session.get(Alert, payload["of"]) if payload.get("of") else None
    if payload.get("of") and (above is None or not above.receipt):
        return None
    match = match_message(session, above, config) if above is not None else None
    digest = payload.get("chart")
    return Message(
        id=str(alert.id),
        kind=alert.kind,
        headline=str(payload.get("headline", "")),
        body=str(payload.get("body", "")),
        destination=alert.destination,
        thread=above.receipt if above else payload.get("thread", {}),
        about=match.headline if match else "",
        about_url=(match.kept_url or match.post_url) if match else "",
        post_url=str(payload.get("url", "")),
        kept_url=str(payload.get("kept_url", "")),
        items=tuple((str(text), str(url)) for text, url in payload.get("items", ())),
        changes=tuple((str(kind), str(text)) for kind, text in payload.get("changes", ())),
        picture=chart.weeks_png(digest) if digest else None,
        picture_alt=str(payload.get("chart_alt", "")),
        extra=payload,
    )


def match_message(session: Session, alert: Alert, config: Config) -> Message | None:
    """The message of one match, as it stands now."""
    found = session.execute(
        sa.select(Flag, Post, Account)
        .join(Post, col(Post.id) == col(Flag.post_id))
        .join(Account, col(Account.id) == col(Post.account_id))
        .where(col(Flag.id) == alert.flag_id)
    ).first()
    if found is None:
        return None
    flag, post, account = found
    agency = session.get(Agency, account.agency_id) if account.agency_id else None
    score = session.get(Score, flag.score_id) if flag.score_id else None
    version = session.get(PostVersion, score.post_version_id if score else post.current_version_id)
    if version is None:
        return None
    text = version.readable()
    quote, marks, cut = telling_passage(text, score)
    name = agency.name if agency else (account.name or account.address)
    earlier = _earlier(session, account, flag)
    standing = standings(session, [post.id]).get(post.id, Standing())
    picture, picture_alt = _picture(session, version)
    return Message(
        id=str(alert.id),
        kind=alert.kind,
        headline=f"{'Test' if flag.origin == 'test' else 'New match'}: {name} ({account.platform})",
        destination=alert.destination,
        agency=name,
        state=agency.state if agency else "",
        agreements=_agreements(session, agency),
        account=account.name or account.address,
        account_role=account.role.value,
        account_url=account.url,
        platform=account.platform,
        post_id=post.id,
        post_url=post.url,
        kept_url=f"{config.web.base_url.rstrip('/')}/posts/{post.id}" if config.web.base_url else "",
        posted_at=post.posted_at,
        seen_at=post.first_seen_at,
        quote=quote,
        marks=marks,
        cut=cut,
        score=flag.probability,
        version=_version_name(session, score),
        themes=themes_of(score),
        reasons=tuple(score.reasons) if score else (),
        words=telling_words(score),
        earlier_count=earlier[0],
        earlier_last=earlier[1],
        places=places_of(session, flag),
        said=standing.said,
        standing=standing.word,
        revision=standing.revision,
        picture=picture,
        picture_alt=picture_alt,
    )


def themes_of(score: Score | None) -> tuple[str, ...]:
    """The themes the classifier names, the likeliest first."""
    return tuple(score.theme_list) if score else ()


def telling_words(score: Score | None, most: int = 8) -> tuple[Word, ...]:
    """The words and cues that pushed the score up most."""
    if score is None:
        return ()
    pushing = [item for item in score.explanation if item["weight"] > 0 and item["kind"] in ("word", "cue")]
    return tuple(Word(item["name"], item["weight"]) for item in sorted(pushing, key=lambda i: -i["weight"])[:most])


def telling_spans(score: Score | None) -> list[tuple[int, int]]:
    """Where the telling words stand in the text, in order, overlapping ones joined."""
    if score is None:
        return []
    pushing = [item for item in score.explanation if item["weight"] > 0 and item["kind"] in ("word", "cue")]
    if not pushing:
        return []
    strongest = max(item["weight"] for item in pushing)
    spans = sorted(
        (int(start), int(end)) for item in pushing if item["weight"] >= strongest / 5 for start, end in item["spans"]
    )
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def telling_passage(text: str, score: Score | None) -> tuple[str, tuple[tuple[int, int], ...], bool]:
    """The part of a text that an alert quotes, the telling words in it, and whether there is more.

    A short text is quoted whole. Of a long one the passage the classifier found most telling is quoted, with the words
    before and after it as far as there is room.
    """
    start, end = 0, len(text)
    if len(text) > QUOTE_CHARS:
        if score is not None and score.passage_start is not None and score.passage_end is not None:
            start, end = max(0, score.passage_start - _CONTEXT), min(len(text), score.passage_end + _CONTEXT)
        end = min(end, start + QUOTE_CHARS)
        start, end = _at_words(text, start, end)
    marks = tuple((s - start, e - start) for s, e in telling_spans(score) if s >= start and e <= end)
    return text[start:end], marks, end - start < len(text)


def places_of(session: Session, flag: Flag) -> tuple[str, ...]:
    """Where else the words of a flagged post stand, for which its alert speaks."""
    rows = session.execute(
        sa.select(Account, Agency, Post)
        .join(Post, col(Post.account_id) == col(Account.id))
        .join(Flag, col(Flag.post_id) == col(Post.id))
        .join(SameWords, col(SameWords.flag_id) == col(Flag.id))
        .outerjoin(Agency, col(Agency.id) == col(Account.agency_id))
        .where(col(SameWords.lead_id) == flag.id, col(SameWords.flag_id) != flag.id)
        .order_by(col(SameWords.flag_id))
    ).all()
    return tuple(
        f"{agency.name if agency else account.name or account.address} ({account.platform}): {post.url}"
        for account, agency, post in rows
    )


def _picture(session: Session, version: PostVersion) -> tuple[bytes | None, str]:
    """The first picture of a wording of which we keep a copy."""
    for item in version.media:
        if item.get("sha256"):
            body = read_blob(session, item["sha256"])
            if body:
                return body, str(item.get("alt") or "")
    return None, ""


def _at_words(text: str, start: int, end: int) -> tuple[int, int]:
    """Move the ends of a cut inwards to the nearest space, so that no word is halved."""
    if start > 0 and (space := text.find(" ", start, start + 40)) != -1:
        start = space + 1
    if end < len(text) and (space := text.rfind(" ", end - 40, end)) != -1:
        end = space
    return start, end


def _agreements(session: Session, agency: Agency | None) -> tuple[str, ...]:
    if agency is None:
        return ()
    rows = session.execute(
        sa.select(col(Agreement.model))
        .where(col(Agreement.agency_id) == agency.id, col(Agreement.missing_since).is_(None))
        .distinct()
    )
    return tuple(sorted(rows.scalars()))


def _earlier(session: Session, account: Account, flag: Flag) -> tuple[int, Any]:
    same_office = col(Account.agency_id) == account.agency_id if account.agency_id else col(Account.id) == account.id
    row = session.execute(
        sa.select(sa.func.count(), sa.func.max(col(Flag.created_at)))
        .join(Post, col(Post.id) == col(Flag.post_id))
        .join(Account, col(Account.id) == col(Post.account_id))
        .where(same_office, col(Flag.id) < flag.id, col(Flag.origin) == "classifier")
    ).one()
    return int(row[0]), row[1]


def _version_name(session: Session, score: Score | None) -> str:
    row = session.get(ClassifierVersion, score.classifier_version_id) if score else None
    return row.version if row else ""
