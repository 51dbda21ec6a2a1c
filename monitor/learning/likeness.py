"""Which texts are near copies of one another."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

NEAR = 0.6
"""Share of word pairs that two texts have in common, of all they have, from which they count as near copies."""
_WORD = re.compile(r"[^\W\d_]+")
_MOST_WORDS = 400
_COMMON = 400
"""A word pair that this many groups share tells nothing and is not followed."""


def groups_of(texts: Sequence[str], *, near: float = NEAR) -> list[int]:
    """The group of each text: texts with one number are near copies. Case, digits, links and punctuation do not count.

    Each text joins the first group whose first text is near enough, else it begins one.
    """
    return list(grouped(texts, near=near))


def grouped(texts: Iterable[str], *, near: float = NEAR) -> Iterator[int]:
    """The same one by one, for those who need not know of all."""
    leaders: list[frozenset[tuple[str, str]]] = []
    places: dict[tuple[str, str], list[int]] = {}
    exact: dict[frozenset[tuple[str, str]], int] = {}
    for text in texts:
        pairs = _pairs(text)
        group = exact.get(pairs)
        if group is None:
            shared = Counter(leader for pair in pairs for leader in places.get(pair, ()))
            group = next(
                (
                    leader
                    for leader, count in shared.most_common(20)
                    if count >= near * (len(pairs) + len(leaders[leader]) - count)
                ),
                None,
            )
        if group is None:
            group = len(leaders)
            leaders.append(pairs)
            for pair in pairs:
                known = places.setdefault(pair, [])
                if len(known) < _COMMON:
                    known.append(group)
        exact.setdefault(pairs, group)
        yield group


def _pairs(text: str) -> frozenset[tuple[str, str]]:
    words = _WORD.findall(re.sub(r"https?://\S+", " ", text.casefold()))[:_MOST_WORDS]
    return frozenset(zip(["", *words], words, strict=False)) or frozenset({("", text.strip())})
