"""Routes, quiet hours, caps and digests: little noise, and nothing lost."""

import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from models import Agreement, Alert, Flag, Held
from models.clock import utcnow
from monitor import noise
from monitor.config import load
from monitor.errors import UsageError
from monitor.noise import in_quiet_hours, words_key
from tests.monitor.made_posts import make_office
from tests.slack.conftest import make_match, send_all
from tests.slack.forms import texts_of

NIGHT = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)  # half past eleven in New York
MORNING = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)


def alerts(db):
    with db.read() as session:
        return list(session.execute(sa.select(Alert).order_by(Alert.id)).scalars())


def words(number):
    return f"They keep coming, group {number} of them, and they are all criminals."


ROUTES = """
[[alerts.routes]]
states = ["oh"]
to = ["slack:C0OHIO"]
[[alerts.routes]]
least_score = 0.99
themes = ["criminal_alien"]
platforms = ["bluesky"]
to = ["slack:C0HEALTH", "slack:C0TEST"]
[[alerts.routes]]
agreements = ["tfm"]
agencies = ["sample county sheriff"]
to = ["slack:C0HEALTH"]
"""


@pytest.mark.parametrize("slack_settings", [ROUTES])
@pytest.mark.parametrize(
    ("office", "probability", "agreement", "where"),
    [
        ({"state": "OH"}, 0.9, None, {"C0OHIO"}),
        ({"state": "OH"}, 0.995, None, {"C0OHIO", "C0HEALTH", ""}),
        ({"state": "OH", "platform": "feed"}, 0.995, None, {"C0OHIO"}),
        ({"state": "TX"}, 0.9, None, {""}),
        ({"state": "TX", "name": "Sample County Sheriff"}, 0.9, "TFM", {"C0HEALTH"}),
        ({"state": "TX", "name": "Sample County Sheriff"}, 0.9, "JEM", {""}),
    ],
)
def test_a_match_goes_to_all_places_whose_route_it_fits(db, config, office, probability, agreement, where):
    with db.write() as session:
        account = make_office(session, **office)
        if agreement:
            session.add(Agreement(agency_id=account.agency_id, model=agreement))
    make_match(db, config, office=account, probability=probability)
    assert {alert.destination for alert in alerts(db)} == where


@pytest.mark.parametrize("place", ["slakc", "slakc:C01", "fax"])
def test_a_route_to_a_channel_that_is_none_is_refused_when_it_is_read(tmp_path, place):
    file = tmp_path / "c.toml"
    file.write_text(f'[[alerts.routes]]\nto = ["{place}"]')
    with pytest.raises(UsageError, match=r"alerts\.routes\.0\.to.*not known"):
        load(file, environment={})


@pytest.mark.parametrize(
    "text", ['quiet_hours = "25:00-07:00"', 'time_zone = "Mars/Olympus"', 'digest = "hourly"', "per_account_hour = -1"]
)
def test_a_setting_that_makes_no_sense_is_refused(tmp_path, text):
    file = tmp_path / "c.toml"
    file.write_text(f"[alerts]\n{text}")
    with pytest.raises(UsageError, match=r"alerts\."):
        load(file, environment={})


QUIET = '[alerts]\nquiet_hours = "22:00-07:00"\ntime_zone = "America/New_York"'


@pytest.mark.parametrize("slack_settings", [QUIET])
def test_the_matches_of_the_quiet_hours_come_in_one_digest_after_them(db, config, slack):
    made = [make_match(db, config, words(n), number=n, now=NIGHT)[1] for n in range(60)]
    assert noise.release(db, config, now=NIGHT) == 0
    send_all(db, config, now=NIGHT)
    assert slack.messages == []
    assert noise.release(db, config, now=MORNING) == 60
    assert noise.release(db, config, now=MORNING) == 0
    send_all(db, config, now=MORNING)
    assert len(slack.messages) == 3
    said = "\n".join(text for message in slack.messages for text in texts_of(message["blocks"]))
    assert all(f"group {n} of them" in said for n in range(60)), "every match is named"
    with db.read() as session:
        assert set(session.execute(sa.select(Held.flag_id)).scalars()) == set(made)


@pytest.mark.parametrize("slack_settings", [QUIET])
@pytest.mark.parametrize(
    ("utc", "quiet"), [("02:59", False), ("03:00", True), ("11:59", True), ("12:00", False), ("20:00", False)]
)
def test_quiet_hours_pass_midnight_in_their_own_zone(config, utc, quiet):
    moment = datetime.fromisoformat(f"2026-11-20T{utc}:00+00:00")
    assert in_quiet_hours(config.alerts, moment) is quiet


