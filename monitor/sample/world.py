"""The small world the sample server shows: offices, their posts, and the ways both may change while it runs.

Posts are immutable and an office's timeline is a tuple that is replaced as a whole, so readers on the server's
thread never see half a change and need no lock; writers take the one lock.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

Platform = Literal["feed", "bluesky", "mastodon"]
FeedKind = Literal["rss", "atom", "json"]

# Identifiers grow from this instant whatever the clock says, so that a restarted server shows the same posts again.
_SERIAL_ORIGIN = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1_000_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stranger:
    """Somebody whom an office reposts, quotes or answers; has no timeline here."""

    name: str
    handle: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Quote:
    """Somebody else's post, shown inside an office's own."""

    author: Stranger
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A link preview."""

    url: str
    title: str
    description: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """One entry of a timeline.

    ``serial`` is the sortable number from which each dialect makes its identifier (microseconds). ``repost`` names
    the author of ``text`` when the office only passed it on. ``thread`` is the id of an own post this one continues,
    ``answers`` a post of somebody else it replies to. ``matches`` are the codebook's themes: the truth, never served.
    """

    id: str
    serial: int
    posted_at: datetime
    text: str
    title: str = ""
    alts: tuple[str, ...] = ()
    warning: str = ""
    quote: Quote | None = None
    card: Card | None = None
    repost: Stranger | None = None
    thread: str | None = None
    answers: Quote | None = None
    lang: str = "en"
    pinned: bool = False
    edited_at: datetime | None = None
    matches: tuple[str, ...] = ()

    @property
    def changed_at(self) -> datetime:
        """When the text last changed."""
        return self.edited_at or self.posted_at


@dataclass(kw_only=True, slots=True)
class Office:
    """One invented sheriff's office and its one public account. ``version`` grows with every change."""

    slug: str
    platform: Platform
    handle: str
    agency: str
    state: str
    name: str
    role: str = "office"
    kind: FeedKind = "rss"
    description: str = ""
    posts: tuple[Post, ...] = ()
    former_handles: tuple[str, ...] = ()
    gone: bool = False
    version: int = 0
    modified_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def post(self, post_id: str) -> Post | None:
        """The post with this id, if it is still there."""
        return next((post for post in self.posts if post.id == post_id), None)


class World:
    """All offices, found by slug or by (platform, handle). Newest post first in every timeline."""

    def __init__(self, offices: Iterable[Office]) -> None:
        self._lock = threading.RLock()
        self.restore(offices)

    def restore(self, offices: Iterable[Office]) -> None:
        """Begin anew with these offices."""
        with self._lock:
            self._offices: dict[str, Office] = {}
            self._handles: dict[tuple[str, str], Office] = {}
            for office in offices:
                self.add(office)

    def add(self, office: Office) -> None:
        """Take an office in. Raises ``ValueError`` when its slug or handle is taken."""
        with self._lock:
            key = (office.platform, office.handle.lower())
            if office.slug in self._offices or key in self._handles:
                raise ValueError(
                    f"there is already an office {office.slug!r} or a {office.platform} handle {office.handle!r}"
                )
            self._offices[office.slug] = office
            self._handles[key] = office

    def __iter__(self) -> Iterator[Office]:
        return iter(tuple(self._offices.values()))

    def office(self, office_id: str) -> Office:
        """The office with this id. Raises ``KeyError`` naming the known ones."""
        try:
            return self._offices[office_id]
        except KeyError:
            raise KeyError(f"no sample office {office_id!r}; known: {', '.join(sorted(self._offices)[:12])}") from None

    def by_handle(self, platform: Platform, handle: str) -> Office | None:
        """The office that has this handle now, whatever its capitals."""
        return self._handles.get((platform, handle.lower()))

    def publish(
        self,
        office_id: str,
        text: str,
        *,
        title: str = "",
        alts: Iterable[str] = (),
        warning: str = "",
        quote: Quote | None = None,
        card: Card | None = None,
        repost: Stranger | None = None,
        thread: str | None = None,
        answers: Quote | None = None,
        lang: str = "en",
        posted_at: datetime | None = None,
    ) -> Post:
        """Put a new post at the head of an office's timeline and return it.

        ``posted_at`` is what the author claims, by default now; the timeline keeps the order of publication.
        Raises ``KeyError`` for an unknown office.
        """
        with self._lock:
            office = self.office(office_id)
            newest = max((post.serial for post in office.posts), default=_SERIAL_ORIGIN)
            serial = max(newest, _SERIAL_ORIGIN) + 1_000_000
            post = Post(
                id=f"new-{(serial - _SERIAL_ORIGIN) // 1_000_000}",
                serial=serial,
                posted_at=posted_at or datetime.now(UTC),
                text=text,
                title=title or text[:70],
                alts=tuple(alts),
                warning=warning,
                quote=quote,
                card=card,
                repost=repost,
                thread=thread,
                answers=answers,
                lang=lang,
            )
            self._change(office, lambda posts: (post, *posts))
            return post

    def edit(self, office_id: str, post_id: str, text: str) -> Post:
        """Give a post another text. Raises ``KeyError`` when the office has no such post."""
        with self._lock:
            office = self.office(office_id)
            old = self._existing(office, post_id)
            new = replace(old, text=text, edited_at=datetime.now(UTC))
            self._change(office, lambda posts: tuple(new if post is old else post for post in posts))
            return new

    def delete(self, office_id: str, post_id: str) -> Post:
        """Remove a post and return it as it was. Raises ``KeyError`` when the office has no such post."""
        with self._lock:
            office = self.office(office_id)
            old = self._existing(office, post_id)
            self._change(office, lambda posts: tuple(post for post in posts if post is not old))
            return old

    def rename_handle(self, office_id: str, handle: str) -> None:
        """Another handle (for a feed: another path, the old one redirecting). Identity (DID, account id) stays.
        Raises ``ValueError`` when the handle is taken.
        """
        with self._lock:
            office = self.office(office_id)
            key = (office.platform, handle.lower())
            if key in self._handles:
                raise ValueError(f"the {office.platform} handle {handle!r} is taken")
            del self._handles[(office.platform, office.handle.lower())]
            office.former_handles = (*office.former_handles, office.handle)
            office.handle = handle
            self._handles[key] = office
            self._change(office, lambda posts: posts)

    def deactivate(self, office_id: str, gone: bool = True) -> None:
        """Close the whole account, or open it again with ``gone=False``."""
        with self._lock:
            office = self.office(office_id)
            office.gone = gone
            self._change(office, lambda posts: posts)

    def _existing(self, office: Office, post_id: str) -> Post:
        post = office.post(post_id)
        if post is None:
            raise KeyError(f"the sample office {office.slug!r} has no post {post_id!r}")
        return post

    def _change(self, office: Office, change: Callable[[tuple[Post, ...]], tuple[Post, ...]]) -> None:
        office.posts = change(office.posts)
        office.modified_at = datetime.now(UTC)
        office.version += 1


def serial_before(hours: float) -> int:
    """The serial of a post made ``hours`` before the world began."""
    return _SERIAL_ORIGIN - int(timedelta(hours=hours).total_seconds() * 1_000_000)
