"""What readers are spared until they ask for it: hard words, wherever a post is quoted."""

from collections.abc import Iterable

from monitor.messages import themes_of
from monitor.posts import KeptPost
from monitor.web.page import Visit

_SEVERE_THEMES = frozenset({"dehumanizing"})


def is_severe(kept: KeptPost) -> bool:
    """Whether the text is hard to read: a reviewer said so, or the classifier found a theme of that kind."""
    return any(review.severe for review in kept.reviews) or bool(_SEVERE_THEMES & set(themes_of(kept.score)))


def veiled(visit: Visit, listed: Iterable[KeptPost]) -> set[int]:
    """Of these posts the ids of those whose text is veiled; none where ``review.blur`` is off."""
    return {kept.post.id or 0 for kept in listed if is_severe(kept)} if visit.config.review.blur else set()
