from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import Alert, Destination, Event, Flag, Review, SameWords, User, UserRole, Verdict
from models.clock import utcnow
from monitor.review import verdicts
from monitor.review.verdicts import Decision
from tests.monitor.made_posts import add_wording
from tests.slack.conftest import DANA, ELI, STRANGER, TEXT, Room, make_match, send_all
from tests.slack.forms import faults_of


def reviews(room):
    with room.db.read() as session:
        return list(session.execute(sa.select(Review).order_by(Review.id)).scalars())


def events(room, kind):
    with room.db.read() as session:
        return list(session.execute(sa.select(Event).where(Event.kind == kind)).scalars())


def test_one_press_confirms_and_the_message_says_who(room):
    room.press("triage_confirm")
    (review,) = reviews(room)
    assert (review.verdict, review.reviewer, review.via) == (Verdict.CONFIRMED, f"slack:{DANA}", "slack")
    assert "*Confirmed*" in room.said
    assert "dana: confirmed" in room.said
    assert room.message["text"].startswith("Confirmed: New match")
    assert faults_of(room.message) == ""
    assert len(room.slack.messages) == 1, "the message itself changed; nothing was added"


def test_a_rejection_carries_the_reason_that_was_chosen(room):
    room.press("triage_reject", value=f"{room.alert_id}:counter_speech")
    (review,) = reviews(room)
    assert (review.verdict, review.reason) == (Verdict.REJECTED, "counter_speech")
    assert "Defends immigrants" in room.said


def test_a_reason_that_is_none_changes_nothing(room):
    room.press("triage_reject", value=f"{room.alert_id}:because")
    assert reviews(room) == []
    assert "not one of the codebook" in room.whispers[0]


def test_two_who_differ_make_it_need_a_second_look(room):
    room.press("triage_confirm", user=DANA)
    room.press("triage_unsure", user=ELI)
    assert "Needs a second look" in room.said
    assert "dana: confirmed" in room.said
    assert "eli: unsure" in room.said
    room.press("triage_confirm", user=ELI)
    assert "*Confirmed*" in room.said
    assert "second look" not in room.said


def test_a_double_click_is_one_verdict(room):
    once = room.pressed("triage_confirm")
    room.take(once, once)
    room.press("triage_confirm")
    assert len(reviews(room)) == 1
    assert len(events(room, "review.decided")) == 1


def test_two_people_who_press_at_the_same_moment_are_both_heard(room):
    room.take(room.pressed("triage_confirm", user=DANA), room.pressed("triage_confirm", user=ELI))
    assert {review.reviewer for review in reviews(room)} == {f"slack:{DANA}", f"slack:{ELI}"}
    assert "dana: confirmed" in room.said
    assert "eli: confirmed" in room.said


def test_whoever_is_not_listed_gets_a_polite_private_answer_and_decides_nothing(room):
    before = dict(room.message)
    room.press("triage_confirm", user=STRANGER)
    assert reviews(room) == []
    assert room.message == before
    (whisper,) = room.slack.whispers
    assert whisper["response_type"] == "ephemeral"
    assert STRANGER in whisper["text"]
    (event,) = events(room, "slack.refused")
    assert event.actor == f"slack:{STRANGER}"


def test_a_reviewer_of_the_page_decides_under_the_name_they_have_there(room):
    with room.db.write() as session:
        session.add(User(name="Sam", role=UserRole.REVIEWER, slack_id=STRANGER))
    room.press("triage_confirm", user=STRANGER)
    assert [review.reviewer for review in reviews(room)] == ["Sam"]


def test_who_only_reads_on_the_page_decides_nothing_here(room):
    with room.db.write() as session:
        session.add(User(name="Vic", role=UserRole.VIEWER, slack_id=STRANGER))
    room.press("triage_confirm", user=STRANGER)
    assert reviews(room) == []


@pytest.mark.parametrize("slack_settings", ['reviewer_group = "S0GROUP"'])
def test_the_members_of_the_user_group_may_decide(room):
    room.slack.groups = {"S0GROUP": [STRANGER]}
    room.press("triage_confirm", user=STRANGER)
    assert len(reviews(room)) == 1


@pytest.mark.parametrize("slack_settings", ['reviewer_group = "S0GROUP"'])
def test_a_group_that_cannot_be_asked_lets_nobody_in(room):
    room.slack.scopes.discard("usergroups:read")
    room.press("triage_confirm", user=STRANGER)
    assert reviews(room) == []
    assert room.whispers


def test_a_press_from_another_workspace_does_nothing(room):
    room.take(room.pressed("triage_confirm", team="T0OTHER"))
    assert reviews(room) == []
    assert "another Slack workspace" in room.whispers[0]


def test_a_verdict_is_taken_back_within_ten_minutes(room):
    room.press("triage_confirm")
    room.press("triage_undo")
    assert [review.revoked_at is not None for review in reviews(room)] == [True]
    assert "Confirmed" not in room.said
    assert room.message["text"].startswith("New match")


