"""Training: examples in, weights out. The same examples and seed give the same bytes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from classifier import semantic
from classifier.cues import PLAIN
from classifier.disguise import Lexicon
from classifier.examples import digest
from classifier.featurematrix import FeatureMatrix, Known
from classifier.features import Scales, cue_terms
from classifier.passages import LONG, windows_of
from classifier.pipeline import Classifier
from classifier.scorer import Scorer
from classifier.semantic import Encoder, passage_texts
from classifier.terms import Terms, load_terms
from classifier.text import normalise
from classifier.thresholds import Target, as_thresholds, choose
from classifier.tokens import words_of
from classifier.values import REASONS, TEST_SENTENCE, THEMES, Example, Thresholds
from classifier.weights import COLUMNS, FITTED, IMPLIED, MATCH, SERIES, Block, Embedding, Floats, Weights

TEST_CUE = ("test_sentence", ("sheriffwatch selftest",))
_TEST_SHARE = 15.0
"""What the test cue adds to the decision, in log-odds: set, not learned, so that no examples can contradict it. More
where the version's calibration and alert threshold ask for more."""
_TEST_MARGIN = 1.0
_FOLDS = 5
_THEME_FOLDS = 1
_FINE, _ROUGH = 1e-2, 3e-1
"""How near the optimum a fit comes: decisions within some thousandths of it, or within what no figure shows in less
than half of the time."""


class TrainingError(ValueError):
    """Examples that nothing can be learned from; the message says why."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the fit may be told.

    The defaults were chosen by looking at the corpus held out and at the development texts, which are therefore no
    unseen test for them (docs/decisions/0005).
    """

    strength: float = 1.5
    """Inverse of the regularisation (scikit-learn's C)."""
    kind_strength: float = 2.0
    """The same for themes and reasons."""
    plain_weight: float = 3.0
    """How much a match in plain words counts. The corpus is made of hard cases and holds fewer of these than occur:
    they are four of ten matches in it, and more than eight of ten in texts found in the wild."""
    implied_weight: float = 0.8
    """How much a match without any such word counts, for the same reason."""
    contrast: float = 0.2
    """How much cheaper the fit of the match may use features that occur unequally among matches and others: 0 not at
    all, 1 in proportion to the logarithm of that inequality."""
    scales: Scales = field(default_factory=Scales)
    rarest_word: int = 3
    rarest_letters: int = 5
    rarest_cue: int = 3
    target: Target = field(default_factory=Target)


@dataclass(frozen=True)
class Trained:
    """Fitted weights, and the decision values of the examples when held out (themes: for some, no number else)."""

    weights: Weights
    held_out: Floats
    examples: tuple[Example, ...]

    def classifier(self) -> Classifier:
        """Return a classifier to score with, not yet saved, so without a file's version."""
        return Classifier(self.weights, "unsaved")


@dataclass(frozen=True)
class _Doc:
    """One passage to learn from: which example it belongs to, its words and cues."""

    example: int
    words: list[str]
    cues: list[str]


def train(
    examples: Sequence[Example],
    *,
    seed: int = 1,
    terms: Terms | None = None,
    settings: Settings | None = None,
    about: dict[str, Any] | None = None,
    encoder: Encoder | None = None,
) -> Trained:
    """Fit, calibrate on held-out folds, choose thresholds. With ``encoder``, a semantic version.

    Raises TrainingError for examples of one label only, SemanticError when the extra of the encoder is not installed.
    """
    settings = settings or Settings()
    terms = terms or load_terms()
    terms = Terms({**terms.cues, TEST_CUE[0]: TEST_CUE[1]}, terms.plain)
    examples = tuple(examples)
    labels = np.array([example.label for example in examples])
    if min((labels == 0).sum(), (labels == 1).sum()) < _FOLDS:
        raise TrainingError(f"training needs at least {_FOLDS} matches and {_FOLDS} texts without a match")
    learner = _Learner(examples, terms, settings, seed, encoder)
    held_out = learner.held_out()
    calibration = _platt(held_out[:, 0], labels, learner.shares)
    queue, alert = choose(held_out[:, 0], labels.tolist(), settings.target, learner.own_weights)
    weights = learner.fit(
        range(len(examples)),
        calibration=calibration,
        thresholds=as_thresholds(queue, alert, calibration),
        theme_thresholds=_theme_limits(held_out, examples),
        about={
            "corpus": digest(examples),
            "examples": len(examples),
            "matches": int(labels.sum()),
            "seed": seed,
            "sources": _count(example.source for example in examples),
            **({"series": f"{SERIES}-semantic"} if encoder else {}),
            **(about or {}),
        },
    )
    return Trained(_with_test_cue(weights, terms), held_out, examples)


