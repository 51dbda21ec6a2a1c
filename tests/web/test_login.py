"""Getting in, staying in, being kept out."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine

from models import Event, LoginAttempt, UserRole, WebSession
from models.clock import utcnow
from monitor import sessions, users
from monitor.errors import UsageError
from monitor.web.page import COOKIE, VISITOR_COOKIE
from monitor.web.security import form_token, local_path

PASSWORD = "four words in a row"


@pytest.fixture
def ana(db):
    users.add(db, "Ana", UserRole.ADMIN, by="test", now=utcnow())
    return users.set_password(db, "Ana", PASSWORD, by="test", now=utcnow())


async def at_the_door(person):
    """The log-in page has been looked at, so that its form has a token."""
    await person.get("/login")
    person.token = person.client.cookies[VISITOR_COOKIE]
    return person


async def enter(person, name="Ana", password=PASSWORD, **more):
    await at_the_door(person)
    answer = await person.post("/login", {"name": name, "password": password, **more})
    person.token = person.client.cookies.get(COOKIE, "")
    return answer


def test_passwords_are_kept_as_argon2id(db, costly_hash):
    users.add(db, "Ana", UserRole.VIEWER, by="test", now=utcnow())
    user = users.set_password(db, "Ana", PASSWORD, by="test", now=utcnow())
    assert user.password_hash.startswith("$argon2id$")
    assert users.fits(user, PASSWORD)
    assert not users.fits(user, PASSWORD + "!")


async def test_name_and_password_lead_in_and_a_log_out_leads_out(ana, stranger):
    answer = await enter(stranger)
    assert (await stranger.follow(answer)).status_code == 303
    assert (await stranger.get("/me")).status_code == 200
    old = stranger.client.cookies[COOKIE]
    await stranger.post("/logout")
    assert COOKIE not in stranger.client.cookies
    stranger.client.cookies.set(COOKIE, old)
    assert (await stranger.get("/me")).headers["location"].startswith("/login")


@pytest.mark.parametrize(("name", "password"), [("Ana", "wrong words in a row"), ("Nobody", PASSWORD), ("", "")])
async def test_a_wrong_name_or_password_is_told_in_the_same_words(ana, stranger, name, password):
    answer = await enter(stranger, name, password)
    assert answer.status_code == 401
    assert "do not belong together" in answer.text


async def test_upper_and_lower_case_of_a_name_are_one(ana, stranger):
    assert (await enter(stranger, "aNA")).status_code == 303


async def test_unknown_names_cost_as_much_as_known_ones(ana, stranger, monkeypatch, quick_hash):
    verified = []
    real = quick_hash.verify
    monkeypatch.setattr(quick_hash, "verify", lambda *given: verified.append(given) or real(*given))
    for name in ("Ana", "Nobody"):
        await enter(stranger, name, "wrong words in a row")
    assert [hashed[:9] for _, hashed in verified] == ["$argon2id", "$argon2id"]


@pytest.mark.slow
def test_unknown_names_take_as_long_as_known_ones(db, costly_hash):
    import statistics
    import time

    users.add(db, "Ana", UserRole.VIEWER, by="test", now=utcnow())
    known = users.set_password(db, "Ana", PASSWORD, by="test", now=utcnow())
    users.fits(None, "warm up")
    took = {"known": [], "unknown": []}
    for _ in range(12):
        for which, user in (("known", known), ("unknown", None)):
            begun = time.process_time()
            users.fits(user, "wrong words in a row")
            took[which].append(time.process_time() - begun)
    # Each pair was taken at once, so that a machine that is slow for a while is slow for both.
    ratios = [known / unknown for known, unknown in zip(took["known"], took["unknown"], strict=True)]
    assert abs(statistics.median(ratios) - 1) < 0.05


@pytest.mark.parametrize("guesses", [100, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("spread", ["one name", "one address"])
async def test_of_many_guesses_at_most_twenty_are_tried(db, ana, app, monkeypatch, spread, guesses):
    tried = []
    monkeypatch.setattr(users, "fits", lambda user, password: tried.append(password))
    refused = 0
    for number in range(guesses):
        name = "Ana" if spread == "one name" else f"name{number}"
        address = f"10.0.{number // 250}.{number % 250}" if spread == "one name" else "10.0.0.1"
        try:
            assert sessions.log_in(db, name, f"guess {number}", address=address, now=utcnow()) is None
        except sessions.ThrottleError:
            refused += 1
    assert 5 <= len(tried) <= 20
    assert refused == guesses - len(tried)


async def test_who_guessed_too_often_is_told_to_wait_and_gets_in_later(db, ana, stranger):
    for _ in range(sessions.MOST_WRONG_BY_NAME):
        assert (await enter(stranger, "Ana", "wrong words in a row")).status_code == 401
    answer = await enter(stranger)
    assert answer.status_code == 429
    assert "Wait 15 minutes" in answer.text
    with time_machine.travel(utcnow() + sessions.WINDOW + timedelta(minutes=1), tick=True):
        assert (await enter(stranger)).status_code == 303
    with db.read() as session:
        assert session.execute(sa.select(sa.func.count()).select_from(LoginAttempt)).scalar() == 0


async def test_a_session_that_was_planted_is_not_taken_up(db, ana, stranger):
    stranger.client.cookies.set(COOKIE, "planted-by-somebody")
    stranger.client.cookies.set(VISITOR_COOKIE, "planted-too")
    stranger.token = "planted-too"
    answer = await stranger.post("/login", {"name": "Ana", "password": PASSWORD})
    given = next(value for value in answer.headers.get_list("set-cookie") if value.startswith(f"{COOKIE}="))
    assert "planted" not in given
    with db.read() as session:
        hashes = set(session.execute(sa.select(WebSession.token_sha256)).scalars())
    assert hashes == {sessions._sha256(given.removeprefix(f"{COOKIE}=").split(";")[0])}


async def test_a_session_ends_after_twelve_idle_hours_and_not_while_it_is_used(ana, stranger):
    begun = utcnow()
    await enter(stranger)
    for hours in (11, 22, 33):
        with time_machine.travel(begun + timedelta(hours=hours), tick=False):
            assert (await stranger.get("/me")).status_code == 200
    with time_machine.travel(begun + timedelta(hours=46), tick=False):
        assert (await stranger.get("/me")).status_code == 303


async def test_a_new_password_ends_every_other_session(ana, stranger, log_in):
    elsewhere = log_in("Ana")
    here = log_in("Ana")
    new = "five other words in a row"
    wrong = await here.post("/me/password", {"old_password": "x", "new_password": new, "password_again": new})
    assert wrong.status_code == 400
    assert (await elsewhere.get("/me")).status_code == 200
    answer = await here.post("/me/password", {"old_password": PASSWORD, "new_password": new, "password_again": new})
    assert answer.status_code == 303
    assert "All other sessions have ended" in (await here.get("/me")).text
    assert (await elsewhere.get("/me")).status_code == 303
    assert (await enter(stranger, password=new)).status_code == 303


async def test_a_disabled_user_is_out_at_once(db, ana, log_in):
    ben = log_in("Ben", "reviewer")
    assert (await ben.get("/queue")).status_code == 200
    users.disable(db, "Ben", by="test", now=utcnow())
    assert (await ben.get("/queue")).status_code == 303


async def test_the_first_link_makes_an_admin_once(db, stranger, browser, quick_hash):
    link = users.invite(db, by="start", now=utcnow())
    assert "The first user" in (await stranger.get(f"/welcome/{link}")).text
    stranger.token = stranger.client.cookies[VISITOR_COOKIE]
    short = await stranger.post(f"/welcome/{link}", {"name": "Ana", "password": "short", "password_again": "short"})
    assert short.status_code == 400
    assert "at least 12 characters" in short.text
    assert 'value="Ana"' in short.text
    given = {"name": "Ana", "password": PASSWORD, "password_again": PASSWORD}
    assert (await stranger.post(f"/welcome/{link}", given)).status_code == 303
    assert (await stranger.get("/people")).status_code == 200
    again = await browser().get(f"/welcome/{link}")
    assert again.status_code == 410
    assert "Ask an admin" in again.text
    second = users.invite(db, by="start", now=utcnow())  # the door for the first user is shut for good
    assert (await browser().get(f"/welcome/{second}")).status_code == 410


async def test_a_link_expires_and_a_newer_one_takes_its_place(db, browser, quick_hash):
    old = users.invite(db, by="start", now=utcnow())
    new = users.invite(db, by="start", now=utcnow())
    assert (await browser().get(f"/welcome/{old}")).status_code == 410
    assert (await browser().get(f"/welcome/{new}")).status_code == 200
    with time_machine.travel(utcnow() + users.INVITATION_LASTS + timedelta(seconds=1), tick=False):
        assert (await browser().get(f"/welcome/{new}")).status_code == 410


def test_there_is_always_an_admin(db, ana):
    with pytest.raises(UsageError, match="only admin"):
        users.set_role(db, "Ana", UserRole.VIEWER, by="test", now=utcnow())
    with pytest.raises(UsageError, match="only admin"):
        users.disable(db, "Ana", by="test", now=utcnow())


async def test_an_admin_adds_people_and_changes_roles(db, ana, log_in, browser):
    admin = log_in("Ana")
    page = await admin.post("/people", {"name": "Ben", "role": "reviewer"})
    assert "/welcome/" in page.text
    again = await admin.post("/people", {"name": "ben", "role": "reviewer"})
    assert again.status_code == 400
    assert "already" in again.text
    with db.read() as session:
        ben = users.named(session, "Ben").id
    assert (await admin.post(f"/people/{ben}", {"role": "lead"})).status_code == 303
    assert (await admin.post(f"/people/{ben}", {"role": "emperor"})).status_code == 400
    with db.read() as session:
        assert users.named(session, "Ben").role is UserRole.LEAD
        kinds = set(session.execute(sa.select(Event.kind)).scalars())
    assert {"user.added", "user.invited", "user.role"} <= kinds


ELSEWHERE = [
    "https://evil.example", "//evil.example", "///evil.example", "/\\evil.example", "\\/evil.example",
    "\\\\evil.example", "/\t/evil.example", "/\n/evil.example", "/\r/evil.example", " //evil.example",
    "javascript:alert(1)", "//evil.example/%2f..", "/%09/evil.example\t", "http:evil.example", "data:text/html,x",
    "evil.example", "/\x00/evil.example", "//@evil.example", "/.\u2025/evil.example", "https:/evil.example",
]  # fmt: skip


@pytest.mark.parametrize("wanted", ELSEWHERE)
async def test_the_log_in_leads_nowhere_else(ana, log_in, stranger, wanted):
    assert len(ELSEWHERE) == 20
    answers = [
        await log_in("Ana").get("/login", params={"next": wanted}),
        await enter(stranger, next=wanted),
    ]
    for answer in answers:
        assert answer.status_code == 303
        target = answer.headers["location"]
        assert target.startswith("/")
        assert not target.startswith(("//", "/\\"))
        assert "evil.example" not in target or target.startswith("/%09")


def test_a_path_of_ours_is_kept():
    for path in ("/", "/queue", "/posts?q=a%20b&state=OH", "/posts/12"):
        assert local_path(path) == path


async def test_who_has_to_log_in_first_comes_to_where_they_wanted(ana, stranger):
    asked = await stranger.get("/me?x=1&y=2")
    assert asked.headers["location"] == "/login?next=/me%3Fx%3D1%26y%3D2"
    answer = await enter(stranger, next="/me?x=1&y=2")
    assert answer.headers["location"] == "/me?x=1&y=2"


async def test_a_form_of_before_the_log_in_is_kept_and_can_be_sent_again(ana, log_in):
    here = log_in("Ana")
    answer = await here.client.post("/people", data={"token": form_token("older"), "name": "Ben", "role": "viewer"})
    assert answer.status_code == 403
    assert "too old" in answer.text
    assert 'name="name" value="Ben"' in answer.text
