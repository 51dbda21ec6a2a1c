"""The sample server's shapes against answers recorded from real servers, where those recordings are at hand."""

import json
from pathlib import Path

import pytest

RECORDED = Path(__file__).parents[3] / "shared" / "data" / "recorded"
PINON = "sheriff.pinon-county.example"
# GoToSocial's own additions, which Mastodon does not have.
ONLY_GOTOSOCIAL = {
    "text", "content_type", "interaction_policy", "favourited", "reblogged", "muted", "bookmarked", "pinned",
    "avatar_description", "header_description", "text_url", "preview_remote_url", "small", "focus",
}  # fmt: skip
pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason=f"no recorded answers at {RECORDED}")


def recorded(name):
    return json.loads((RECORDED / name).read_text("utf-8"))["body"]


def missing(real, ours, path=""):
    """Keys the real answer has and ours has not, lists compared by their first members, nulls by presence."""
    if isinstance(real, dict) and isinstance(ours, dict):
        for key, value in real.items():
            if key in ONLY_GOTOSOCIAL:
                continue
            if key not in ours:
                yield f"{path}.{key}"
            elif value is not None and ours[key] is not None:
                yield from missing(value, ours[key], f"{path}.{key}")
    elif isinstance(real, list) and isinstance(ours, list) and real and ours:
        yield from missing(real[0], ours[0], f"{path}[0]")
    elif type(real) is not type(ours) and not (isinstance(real, list) and isinstance(ours, list)):
        yield f"{path}: {type(real).__name__} is {type(ours).__name__} here"


def by_embed(feed):
    return {item["post"].get("embed", {}).get("$type", "none"): item for item in feed if "reason" not in item}


def test_bluesky_posts_and_embeds_have_every_recorded_field(shared, ask):
    real = by_embed(recorded("bluesky/feed.getAuthorFeed.includePins.json")["feed"])
    ours = {}
    for actor in (PINON, "sabalkeysheriff.example", "bittercreeksheriff.example"):
        ours |= by_embed(
            ask.get("/xrpc/app.bsky.feed.getAuthorFeed", params={"actor": actor, "limit": 100}).json()["feed"]
        )
    compared = [name for name in real if name in ours]
    assert len(compared) >= 4
    for name in compared:
        real[name]["post"]["author"].pop("avatar", None)
        real[name]["post"]["record"].pop("facets", None)
        real[name].pop("reply", None)
        real[name]["post"]["record"].pop("reply", None)
        for part in (real[name]["post"].get("embed", {}), real[name]["post"]["record"].get("embed", {})):
            part.get("external", {}).pop("thumb", None)
            for image in part.get("images", []):
                image.pop("aspectRatio", None)
            if "author" in part.get("record", {}):
                part["record"]["author"].pop("avatar", None)
                part["record"]["value"].pop("langs", None)
        if real[name]["post"]["labels"]:
            real[name]["post"]["labels"] = []
            real[name]["post"]["record"].pop("labels", None)
        assert list(missing(real[name], ours[name])) == []


def test_bluesky_reposts_replies_and_profile_have_every_recorded_field(shared, ask):
    real = recorded("bluesky/feed.getAuthorFeed.includePins.json")["feed"]
    ours = ask.get("/xrpc/app.bsky.feed.getAuthorFeed", params={"actor": PINON, "limit": 100}).json()["feed"]

    def first(feed, kind):
        return next(item for item in feed if kind in json.dumps(item.get("reason", {})))

    assert list(missing(first(real, "reasonRepost")["reason"], first(ours, "reasonRepost")["reason"])) == []

    def own_reply(feed):
        return next(i["reply"] for i in feed if "reply" in i and i["reply"]["parent"]["author"] == i["post"]["author"])

    theirs = own_reply(real)
    for view in theirs.values():
        view["record"].pop("facets", None)
    assert list(missing(theirs, own_reply(ours))) == []
    profile = ask.get("/xrpc/app.bsky.actor.getProfile", params={"actor": PINON}).json()
    assert list(missing(recorded("bluesky/actor.getProfile.json"), profile)) == []


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("actor.getProfile.missing", "app.bsky.actor.getProfile?actor=nobody.example"),
        ("actor.getProfile.invalid", "app.bsky.actor.getProfile?actor=not%20a%20handle"),
        ("feed.getAuthorFeed.missing", "app.bsky.feed.getAuthorFeed?actor=nobody.example"),
        ("feed.getAuthorFeed.limit999", f"app.bsky.feed.getAuthorFeed?actor={PINON}&limit=999"),
        ("feed.getPosts.26", "app.bsky.feed.getPosts?" + "&".join(["uris=at://did:plc:x/app.bsky.feed.post/y"] * 26)),
    ],
)
def test_bluesky_errors_are_the_recorded_ones_word_for_word(shared, ask, name, path):
    answer = ask.get(f"/xrpc/{path}")
    assert (answer.status_code, answer.json()) == (400, recorded(f"bluesky/{name}.json"))


def test_mastodon_accounts_and_statuses_have_every_recorded_field(shared, ask):
    account = ask.get("/api/v1/accounts/lookup", params={"acct": "santelmosheriff"}).json()
    assert list(missing(recorded("mastodon/gts.lookup.json"), account)) == []
    ours = ask.get(f"/api/v1/accounts/{account['id']}/statuses", params={"limit": 40}).json()
    boost = next(status for status in ours if status["reblog"])
    assert list(missing(recorded("mastodon/gts.reblog.json"), boost)) == []
    pictured = next(status for status in ours if status["media_attachments"])
    assert list(missing(recorded("mastodon/gts.post_media.json"), pictured)) == []
