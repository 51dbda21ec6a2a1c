"""The way back: agreed labels become examples, a candidate is trained, and it goes on duty only if it is not worse."""

import shlex
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from sqlmodel import Session

import classifier
from classifier import Encoder, Example, SemanticError, Trained, TrainingError
from models.classifier import ClassifierVersion
from models.db import Database
from models.evidence import Event
from models.flag import Alert
from monitor.config import Config, LearningConfig
from monitor.errors import SheriffwatchError
from monitor.learning import duties, gate, labels, promotion, report, runs
from monitor.learning import flips as flipping
from monitor.learning.flips import Flip
from monitor.learning.gate import Comparison, Judged
from monitor.learning.labels import Label, Labels
from monitor.versions import Active, active, active_row

_ENOUGH_TO_JUDGE = 20
"""Labels of one person from which it is said that they are at odds with the rest,"""
_MOSTLY = 0.6
"""and the share that must agree with it for nothing to be said."""


@dataclass(frozen=True)
class Outcome:
    """What a retraining came to."""

    version: str
    promoted: bool
    reason: str
    labels: int
    before: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    report: str = ""
    """Where the page about it lies."""

    @property
    def sentence(self) -> str:
        """The outcome in one line."""
        verb = "promoted" if self.promoted else "kept as a candidate"
        return f"{self.version} from {self.labels} labels: {verb}, {self.reason}"


def retrain(
    db: Database,
    config: Config,
    *,
    by: str,
    now: datetime,
    least_labels: int | None = None,
    corpus: Sequence[Example] | None = None,
    run_id: int | None = None,
) -> Outcome:
    """Train a candidate on the corpus and the agreed labels, and promote it if the gate lets it pass.

    The candidate is compared with the version on duty on the frozen set, the functional suite, and the labels given
    since that version was trained, of which each is judged by a fit that had not seen it. It must be better somewhere;
    only when the version on duty learned from labels that were taken back since, it is enough not to be worse, and
    too few labels are no reason to refuse. The classifier on duty goes on working whatever happens. One retraining
    runs at a time: ``run_id`` is one that was claimed already. Raises SheriffwatchError when another runs, there are
    too few labels, or the candidate cannot be trained or saved.
    """
    with db.read() as session:
        found = labels.gather(session, config.learning)
        tainted = duties.taken_back(session, active_row(session))
    # Away from labels that were taken back leads a retraining with however few are left.
    needed = 0 if tainted else config.learning.least_labels if least_labels is None else least_labels
    if run_id is None:
        labels.check_enough(found, needed)
        run_id = runs.claim(db, by=by, now=now).id or 0
    with runs.carried(db, run_id, by=by, now=now) as tell:
        labels.check_enough(found, needed)
        tell(f"training a candidate with {len(found.agreed)} labels")
        examples = classifier.load_corpus() if corpus is None else corpus
        trained = _train(training_set(examples, found.agreed, config.learning), promotion.encoder(config))
        tell("comparing it with the version on duty")
        return _judge(db, config, found, trained, run_id, by=by, now=now)


def _judge(
    db: Database, config: Config, found: Labels, trained: Trained, run_id: int, *, by: str, now: datetime
) -> Outcome:
    """Keep what was trained, compare it with the version on duty, and promote it if it passes and may."""
    duty = active(db, config)
    row = promotion.keep_candidate(
        db, config, trained, by=by, now=now, reason="retrained from labels", parent=duty.version
    )
    with db.read() as session:
        on_duty = promotion.get(session, duty.version)
        current, candidate = _both(duty, row, config)
        comparison = gate.compare(
            current,
            candidate,
            classifier.load_frozen(),
            classifier.load_functional(),
            reviews=_judged_reviews(found.agreed, on_duty, current, trained),
            margin=config.learning.margin,
        )
        flips = flipping.flips_between(session, current, candidate)
        tainted = duties.taken_back(session, on_duty)
    passed, reason = gate.decide(comparison, better_needed=not tainted)
    if passed and tainted:
        reason = f"{reason}, and without the labels of {tainted} that were taken back"
    if row.version == duty.version:
        passed, reason = False, "the same weights as the version on duty: the labels change nothing"
    notes = (*_notes(found), *_at_odds(found.agreed, trained))
    with db.write() as session:
        held = _held_back(session, config, duty) if passed else ""
        outcome = Outcome(
            version=row.version,
            promoted=passed and not held,
            reason=held or reason,
            labels=len(found.agreed),
            before={f"{d.on} {d.figure}": d.before for d in comparison.differences},
            after={f"{d.on} {d.figure}": d.after for d in comparison.differences},
            notes=notes,
            report=_write_page(row, comparison, flips, headline=f"{reason} {held}".strip(), notes=notes),
        )
        _store(session, outcome, duty, trained, comparison, by=by, now=now)
        runs.finish(
            session,
            run_id,
            version=outcome.version,
            promoted=outcome.promoted,
            sentence=outcome.sentence,
            report=report.as_record(comparison, flips, notes=notes),
        )
        _announce(session, config, outcome, comparison, flips, now=now)
    return outcome