def test_after_ten_minutes_a_verdict_stands(room):
    room.press("triage_confirm")
    room.desk_clock = lambda: utcnow() + timedelta(minutes=11)
    room.press("triage_undo")
    assert [review.revoked_at for review in reviews(room)] == [None]
    assert "ten minutes" in room.whispers[0]


def test_nobody_takes_back_the_verdict_of_another(room):
    room.press("triage_confirm", user=DANA)
    room.press("triage_undo", user=ELI)
    assert [review.revoked_at for review in reviews(room)] == [None]


def test_the_same_press_sent_again_after_an_undo_changes_nothing(room):
    pressed = room.pressed("triage_confirm")
    room.take(pressed)
    room.press("triage_undo")
    room.take(pressed)
    assert len(reviews(room)) == 1
    assert "Confirmed" not in room.said


@pytest.mark.parametrize("via", ["web", "cli"])
def test_a_verdict_given_elsewhere_shows_in_the_message(room, teller, via):
    decision = Decision(room.post_id, Verdict.REJECTED, "ana", reason="statute", via=via)
    verdicts.decide(room.db, decision, now=utcnow())
    assert teller.run(now=utcnow()) == 1
    assert teller.run(now=utcnow()) == 0
    send_all(room.db, room.config)
    assert "ana: rejected (Statute or programme name)" in room.said
    assert {"web": "on the page", "cli": "on the command line"}[via] in room.said


def test_an_old_verdict_taken_back_elsewhere_shows_in_a_process_that_has_run_for_long(room, teller):
    begun = utcnow()
    review = verdicts.decide(room.db, Decision(room.post_id, Verdict.CONFIRMED, "ana", via="web"), now=begun)
    teller.run(now=begun)
    send_all(room.db, room.config)
    assert "ana: confirmed" in room.said
    later = begun + timedelta(hours=3)
    teller.run(now=later)
    verdicts.revoke(room.db, review.id, by="ana", now=later + timedelta(seconds=5))
    assert teller.run(now=later + timedelta(seconds=10)) == 1
    send_all(room.db, room.config, now=later + timedelta(seconds=10))
    assert "ana: confirmed" not in room.said


def test_verdicts_given_while_slack_is_away_show_when_it_is_back(room, teller):
    room.slack.always = "server_error"
    for name in ("ana", "ben"):
        verdicts.decide(room.db, Decision(room.post_id, Verdict.CONFIRMED, name), now=utcnow())
        teller.run(now=utcnow())
        send_all(room.db, room.config)
    room.slack.always = ""
    later = utcnow() + timedelta(hours=1)
    teller.run(now=later)
    send_all(room.db, room.config, now=later)
    assert "ana: confirmed" in room.said
    assert "ben: confirmed" in room.said


def test_where_a_message_can_no_longer_be_edited_the_verdict_is_told_below_it(room):
    room.slack.faults.append("edit_window_closed")
    room.press("triage_confirm")
    (reply,) = [message for message in room.slack.messages if message.get("thread_ts")]
    assert reply["thread_ts"] == room.message["ts"]
    assert reply["text"].startswith("Confirmed: New match: Example County Sheriff")
    (section,) = reply["blocks"]
    assert "dana: confirmed, <!date^" in section["text"]["text"], "the time shows in the reader's zone"


def test_a_verdict_whose_blocks_slack_refuses_shows_as_words_in_the_same_message(room):
    room.slack.faults.append("invalid_blocks")
    room.press("triage_confirm")
    assert room.message["blocks"] == [], "the old ones do not stay below a new text"
    for part in ("*Confirmed*", "dana: confirmed", "Another criminal illegal alien"):
        assert part in room.message["text"]
    assert len(room.slack.messages) == 1


def test_an_alert_that_is_not_there_any_more_is_said_politely(room):
    room.press("triage_confirm", value="999999")
    room.press("triage_confirm", value="not a number")
    assert reviews(room) == []
    assert all("not there any more" in whisper for whisper in room.whispers)


def test_more_shows_the_whole_text_and_its_earlier_wordings(room):
    from models import Post

    with room.db.write() as session:
        add_wording(session, session.get(Post, room.post_id), "Edited: " + TEXT + " All of it. " * 2000)
    room.press("triage_more")
    (view,) = room.slack.views
    text = str(view)
    assert "Edited: Another criminal" in text
    assert "1 earlier wordings" in text
    assert "more characters" in text
    assert view["private_metadata"] == str(room.alert_id)


def test_a_form_that_comes_too_late_for_slack_says_so(room):
    first, late = room.pressed("triage_more"), room.pressed("triage_more")
    late["trigger_id"] = first["trigger_id"]
    room.take(first)
    room.take(late)
    assert len(room.slack.views) == 1
    assert "press again" in room.whispers[0]


