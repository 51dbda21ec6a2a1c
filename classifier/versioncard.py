"""The card of a version: what it was made from, how good it is, what it is for and what it is not for."""

from __future__ import annotations

from collections.abc import Mapping

from classifier.evaluation import Report
from classifier.pipeline import Classifier
from classifier.values import THEMES

_USE = """\
Made to bring public posts of sheriffs' offices that may hold anti-immigrant rhetoric before a person, who decides.
A flag is no finding: it says nothing about an author's intent, and must not be published or acted on unreviewed.
Not made for private messages, for rating persons, or for removing content."""
_LIMITS = """\
- It reads text. A picture counts only through its alt text or recognised text.
- English and Spanish are in the corpus; other languages are scored, and mostly not understood.
- Irony, long arguments and words used without their context are missed or misread.
- Press and critics that quote the words are the hardest to tell apart from their use; so are polite generalisations.
- The probability is calibrated on the corpus, where matches are far more frequent than among posts; the tables of the
  evaluation give the precision at 0.5 %, 1 % and 5 % of matches."""


def card(classifier: Classifier, reports: Mapping[str, Report]) -> str:
    """Return the card as Markdown. ``reports``: evaluations by the name of their data."""
    about = classifier.weights.about
    sources = "\n".join(f"- {source}: {count} texts" for source, count in about.get("sources", {}).items())
    head = "| data | texts | F1 | AP | R@P90 | ordinary flagged | hard flagged | accuracy |\n" + "|---" * 8 + "|"
    names = ("f1", "average_precision", "recall_at_p90", "ordinary_flagged", "hard_flagged", "accuracy")
    lines = [
        f"| {name} | {report.rows} | "
        + " | ".join("–" if (value := report.figures[key].value) is None else f"{value:.3f}" for key in names)
        + " |"
        for name, report in reports.items()
    ]
    limits = classifier.thresholds
    return f"""\
# Classifier {classifier.version}

SHA-256 {classifier.sha256 or "(not saved)"}.
Review queue from {limits.queue:g}, alert from {limits.alert:g}.

## Intended use

{_USE}

## Method

TF-IDF over words, word pairs and the letter sequences of each word, and cues from {len(classifier.terms.cues)} lists of
terms, in one logistic regression, fitted apart for texts that say it in plain words and texts that do not;
{_meaning(classifier)}Platt scaling and thresholds on texts held out. Themes: {", ".join(THEMES)}.

## Data

{about.get("examples", 0)} texts, {about.get("matches", 0)} of them matches;
digest of the corpus {str(about.get("corpus", ""))[:16]}, seed {about.get("seed", "")}.

{sources}

## Figures

{chr(10).join([head, *lines])}

## Limits

{_LIMITS}
"""


def _meaning(classifier: Classifier) -> str:
    used = classifier.weights.embedding
    return f"sentence embeddings of {used.encoder} beside them; " if used else ""
