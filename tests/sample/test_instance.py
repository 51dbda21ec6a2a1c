"""The Mastodon dialect answers as platforms.md says."""

import re
from datetime import datetime

import pytest


@pytest.fixture
def statuses(ask):
    """The path of San Telmo's statuses."""
    account = ask.get("/api/v1/accounts/lookup", params={"acct": "santelmosheriff"}).json()
    return f"/api/v1/accounts/{account['id']}/statuses"


def links(answer):
    return {rel: url for url, rel in re.findall(r'<([^>]+)>; rel="(\w+)"', answer.headers.get("link", ""))}


def test_lookup_takes_the_name_alone_and_with_the_server(shared, ask):
    ids = {
        ask.get("/api/v1/accounts/lookup", params={"acct": acct}).json()["id"]
        for acct in ("santelmosheriff", f"santelmosheriff@127.0.0.1:{shared.port}", "SanTelmoSheriff")
    }
    assert len(ids) == 1
    missing = ask.get("/api/v1/accounts/lookup", params={"acct": "nobody"})
    assert (missing.status_code, missing.json()) == (404, {"error": "Record not found"})
    assert ask.get("/api/v1/accounts/lookup", params={"acct": "santelmosheriff@other.example"}).status_code == 404


def test_the_next_links_walk_back_through_everything(shared, ask, statuses):
    answer, seen = ask.get(statuses, params={"limit": 6, "exclude_replies": "true"}), []
    for _ in range(20):
        seen += [status["id"] for status in answer.json()]
        assert "prev" in links(answer)
        if "next" not in links(answer):
            break
        assert "exclude_replies=true" in links(answer)["next"]
        answer = ask.get(links(answer)["next"])
    assert len(seen) == len(set(seen)) == 28
    assert [int(i) for i in seen] == sorted(map(int, seen), reverse=True)


def test_min_id_gives_the_page_just_after_and_since_id_the_newest(shared, ask, statuses):
    every = [s["id"] for s in ask.get(statuses, params={"limit": 40}).json()]
    old = every[20]
    after = [s["id"] for s in ask.get(statuses, params={"min_id": old, "limit": 5}).json()]
    since = [s["id"] for s in ask.get(statuses, params={"since_id": old, "limit": 5}).json()]
    assert after == every[15:20]
    assert since == every[:5]
    assert ask.get(statuses, params={"min_id": every[0]}).json() == []


def test_a_page_holds_twenty_and_never_more_than_forty(server, ask, statuses):
    for number in range(20):
        server.publish("san-telmo", f"Road report {number}")
    assert len(ask.get(statuses).json()) == 20
    assert len(ask.get(statuses, params={"limit": 400}).json()) == 40


def test_exclusions_drop_boosts_and_answers_to_others_but_keep_own_threads(shared, ask):
    account = ask.get("/api/v1/accounts/lookup", params={"acct": "marrowlakesheriff"}).json()
    path = f"/api/v1/accounts/{account['id']}/statuses"
    every = ask.get(path, params={"limit": 40}).json()
    kept = ask.get(path, params={"limit": 40, "exclude_replies": "true", "exclude_reblogs": "true"}).json()
    dropped = {s["id"] for s in every} - {s["id"] for s in kept}
    assert len(dropped) == 2
    own_thread = [s for s in kept if s["in_reply_to_account_id"] == account["id"]]
    assert len(own_thread) == 1
    assert own_thread[0]["in_reply_to_id"] in {s["id"] for s in kept}
    assert [s["id"] for s in ask.get(path, params={"pinned": "true"}).json()] == [
        s["id"] for s in every if "Welcome" in s["content"]
    ]


def test_a_boost_is_empty_outside_and_somebody_elses_inside(shared, ask, statuses):
    boost = next(s for s in ask.get(statuses, params={"limit": 40}).json() if s["reblog"])
    assert boost["content"] == ""
    assert boost["uri"] == shared.external_id("san-telmo", "bomberos-repost")
    assert boost["account"]["acct"] == "santelmosheriff"
    assert boost["reblog"]["account"]["acct"] == "bomberos@ayuda.example"
    assert "crecido" in boost["reblog"]["content"]


def test_texts_stand_in_content_warning_alt_card_and_quote(shared, ask, statuses):
    every = ask.get(statuses, params={"limit": 40}).json()
    assert any(s["spoiler_text"] and s["sensitive"] for s in every)
    assert any("red rock" in m["description"] for s in every for m in s["media_attachments"])
    card = next(s for s in every if s["card"])
    assert card["card"]["title"] == "Dispatcher I"
    assert '<span class="invisible">https://</span>' in card["content"]
    tagged = next(s for s in every if "Estafa telef" in s["content"])
    assert (tagged["language"], tagged["tags"][0]["name"]) == ("es", "estafa")
    lake = ask.get("/api/v1/accounts/lookup", params={"acct": "marrowlakesheriff"}).json()["id"]
    quote = next(s["quote"] for s in ask.get(f"/api/v1/accounts/{lake}/statuses").json() if s["quote"])
    assert quote["state"] == "accepted"
    assert "Lake effect" in quote["quoted_status"]["content"]


def test_an_edit_sets_edited_at_and_a_deletion_answers_404(server, ask, statuses):
    post = server.publish("san-telmo", "Wrong road. #Oops")
    status = ask.get(statuses, params={"limit": 1}).json()[0]
    assert (status["edited_at"], status["uri"]) == (None, server.external_id("san-telmo", post.id))
    server.edit("san-telmo", post.id, "Right road.")
    edited = ask.get(f"/api/v1/statuses/{status['id']}").json()
    assert (edited["id"], edited["content"]) == (status["id"], "<p>Right road.</p>")
    assert edited["edited_at"] > edited["created_at"]
    server.delete("san-telmo", post.id)
    gone = ask.get(f"/api/v1/statuses/{status['id']}")
    assert (gone.status_code, gone.json()) == (404, {"error": "Record not found"})
    other = ask.get(statuses, params={"limit": 1}).json()[0]["id"]
    several = ask.get("/api/v1/statuses", params={"id[]": [status["id"], other]}).json()
    assert [each["id"] for each in several] == [other]


def test_rate_limit_headers_have_an_iso_reset_and_the_instance_its_version(shared, ask):
    answer = ask.get("/api/v2/instance")
    assert datetime.fromisoformat(answer.headers["x-ratelimit-reset"]).tzinfo is not None
    assert answer.json()["domain"] == f"127.0.0.1:{shared.port}"
    assert answer.json()["version"].startswith("4.")


def test_a_closed_account_is_not_found(server, ask, statuses):
    server.deactivate("san-telmo")
    assert ask.get(statuses).status_code == 404
    assert ask.get("/api/v1/accounts/lookup", params={"acct": "santelmosheriff"}).status_code == 404
