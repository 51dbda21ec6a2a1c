"""Logging in with an account of the organisation: to the identity provider and back, over HTTP."""

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from models import Event, User, UserRole, WebSession
from models.clock import utcnow
from monitor import users
from monitor.web.page import COOKIE
from tests.web.provider import CLIENT, OTHER_KEY, SECRET, provider


@pytest.fixture
def idp(page_config):
    with provider() as made:
        page_config.http.allow_private = [made.address.removeprefix("http://")]
        page_config.oidc.issuer = made.address
        page_config.oidc.client_id, page_config.oidc.client_secret = CLIENT, SecretStr(SECRET)
        page_config.oidc.label = "your Example account"
        yield made


async def go_there_and_back(person, idp, *, start="/login/oidc"):
    """What a browser does: to the provider, and to where it sends one back."""
    away = await person.get(start)
    assert away.status_code == 303, away.text
    assert away.headers["location"].startswith(f"{idp.address}/authorize?")
    async with httpx.AsyncClient(trust_env=False) as elsewhere:
        sent = await elsewhere.get(away.headers["location"])
    return await person.get(sent.headers["location"].removeprefix("https://127.0.0.1"))


def people(db):
    with db.read() as session:
        return [(user.name, user.role.value, user.oidc_subject) for user in users.all_of(session)]


def sessions_begun(db):
    with db.read() as session:
        return session.execute(sa.select(sa.func.count()).select_from(WebSession)).scalar_one()


def invited(db, name="Jane", role=UserRole.REVIEWER):
    users.add(db, name, role, by="test", now=utcnow())
    return users.invite(db, name, by="test", now=utcnow())


async def test_without_a_provider_there_is_nothing(stranger):
    assert "oidc" not in (await stranger.get("/login")).text
    for path in ("/login/oidc", "/login/oidc/back?code=1&state=2"):
        assert (await stranger.get(path)).status_code == 404


async def test_an_invited_person_takes_the_link_with_their_account_and_later_comes_in_without_it(
    db, idp, stranger, browser
):
    link = invited(db)
    shown = await stranger.get(f"/welcome/{link}")
    assert "Go in with your Example account" in shown.text
    answer = await go_there_and_back(stranger, idp, start=f"/login/oidc?link={link}")
    assert answer.status_code == 303
    assert (await stranger.get("/queue")).status_code == 200
    assert people(db) == [("Jane", "reviewer", f"{idp.address}#248289761001")]
    assert (await browser().get(f"/welcome/{link}")).status_code == 410
    stranger.token = stranger.client.cookies[COOKIE]
    await stranger.post("/logout")
    idp.person["name"] = "Somebody Else"
    assert "Log in with your Example account" in (await stranger.get("/login")).text
    answer = await go_there_and_back(stranger, idp, start="/login/oidc?next=/posts%3Fq%3Dfence")
    assert answer.headers["location"] == "/posts?q=fence"
    assert (await stranger.get("/me")).status_code == 200
    with db.read() as session:
        how = [
            event.data["how"] for event in session.execute(sa.select(Event).where(Event.kind == "user.login")).scalars()
        ]
    assert how == ["oidc", "oidc"]


async def test_the_first_user_may_come_in_so_too(db, idp, stranger):
    link = users.invite(db, by="start", now=utcnow())
    await go_there_and_back(stranger, idp, start=f"/login/oidc?link={link}")
    assert [(name, role) for name, role, _ in people(db)] == [("Jane Doe", "admin")]


async def test_who_has_no_link_is_let_in_only_where_a_role_is_set_for_them(db, idp, stranger, page_config):
    answer = await go_there_and_back(stranger, idp)
    assert answer.status_code == 403
    assert "Ask an admin for a link" in answer.text
    assert (people(db), sessions_begun(db)) == ([], 0)
    page_config.oidc.new_users = "viewer"
    assert (await go_there_and_back(stranger, idp)).status_code == 303
    assert [(name, role) for name, role, _ in people(db)] == [("Jane Doe", "viewer")]
    assert (await stranger.get("/queue")).status_code == 403


async def test_a_name_that_is_taken_is_not_taken_over(db, idp, stranger, page_config):
    page_config.oidc.new_users = "reviewer"
    users.add(db, "jane doe", UserRole.ADMIN, by="test", now=utcnow())
    answer = await go_there_and_back(stranger, idp)
    assert answer.status_code == 403
    assert "There is a user" in answer.text
    assert people(db) == [("jane doe", "admin", "")]


async def test_a_disabled_person_stays_out(db, idp, stranger):
    users.add(db, "Boss", UserRole.ADMIN, by="test", now=utcnow())
    await go_there_and_back(stranger, idp, start=f"/login/oidc?link={invited(db)}")
    users.disable(db, "Jane", by="Boss", now=utcnow())
    answer = await go_there_and_back(stranger, idp)
    assert answer.status_code == 403
    assert "disabled" in answer.text
    assert (await stranger.get("/me")).status_code == 303


