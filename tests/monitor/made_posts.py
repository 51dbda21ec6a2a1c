"""A few invented posts put straight into the tables, with what tests of searching need around them."""

from datetime import UTC, datetime, timedelta

from models import Account, Agency, ClassifierVersion, FetchedPost, Flag, Post, PostVersion, Review, Score, Verdict

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def make_office(session, name="Example County Sheriff", state="OH", platform="bluesky", address="example.test"):
    agency = Agency.named(name, state)
    session.add(agency)
    session.flush()
    account = Account(agency_id=agency.id, platform=platform, address=address, name=address)
    session.add(account)
    session.flush()
    return account


def make_version(session, version="test-1"):
    row = ClassifierVersion(version=version, sha256="0" * 64, queue_threshold=0.4, alert_threshold=0.7, status="active")
    session.add(row)
    session.flush()
    return row


def make_post(
    session, account, text, *, number=0, version=None, probability=None, verdict=None, themes=(), flagged=None, **more
):
    fields = {key: more.pop(key) for key in ("title", "alt_texts", "link_titles", "media", "lang") if key in more}
    more.setdefault("posted_at", START + timedelta(hours=number))
    post = Post(account_id=account.id, external_id=f"p{account.id}-{number}-{len(text)}", **more)
    session.add(post)
    session.flush()
    wording = add_wording(session, post, text, **fields)
    if probability is not None:
        score = Score(
            post_version_id=wording.id,
            classifier_version_id=version.id,
            probability=probability,
            theme_list=list(themes),
        )
        session.add(score)
        session.flush()
        if flagged is None:
            flagged = probability >= version.queue_threshold
        if flagged:
            session.add(Flag(post_id=post.id, score_id=score.id, probability=probability))
    if verdict:
        session.add(Review(post_id=post.id, reviewer="ana", verdict=Verdict(verdict)))
    session.flush()
    return post


def add_wording(session, post, text, **fields):
    fetched = FetchedPost(external_id="x", text=text, **fields)
    wording = PostVersion(
        post_id=post.id,
        text=text,
        content_sha256=fetched.content_sha256,
        **{**fields, "media": [dict(item) for item in fields.get("media", [])]},
    )
    session.add(wording)
    session.flush()
    post.current_version_id = wording.id
    session.add(post)
    session.flush()
    return wording
