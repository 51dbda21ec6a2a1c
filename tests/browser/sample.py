"""A database with something on every page: each text stands in every field that strangers or colleagues fill."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa
from PIL import Image, ImageDraw

from models import (
    Account,
    Agency,
    Agreement,
    Alert,
    AlertState,
    Authorship,
    Capture,
    ClassifierVersion,
    Coverage,
    DriftReading,
    Event,
    Flag,
    Health,
    Post,
    PostVersion,
    Retraining,
    Review,
    Role,
    SavedSearch,
    Score,
    User,
    UserRole,
    Verdict,
)
from models.clock import utcnow
from monitor import users
from monitor.captures import keep_blob
from monitor.review.verdicts import THEMES
from monitor.tally import monday

LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 4
EVERYDAY = (
    "The border is wide open and our county pays for it.",
    "Reminder: the tag office closes at noon on Friday. <3 & thanks!",
    f"{LONG} {LONG}",
    "هذه الرسالة بالعربية وتحتوي على English words in between.",
    "👮‍♀️🚓🚨 " * 40,
    "Line one\n\n\nline two\n\tindented\n" + "many words in one long post that goes on and on " * 60,
    "https://www.example.gov/a/very/long/address/" + "segment-of-it/" * 25,
)
STATES = ("OH", "TX", "FL", "GA", "NC", "AZ", "")


@dataclass
class Sample:
    """What was put in."""

    addresses: dict[str, list[str]] = field(default_factory=dict)
    """What to fill into the parameter of each route."""
    people: list[str] = field(default_factory=list)
    """Names of admins, one for each text."""


def fill(db, texts: Sequence[str] = EVERYDAY, more_posts: int = 120) -> Sample:
    """Put each text into every field; ``more_posts`` ordinary posts so that lists have several pages."""
    now = utcnow()
    with db.write() as session:
        picture = keep_blob(session, a_picture())
        version = _version(session, now, texts[0])
        rows = [_office(session, number, text, now, picture, version) for number, text in enumerate(texts)]
        for number in range(more_posts):
            account = rows[number % len(rows)][1]
            _post(session, account, f"Post {number} about the county fair.", number, now, picture, version)
        sample = Sample(people=[user.name for *_, user in rows])
        posts = [str(post.id) for _, _, post, _ in rows]
        agencies = [str(agency.id) for agency, *_ in rows]
        accounts = [str(account.id) for _, account, *_ in rows]
        reports = [_retraining(session, text, now, int(posts[0])) for text in texts]
    sample.addresses = {
        "/posts/{id}": posts,
        "/queue/{id}": posts,
        "/agencies/{id}": agencies,
        "/accounts/{id}": accounts,
        "/classifier/reports/{id}": reports,
        "/pictures/{sha256}": [picture],
        "/welcome/{link}": [users.invite(db, sample.people[0], by="test", now=now)],
    }
    return sample


def a_picture(words: str = "A sign at the county line", size: tuple[int, int] = (900, 500)) -> bytes:
    """A PNG with some words in it."""
    image = Image.new("RGB", size, "#335577")
    draw = ImageDraw.Draw(image)
    draw.rectangle((40, 40, size[0] - 40, size[1] - 40), fill="#f4efdf", outline="#222222", width=6)
    draw.text((80, size[1] / 2 - 30), words, fill="#222222", font_size=54)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _retraining(session, text, now, post_id):
    figures = {"on": text, "figure": text, "before": 0.8, "after": 0.9, "low": 0.0, "high": 0.2}
    report = {"before": text, "after": text, "differences": [figures], "flipped": text, "notes": [text]}
    report |= {"themes": [{"theme": text, "texts": 3, "before": 0.5, "after": 0.6}], "words": [[text, 0.1, 0.2]]}
    report |= {"flips": [{"post_id": post_id, "account": text, "before": 0.2, "after": 0.9, "flagged": True}]}
    run = Retraining(
        begun_by=text,
        begun_at=now - timedelta(minutes=2),
        ended_at=now,
        sentence=text,
        version="2026.11.2",
        report=report,
    )
    session.add(run)
    session.flush()
    return str(run.id)


def _version(session, now, text):
    figures = {"recall": 0.91, "precision": 0.88, "f1": 0.89, "count": 400}
    version = ClassifierVersion(
        version="2026.11.1",
        sha256="0" * 64,
        queue_threshold=0.4,
        alert_threshold=0.7,
        status="active",
        figures=figures,
        reason=text,
        trained_by=text,
        activated_at=now - timedelta(days=9),
    )
    session.add(version)
    session.add(
        ClassifierVersion(
            version="2026.11.2",
            sha256="1" * 64,
            queue_threshold=0.4,
            alert_threshold=0.7,
            figures=figures,
            parent="2026.11.1",
            reason=text,
        )
    )
    for weeks in range(6):
        for scope in ("all", "platform:bluesky", f"theme:{THEMES[0]}"):
            week = monday(now.date()) - timedelta(weeks=weeks)
            readings = {"posts": 120 + weeks, "flagged": 14, "flagged_share": 0.12, "unknown_words": 0.02 * weeks}
            readings |= {"reviewed": 9, "agreement": 0.9 if weeks % 2 else None, "bins": [10 + weeks, *[10] * 10]}
            readings |= {"bins": [40 - weeks, 20 + weeks, *[8] * 9], "reviewed": 16, "agreement": 0.9 - weeks / 50}
            session.add(DriftReading(week=week, version=version.version, scope=scope, figures=readings))
    session.add(Retraining(begun_by=text, ended_at=now, stage=text, sentence=text, failed=True))
    session.flush()
    return version


def _office(session, number, text, now, picture, version):
    """One agency with its account, a post with all that can be kept of it, and a colleague."""
    agency = Agency(name=text, state=STATES[number % len(STATES)], name_key=f"{number}", aliases=[text])
    user = User(name=text, role=UserRole.ADMIN, slack_id=text if number % 2 else "")
    session.add_all([agency, user])
    session.flush()
    session.add(
        Agreement(
            agency_id=agency.id,
            model=("JEM", "TFM", "WSO")[number % 3],
            signed=now.date() - timedelta(days=number),
            moa_url=text,
            missing_since=now if number % 2 else None,
        )
    )
    platform = ("bluesky", "mastodon", "feed", "html")[number % 4]
    account = Account(
        agency_id=agency.id if number % 5 != 4 else None,
        platform=platform,
        address=text,
        external_id=text,
        name=text,
        url=text,
        host="office.example",
        role=list(Role)[number % len(Role)],
        verified_by=text,
        verified_from=text,
        verified_at=now if number % 3 else None,
        paused_at=now if number % 6 == 5 else None,
        muted_until=now + timedelta(hours=2) if number % 6 == 4 else None,
        health=list(Health)[number % len(Health)],
        error_count=number,
        last_error=text,
        last_error_at=now,
        last_ok_at=now - timedelta(hours=number),
        first_ok_at=now - timedelta(days=60),
        added_at=now - timedelta(days=61),
    )
    session.add(account)
    session.flush()
    session.add_all(
        Coverage(
            account_id=account.id,
            outcome="ok" if days % 3 else "timeout",
            since=now - timedelta(days=days + 1),
            until=now - timedelta(days=days, hours=days % 4),
            polls=30,
            detail=text,
        )
        for days in range(12)
    )
    post = _post(session, account, text, 1000 + number, now, picture, version, whole=text)
    capture = Capture(
        account_id=account.id,
        url=text,
        final_url=text,
        status=200,
        body_sha256=picture,
        ip="192.0.2.1",
        requested_at=now,
        answered_at=now,
        last_seen_at=now,
        software=text,
    )
    session.add(capture)
    session.flush()
    wording = session.get(PostVersion, post.current_version_id)
    wording.first_capture_id = wording.last_capture_id = capture.id
    session.add(wording)
    for reviewer, verdict in (
        (text, list(Verdict)[number % 3]),
        ("Ben", Verdict.REJECTED),
        ("Cleo", Verdict.CONFIRMED),
    ):
        session.add(
            Review(
                post_id=post.id,
                post_version_id=wording.id,
                reviewer=reviewer,
                verdict=verdict,
                reason="quote" if verdict is Verdict.REJECTED else "",
                themes=["invasion"] if verdict is Verdict.CONFIRMED else [],
                note=text,
                via="web",
                revoked_at=now if reviewer == "Cleo" and number % 2 else None,
            )
        )
    flag = session.execute(sa.select(Flag).where(Flag.post_id == post.id)).scalar_one()
    session.add(
        Alert(
            flag_id=flag.id,
            channel="slack",
            destination=text,
            dedupe_key=f"{number}",
            state=AlertState.FAILED,
            last_error=text,
        )
    )
    session.add(Event(kind="post.by_hand", actor=text, subject=f"post:{post.id}", data={"note": text, "url": text}))
    query = {"q": text[:100], "state": agency.state or "OH"}
    session.add(SavedSearch(name=text, owner=text, query=query, alerts=bool(number % 2)))
    session.flush()
    return agency, account, post, user


def _post(session, account, text, number, now, picture, version, whole=""):
    """A post; with ``whole`` every field holds it, and it was edited, quoted, shared or deleted."""
    seen = now - timedelta(hours=5 * (number % 900))
    post = Post(
        account_id=account.id,
        external_id=whole or f"post-{number}",
        url=whole or f"https://office.example/{number}",
        posted_at=seen,
        first_seen_at=seen,
        author_handle=whole,
        reply_to=whole and f"post-{number - 1000}",
        author_id=whole,
        authorship=list(Authorship)[number % 3] if whole else Authorship.OWN,
        deleted_at=now if number % 7 == 3 else None,
        missing_since=now if number % 7 == 3 else None,
        deletion_cause=(whole or "deleted") if number % 7 == 3 else "",
    )
    session.add(post)
    session.flush()
    if whole:
        post.version_count = 2
        _wording(session, post, f"Before: {text}", seen, lang="en")
        wording = _wording(
            session,
            post,
            text,
            seen,
            title=whole,
            alt_texts=[whole, whole],
            link_titles=[whole],
            quoted_text=whole,
            quoted_author=whole,
            lang="en",
            media=[
                {"kind": "image", "url": whole, "alt": whole, "sha256": picture, "image_text": whole},
                {"kind": "image", "url": whole, "alt": whole},
                {"kind": "image", "url": whole, "alt": ""},
            ],
        )
    else:
        wording = _wording(session, post, text, seen, lang="en")
    post.current_version_id = wording.id
    probability = 0.95 - (number % 90) / 100
    words = wording.readable()
    score = Score(
        post_version_id=wording.id,
        classifier_version_id=version.id,
        probability=probability,
        themes=dict.fromkeys(THEMES[:2], 0.5),
        theme_list=[THEMES[number % len(THEMES)]],
        reasons=[whole] if whole else [],
        lang="en",
        explanation=[
            {"kind": "word", "name": whole or "county", "weight": 1.7, "spans": [[0, min(12, len(words))]]},
            {"kind": "cue", "name": whole or "long", "weight": 0.9, "spans": [[len(words) // 2, len(words)]]},
            {"kind": "word", "name": whole or "fair", "weight": -1.2, "spans": []},
        ],
    )
    session.add(score)
    session.flush()
    if whole or probability >= version.queue_threshold:
        session.add(Flag(post_id=post.id, score_id=score.id, probability=probability, created_at=seen))
    if number % 4 == 1 and not whole:
        session.add(Review(post_id=post.id, reviewer="Ben", verdict=Verdict.CONFIRMED, themes=[THEMES[number % 3]]))
        session.add(Review(post_id=post.id, reviewer="Cleo", verdict=list(Verdict)[number % 3]))
    session.flush()
    return post


def _wording(session, post, text, seen, **fields):
    digest = hashlib.sha256(f"{text}{fields}".encode()).hexdigest()
    row = PostVersion(
        post_id=post.id,
        text=text,
        content_sha256=digest,
        first_seen_at=seen,
        last_seen_at=seen,
        pending_score=False,
        **fields,
    )
    session.add(row)
    session.flush()
    return row