LIES = {
    "another issuer": {"claims": {"iss": "https://evil.example"}},
    "for another client": {"claims": {"aud": "somebody-else"}},
    "for several clients": {"claims": {"aud": [CLIENT, "somebody-else"]}},
    "long expired": {"claims": {"exp": 1_000_000_000}},
    "without an end": {"claims": {"exp": None}},
    "of another log-in": {"claims": {"nonce": "another"}},
    "without a nonce": {"claims": {"nonce": None}},
    "nobody": {"claims": {"sub": None}},
    "no name but a list": {"claims": {"sub": ["a"]}},
    "signed by another key": {"key": OTHER_KEY},
    "signed with the public key": {"forges_with": "HS256"},
    "not signed": {"forges_with": "none"},
    "a state of another browser": {"returns": {"state": "another"}},
    "no state": {"returns": {"state": None}},
    "a code that was made up": {"returns": {"code": "made-up"}},
    "no code": {"returns": {"code": None, "error": "access_denied"}},
    "sent by another provider": {"returns": {"iss": "https://evil.example"}},
}


@pytest.mark.parametrize("lie", LIES)
async def test_what_cannot_be_believed_lets_nobody_in(db, idp, stranger, page_config, lie):
    page_config.oidc.new_users = "reviewer"
    for name, value in LIES[lie].items():
        setattr(idp, name, value)
    answer = await go_there_and_back(stranger, idp)
    assert answer.status_code == 403, answer.text
    assert (people(db), sessions_begun(db)) == ([], 0)
    assert COOKIE not in stranger.client.cookies


async def test_an_answer_is_taken_only_in_the_browser_that_asked_and_only_once(db, idp, stranger, browser, page_config):
    page_config.oidc.new_users = "viewer"
    away = await stranger.get("/login/oidc")
    async with httpx.AsyncClient(trust_env=False) as elsewhere:
        sent = (await elsewhere.get(away.headers["location"])).headers["location"].removeprefix("https://127.0.0.1")
    refused = await browser().get(sent)
    assert refused.status_code == 400
    assert "not belong to a log-in begun in this browser" in refused.text
    assert (await stranger.get(sent)).status_code == 303
    assert (await stranger.get(sent)).status_code == 400
    assert sessions_begun(db) == 1
    cookie = next(value for value in away.headers.get_list("set-cookie") if "oidc" in value)
    assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"))


async def test_the_providers_own_checks_pass(idp, stranger, page_config):
    page_config.oidc.new_users = "viewer"
    await go_there_and_back(stranger, idp)
    assert idp.refused == []
    page_config.oidc.client_secret = SecretStr("wrong")
    answer = await go_there_and_back(stranger, idp)
    assert (answer.status_code, idp.refused) == (403, ["secret"])
    assert "wrong" not in answer.text


@pytest.mark.parametrize("fault", ["away", "failing", "another name", "not allowed"])
async def test_a_provider_that_cannot_be_asked_is_told_on_a_page(idp, stranger, page_config, fault):
    if fault == "away":
        page_config.oidc.issuer = "http://127.0.0.1:9"
        page_config.http.allow_private = ["127.0.0.1:9"]
    elif fault == "failing":
        idp.answers = 500
    elif fault == "another name":
        idp.calls_itself = "https://evil.example"
    else:
        page_config.http.allow_private = []
    answer = await stranger.get("/login/oidc")
    assert answer.status_code == 502
    assert "identity provider" in answer.text or "calls itself" in answer.text


async def test_a_stranger_cannot_have_the_provider_asked_again_and_again(idp, stranger):
    for _ in range(20):
        assert (await stranger.get("/login/oidc")).status_code == 303
    assert idp.asked == ["/.well-known/openid-configuration"]


async def test_nobody_is_led_elsewhere_after_the_log_in(db, idp, stranger, page_config):
    page_config.oidc.new_users = "viewer"
    answer = await go_there_and_back(stranger, idp, start="/login/oidc?next=//evil.example/")
    assert answer.headers["location"] == "/"


async def test_what_was_typed_survives_a_log_in_at_the_provider(db, idp, log_in, browser):
    """The session ended while a form was filled: it is sent again after a log-in in another tab."""
    ana = log_in("Ana", "reviewer")
    lost = type(ana)(browser())
    page = await lost.client.post("/queue/1", data={"note": "half a thought", "verdict": "unsure"})
    assert page.status_code == 401
    assert "log in in another tab" in page.text
    assert 'name="note" value="half a thought"' in page.text
    with db.read() as session:
        assert session.execute(sa.select(User.name)).scalars().all() == ["Ana"]
