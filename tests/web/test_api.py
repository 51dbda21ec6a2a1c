import httpx
import pytest
import sqlalchemy as sa
from sqlmodel import col

from models import User, UserRole, Verdict
from models.clock import utcnow
from monitor import apitokens, users
from monitor.errors import UsageError
from monitor.review.verdicts import Decision, decide
from monitor.web.api import make_api
from tests.monitor.made_posts import make_office, make_post, make_version


@pytest.fixture
def three_posts(db):
    with db.write() as session:
        office, version = make_office(session), make_version(session)
        for number in range(3):
            text = f"Post {number} of the fence."
            make_post(session, office, text, number=number, version=version, probability=0.9, themes=["invasion"])


@pytest.fixture
async def api(browser, three_posts):
    """The API as the page has it."""
    return browser()


@pytest.fixture
async def api_alone(db, page_config, three_posts):
    """The API as ``api serve`` has it."""
    transport = httpx.ASGITransport(make_api(db, page_config))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


def bearer(db, name="Ana", role=UserRole.VIEWER):
    with db.read() as session:
        known = users.named(session, name)
    if known is None:
        users.add(db, name, role, by="test", now=utcnow())
    return {"Authorization": f"Bearer {apitokens.make(db, name, now=utcnow())}"}


@pytest.mark.parametrize("path", ["posts", "posts/1", "flags", "reviews", "agencies", "accounts"])
async def test_without_a_token_in_force_nothing_is_read(db, api, path):
    url = f"/api/v1/{path}"
    assert (await api.get(url)).status_code == 401
    assert (await api.get(url, headers={"Authorization": "Bearer swt_made-up"})).status_code == 401
    mine = bearer(db)
    assert (await api.get(url, headers=mine)).status_code == 200
    assert (await api.post(url, headers=mine)).status_code == 405
    apitokens.revoke_all(db, "Ana", now=utcnow())
    assert (await api.get(url, headers=mine)).status_code == 401


async def test_a_token_ends_with_its_user_on_the_page_and_alone_alike(db, api, api_alone):
    bearer(db, "Boss", UserRole.ADMIN)
    ana, ben = bearer(db, "Ana"), bearer(db, "Ben")

    async def statuses(headers):
        return [(await asked.get(path, headers=headers)).status_code for asked, path in both]

    both = [(api, "/api/v1/posts"), (api_alone, "/posts")]
    assert await statuses(ana) == await statuses(ben) == [200, 200]
    users.disable(db, "Ana", by="Boss", now=utcnow())
    assert await statuses(ana) == [401, 401]
    users.enable(db, "Ana", by="Boss", now=utcnow())
    assert await statuses(ana) == [401, 401], "a token that was revoked stays so"
    with db.write() as session:
        session.connection().execute(sa.delete(User).where(col(User.name) == "Ben"))
    assert await statuses(ben) == [401, 401]


def test_a_token_is_made_only_for_a_user_who_may_log_in(db):
    with pytest.raises(UsageError, match="no user “Nobody”"):
        apitokens.make(db, "Nobody", now=utcnow())
    users.add(db, "Boss", UserRole.ADMIN, by="test", now=utcnow())
    users.add(db, "Ana", UserRole.VIEWER, by="test", now=utcnow())
    users.disable(db, "Ana", by="Boss", now=utcnow())
    with pytest.raises(UsageError, match="disabled"):
        apitokens.make(db, "Ana", now=utcnow())


async def test_in_blind_review_a_reviewer_reads_no_score_or_verdict_before_deciding(db, api, page_config):
    page_config.review.blind = True
    reviewer, lead = bearer(db, "Ana", UserRole.REVIEWER), bearer(db, "Lea", UserRole.LEAD)
    decide(db, Decision(1, Verdict.CONFIRMED, "Ben"), now=utcnow())

    async def read(headers):
        post = (await api.get("/api/v1/posts/1", headers=headers)).json()
        flag = (await api.get("/api/v1/flags", headers=headers)).json()["items"][0]
        reviews = (await api.get("/api/v1/reviews", headers=headers)).json()["items"]
        return post["score"], post["verdict"], post["themes"], flag["probability"], len(reviews)

    told = (0.9, "confirmed", ["invasion"], 0.9, 1)
    assert await read(lead) == told
    assert await read(reviewer) == (None, None, [], None, 0)
    decide(db, Decision(1, Verdict.CONFIRMED, "Ana"), now=utcnow())
    assert await read(reviewer) == (*told[:4], 2)


async def test_it_describes_itself(api, api_alone):
    described = (await api.get("/api/v1/openapi.json")).json()
    assert described["paths"].keys() == (await api_alone.get("/openapi.json")).json()["paths"].keys()
    parameters = {parameter["name"] for parameter in described["paths"]["/posts"]["get"]["parameters"]}
    assert parameters >= {"q", "state", "verdict", "score_min", "after", "limit"}
    assert set(described["paths"]["/posts"]["get"]["responses"]) >= {"200", "400", "401", "503"}
    assert described["components"]["schemas"]["PostAnswer"]["properties"]["versions"]["type"] == "array"


async def test_posts_come_page_by_page_with_the_filters_of_the_page(db, api):
    mine, seen, after = bearer(db), [], ""
    while after is not None:
        page = (await api.get("/api/v1/posts", params={"q": "fence", "limit": 2, "after": after}, headers=mine)).json()
        seen += [item["id"] for item in page["items"]]
        after = page["next"]
    assert seen == [3, 2, 1]


@pytest.mark.parametrize("params", [{"q": '"'}, {"score_min": "x"}, {"after": "x"}, {"state": "Ohio"}])
async def test_a_wrong_parameter_is_told_in_a_sentence(db, api, params):
    answer = await api.get("/api/v1/posts", params=params, headers=bearer(db))
    assert answer.status_code == 400
    assert answer.json()["detail"].endswith(".")


async def test_an_address_with_a_line_end_is_not_found_in_json_too(api):
    answer = await api.get("/api/v1/posts/%0A4")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
    assert answer.json()["detail"]