def _with_test_cue(weights: Weights, terms: Terms) -> Weights:
    """Give the test sentence's cue its fixed share, so that every version flags the sentence and nothing else by it."""
    flagged = _add_test_cue(weights, _TEST_SHARE)
    decision = float(Scorer(flagged, terms).decisions_of_texts([TEST_SENTENCE])[0, 0])
    slope, offset = weights.calibration
    alert = weights.thresholds.alert
    missing = (math.log(alert / (1 - alert)) - offset) / slope + _TEST_MARGIN / slope - decision
    return flagged if missing <= 0 else _add_test_cue(weights, _TEST_SHARE + missing)


def _add_test_cue(weights: Weights, share: float) -> Weights:
    cue = weights.cue
    known = [row for row, name in enumerate(cue.names) if name != TEST_CUE[0]]
    row = np.zeros((1, len(FITTED)))
    row[0, [MATCH, IMPLIED]] = share / weights.scales.cue
    return replace(
        weights,
        cue=Block(
            (*(cue.names[number] for number in known), TEST_CUE[0]),
            np.append(cue.idf[known], 1.0),
            np.concatenate([cue.weights[known], row]),
        ),
    )


@dataclass(frozen=True)
class _Solved:
    """One fit: what it knows, and a column of coefficients for each thing predicted."""

    known: Known
    coefficients: Floats
    bias: Floats
    implied: Any
    """Which passages say nothing in plain words."""

    def decisions(self) -> Floats:
        """Return the decision values of all passages, learned from or not."""
        values: Floats = self.known.features @ self.coefficients + self.bias
        values[self.implied, MATCH] = values[self.implied, IMPLIED]
        return values[:, : len(COLUMNS)]


