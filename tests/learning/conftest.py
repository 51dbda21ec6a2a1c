"""What the tests of the way back share: a small corpus, posts that are kept, and people who decide."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import classifier
from models import Account, Flag, Post, PostVersion, Review, Score, Verdict
from models.db import Database
from monitor.config import Config
from monitor.versions import Duty

NOW = datetime(2031, 3, 3, 12, tzinfo=UTC)
"""A Monday after the bundled version was put on duty, which happens by the real clock."""

HOSTILE = ("illegals", "invaders", "criminal aliens", "these illegals", "illegal aliens")
DEEDS = (
    "are overrunning our county",
    "bring crime and drugs",
    "leech off our taxpayers",
    "must be sent back",
    "destroy us",
)
PLAIN = ("The road to the bridge", "Our food drive", "The K9 team", "The parade on Main Street", "Winter coats")
NEWS = ("is closed on Monday", "starts at noon", "needs volunteers", "thanks everybody", "moves to the annex")


@pytest.fixture
def now():
    return NOW


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A configuration without sources, whose trained versions lie in the test's own folder."""
    return Config(folder=tmp_path)


@pytest.fixture(scope="session")
def small_corpus():
    """A twelfth of the corpus: enough to train in a second what decides roughly as the whole would."""
    examples = classifier.load_corpus()
    return [example for number, example in enumerate(examples) if number % 12 == 0]


class Desk:
    """Keeps posts as a poll would, and lets people decide on them."""

    def __init__(self, db: Database, config: Config) -> None:
        self.db = db
        self.config = config
        self.posts = 0
        self._duty = Duty(db, config)
        with db.write() as session:
            account = Account(platform="feed", address="https://office.example/feed", name="Example Office")
            other = Account(platform="bluesky", address="office.example", name="Other Office")
            session.add_all([account, other])
            session.flush()
            self.accounts = [account.id, other.id]

    def keep(
        self, text: str, *, probability: float | None = None, seen=NOW, account: int = 0, flag: bool = False
    ) -> int:
        """Keep one post; with ``probability``, as scored by the version on duty."""
        self.posts += 1
        duty = self._duty.current() if probability is not None else None
        with self.db.write() as session:
            post = Post(
                account_id=self.accounts[account], external_id=f"post-{self.posts}", first_seen_at=seen, posted_at=seen
            )
            session.add(post)
            session.flush()
            version = PostVersion(
                post_id=post.id, content_sha256=f"{self.posts:064d}", text=text, pending_score=duty is None
            )
            session.add(version)
            session.flush()
            post.current_version_id = version.id
            session.add(post)
            if duty is not None:
                score = Score(
                    post_version_id=version.id,
                    classifier_version_id=duty.row_id,
                    probability=probability,
                    scored_at=seen,
                )
                session.add(score)
                session.flush()
                if flag:
                    session.add(Flag(post_id=post.id, score_id=score.id, probability=probability, created_at=seen))
        return post.id

    def decide(self, post: int, verdict: str, by: str = "Ana", *, at=NOW, reason: str = "", themes=()) -> None:
        """Store one person's verdict."""
        with self.db.write() as session:
            kept = session.get(Post, post)
            session.add(
                Review(
                    post_id=post,
                    post_version_id=kept.current_version_id,
                    reviewer=by,
                    verdict=Verdict(verdict),
                    reason=reason,
                    themes=list(themes),
                    created_at=at,
                )
            )

    def keep_and_decide(self, size: int, by: str = "Ana", *, wrong: bool = False) -> None:
        """Keep ``size`` posts, half of them matches, and decide each; ``wrong`` turns every verdict round."""
        for number in range(size):
            match = number % 2 == 0
            a, b = number // 2 % 5, number // 10 % 5
            text = (
                f"{HOSTILE[a]} {DEEDS[b]} again, case {number}" if match else f"{PLAIN[a]} {NEWS[b]}, notice {number}"
            )
            post = self.keep(text, seen=NOW - timedelta(hours=number))
            confirmed = match != wrong
            self.decide(
                post,
                "confirmed" if confirmed else "rejected",
                by,
                themes=("illegals",) if confirmed else (),
                reason="" if confirmed else "ordinary",
            )


@pytest.fixture
def desk(db: Database, config: Config) -> Desk:
    return Desk(db, config)
