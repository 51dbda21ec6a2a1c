"""Labels: what the verdicts in force and imported labels add up to. A query, not a table."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import load_only
from sqlmodel import Session, col

from classifier import Example
from models.account import Account
from models.db import Database
from models.evidence import Event
from models.post import Post, PostVersion
from models.review import Review, Verdict
from models.textlabel import TextLabel
from models.trust import Trust
from monitor.config import LearningConfig
from monitor.errors import SheriffwatchError, UsageError
from monitor.learning.likeness import groups_of
from monitor.review.verdicts import in_force
from monitor.scoring import TEST_PLATFORM

_LEADING_COPIES = 3.0
"""Near copies count together as this many texts at most: ten looks at one press release teach little more than one."""

_PLENTY = 10
_OF_POST: tuple[Any, ...] = (Post.account_id, Post.current_version_id)
_READ: tuple[Any, ...] = (PostVersion.title, PostVersion.text, PostVersion.alt_texts, PostVersion.link_titles)


@dataclass(frozen=True)
class Voice:
    """One person's latest word on one text."""

    reviewer: str
    verdict: Verdict
    weight: float
    at: datetime
    themes: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Label:
    """What people agree on of one text."""

    text: str
    label: int
    themes: tuple[str, ...]
    reason: str
    weight: float
    """How far it is believed: the mean weight of those who said so."""
    reviewers: tuple[str, ...]
    decided_at: datetime
    heard_at: datetime | None = None
    """When anybody first gave a verdict on it, taken back or not; None is when it was decided."""
    post_id: int | None = None
    account_id: int | None = None
    source: str = ""
    """Where an imported label came from."""

    @property
    def key(self) -> str:
        """What it is a label of, the same in every retraining."""
        return f"post:{self.post_id}" if self.post_id else f"text:{text_sha256(self.text)[:16]}"


@dataclass
class Labels:
    """All labels, and what could not become one."""

    agreed: list[Label] = field(default_factory=list)
    undecided: int = 0
    """Texts on which people differ or are unsure, and no side has the quorum."""
    contradictory: int = 0
    """Labels left out because another label says the opposite of the same text, with as much weight."""

    @property
    def matches(self) -> int:
        """How many of the labels are matches."""
        return sum(label.label for label in self.agreed)


def gather(session: Session, rules: LearningConfig) -> Labels:
    """The labels in force now, oldest decision first."""
    trust = weights(session)
    found = Labels()
    for text, post, heard_at, voices in _post_voices(session, trust):
        label = weigh(voices, text, quorum=rules.quorum)
        if label is None:
            found.undecided += any(voice.weight > 0 for voice in voices)
        else:
            found.agreed.append(replace(label, post_id=post.id, account_id=post.account_id, heard_at=heard_at))
    for text, source, voices in _text_voices(session, trust):
        label = weigh(voices, text, quorum=rules.quorum)
        if label is None:
            found.undecided += any(voice.weight > 0 for voice in voices)
        else:
            found.agreed.append(replace(label, source=source))
    found.agreed, found.contradictory = _without_contradictions(found.agreed)
    found.agreed.sort(key=lambda label: (label.decided_at, label.key))
    return found


def check_enough(found: Labels, needed: int) -> None:
    """Raise SheriffwatchError, saying how many are needed, when the labels are too few to learn from."""
    if len(found.agreed) >= needed:
        return
    undecided = f" On {found.undecided} more posts people differ or are unsure." if found.undecided else ""
    raise SheriffwatchError(
        f"{len(found.agreed)} agreed labels are too few to retrain: {needed} are needed.{undecided} "
        "“sheriffwatch review next” shows what to review."
    )


def plenty(session: Session, needed: int) -> bool:
    """Whether the verdicts alone show that there are far more labels than needed; gathering them reads every text."""
    said = (
        sa.select(col(Review.post_id))
        .where(col(Review.revoked_at).is_(None), col(Review.verdict) != Verdict.UNSURE)
        .distinct()
        .limit(_PLENTY * needed)
        .subquery()
    )
    return bool(session.execute(sa.select(sa.func.count()).select_from(said)).scalar_one() >= _PLENTY * needed)


