import pytest

from classifier import in_words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("crime", "crime"),
        ("slur_people:quoted", "in quotation marks: slur people"),
        ("immigrant>crime", "immigrant, then crime"),
        ("frames:2", "hostile signs, at least 2"),
        ("bare frames:1", "hostile signs with no other voice or objection, at least 1"),
        ("no frame", "nothing hostile"),
        ("nobody", "nobody named whom it could be about"),
    ],
)
def test_signs_are_named_in_words(name, words):
    assert in_words(name) == words