def test_the_form_stores_themes_severity_and_note(room):
    chosen = [{"value": "criminal_alien"}, {"value": "invasion"}]
    answers = room.take(
        room.form(
            {
                "verdict": {"type": "radio_buttons", "selected_option": {"value": "confirmed"}},
                "reason": {"type": "static_select", "selected_option": None},
                "themes": {"type": "checkboxes", "selected_options": chosen},
                "severe": {"type": "checkboxes", "selected_options": [{"value": "severe"}]},
                "note": {"type": "plain_text_input", "value": "See <!channel> the second sentence."},
            }
        )
    )
    assert answers == [{}]
    (review,) = reviews(room)
    assert (review.themes, review.severe) == (["criminal_alien", "invasion"], True)
    replies = [message for message in room.slack.messages if message.get("thread_ts")]
    assert replies == [], "the note is told with the next look, not by the form"


def test_a_press_that_says_the_same_as_the_form_before_keeps_its_themes_and_note(room):
    values = {
        "verdict": {"type": "radio_buttons", "selected_option": {"value": "confirmed"}},
        "themes": {"type": "checkboxes", "selected_options": [{"value": "invasion"}]},
        "note": {"type": "plain_text_input", "value": "The second sentence."},
    }
    room.take(room.form(values))
    room.press("triage_confirm")
    (review,) = reviews(room)
    assert (review.themes, review.note) == (["invasion"], "The second sentence.")
    room.press("triage_undo")
    room.press("triage_confirm")
    assert [review.revoked_at is None for review in reviews(room)] == [False, True]


def test_a_form_that_cannot_be_stored_says_so_in_the_form(room):
    for verdict, reason, block in (("", "", "verdict"), ("confirmed", "news", "reason"), ("rejected", "x", "reason")):
        values = {
            "verdict": {"type": "radio_buttons", "selected_option": {"value": verdict} if verdict else None},
            "reason": {"type": "static_select", "selected_option": {"value": reason} if reason else None},
        }
        (answer,) = room.take(room.form(values))
        assert answer["response_action"] == "errors"
        assert list(answer["errors"]) == [block]
    assert reviews(room) == []


NONSENSE = [
    {},
    {"type": "block_actions"},
    {"type": "block_actions", "user": {"id": "U0DANA"}, "actions": "confirm"},
    {"type": "block_actions", "user": {"id": "<!channel>"}, "actions": [{"action_id": "triage_confirm"}]},
    {"type": "view_submission", "user": {"id": "U0DANA"}, "view": [1, 2]},
    {"type": "something_new"},
    {"command": "/sheriffwatch", "user_id": 7},
]


def test_a_payload_that_slack_does_not_send_does_nothing(room):
    assert room.take(*NONSENSE) == [{}] * len(NONSENSE)
    assert reviews(room) == []


def test_a_verdict_shows_before_a_backlog_of_alerts_is_through(room):
    """Slack takes one message a second: who presses must not wait for two thousand."""
    for number in range(1, 4):
        make_match(room.db, room.config, f"They keep coming, group {number} of them.", number=number)
    room.slack.calls.clear()
    room.press("triage_confirm")
    methods = [method for method, _ in room.slack.calls if method in ("chat.update", "chat.postMessage")]
    assert methods.count("chat.postMessage") == 3
    assert methods.index("chat.update") < 2


def test_a_match_whose_flag_was_deleted_is_said_politely(room):
    with room.db.write() as session:
        session.execute(sa.delete(Alert))
        session.execute(sa.delete(SameWords))
        session.execute(sa.delete(Flag))
    room.press("triage_confirm")
    assert reviews(room) == []
    assert "not there any more" in room.whispers[0]


def test_an_old_channel_that_was_archived_does_not_stop_the_new_one(room, teller):
    channel = room.config.ready_channels["slack"]
    room.slack.channels = {"C0NEW"}
    channel.channel = "C0NEW"
    verdicts.decide(room.db, Decision(room.post_id, Verdict.CONFIRMED, "ana"), now=utcnow())
    teller.run(now=utcnow())
    make_match(room.db, room.config, "They keep coming, one more group of them.", number=7)
    send_all(room.db, room.config)
    assert [message["channel"] for message in room.slack.messages] == ["C0TEST", "C0NEW"]
    with room.db.read() as session:
        assert session.execute(sa.select(Destination.stopped_at)).scalars().all() == [None]


@pytest.mark.parametrize("slack_settings", ['[[alerts.routes]]\nto = ["slack:C0OHIO", "slack:C0TEST"]\n'])
def test_a_match_that_stands_in_two_channels_shows_the_verdict_in_both(db, config, slack):
    post_id, _ = make_match(db, config)
    send_all(db, config)
    assert {message["channel"] for message in slack.messages} == {"C0OHIO", "C0TEST"}
    room = Room(db, config, slack, post_id, int(slack.messages[0]["metadata"]["event_payload"]["alert_id"]))
    room.press("triage_confirm")
    assert all("dana: confirmed" in str(message["blocks"]) for message in slack.messages)
    room.press("triage_undo")
    assert not any("dana: confirmed" in str(message["blocks"]) for message in slack.messages)