def training_set(corpus: Sequence[Example], agreed: Sequence[Label], rules: LearningConfig) -> list[Example]:
    """What a candidate learns from: the corpus, and the labels with their caps."""
    return [*corpus, *labels.examples(agreed, rules)]


def compare(db: Database, config: Config, before: str, after: str) -> tuple[Comparison, list[Flip]]:
    """Compare two versions as a retraining would, and list the posts they decide differently."""
    from monitor.versions import load

    with db.read() as session:
        old, new = (load(promotion.get(session, name), config) for name in (before, after))
        first, second = (
            promotion.at_thresholds(v.classifier, v.queue_threshold, v.alert_threshold) for v in (old, new)
        )
        comparison = gate.compare(
            first, second, classifier.load_frozen(), classifier.load_functional(), margin=config.learning.margin
        )
        return comparison, flipping.flips_between(session, first, second)


def _train(examples: Sequence[Example], encoder: Encoder | None) -> Trained:
    try:
        return classifier.train(examples, encoder=encoder)
    except (TrainingError, SemanticError, ValueError, MemoryError, ArithmeticError) as error:
        what = "there is not enough memory" if isinstance(error, MemoryError) else str(error)
        raise SheriffwatchError(
            f"The candidate could not be trained: {what}. The classifier on duty goes on working. "
            "“sheriffwatch labels export” shows what it was to learn from."
        ) from None


def _both(duty: Active, row: ClassifierVersion, config: Config) -> tuple[classifier.Classifier, classifier.Classifier]:
    """Both versions, deciding at the thresholds each would have on duty."""
    fixed = config.classifier
    candidate = classifier.load(Path(row.path) if row.path else None, sha256=row.sha256)
    limits = candidate.thresholds
    return promotion.at_thresholds(
        duty.classifier, duty.queue_threshold, duty.alert_threshold
    ), promotion.at_thresholds(
        candidate,
        limits.queue if fixed.queue_threshold is None else fixed.queue_threshold,
        limits.alert if fixed.alert_threshold is None else fixed.alert_threshold,
    )


def _judged_reviews(
    agreed: Sequence[Label], on_duty: ClassifierVersion, current: classifier.Classifier, trained: Trained
) -> Judged | None:
    """The labels that the version on duty never learned from, and what each version says of them.

    Left out is also what it may have learned in another form: a text on which somebody had given a verdict before it
    was trained, and near copies of such a text. The candidate's word on a label is that of a fit that had seen neither
    it nor a near copy of it.
    """
    learned = {
        label.text
        for label in agreed
        if on_duty.figures.get("labels") and (label.heard_at or label.decided_at) <= on_duty.trained_at
    }
    given = [n for n, example in enumerate(trained.examples) if example.source in ("review", "import")]
    known = {trained.examples[n].group for n in given if trained.examples[n].text in learned}
    numbers = [n for n in given if trained.examples[n].group not in known]
    if not numbers:
        return None
    slope, offset = trained.weights.calibration
    decisions = trained.held_out[numbers, 0]
    return Judged(
        gate.REVIEWS,
        np.array([trained.examples[number].label for number in numbers], dtype=np.int64),
        current.probabilities([trained.examples[number].text for number in numbers]),
        1 / (1 + np.exp(-(decisions * slope + offset))),
    )


