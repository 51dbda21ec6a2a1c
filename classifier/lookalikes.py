"""Characters that stand for other characters: look-alike letters, styled alphabets, invisible marks.

The look-alikes are those of the Unicode confusables data (UTS #39), shipped by the package ``confusable-homoglyphs``.
Only characters outside ASCII are folded: within ASCII the same data would turn "m" into "rn" and "I" into "l".
"""

from __future__ import annotations

import json
import re
import unicodedata
from functools import cache
from importlib.resources import files

# Letters that UTS #39 files under another skeleton than the eye does, or leaves out, in words of Latin letters.
_BY_EYE = {
    "ı": "i",
    "ɩ": "i",
    "ʟ": "l",
    "ɑ": "a",
    "ɡ": "g",
    "ϲ": "c",
    "ᴀ": "a",
    "ᴇ": "e",
    "ɪ": "i",
    "ɢ": "g",
    "ꜱ": "s",
    "ɴ": "n",
}
_PUNCTUATION = str.maketrans("‘’‚‛ʼ′“”„‟″«»‐‑‒–—―…", '\'\'\'\'\'\'"""""""------.')

INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff"
)
"""Default-ignorable code points, as the inside of a regular-expression character class."""

HIDDEN_IN_WORD = re.compile(f"[^\\W\\d_][{INVISIBLE}]+[^\\W\\d_]")
BIDI_OVERRIDE = re.compile("[\u202d\u202e]")
REVERSED_RUN = re.compile("\u202e([^\u202c\n]*)\u202c?")
STYLED_WORD = re.compile(
    "[\U0001d400-\U0001d7ff\uff21-\uff3a\uff41-\uff5a\u24b6-\u24e9\u2100-\u214f\U0001f130-\U0001f189]{3}"
)
STACKED_MARKS = re.compile("[^\\W\\d_][\u0300-\u036f]{2}|(?:[a-zA-Z][\u0300-\u036f]){4}")


class _Folding(dict[int, str]):
    """Translation table that works a character out when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _fold(chr(code))
        return folded


def _fold(char: str) -> str:
    if char in "\n\t":
        return char
    kind = unicodedata.category(char)
    if kind in ("Cc", "Cs") or kind == "Mn" or (kind == "Cf") or re.match(f"[{INVISIBLE}]", char):
        return ""
    plain = char.translate(_PUNCTUATION)
    if 0x1F130 <= ord(char) <= 0x1F189:  # squared and circled capitals, which NFKC leaves as they are
        plain = chr(ord("A") + (ord(char) - 0x1F130) % 0x20 % 26)
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", plain))
    kept = "".join(part for part in decomposed if unicodedata.category(part) != "Mn")
    # A later lower() must not change the length: offsets into the original text depend on it.
    return "".join(part if len(part.lower()) == 1 else part.lower()[0] for part in kept)


FOLD = _Folding({code: chr(code) for code in range(0x20, 0x7F)})


@cache
def _latin() -> dict[str, str]:
    data = json.loads(files("confusable_homoglyphs").joinpath("confusables.json").read_text("utf-8"))
    latin = dict(_BY_EYE)
    for char, twins in data.items():
        if ord(char[0]) < 0x80 or len(char) != 1:
            continue
        for twin in twins:
            letter = twin["c"]
            if letter.isascii() and letter.isalpha() and len(letter) == 1:
                # Capital I and small l are one skeleton; "l" is what UTS #39 gives for both.
                latin.setdefault(char, letter)
    return latin


def unmask_word(word: str) -> str | None:
    """Return the Latin word that ``word`` looks like, or None when it holds letters with no Latin twin.

    A word wholly of another script is left alone unless it is long enough to be no accident (four letters).
    """
    latin = _latin()
    plain = "".join(char if ord(char) < 0x80 else latin.get(char, char) for char in word)
    if plain == word or not plain.isascii():
        return None
    if any("a" <= char <= "z" or "A" <= char <= "Z" for char in word) or len(plain) >= 4:
        return plain
    return None
