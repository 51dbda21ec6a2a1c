"""Which language a text is in: by its commonest words where that decides, else by py3langid."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ENGLISH = _words(
    "the of and to in is are was were for that with this be have has from at by we our you your they "
    "their it not will who an or as what which been if all but there when more about out than"
)
_SPANISH = _words(
    "el la los las de del que y en un una por con para se su sus al es son fue han este esta como pero "
    "nuestro nuestra nuestros nuestras lo le les ya muy mas sin sobre hay"
)
_FEWEST_LETTERS = 12


def language_of(words: Sequence[str], text: str) -> str:
    """Return the ISO 639-1 code of the language, ``und`` when there is too little to tell."""
    english = spanish = 0
    for word in words:
        if word in _ENGLISH:
            english += 1
        elif word in _SPANISH:
            spanish += 1
    if english >= 2 and english > 2 * spanish:
        return "en"
    if spanish >= 2 and spanish > 2 * english:
        return "es"
    if sum(char.isalpha() for char in text[:400]) < _FEWEST_LETTERS:
        return "en" if english else "es" if spanish else "und"
    if text.isascii() and english + spanish:
        return "en" if english >= spanish else "es"
    return str(_identifier().classify(text[:400])[0])


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=False)
