"""How far reviewers agree, and where they do not."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import sqlalchemy as sa
from sqlmodel import Session, col

from models.review import Review, Verdict
from monitor.review.verdicts import in_force

MOST_OPEN = 200


@dataclass(frozen=True)
class Agreement:
    """Two people on the posts that both decided, or everybody pooled."""

    people: str
    posts: int
    same: int
    kappa: float | None
    """Cohen's kappa; None when it is not defined, because both always said one and the same."""

    @property
    def percent(self) -> float | None:
        """Share of posts on which both said the same."""
        return self.same / self.posts if self.posts else None


@dataclass(frozen=True)
class Difference:
    """A post on which people differ, or are unsure, and no side has the quorum."""

    post_id: int
    reviews: list[Review]


def kappa(pairs: Sequence[tuple[Verdict, Verdict]]) -> float | None:
    """Cohen's kappa of two raters' verdicts on the same posts: agreement beyond what chance would give.

    None without posts, and when both gave one and the same verdict throughout, where chance already explains all.

    >>> kappa([(Verdict.CONFIRMED, Verdict.CONFIRMED), (Verdict.REJECTED, Verdict.REJECTED)])
    1.0
    """
    if not pairs:
        return None
    total = len(pairs)
    seen = sum(one == other for one, other in pairs) / total
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    chance = sum(first[verdict] * second[verdict] for verdict in Verdict) / total**2
    return None if chance == 1 else (seen - chance) / (1 - chance)


def agreements(session: Session) -> list[Agreement]:
    """Each two people who decided the same posts, those with most posts first; before them all pairs pooled."""
    posts: dict[int, list[Review]] = defaultdict(list)
    for review in in_force(session, _read_twice(session)):
        posts[review.post_id].append(review)
    pairs: dict[tuple[str, str], list[tuple[Verdict, Verdict]]] = defaultdict(list)
    for reviews in posts.values():
        for one, other in combinations(sorted(reviews, key=lambda review: review.reviewer), 2):
            pairs[one.reviewer, other.reviewer].append((one.verdict, other.verdict))
    each = sorted((_of(f"{a} and {b}", said) for (a, b), said in pairs.items()), key=lambda row: -row.posts)
    pooled = [pair for said in pairs.values() for pair in said]
    # Pooled, the order of two people is an accident: each pair counts both ways round.
    both_ways = [*pooled, *((other, one) for one, other in pooled)]
    everybody = Agreement("All pairs", len(pooled), sum(a == b for a, b in pooled), kappa(both_ways))
    return [everybody, *each] if each else []


def differences(session: Session, *, quorum: int, among: Sequence[int] | None = None) -> list[Difference]:
    """Posts that need settling, the oldest difference first, at most ``MOST_OPEN``; ``among``: of these posts."""
    newest = (
        sa.select(sa.func.max(col(Review.id)))
        .where(col(Review.revoked_at).is_(None), *([] if among is None else [col(Review.post_id).in_(among)]))
        .group_by(col(Review.post_id), col(Review.reviewer))
    )
    low, high = sa.func.min(col(Review.verdict)), sa.func.max(col(Review.verdict))
    ids = session.execute(
        sa.select(col(Review.post_id))
        .where(col(Review.id).in_(newest))
        .group_by(col(Review.post_id))
        .having(sa.or_(low != high, low == Verdict.UNSURE))
        .order_by(sa.func.max(col(Review.id)))
    ).scalars()
    posts: dict[int, list[Review]] = defaultdict(list)
    for review in in_force(session, list(ids)):
        posts[review.post_id].append(review)
    return [Difference(post_id, reviews) for post_id, reviews in posts.items() if not settled(reviews, quorum)][
        :MOST_OPEN
    ]


def settled(reviews: Iterable[Review], quorum: int) -> bool:
    """Whether one side has the quorum, and more than the other."""
    sides = Counter(review.verdict for review in reviews)
    one, other = sides[Verdict.CONFIRMED], sides[Verdict.REJECTED]
    return max(one, other) >= quorum and one != other


def _of(people: str, said: Sequence[tuple[Verdict, Verdict]]) -> Agreement:
    return Agreement(people, len(said), sum(one == other for one, other in said), kappa(said))


def _read_twice(session: Session) -> list[int]:
    return list(
        session.execute(
            sa.select(col(Review.post_id))
            .where(col(Review.revoked_at).is_(None))
            .group_by(col(Review.post_id))
            .having(sa.func.count(sa.distinct(col(Review.reviewer))) > 1)
        ).scalars()
    )