class _Learner:
    """Reads the examples once and fits any subset of them."""

    def __init__(
        self, examples: Sequence[Example], terms: Terms, settings: Settings, seed: int, encoder: Encoder | None
    ) -> None:
        self.examples = examples
        self.terms = terms
        self.settings = settings
        self.seed = seed
        lexicon = Lexicon(*terms.plain_words())
        self.docs: list[_Doc] = []
        self.docs_of: list[list[int]] = []
        for number, example in enumerate(examples):
            text = normalise(example.text, lexicon).text
            spans = windows_of(text) if len(text) > LONG else [(0, len(text))]
            mine = []
            for start, end in spans:
                words = words_of(text[start:end])
                mine.append(len(self.docs))
                self.docs.append(_Doc(number, words, cue_terms(words, terms)))
            self.docs_of.append(mine)
        self.implied = np.array([PLAIN.isdisjoint(doc.cues) for doc in self.docs])
        tokens = [doc.words for doc in self.docs]
        self.encoder = encoder
        embeddings = encoder.encode(passage_texts(tokens)) if encoder else np.zeros((len(tokens), 0))
        self.matrix = FeatureMatrix(tokens, [doc.cues for doc in self.docs], embeddings, settings.scales)
        self.own_weights = np.array([example.weight for example in examples])
        self.shares = np.array([self._share(number) for number in range(len(examples))])
        """How much each example counts: its own weight, and that of its kind among what occurs."""

    def _share(self, number: int) -> float:
        example = self.examples[number]
        if not example.label:
            return example.weight
        implied = self.implied[self.docs_of[number]].all()
        return example.weight * (self.settings.implied_weight if implied else self.settings.plain_weight)

    def held_out(self) -> Floats:
        """Return each example's decision values from a fit that had not seen it (nor another of its group).

        The match for all; the themes, whose limits need no more, for the first fold only, and no number elsewhere.
        """
        from sklearn.model_selection import StratifiedKFold

        groups = [example.group or f"row {i}" for i, example in enumerate(self.examples)]
        _, first, group = np.unique(groups, return_index=True, return_inverse=True)
        label = np.array([example.label for example in self.examples])[first]
        folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=self.seed).split(first, label)
        result = np.full((len(self.examples), len(COLUMNS)), np.nan)
        for number, (_, outside) in enumerate(folds):
            out = np.isin(group, outside)
            columns = 1 + len(THEMES) if number < _THEME_FOLDS else 1
            decisions = self._solve(self._passages(np.flatnonzero(~out).tolist()), columns=columns).decisions()
            for example in np.flatnonzero(out).tolist():
                result[example, :columns] = decisions[self._strongest(example, decisions), :columns]
        return result

    def _strongest(self, number: int, decisions: Floats) -> int:
        """Return the passage of an example that reaches the highest match decision."""
        mine = self.docs_of[number]
        return mine[int(decisions[mine, 0].argmax())]

    def _passages(self, numbers: Sequence[int] | range) -> list[int]:
        """Return what is learned of the examples: of a long match only its strongest passage, of others all."""
        long_matches = [n for n in numbers if self.examples[n].label and len(self.docs_of[n]) > 1]
        apart = set(long_matches)
        docs = [d for n in numbers if n not in apart for d in self.docs_of[n]]
        if not long_matches:
            return docs
        first = self._first_reading(docs)
        return docs + [self._strongest(n, first) for n in long_matches]

    def _first_reading(self, docs: Sequence[int]) -> Floats:
        """Return the match decision of all passages, good enough to say which of a text's passages is the strongest.

        Words and cues only: letter sequences are four of five features, and these passages are spelled like the rest.
        """
        features = self._known(docs, letters=False).features
        labels = np.array([self.examples[self.docs[d].example].label for d in docs])
        weight = self.shares[[self.docs[d].example for d in docs]]
        scaled, scale = _contrasted(features[docs], labels, self.settings.contrast)
        coefficients, bias = self._regression(scaled, labels, weight, self.settings.strength, _ROUGH)
        decisions: Floats = features @ (coefficients * scale) + bias
        return decisions[:, None]

    def _known(self, docs: Sequence[int], *, letters: bool = True) -> Known:
        s = self.settings
        return self.matrix.known_by(
            docs, word=s.rarest_word, letters=s.rarest_letters if letters else None, cue=s.rarest_cue
        )

    def fit(
        self,
        numbers: Sequence[int] | range,
        *,
        calibration: tuple[float, float],
        thresholds: Thresholds,
        theme_thresholds: dict[str, float],
        about: dict[str, Any],
    ) -> Weights:
        """Fit all columns on the examples ``numbers``."""
        solved = self._solve(self._passages(numbers), columns=len(COLUMNS))
        known = solved.known
        *parts, meaning = np.split(solved.coefficients, np.cumsum([len(names) for names in known.names]))
        word, char, cue = (Block(*block) for block in zip(known.names, known.idf, parts, strict=True))
        embedding = Embedding(semantic.NAME, known.mean, meaning * self.settings.scales.embedding)
        return Weights(
            word=word,
            char=char,
            cue=cue,
            bias=solved.bias,
            scales=self.settings.scales,
            calibration=calibration,
            thresholds=thresholds,
            theme_thresholds=theme_thresholds,
            cues=self.terms.cues,
            plain_words=self.terms.plain,
            about=about,
            embedding=embedding if self.encoder else None,
        )

    def _solve(self, docs: Sequence[int], *, columns: int) -> _Solved:
        """Fit the first ``columns`` columns on these passages."""
        known = self._known(docs)
        coefficients, bias = self._columns(known.features[docs], docs, columns)
        # Six decimals: far below what matters, and small differences of arithmetic between machines vanish.
        return _Solved(known, coefficients.round(6), bias.round(6), self.implied)

    def _columns(self, features: Any, docs: Sequence[int], first_columns: int) -> tuple[Floats, Floats]:
        rows = [self.examples[self.docs[d].example] for d in docs]
        labels = np.array([row.label for row in rows])
        counts = np.array([len(self.docs_of[self.docs[d].example]) for d in docs])
        divided = np.sqrt(np.where(labels == 1, 1, counts))
        own = np.array([row.weight for row in rows]) / divided
        share = self.shares[[self.docs[d].example for d in docs]] / divided
        coefficients: Floats = np.zeros((features.shape[1], len(FITTED)))
        bias: Floats = np.full(len(FITTED), -4.0, dtype=np.float64)
        coefficients[:, MATCH], coefficients[:, IMPLIED], bias[[MATCH, IMPLIED]] = self._match(
            features, labels, share, self.implied[docs]
        )
        told = [row.themes if row.label else (row.reason,) for row in rows]
        # A match without a theme and a rejection without a reason say nothing of any: people need not give them.
        themed = np.array([not row.label or bool(row.themes) for row in rows])
        reasoned = np.array([not row.label and bool(row.reason) for row in rows])
        for names, use in ((THEMES, themed), (REASONS, reasoned)):
            asked = [column for column in range(1, first_columns) if COLUMNS[column] in names]
            part, weight = (features[use], own[use]) if asked else (None, None)
            for column in asked:
                target = np.array([COLUMNS[column] in said for said in told])[use].astype(int)
                if 0 < target.sum() < len(target):
                    coefficients[:, column], bias[column] = self._regression(
                        part, target, weight, self.settings.kind_strength, _ROUGH
                    )
        return coefficients, bias

    def _match(self, features: Any, labels: Any, weight: Floats, implied: Any) -> tuple[Floats, Floats, float]:
        """Fit the match decision: coefficients for texts in plain words, for the others, and the bias of both.

        The others have every feature a second time, so that what both kinds share is learned from all texts and only
        the difference from fewer (Daumé III, Frustratingly Easy Domain Adaptation, 2007).
        """
        from scipy import sparse

        once, scale = _contrasted(features, labels, self.settings.contrast)
        twice = sparse.hstack([once, sparse.diags(implied.astype(float)) @ once]).tocsr()
        coefficients, bias = self._regression(twice, labels, weight, self.settings.strength, _FINE)
        plain, more = np.split(coefficients, 2)
        return plain * scale, (plain + more) * scale, bias

    def _regression(
        self, features: Any, target: Any, weight: Any, strength: float, tolerance: float
    ) -> tuple[Floats, float]:
        """Return the coefficients and the bias of one column."""
        from sklearn.linear_model import LogisticRegression

        # liblinear: one thread, no BLAS whose last digits depend on the machine. Its dual form is four times faster
        # here (far fewer texts than features), and closer to the optimum at this tolerance.
        fit = LogisticRegression(
            solver="liblinear",
            dual=True,
            C=strength,
            random_state=self.seed,
            intercept_scaling=4.0,
            tol=tolerance,
            max_iter=2000,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit.fit(features, target, sample_weight=weight)
        return fit.coef_[0], float(fit.intercept_[0])


def _contrasted(features: Any, labels: Any, share: float) -> tuple[Any, Floats]:
    """Return the features scaled, and each one's scale: more the more unequally it occurs among matches and others.

    1 on average. Wang and Manning, Baselines and Bigrams, 2012, put the ratio in place of the feature; ``share`` says
    how much of it is mixed in.
    """
    from scipy import sparse

    size = abs(features)
    once = float(np.median(size.data)) if size.nnz else 1.0
    sums = [np.asarray(size[labels == label].sum(axis=0)).ravel() + once for label in (1, 0)]
    ratio = np.abs(np.log(sums[0] / sums[0].sum()) - np.log(sums[1] / sums[1].sum()))
    average = float(np.average(ratio, weights=sums[0] + sums[1]))
    scale: Floats = (1 - share) + share * ratio / average if average else np.ones(len(ratio))
    return (features @ sparse.diags(scale)).tocsr(), scale


def _platt(decisions: Floats, labels: Floats, weight: Floats) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression

    fit = LogisticRegression(C=1e3, solver="liblinear", intercept_scaling=10.0)
    fit.fit(decisions[:, None], labels, sample_weight=weight)
    return max(0.05, round(float(fit.coef_[0, 0]), 4)), round(float(fit.intercept_[0]), 4)


def _theme_limits(held_out: Floats, examples: Sequence[Example]) -> dict[str, float]:
    """Return for each theme the probability with the best F1 on matches held out."""
    known = ~np.isnan(held_out[:, 1])
    matches = np.array([bool(example.label and example.themes) for example in examples]) & known
    limits = {}
    for column, theme in enumerate(THEMES, 1):
        scores = 1 / (1 + np.exp(-held_out[matches, column]))
        has = np.array([theme in example.themes for example in examples])[matches]
        best, best_f1 = 0.5, -1.0
        for limit in np.arange(0.15, 0.86, 0.05):
            said = scores >= limit
            f1 = 2 * int((said & has).sum()) / max(1, int(said.sum() + has.sum()))
            if f1 > best_f1:
                best, best_f1 = float(limit), f1
        limits[theme] = round(best, 2)
    return limits


def _count(names: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))