def _held_back(session: Session, config: Config, duty: Active) -> str:
    """Why a candidate that passed must not go on duty now; empty when it may."""
    if (pin := promotion.pinned(session)) is not None:
        return f"it passed the gate, but {pin.version} is pinned (“sheriffwatch classifier pin --off”)"
    if config.classifier.version != "active":
        return f"it passed the gate, but classifier.version in the configuration names “{config.classifier.version}”"
    row = active_row(session)
    if row is not None and row.version != duty.version:
        return (
            f"it passed the gate, but {row.version} was put on duty while it was trained; retrain to compare with that"
        )
    return ""


def _store(
    session: Session,
    outcome: Outcome,
    duty: Active,
    trained: Trained,
    comparison: Comparison,
    *,
    by: str,
    now: datetime,
) -> None:
    row = promotion.get(session, outcome.version)
    if row.version != duty.version:
        row.figures = {"labels": outcome.labels, **comparison.to_dict()}
        row.reason, row.parent = outcome.reason, duty.version
        session.add(row)
    if outcome.promoted:
        promotion.activate(session, row, by=by, now=now, reason=outcome.reason)
    session.add(
        Event(
            at=now,
            kind="classifier.retrained",
            actor=by,
            subject=f"classifier:{row.version}",
            data={
                "promoted": outcome.promoted,
                "reason": outcome.reason,
                "compared_with": duty.version,
                "labels": outcome.labels,
                "examples_sha256": trained.weights.about.get("corpus", ""),
                "artifact_sha256": row.sha256,
                "differences": [asdict(difference) for difference in comparison.differences],
            },
        )
    )


def _write_page(
    row: ClassifierVersion, comparison: Comparison, flips: Sequence[Flip], *, headline: str, notes: Sequence[str]
) -> str:
    if not row.path:
        return ""
    page = Path(row.path).with_suffix(".html")
    try:
        page.write_text(report.as_html(comparison, flips, headline=headline, notes=notes), "utf-8")
    except OSError:  # the figures stand in the version's row and in the log as well
        return ""
    return str(page)


def _announce(
    session: Session, config: Config, outcome: Outcome, comparison: Comparison, flips: Sequence[Flip], *, now: datetime
) -> None:
    body = report.as_text(comparison, flips, notes=outcome.notes)
    for channel in config.ready_channels:
        session.add(
            Alert(
                kind="retraining",
                channel=channel,
                dedupe_key=f"retraining:{outcome.version}:{now.isoformat()}",
                payload={"headline": f"Retraining: {outcome.sentence}", "body": body},
                created_at=now,
                next_attempt_at=now,
            )
        )


def _notes(found: Labels) -> tuple[str, ...]:
    notes = []
    if found.matches in (0, len(found.agreed)):
        kind = "matches" if found.matches else "no matches"
        notes.append(
            f"All {len(found.agreed)} labels are {kind}: review some of the other kind (“sheriffwatch review next”)."
        )
    if found.undecided:
        notes.append(f"{found.undecided} posts have no label, because people differ or are unsure.")
    if found.contradictory:
        notes.append(f"{found.contradictory} labels were left out, because others say the opposite of the same text.")
    return tuple(notes)


def _at_odds(agreed: Sequence[Label], trained: Trained) -> list[str]:
    """Who mostly says the opposite of what everything else teaches: a sentence each, for leads to look into."""
    slope, offset = trained.weights.calibration
    says = {
        example.text: int(1 / (1 + np.exp(-(decision * slope + offset))) >= 0.5)
        for example, decision in zip(trained.examples, trained.held_out[:, 0], strict=True)
        if example.source in ("review", "import")
    }
    given: dict[str, list[bool]] = defaultdict(list)
    for label in agreed:
        if label.text in says:
            for reviewer in label.reviewers:
                given[reviewer].append(says[label.text] == label.label)
    return [
        f"{reviewer} differs from what everything else teaches on {same.count(False)} of {len(same)} labels: look at "
        f"them (“sheriffwatch labels list”). “sheriffwatch labels revert --by {shlex.quote(reviewer)} --retrain” "
        "takes them out."
        for reviewer, same in sorted(given.items())
        if len(same) >= _ENOUGH_TO_JUDGE and sum(same) < _MOSTLY * len(same)
    ]
