"""What the classifier hands out: plain frozen values that turn into JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

THEMES = ("illegals", "criminal_alien", "crime_threat", "invasion", "dehumanizing", "burden", "replacement")
REASONS = (
    "policy", "news", "enforcement", "counter_speech", "quote", "statute", "other_illegal", "other_alien", "ordinary",
    "slogan",
)  # fmt: skip
DISGUISE = "disguise"
TEST_SENTENCE = "Sheriffwatch selftest: a harmless sheriffwatch selftest sentence."
"""A harmless sentence that every version flags, so that ``send-test`` walks the whole path. Its words occur nowhere
else, so that learning it moves no other text."""

Kind = Literal["word", "char", "cue", "embedding", "bias"]


class Example(NamedTuple):
    """One text to learn from. ``group`` keeps versions of one post on one side of a split; ``source`` says whence."""

    text: str
    label: int
    themes: tuple[str, ...] = ()
    weight: float = 1.0
    group: str = ""
    source: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Probabilities at or above which a post is put in the review queue, and an alert is sent."""

    queue: float
    alert: float


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one feature added to the decision value, in log-odds before calibration, and where it stands."""

    kind: Kind
    name: str
    weight: float
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ScoreValues:
    """One version's judgement of one text.

    ``probability``: calibrated, 0 to 1. ``decision``: log-odds before calibration, the sum of ``contributions``.
    ``themes``: probability of each theme; ``theme_list``: those over their own thresholds, most probable first.
    ``reasons``: why it would be flagged (cues, ``disguise``), or the likeliest reason codes of the codebook if not.
    ``lang``: ISO 639-1, ``und`` when there is too little to tell. ``passage``: offsets in the original text of the
    most telling passage, None where nothing tells. ``contributions``: only when asked for.
    """

    probability: float
    decision: float
    themes: Mapping[str, float]
    theme_list: tuple[str, ...]
    reasons: tuple[str, ...]
    lang: str
    passage: tuple[int, int] | None = None
    disguise: tuple[str, ...] = ()
    contributions: tuple[Contribution, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict; :meth:`from_dict` is the way back."""
        return {
            "probability": self.probability,
            "decision": self.decision,
            "themes": dict(self.themes),
            "theme_list": list(self.theme_list),
            "reasons": list(self.reasons),
            "lang": self.lang,
            "passage": list(self.passage) if self.passage else None,
            "disguise": list(self.disguise),
            "contributions": [
                {"kind": c.kind, "name": c.name, "weight": c.weight, "spans": [list(span) for span in c.spans]}
                for c in self.contributions
            ],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ScoreValues:
        """Return the score that :meth:`to_dict` wrote."""
        passage = values.get("passage")
        return cls(
            probability=values["probability"],
            decision=values["decision"],
            themes=dict(values["themes"]),
            theme_list=tuple(values["theme_list"]),
            reasons=tuple(values["reasons"]),
            lang=values["lang"],
            passage=(passage[0], passage[1]) if passage else None,
            disguise=tuple(values.get("disguise", ())),
            contributions=tuple(
                Contribution(c["kind"], c["name"], c["weight"], tuple((s[0], s[1]) for s in c["spans"]))
                for c in values.get("contributions", ())
            ),
        )
