"""The daily or weekly digest: counts, a small chart, and the accounts that fell silent or broke."""

import io
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from PIL import Image

from models import Account, Alert, Review, Verdict
from models.account import Health
from monitor import digest
from tests.slack.conftest import make_match, send_all
from tests.slack.forms import faults_of, texts_of

MONDAY = datetime(2026, 11, 23, 13, 30, tzinfo=UTC)  # half past eight in New York
SETTINGS = """
[alerts]
digest = "{}"
digest_at = "08:00"
time_zone = "America/New_York"
digest_to = ["slack:C0OHIO"]
"""
WEEKLY, DAILY = SETTINGS.format("weekly"), SETTINGS.format("daily")


@pytest.fixture
def week(db, config):
    """A first digest made a week ago, and since then three matches, one confirmed, and an account that broke."""
    assert not digest.run(db, config, now=MONDAY - timedelta(days=7)), "a new installation waits for its first"
    made = []
    for n in range(3):
        at = MONDAY - timedelta(days=1, hours=n)
        made.append(make_match(db, config, f"They keep coming, group {n} of them.", number=n, now=at)[0])
    with db.write() as session:
        session.execute(sa.delete(Alert))
        at = MONDAY - timedelta(hours=5)
        session.add(Review(post_id=made[0], reviewer="ana", verdict=Verdict.CONFIRMED, created_at=at))
        session.execute(
            sa.update(Account)
            .where(Account.address == "example1.test")
            .values(health=Health.BLOCKED, error_count=4, last_error="Answers 403.")
        )
    return made


@pytest.mark.parametrize("slack_settings", [WEEKLY])
def test_the_weekly_digest_counts_draws_and_names_who_broke(db, config, slack, week):
    assert digest.run(db, config, now=MONDAY)
    assert not digest.run(db, config, now=MONDAY + timedelta(minutes=1)), "each week has one"
    send_all(db, config)
    (message,) = slack.messages
    assert message["channel"] == "C0OHIO"
    assert faults_of(message) == ""
    said = "\n".join(texts_of(message["blocks"]))
    for part in (
        "from Nov 16 to Nov 23",
        "3 new posts, 3 flagged",
        "Decided: 1 confirmed. Waiting for review: 2",
        "criminal alien (3)",
        "Example County Sheriff (1)",
        "example1.test (bluesky): blocked, Answers 403.",
    ):
        assert part in said, part
    (image,) = [block for block in message["blocks"] if block["type"] == "image"]
    assert "Nov 16 3" in image["alt_text"], "the chart in words, for who cannot see it"
    (file,) = slack.files.values()
    with Image.open(io.BytesIO(file["body"])) as picture:
        assert (picture.format, picture.width) == ("PNG", 640)
        assert picture.width * picture.height > len(picture.getcolors(100_000)) > 2


@pytest.mark.parametrize("slack_settings", [DAILY])
def test_a_daily_digest_comes_each_day_at_its_hour(db, config, slack, week):
    assert digest.run(db, config, now=MONDAY)
    assert not digest.run(db, config, now=MONDAY + timedelta(hours=20))
    assert digest.run(db, config, now=MONDAY + timedelta(hours=24))
    send_all(db, config)
    first, second = ["\n".join(texts_of(message["blocks"])) for message in slack.messages]
    assert "1 new posts, 1 flagged" in first, "the two before eight o'clock belong to the day before"
    assert "0 new posts, 0 flagged" in second


@pytest.mark.parametrize("slack_settings", [SETTINGS.format("off")])
def test_no_digest_is_made_where_none_is_wanted(db, config):
    assert not digest.run(db, config, now=MONDAY)
    assert not digest.run(db, config, now=MONDAY + timedelta(days=8))


@pytest.mark.parametrize("slack_settings", [WEEKLY])
@pytest.mark.parametrize(
    ("utc", "since", "until"),
    [
        ("2026-11-23T12:59", "2026-11-09T13:00", "2026-11-16T13:00"),
        ("2026-11-23T13:00", "2026-11-16T13:00", "2026-11-23T13:00"),
        ("2026-11-02T13:00", "2026-10-26T12:00", "2026-11-02T13:00"),
    ],
)
def test_the_week_ends_at_its_hour_in_its_zone_also_when_the_clocks_change(config, utc, since, until):
    moments = [datetime.fromisoformat(f"{text}:00+00:00") for text in (utc, since, until)]
    assert digest.last_period(config.alerts, moments[0]) == tuple(moments[1:])


@pytest.mark.parametrize("slack_settings", [WEEKLY])
def test_where_the_picture_is_refused_the_digest_still_comes_and_says_it_in_words(db, config, slack, week):
    slack.scopes.discard("files:write")
    digest.run(db, config, now=MONDAY)
    send_all(db, config)
    (message,) = slack.messages
    assert "Picture: Flagged posts by week" in str(message["blocks"])
