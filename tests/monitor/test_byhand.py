import io
from datetime import timedelta

import pytest
import sqlalchemy as sa
from PIL import Image, ImageDraw

from models import Blob, Flag, Post, PostVersion
from models.clock import utcnow
from monitor import byhand, imagetext, posts
from monitor.byhand import HandPost
from monitor.captures import read_blob
from monitor.errors import UsageError
from tests.monitor.made_posts import make_office


def picture(words="", size=(900, 160), kind="PNG"):
    image = Image.new("RGB", size, "white")
    if words:
        ImageDraw.Draw(image).text((20, 40), words, fill="black", font_size=48)
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


@pytest.fixture
def office(db):
    with db.write() as session:
        return make_office(session).id


def test_a_post_brought_by_hand_is_kept_and_flagged_for_review(db, office):
    shot = picture()
    added = byhand.add(
        db, HandPost(office, "https://example.test/p/1", "Its words.", "ana", picture=shot), now=utcnow()
    )
    with db.read() as session:
        kept = posts.get(session, added.post_id)
        assert kept.current.text == "Its words."
        assert kept.flag.origin == "person"
        assert read_blob(session, kept.current.media[0]["sha256"]) == shot


def test_the_same_again_changes_nothing_and_other_words_are_a_new_wording(db, office):
    for text in ("One.", "One.", "Two."):
        added = byhand.add(db, HandPost(office, "https://example.test/p/1", text, "ana"), now=utcnow())
    with db.read() as session:
        assert session.execute(sa.select(sa.func.count(Post.id))).scalar() == 1
        assert session.execute(sa.select(sa.func.count(Flag.id))).scalar() == 1
        assert [v.text for v in posts.get(session, added.post_id).versions] == ["One.", "Two."]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"url": "javascript:alert(1)"}, "link must begin"),
        ({"url": "https://[::1"}, "link must begin"),
        ({"text": ""}, "words of the post"),
        ({"picture": b"x" * 20_000_000}, "20.0 MB; at most 10 MB"),
        ({"picture": b"GIF89a but no"}, "not a picture"),
        ({"picture": picture()[:200]}, "not a picture"),
        ({"picture": b"<svg onload='alert(1)'/>"}, "not a picture"),
        ({"posted_at": utcnow() + timedelta(days=9)}, "future"),
        ({"account_id": 999}, "Choose the account"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_what_cannot_be_taken_is_told_and_nothing_is_stored(db, office, wrong, sentence):
    good = {"account_id": office, "url": "https://example.test/p/1", "text": "Words.", "by": "ana"}
    with pytest.raises(UsageError, match=sentence):
        byhand.add(db, HandPost(**{**good, **wrong}), now=utcnow())
    with db.read() as session:
        for table in (Post, PostVersion, Flag, Blob):
            assert session.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0


@pytest.mark.slow
@pytest.mark.skipif(not imagetext.available(), reason="the extra “ocr” is not installed")
@pytest.mark.filterwarnings("ignore")
def test_the_words_in_a_picture_are_read_and_scored_with_the_rest(db, office):
    added = byhand.add(db, HandPost(office, "", "", "ana", picture=picture("HARVEST PARADE SATURDAY")), now=utcnow())
    with db.read() as session:
        text = posts.get(session, added.post_id).current.readable()
    assert "HARVEST" in text
    assert "SATURDAY" in text
