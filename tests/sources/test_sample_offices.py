"""Every source against the sample offices: real HTTP, three dialects, posts that change while we look."""

from collections.abc import Iterator
from typing import Any

import pytest

from models.post import Authorship
from monitor.errors import FetchError
from monitor.sample import SampleServer
from monitor.sources import Presence, Reading, Source, Target, source_class


@pytest.fixture(scope="module")
def running() -> Iterator[SampleServer]:
    with SampleServer() as server:
        yield server


@pytest.fixture
def offices(running: SampleServer) -> Iterator[SampleServer]:
    yield running
    running.reset()


class Watched:
    """One sample office as the pipeline would watch it, its cursor carried from poll to poll."""

    def __init__(self, offices: SampleServer, web: Any, office: Any) -> None:
        self.id: str = office.slug
        self.web = web
        account = next(each for each in offices.accounts(office.platform) if each["name"] == office.name)
        kind = source_class(office.platform)
        self.source: Source = kind.model_validate({"appview": offices.url} if "appview" in kind.model_fields else {})
        self.address = self.source.normalise(account["address"])
        self.external_id = ""
        self.cursor: dict[str, Any] = {}

    async def poll(self) -> Reading:
        reading = await self.source.read(self.web.fetch(), self.target)
        self.cursor = reading.cursor
        self.external_id = reading.profile.external_id if reading.profile else self.external_id
        return reading

    @property
    def target(self) -> Target:
        return Target(self.address, self.external_id, self.cursor)


def watch(offices: SampleServer, web: Any, platform: str) -> list[Watched]:
    return [Watched(offices, web, office) for office in offices.world if office.platform == platform]


platforms = pytest.mark.parametrize("platform", ["bluesky", "feed", "mastodon"])


@platforms
async def test_every_post_is_read_under_the_key_the_platform_gives_it(
    offices: SampleServer, web: Any, platform: str
) -> None:
    for watched in watch(offices, web, platform):
        identified = await watched.source.identify(web.fetch(), watched.address)
        reading = await watched.poll()
        assert reading.profile is not None
        assert reading.profile.external_id == identified.external_id
        # Answers to others are left out of a Bluesky feed by the filter that is asked for.
        posts = [post for post in offices.world.office(watched.id).posts if platform != "bluesky" or not post.answers]
        expected = {offices.external_id(watched.id, post.id) for post in posts}
        assert {post.external_id for post in reading.posts} == expected
        assert (reading.skipped, reading.notes) == ([], [])
        assert (await watched.poll()).unchanged


@platforms
async def test_reposts_are_shared_and_nothing_else_is(offices: SampleServer, web: Any, platform: str) -> None:
    for watched in watch(offices, web, platform):
        posts = offices.world.office(watched.id).posts
        shared = {offices.external_id(watched.id, post.id) for post in posts if post.repost}
        read = (await watched.poll()).posts
        assert {post.external_id for post in read if post.authorship == Authorship.SHARED} == shared


@platforms
async def test_an_edit_is_the_same_post_in_other_words_and_a_deletion_is_missing_from_the_window(
    offices: SampleServer, web: Any, platform: str
) -> None:
    watched = watch(offices, web, platform)[0]
    before = await watched.poll()
    posts = [post for post in offices.world.office(watched.id).posts if not post.repost and not post.thread]
    edited, deleted = posts[1], posts[2]
    key_of_edited, key_of_deleted = (offices.external_id(watched.id, post.id) for post in (edited, deleted))
    url_of_deleted = next(post.url for post in before.posts if post.external_id == key_of_deleted)
    offices.edit(watched.id, edited.id, "The office has put this right.")
    offices.delete(watched.id, deleted.id)
    after = await watched.poll()
    assert "The office has put this right." in next(
        post.text for post in after.posts if post.external_id == key_of_edited
    )
    assert key_of_deleted not in {post.external_id for post in after.posts}
    assert after.window_start is not None
    assert after.window_start < deleted.posted_at
    asked = [(key_of_deleted, url_of_deleted), *((post.external_id, post.url) for post in after.posts[:3])]
    found = await watched.source.look_up(web.fetch(), watched.target, asked)
    assert found.pop(key_of_deleted) == Presence.GONE
    assert set(found.values()) == {Presence.THERE}


@platforms
async def test_a_closed_account_is_gone_and_its_posts_are_not_called_deleted_one_by_one(
    offices: SampleServer, web: Any, platform: str
) -> None:
    watched = watch(offices, web, platform)[0]
    posts = (await watched.poll()).posts[:3]
    offices.deactivate(watched.id)
    with pytest.raises(FetchError) as failed:
        await watched.poll()
    assert failed.value.kind == "gone"
    found = await watched.source.look_up(web.fetch(), watched.target, [(post.external_id, post.url) for post in posts])
    assert Presence.GONE not in found.values()


@platforms
@pytest.mark.parametrize(
    "fault", [{"body": "empty"}, {"body": "html"}, {"status": 404, "body": "html"}, {"status": 403}]
)
async def test_no_fault_of_a_server_reads_as_no_posts(
    offices: SampleServer, web: Any, platform: str, fault: Any
) -> None:
    watched = watch(offices, web, platform)[0]
    await watched.poll()
    offices.break_account(watched.id, **fault)
    with pytest.raises(FetchError):
        await watched.poll()
    offices.heal(watched.id)
    assert (await watched.poll()).unchanged
