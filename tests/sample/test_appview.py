"""The Bluesky dialect answers as platforms.md and the recorded answers of the reference AppView say."""

import pytest

from monitor.sample.world import Stranger

FEED = "/xrpc/app.bsky.feed.getAuthorFeed"
PINON = "sheriff.pinon-county.example"


def feed(ask, **query):
    answer = ask.get(FEED, params={"actor": PINON, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_profile_and_resolve_agree_on_the_did(shared, ask):
    profile = ask.get("/xrpc/app.bsky.actor.getProfile", params={"actor": PINON}).json()
    did = ask.get("/xrpc/com.atproto.identity.resolveHandle", params={"handle": PINON}).json()["did"]
    assert profile["did"] == did
    assert did.startswith("did:plc:")
    assert len(did) == 32
    assert ask.get("/xrpc/app.bsky.actor.getProfile", params={"actor": did}).json()["handle"] == PINON
    both = ask.get("/xrpc/app.bsky.actor.getProfiles", params={"actors": [did, "nobody.example"]}).json()["profiles"]
    assert [each["did"] for each in both] == [did]


def test_paging_walks_back_through_every_post_once_and_ends_without_a_cursor(shared, ask):
    uris, cursor, pages = [], None, 0
    while pages < 20:
        page = feed(ask, limit=7, **({"cursor": cursor} if cursor else {}))
        uris += [item["post"]["uri"] for item in page["feed"]]
        pages += 1
        cursor = page.get("cursor")
        if cursor is None:
            break
    assert pages == 5
    assert len(uris) == len(set(uris)) == 30


def test_a_garbage_cursor_gives_an_empty_page(shared, ask):
    assert feed(ask, cursor="garbage") == {"feed": []}


def test_filters_tell_reposts_replies_and_media_apart(shared, ask):
    def kinds(chosen):
        items = feed(ask, filter=chosen, limit=100)["feed"]
        reposts = sum("Repost" in item.get("reason", {}).get("$type", "") for item in items)
        return reposts, sum("reply" in item for item in items), len(items)

    assert kinds("posts_with_replies") == (2, 2, 30)
    assert kinds("posts_no_replies") == (2, 0, 28)
    assert kinds("posts_and_author_threads") == (2, 1, 29)
    assert kinds("posts_with_media") == (0, 0, 3)


def test_a_repost_names_the_original_author_and_who_passed_it_on(shared, ask):
    item = next(i for i in feed(ask, limit=100)["feed"] if "Border Talk" in i["post"]["author"]["displayName"])
    assert item["reason"]["$type"] == "app.bsky.feed.defs#reasonRepost"
    assert item["reason"]["by"]["handle"] == PINON
    assert item["post"]["author"]["did"] != item["reason"]["by"]["did"]
    assert item["post"]["uri"].startswith(f"at://{item['post']['author']['did']}/")


def test_the_pinned_post_comes_first_only_when_asked_for_and_only_once(shared, ask):
    pinned = feed(ask, includePins="true")["feed"]
    assert pinned[0]["reason"]["$type"] == "app.bsky.feed.defs#reasonPin"
    assert sum("Welcome!" in item["post"]["record"]["text"] for item in pinned) == 1
    assert "reason" not in feed(ask)["feed"][0]


def test_embeds_carry_their_text_where_the_lexicon_says(shared, ask):
    embeds = [item["post"]["embed"] for item in feed(ask, limit=100)["feed"] if "embed" in item["post"]]
    by_type = {embed["$type"]: embed for embed in embeds}
    images = [image for e in embeds for image in e.get("images", [])]
    assert any("CRIMINAL ALIENS" in image["alt"] for image in images)
    assert by_type["app.bsky.embed.external#view"]["external"]["title"] == "Jail roster"
    quoted = by_type["app.bsky.embed.record#view"]["record"]
    assert quoted["$type"] == "app.bsky.embed.record#viewRecord"
    assert "vermin" in quoted["value"]["text"]


def test_facets_count_utf8_bytes(server, ask):
    server.publish("pinon", "Señal caída ➜ https://pinon.example/x #Aviso", lang="es")
    record = feed(ask, limit=1)["feed"][0]["post"]["record"]
    raw = record["text"].encode()
    cuts = [raw[f["index"]["byteStart"] : f["index"]["byteEnd"]].decode() for f in record["facets"]]
    assert cuts == ["https://pinon.example/x", "#Aviso"]


def test_an_edit_keeps_the_uri_and_changes_the_cid(server, ask):
    uri = server.external_id("pinon", "disguised")
    before = ask.get("/xrpc/app.bsky.feed.getPosts", params={"uris": uri}).json()["posts"][0]
    server.edit("pinon", "disguised", "We apologize for an earlier post.")
    after = ask.get("/xrpc/app.bsky.feed.getPosts", params={"uris": uri}).json()["posts"][0]
    assert (after["uri"], after["record"]["text"]) == (before["uri"], "We apologize for an earlier post.")
    assert after["cid"] != before["cid"]
    assert after["indexedAt"] > before["indexedAt"]
    assert after["record"]["createdAt"] == before["record"]["createdAt"]


def test_a_deleted_post_is_left_out_of_get_posts_without_an_error(server, ask):
    gone, kept = server.external_id("pinon", "disguised"), server.external_id("pinon", "flyer")
    server.delete("pinon", "disguised")
    answer = ask.get("/xrpc/app.bsky.feed.getPosts", params={"uris": [gone, kept]})
    assert [post["uri"] for post in answer.json()["posts"]] == [kept]


def test_a_renamed_account_is_found_by_its_did_and_its_new_handle_only(server, ask):
    profile = "/xrpc/app.bsky.actor.getProfile"
    did = ask.get(profile, params={"actor": PINON}).json()["did"]
    server.rename_handle("pinon", "pinonsheriff.example")
    assert ask.get(profile, params={"actor": did}).json()["handle"] == "pinonsheriff.example"
    old = ask.get(profile, params={"actor": PINON})
    assert (old.status_code, old.json()) == (400, {"error": "InvalidRequest", "message": "Profile not found"})


def test_a_closed_account_is_told_from_a_missing_one_by_its_profile(server, ask):
    server.deactivate("pinon")
    profile = ask.get("/xrpc/app.bsky.actor.getProfile", params={"actor": PINON})
    assert (profile.status_code, profile.json()["error"]) == (400, "AccountDeactivated")
    assert ask.get(FEED, params={"actor": PINON}).json()["message"] == "Profile not found"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"actor": PINON, "limit": 999}, "integer too big (maximum 100, got 999)"),
        ({"actor": PINON, "limit": 0}, "integer too small (minimum 1, got 0)"),
        ({"actor": "not a handle"}, 'Invalid AT identifier (got "not a handle")'),
    ],
)
def test_bad_parameters_are_refused_with_the_appviews_sentence(shared, ask, query, message):
    answer = ask.get(FEED, params=query)
    assert answer.status_code == 400
    expected = f"Invalid app.bsky.feed.getAuthorFeed params: {message}"
    assert answer.json() == {"error": "InvalidRequest", "message": expected}


def test_answers_carry_rate_limit_headers_and_a_weak_etag_that_works(shared, ask):
    first = ask.get(FEED, params={"actor": PINON})
    assert first.headers["ratelimit-reset"].isdecimal()
    assert first.headers["ratelimit-policy"].endswith(";w=300")
    again = ask.get(FEED, params={"actor": PINON}, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


def test_the_media_filter_leaves_out_pictures_that_were_only_passed_on(server, ask):
    server.publish("pinon", "Look", alts=["A flood"], repost=Stranger(name="A neighbor", handle="neighbor.example"))
    with_media = feed(ask, filter="posts_with_media")["feed"]
    assert len(with_media) == 3
    assert all("reason" not in item for item in with_media)
