import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import classifier
from classifier.disguise import Lexicon
from classifier.terms import load_terms
from classifier.text import normalise

LEXICON = Lexicon(*load_terms().plain_words())

CLEAN = [
    "These illegals are invading our county and they bring crime with them.",
    "Deport every one of the criminal aliens and send them back where they came from.",
    "The illegal aliens are animals and our streets are not safe.",
    "An invasion is pouring over the border and nobody stops the illegals.",
    "Illegal aliens rape and murder our citizens every single day.",
    "We are overrun by illegals. Enough is enough. Deport them all!",
    "Criminal illegal aliens are flooding our town with drugs and gangs.",
    "Illegals are leeches who live on welfare and anchor babies.",
    "They are invaders, not migrants. Send the illegals home.",
    "Our taxpayers pay billions for illegal aliens who should be deported.",
    "Come and meet the deputies at the coffee shop on Main Street.",
    "The road is closed because of a crash near the bridge.",
    "Please lock your vehicles tonight; thefts were reported downtown.",
    "The office is hiring dispatchers and detention officers.",
    "K9 Rex found a missing boy in the woods this morning.",
    "A burn ban is in force for the whole county until Friday.",
    "Scammers pretend to be deputies and ask for gift cards.",
    "The annual toy drive collected three hundred presents.",
    "A storm warning was issued, stay off the roads.",
    "The jail lobby is closed for repairs on Monday.",
]
TWINS = str.maketrans("aeiocpsxyAEOCPTHB", "аеіосрѕхуАЕОСРТНВ")


def _homoglyphs(text: str) -> str:
    return text.translate(TWINS)


def _invisible(text: str) -> str:
    return "".join(c + "\u200b" if c.isalpha() and i % 2 else c for i, c in enumerate(text))


def _spaced(text: str) -> str:
    return "  ".join(" ".join(word) if len(word) >= 5 else word for word in text.split())


def _styled(text: str) -> str:
    return "".join(
        chr(0x1D41A + ord(c) - 97) if "a" <= c <= "z" else chr(0x1D400 + ord(c) - 65) if "A" <= c <= "Z" else c
        for c in text
    )


def _reversed(text: str) -> str:
    return "\u202e" + text[::-1] + "\u202c"


@pytest.mark.parametrize("disguise", [_homoglyphs, _invisible, _spaced, _styled, _reversed])
def test_disguised_texts_are_decided_as_their_clean_twins_and_the_disguise_is_reported(bundled, disguise):
    clean, hidden = bundled.score(CLEAN), bundled.score([disguise(text) for text in CLEAN])
    queue = bundled.thresholds.queue
    same = sum((a.probability >= queue) == (b.probability >= queue) for a, b in zip(clean, hidden, strict=True))
    assert same >= 19
    assert all(classifier.DISGUISE in score.reasons for score in hidden[:10])
    assert not any(classifier.DISGUISE in score.reasons for score in clean)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("i11egals", "illegals"),
        ("ill3gals", "illegals"),
        ("i l l e g a l s", "illegals"),
        ("#StopTheInvasion", "Stop The Invasion"),
        ("#illegalaliens", "illegal aliens"),
        ("invasión", "invasion"),
        ("see https://example.gov/x @someone", "see"),
        ("a &amp; b", "a & b"),
        ("K9 and 287(g) and MS-13", "K9 and 287(g) and MS-13"),
    ],
)
def test_text_is_read_as_what_it_spells(text, plain):
    assert normalise(text, LEXICON).text.replace("#", "").replace("@", "").split() == plain.split()


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("ab1@#/.& \n\"'illegas\u200b\u202e\u202cаé𝐚ß☂İ\x00")), max_size=60))
def test_offsets_change_nothing_and_lead_into_the_original(text):
    fast, slow = normalise(text, LEXICON), normalise(text, LEXICON, offsets=True)
    assert fast.text == slow.text
    assert fast.disguise == slow.disguise
    assert slow.spans is not None
    assert len(slow.spans) == len(slow.text)
    assert all(0 <= start < end <= len(text) for start, end in slow.spans)


def test_scoring_leaves_the_callers_text_alone_and_the_order(bundled):
    texts = [CLEAN[0], CLEAN[10], _homoglyphs(CLEAN[0])]
    random.Random(3).shuffle(texts)
    assert [s.decision for s in bundled.score(texts)] == pytest.approx([bundled.score([t])[0].decision for t in texts])
