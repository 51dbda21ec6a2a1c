"""Pictures: from our own copy, uploaded, and never a reason for a message to be lost."""

import io
from datetime import timedelta

import pytest
import sqlalchemy as sa
from PIL import Image

from models import PostVersion, Verdict
from models.clock import utcnow
from monitor.captures import keep_blob
from monitor.review import verdicts
from monitor.review.verdicts import Decision
from monitor.threads import Teller
from tests.slack.conftest import make_match, send_all


def drawn(kind):
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "#335577").save(out, kind)
    return out.getvalue()


def match_with_picture(db, config, body, alt="A blue square", **more):
    post_id, _ = make_match(db, config, **more)
    with db.write() as session:
        version = session.execute(sa.select(PostVersion).where(PostVersion.post_id == post_id)).scalar()
        copy = {"url": "https://tracker.example/p.png", "alt": alt, "sha256": keep_blob(session, body)}
        version.media = [{"url": "https://tracker.example/first.mp4", "alt": ""}, copy]


def images(message):
    return [block for block in message["blocks"] if block["type"] == "image"]


@pytest.mark.parametrize(("kind", "shown"), [("PNG", "png"), ("JPEG", "jpeg"), ("GIF", "gif"), ("WEBP", "png")])
def test_the_picture_of_a_match_is_uploaded_from_our_copy(db, config, slack, kind, shown):
    body = drawn(kind)
    match_with_picture(db, config, body)
    send_all(db, config)
    (message,) = slack.messages
    (image,) = images(message)
    assert image["alt_text"] == "A blue square"
    file = slack.files[image["slack_file"]["id"]]
    assert file["name"].endswith(f".{shown}")
    if kind == "WEBP":
        with Image.open(io.BytesIO(file["body"])) as made:
            assert (made.format, made.size) == ("PNG", (40, 30))
    else:
        assert file["body"] == body
    assert "tracker.example" not in str(message), "nothing is loaded from the office's own server"


def test_a_picture_of_which_we_keep_no_copy_is_left_out(db, config, slack):
    post_id, _ = make_match(db, config)
    with db.write() as session:
        version = session.execute(sa.select(PostVersion).where(PostVersion.post_id == post_id)).scalar()
        version.media = [{"url": "https://tracker.example/p.png", "alt": "x"}]
    send_all(db, config)
    assert images(slack.messages[0]) == []
    assert "tracker.example" not in str(slack.messages[0])


def test_without_the_right_to_upload_the_alert_comes_and_says_what_the_picture_shows(db, config, slack):
    slack.scopes.discard("files:write")
    match_with_picture(db, config, drawn("PNG"))
    send_all(db, config)
    (message,) = slack.messages
    assert images(message) == []
    assert "Picture: A blue square" in str(message["blocks"])


def test_a_picture_that_slack_does_not_show_costs_nobody_the_message(db, config, slack, monkeypatch):
    monkeypatch.setattr("monitor.alerts.slack._FILE_READY_S", (0.0, 0.0))
    slack.faults.extend(["invalid_blocks", "invalid_blocks"])
    match_with_picture(db, config, b"RIFF0000WEBPbroken")
    send_all(db, config)
    (message,) = slack.messages
    assert images(message) == []
    assert "Picture: A blue square" in str(message["blocks"])


@pytest.mark.parametrize("fault", ["", "drop"])
def test_the_picture_stays_when_the_message_changes_and_is_not_uploaded_again(db, config, slack, fault):
    slack.faults.append(fault)
    match_with_picture(db, config, drawn("PNG"))
    send_all(db, config)
    send_all(db, config, now=utcnow() + timedelta(minutes=20))
    verdicts.decide(db, Decision(1, Verdict.CONFIRMED, "ana"), now=utcnow())
    Teller(db, config).run(now=utcnow())
    send_all(db, config)
    (message,) = slack.messages
    assert "*Confirmed*" in str(message["blocks"])
    assert [image["slack_file"]["id"] for image in images(message)] == list(slack.files)
