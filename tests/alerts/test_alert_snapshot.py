"""The alert as JSON, word for word: what changes here changes for every reader in Slack.

``SNAPSHOT=1 pytest tests/alerts/test_alert_snapshot.py`` writes it anew; “make pictures” draws it for the docs.
"""

import json
import os
from dataclasses import replace
from pathlib import Path

from docs.pictures.alert import page_of
from monitor.alerts._slack_blocks import blocks_of, fallback_text
from tests.alerts.test_slack import HOSTILE, MESSAGE, with_text

SNAPSHOT = Path(__file__).with_name("alert.json")


def alert():
    message = replace(
        MESSAGE,
        quote=f"{MESSAGE.quote} They keep coming over the border, and we keep taking them out of your neighborhoods.",
    )
    return {"text": fallback_text(message), "blocks": blocks_of(message, buttons=True)}


def test_the_alert_is_what_was_last_looked_at():
    made = json.dumps(alert(), indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("SNAPSHOT"):
        SNAPSHOT.write_text(made, "utf-8")
    assert made == SNAPSHOT.read_text("utf-8"), "if this is meant: SNAPSHOT=1, look at the difference, make pictures"


def test_the_picture_shows_all_that_the_alert_says():
    page = page_of(json.loads(SNAPSHOT.read_text("utf-8")))
    for part in ("Example County Sheriff", "<b>criminal illegal alien</b>", "Confirm", "Reject", "Why:", "score 0.97"):
        assert part in page


def test_no_post_can_put_markup_into_the_picture():
    for text in [*HOSTILE, "<script>alert(1)</script>", "<img src=x onerror=alert(1)>"]:
        page = page_of({"blocks": blocks_of(with_text(text), buttons=True)})
        assert "<script" not in page
        assert "<img" not in page