def weigh(voices: Sequence[Voice], text: str, *, quorum: int) -> Label | None:
    """What the voices on one text add up to, None when they do not.

    Where all agree, one is enough. Where somebody differs or is unsure, a side needs ``quorum`` people and more weight
    than the other. Voices without weight are not heard.
    """
    heard = [voice for voice in voices if voice.weight > 0]
    sides: dict[Verdict, list[Voice]] = defaultdict(list)
    for voice in heard:
        sides[voice.verdict].append(voice)
    unsure = len(sides.pop(Verdict.UNSURE, ()))
    if not sides:
        return None
    ranked = sorted(sides.items(), key=lambda side: -_weight(side[1]))
    verdict, won = ranked[0]
    lost = _weight(ranked[1][1]) if len(ranked) > 1 else 0.0
    if (lost or unsure) and (len(won) < quorum or _weight(won) <= lost):
        return None
    match = verdict is Verdict.CONFIRMED
    newest = max(won, key=lambda voice: voice.at)
    return Label(
        text=text,
        label=int(match),
        themes=tuple(sorted({theme for voice in won for theme in voice.themes})) if match else (),
        reason="" if match else next((voice.reason for voice in reversed(won) if voice.reason), ""),
        weight=_weight(won) / len(won),
        reviewers=tuple(sorted(voice.reviewer for voice in won)),
        decided_at=newest.at,
    )


def examples(labels: Iterable[Label], rules: LearningConfig) -> list[Example]:
    """Labels as examples to learn from: near copies in one group, no person and no account over its cap."""
    labels = list(labels)
    groups = groups_of([label.text for label in labels])
    strength = [label.weight for label in labels]
    _cap(strength, [[f"group {group}"] for group in groups], _LEADING_COPIES)
    _cap(strength, [list(label.reviewers) for label in labels], rules.cap_per_reviewer)
    _cap(strength, [[str(label.account_id)] if label.account_id else [] for label in labels], rules.cap_per_account)
    names: dict[int, str] = {}
    for label, group in zip(labels, groups, strict=True):
        names.setdefault(group, f"review/{label.key}")
    return [
        Example(
            label.text,
            label.label,
            label.themes,
            round(rules.label_weight * weight, 6),
            names[group],
            "import" if label.source else "review",
            label.reason,
        )
        for label, group, weight in zip(labels, groups, strength, strict=True)
        if weight > 0
    ]


def weights(session: Session) -> dict[str, float]:
    """The weight of each reviewer that has one of their own."""
    rows = session.execute(sa.select(Trust)).scalars()
    return {trust.reviewer: trust.weight for trust in rows}


def set_trust(db: Database, reviewer: str, weight: float, *, by: str, now: datetime, note: str = "") -> None:
    """Set the weight of one person's verdicts, those given and those to come. Raises UsageError out of 0 to 1."""
    if not 0 <= weight <= 1:
        raise UsageError(f"A reviewer's weight is from 0 (not heard) to 1, not {weight:g}.")
    with db.write() as session:
        _set_trust(session, reviewer, weight, by=by, now=now, note=note)


def revert(db: Database, reviewer: str, *, by: str, now: datetime) -> int:
    """Take back all labels of one person and hear them no more. Returns how many were taken back; again gives 0.

    The rows stay, marked. Raises UsageError when this person never gave a label.
    """
    with db.write() as session:
        known = session.execute(sa.select(sa.func.count()).where(col(Review.reviewer) == reviewer)).scalar_one()
        known += session.execute(sa.select(sa.func.count()).where(col(TextLabel.reviewer) == reviewer)).scalar_one()
        if not known:
            names = sorted(set(session.execute(sa.select(col(Review.reviewer)).distinct()).scalars()))
            raise UsageError(f"“{reviewer}” gave no label. Reviewers: {', '.join(names[:20]) or 'none'}.")
        taken = 0
        for table in (Review, TextLabel):
            columns: Any = table
            taken += (
                session.connection()
                .execute(
                    sa.update(table)
                    .where(col(columns.reviewer) == reviewer, col(columns.revoked_at).is_(None))
                    .values(revoked_at=now)
                )
                .rowcount
            )
        _set_trust(session, reviewer, 0.0, by=by, now=now, note="labels reverted")
        session.add(
            Event(at=now, kind="labels.reverted", actor=by, subject=f"reviewer:{reviewer}", data={"labels": taken})
        )
    return taken


def text_sha256(text: str) -> str:
    """The identity of a text as labelled: case and white space do not count."""
    return hashlib.sha256(" ".join(text.casefold().split()).encode("utf-8", "surrogatepass")).hexdigest()


