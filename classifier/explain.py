"""Why a text scored as it did: exact shares of words, letters and cues that add up to the decision value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from classifier.passages import Span
from classifier.scorer import Scorer
from classifier.text import Normalised
from classifier.tokens import Token, tokens_of
from classifier.values import Contribution

_MOST_SPANS = 50


def contributions_of(scorer: Scorer, normal: Normalised, window: Span) -> tuple[Contribution, ...]:
    """Return all contributions of the passage ``window``, the strongest first, the bias among them."""
    tokens = [
        Token(token.text, token.start + window[0], token.end + window[0])
        for token in tokens_of(normal.text[window[0] : window[1]])
    ]
    words = [token.text for token in tokens]
    places = _Places(normal, tokens)
    shares = scorer.shares(words)
    found = [Contribution("bias", "bias", shares.bias)]
    found += [Contribution("word", term, weight, places.of_term(term)) for term, weight in shares.words()]
    found += [Contribution("char", word, weight, places.of_term(word)) for word, weight in shares.letters()]
    found += [Contribution("cue", cue, weight, places.of_ranges(at)) for cue, at, weight in shares.cues() if weight]
    if shares.meaning:
        found.append(Contribution("embedding", "meaning of the text as a whole", shares.meaning))
    return tuple(sorted(found, key=lambda c: (-abs(c.weight), c.kind, c.name)))


class _Places:
    """Finds where words stand in the original text."""

    def __init__(self, normal: Normalised, tokens: Sequence[Token]) -> None:
        self._normal = normal
        self._tokens = tokens
        self._by_term: dict[str, list[tuple[int, int]]] = {}
        for i, token in enumerate(tokens):
            self._by_term.setdefault(token.text, []).append((i, i + 1))
            if i + 1 < len(tokens):
                self._by_term.setdefault(f"{token.text} {tokens[i + 1].text}", []).append((i, i + 2))

    def of_term(self, term: str) -> tuple[Span, ...]:
        return self.of_ranges(self._by_term.get(term, ())[:_MOST_SPANS])

    def of_ranges(self, ranges: Iterable[tuple[int, int]]) -> tuple[Span, ...]:
        return tuple(
            self._normal.original(self._tokens[first].start, self._tokens[end - 1].end) for first, end in ranges
        )