@pytest.mark.parametrize("slack_settings", ["[alerts]\nper_account_hour = 3"])
def test_a_storm_of_one_account_is_capped_and_another_account_is_heard(db, config, slack):
    with db.write() as session:
        stormy, calm = make_office(session), make_office(session, name="Calm County Sheriff", address="calm.test")
    now = utcnow()
    for n in range(20):
        make_match(db, config, words(n), number=n, office=stormy, now=now)
    make_match(db, config, words("of the calm"), number=50, office=calm, now=now)
    assert [alert.kind for alert in alerts(db)] == ["match"] * 4
    later = now + timedelta(minutes=61)
    assert noise.release(db, config, now=now) == 0
    assert noise.release(db, config, now=later) == 17
    send_all(db, config, now=later)
    assert len(slack.messages) == 5
    assert "17 matches held back (too many from one account)" in str(slack.messages[-1]["blocks"])


@pytest.mark.parametrize("slack_settings", ["[alerts]\nper_channel_hour = 5"])
def test_a_full_channel_gets_the_overflow_as_a_digest(db, config, slack):
    now = utcnow()
    for n in range(12):
        make_match(db, config, words(n), number=n, now=now)
    later = now + timedelta(minutes=61)
    assert noise.release(db, config, now=later) == 7
    send_all(db, config, now=later)
    said = "\n".join(text for message in slack.messages for text in texts_of(message["blocks"]))
    assert all(f"group {n} of them" in said for n in range(12))


def test_the_same_words_are_the_same_whatever_their_dress():
    one = words_key("They KEEP coming… over https://a.example/1 the border!")
    assert one == words_key("they keep coming over the BORDER https://b.example/2")
    assert one != words_key("They keep coming over the other border")
    assert words_key("Four words are enough") != ""
    assert words_key("too few words") == ""


@pytest.mark.parametrize("slack_settings", ["[alerts]\nsame_words_days = 0"])
def test_each_place_is_told_when_the_configuration_wants_that(db, config):
    for n in range(3):
        make_match(db, config, words("the same"), number=n)
    assert len(alerts(db)) == 3


def test_the_same_words_after_a_week_are_news_again(db, config):
    now = utcnow()
    make_match(db, config, words("old"), number=0, now=now - timedelta(days=8))
    make_match(db, config, words("old"), number=1, now=now)
    make_match(db, config, words("old"), number=2, now=now)
    assert len(alerts(db)) == 2


@pytest.mark.slow
def test_a_flood_is_placed_without_keeping_others_from_writing(db, config):
    """Flags and their alerts are one transaction; another writer waits eight seconds at most."""
    from tests.monitor.made_posts import make_post, make_version

    with db.write() as session:
        version, office = make_version(session), make_office(session)
        for n in range(200):
            make_post(session, office, words(n), number=n, version=version, probability=0.9)
    started = time.monotonic()
    with db.write() as session:
        for flag in session.execute(sa.select(Flag)).scalars().all():
            noise.place_match(session, config, flag, now=utcnow())
    taken_s = time.monotonic() - started
    assert len(alerts(db)) == 200
    assert taken_s < 4, f"{taken_s:.1f} s for 200 matches"


@pytest.mark.parametrize("slack_settings", [QUIET])
def test_offices_with_the_same_words_at_night_are_one_line_that_names_them(db, config, slack):
    for n in range(5):
        make_match(db, config, words("the same"), number=n, now=NIGHT)
    assert noise.release(db, config, now=MORNING) == 1
    send_all(db, config, now=MORNING)
    (digest,) = slack.messages
    (line,) = [text for text in texts_of(digest["blocks"]) if "keep coming" in text]
    assert line.startswith("Example County Sheriff, OH")
    assert line.endswith("the same words: Office 1 Sheriff, Office 2 Sheriff and 2 more")


@pytest.mark.parametrize("slack_settings", [QUIET])
def test_a_digest_whose_blocks_slack_refuses_still_names_every_match(db, config, slack):
    for n in range(25):
        make_match(db, config, words(n), number=n, now=NIGHT, url=f"https://a.example/{n}")
    noise.release(db, config, now=MORNING)
    slack.faults.append("msg_blocks_too_long")
    send_all(db, config, now=MORNING)
    (digest,) = slack.messages
    assert "blocks" not in digest
    assert all(f"group {n} of them" in digest["text"] for n in range(25))
    assert all(f"<https://a.example/{n}|open>" in digest["text"] for n in range(25))