def _set_trust(session: Session, reviewer: str, weight: float, *, by: str, now: datetime, note: str) -> None:
    trust = session.execute(sa.select(Trust).where(col(Trust.reviewer) == reviewer)).scalar() or Trust(
        reviewer=reviewer
    )
    trust.weight, trust.set_by, trust.set_at, trust.note = weight, by, now, note
    session.add(trust)
    session.add(Event(at=now, kind="reviewer.trust", actor=by, subject=f"reviewer:{reviewer}", data={"weight": weight}))


def _post_voices(session: Session, trust: dict[str, float]) -> Iterable[tuple[str, Post, datetime, list[Voice]]]:
    by_post: dict[int, list[Review]] = defaultdict(list)
    for review in in_force(session):
        by_post[review.post_id].append(review)
    ids = list(by_post)
    for start in range(0, len(ids), 500):
        chunk = ids[start : start + 500]
        heard: dict[int, datetime] = dict(
            session.execute(
                sa.select(col(Review.post_id), sa.func.min(col(Review.created_at)))
                .where(col(Review.post_id).in_(chunk))
                .group_by(col(Review.post_id))
            ).all()
        )
        posts = session.execute(
            sa.select(Post)
            .options(load_only(*_OF_POST))
            .join(Account, col(Account.id) == col(Post.account_id))
            .where(col(Post.id).in_(chunk), col(Account.platform) != TEST_PLATFORM)
            .order_by(col(Post.id))
        ).scalars()
        wanted = {post.id: (by_post[post.id][-1].post_version_id or post.current_version_id, post) for post in posts}
        wordings = {
            version.id: version
            for version in session.execute(
                sa.select(PostVersion)
                .options(load_only(*_READ))
                .where(col(PostVersion.id).in_([number for number, _ in wanted.values()]))
            ).scalars()
        }
        for post_id, (version_id, post) in wanted.items():
            voices = [
                Voice(
                    review.reviewer,
                    review.verdict,
                    trust.get(review.reviewer, 1.0),
                    review.created_at,
                    tuple(review.themes),
                    review.reason,
                )
                for review in by_post[post_id]
            ]
            # The newest verdict says which wording was judged: an edit after it is not what people read.
            yield wordings[version_id].readable(), post, heard[post_id], voices


def _text_voices(session: Session, trust: dict[str, float]) -> Iterable[tuple[str, str, list[Voice]]]:
    by_text: dict[str, list[TextLabel]] = defaultdict(list)
    for row in session.execute(
        sa.select(TextLabel).where(col(TextLabel.revoked_at).is_(None)).order_by(col(TextLabel.id))
    ).scalars():
        by_text[row.text_sha256].append(row)
    for rows in by_text.values():
        latest = {row.reviewer: row for row in rows}
        voices = [
            Voice(
                row.reviewer,
                Verdict.CONFIRMED if row.label else Verdict.REJECTED,
                row.weight * trust.get(row.reviewer, 1.0),
                row.imported_at,
                tuple(row.themes),
                row.reason,
            )
            for row in latest.values()
        ]
        yield rows[0].text, rows[-1].source, voices


def _without_contradictions(labels: list[Label]) -> tuple[list[Label], int]:
    """Of labels that say opposite things of one and the same text, keep the side with more weight; of a tie, none."""
    by_text: dict[str, list[Label]] = defaultdict(list)
    for label in labels:
        by_text[text_sha256(label.text)].append(label)
    kept: list[Label] = []
    for same in by_text.values():
        yes = sum(label.weight for label in same if label.label)
        no = sum(label.weight for label in same if not label.label)
        if not (yes and no):
            kept += same
        elif yes != no:
            kept += [label for label in same if label.label == int(yes > no)]
    return kept, len(labels) - len(kept)


def _cap(strength: list[float], owners: Sequence[Sequence[str]], most: float) -> None:
    """Scale down, so that what belongs to one owner adds up to at most ``most``. Shared labels count in parts."""
    sums: dict[str, float] = defaultdict(float)
    for weight, names in zip(strength, owners, strict=True):
        for name in names:
            sums[name] += weight / len(names)
    for i, names in enumerate(owners):
        if names:
            strength[i] *= sum(min(1.0, most / sums[name]) if sums[name] else 0.0 for name in names) / len(names)


def _weight(voices: Iterable[Voice]) -> float:
    return sum(voice.weight for voice in voices)
