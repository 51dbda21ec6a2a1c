import httpx
import pytest
from fastapi import FastAPI

from models.clock import utcnow
from monitor import apitokens
from monitor.web.api import make_api
from tests.monitor.made_posts import make_office, make_post


@pytest.fixture
async def api(db):
    with db.write() as session:
        office = make_office(session)
        for number in range(3):
            make_post(session, office, f"Post {number} of the fence.", number=number)
    app = FastAPI()
    app.mount("/api/v1", make_api(db, may_read=lambda name: name == "ana"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        yield client


def bearer(db, name="ana"):
    return {"Authorization": f"Bearer {apitokens.make(db, name, now=utcnow())}"}


@pytest.mark.parametrize("path", ["posts", "posts/1", "flags", "reviews", "agencies", "accounts"])
async def test_without_a_token_in_force_nothing_is_read(db, api, path):
    url = f"/api/v1/{path}"
    assert (await api.get(url)).status_code == 401
    assert (await api.get(url, headers={"Authorization": "Bearer swt_made-up"})).status_code == 401
    assert (await api.get(url, headers=bearer(db, "gone"))).status_code == 403
    mine = bearer(db)
    assert (await api.get(url, headers=mine)).status_code == 200
    assert (await api.post(url, headers=mine)).status_code == 405
    apitokens.revoke_all(db, "ana", now=utcnow())
    assert (await api.get(url, headers=mine)).status_code == 401


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
