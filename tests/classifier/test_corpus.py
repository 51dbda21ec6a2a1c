import json
import re
from collections import Counter

import pytest

import classifier
from classifier import REASONS, THEMES, CorpusError, DatasetError, TermError, import_dataset, load_terms
from classifier.examples import CORPUS, TRAINING_FILES

# Below these a change has made the classifier worse: raise them when it has become better.
LEAST_ON_FUNCTIONAL = 0.87
LEAST_F1_ON_FROZEN = 0.83


def test_the_corpus_has_the_size_and_balance_that_was_promised():
    corpus = classifier.load_corpus()
    assert len(corpus) >= 1200
    assert sum(row.label == 0 for row in corpus) >= 0.55 * len(corpus)
    themes = Counter(theme for row in corpus for theme in row.themes)
    reasons = Counter(row.reason for row in corpus if not row.label)
    assert all(themes[theme] >= 50 for theme in THEMES), themes
    assert all(reasons[reason] >= 50 for reason in REASONS), reasons


def test_the_functional_suite_has_thirty_functions_of_twelve_cases_kept_out_of_training():
    suite = classifier.load_functional()
    sizes = Counter(row.function for row in suite)
    assert len(sizes) >= 30
    assert min(sizes.values()) >= 12
    trained = {row.text for row in classifier.load_corpus()}
    assert not trained & {row.text for row in [*suite, *classifier.load_frozen()]}
    assert "functional.jsonl" not in TRAINING_FILES
    assert "frozen.jsonl" not in TRAINING_FILES


def test_no_row_names_a_politician_of_the_years_it_speaks_of():
    names = re.compile(
        r"\b(Trump|Biden|Obama|Reagan|Merkel|Orb[aá]n|Clinton|Harris|DeSantis|Arpaio|Homan|Noem|Laken)\b", re.IGNORECASE
    )
    texts = [row.text for rows in (classifier.load_corpus(), classifier.load_frozen()) for row in rows]
    assert [text for text in texts if names.search(text)] == []


@pytest.mark.slow
def test_no_two_rows_are_near_duplicates():
    rows = [row.text for row in classifier.load_corpus()]
    grams = [
        {text[i : i + 5] for i in range(max(1, len(text) - 4))} for text in (" ".join(r.lower().split()) for r in rows)
    ]
    places: dict[str, list[int]] = {}
    for number, own in enumerate(grams):
        shared = Counter(other for gram in own for other in places.get(gram, ()))
        for other, count in shared.items():
            assert count / (len(own) + len(grams[other]) - count) <= 0.6, (rows[number], rows[other])
        for gram in own:
            places.setdefault(gram, []).append(number)


def test_the_bundled_version_is_not_worse_than_recorded(bundled):
    assert classifier.evaluate(bundled, classifier.load_functional(), resamples=5).accuracy >= LEAST_ON_FUNCTIONAL
    assert classifier.evaluate(bundled, classifier.load_frozen(), resamples=5).f1 >= LEAST_F1_ON_FROZEN


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "x"}', '"label"'),
        ('{"label": 1}', '"text"'),
        ('{"text": "x", "label": 1}', '"themes"'),
        ('{"text": "x", "label": 0, "reason": "weather"}', '"reason"'),
        ('{"text": "x", "label": 1, "themes": ["weather"]}', "weather"),
        ("{", "JSON"),
    ],
)
def test_a_bad_corpus_row_is_named_by_file_and_line(tmp_path, line, message):
    (tmp_path / "matches.jsonl").write_text('{"text": "a", "label": 1, "themes": ["burden"]}\n' + line + "\n")
    with pytest.raises(CorpusError, match=rf"matches\.jsonl, line 2.*{message}"):
        classifier.load_corpus(tmp_path)


@pytest.mark.parametrize(
    "content", ["[Expel]\nterms=['a']", "[expel]\n", "[expel]\nterms=['(']", "[expel]\nterms=[]", "x ="]
)
def test_a_bad_term_file_is_named(tmp_path, content):
    (tmp_path / "own.toml").write_text(content)
    with pytest.raises(TermError, match=r"own\.toml"):
        load_terms(tmp_path)


DATASETS = [
    ("hateval", "d.tsv", "id\ttext\tHS\tTR\tAG\n1\tsome text\t1\t0\t0\n", 1),
    ("davidson", "d.csv", ",count,class,tweet\n0,3,0,some text\n", 1),
    ("ethos", "d.csv", "comment;isHate\nsome text;0.25\n", 0),
    (
        "hatexplain",
        "d.json",
        json.dumps({"1": {"post_tokens": ["some", "text"], "annotators": [{"label": "normal"}] * 3}}),
        0,
    ),
    ("generic", "d.csv", "text,label\nsome text,bad\n", 1),
    ("generic", "d.jsonl", '{"text": "some text", "label": 1}\n', 1),
]


@pytest.mark.parametrize(("name", "file", "content", "label"), DATASETS)
def test_public_datasets_are_read_with_their_source_and_low_weight(tmp_path, name, file, content, label):
    (tmp_path / file).write_text(content)
    (row,) = import_dataset(tmp_path / file, name, labels={"bad": 1})
    assert (row.text, row.label, row.source) == ("some text", label, f"dataset/{name}")
    assert row.weight < 0.5


def test_hatecheck_is_refused_for_training_under_any_name(tmp_path):
    (tmp_path / "rows.csv").write_text("functionality,case_id,test_case,label_gold\nF1,1,text,hateful\n")
    with pytest.raises(DatasetError, match="never trained on"):
        import_dataset(tmp_path / "rows.csv", "generic")


def test_every_training_file_that_is_named_exists():
    assert all((CORPUS / name).exists() for name in TRAINING_FILES)
