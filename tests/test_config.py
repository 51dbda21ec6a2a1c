from pathlib import Path

import pytest

from monitor.config import load
from monitor.errors import UsageError

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def written(tmp_path):
    def write(text, environment=None):
        file = tmp_path / "config.toml"
        file.write_text(text)
        return load(file, environment or {})

    return write


def test_the_example_configuration_loads_and_says_the_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example, nothing = load(ROOT / "config.example.toml", {}), load(None, {})
    assert example.poll == nothing.poll
    assert example.web == nothing.web
    assert example.database == nothing.database
    assert example.http.deadline_s == nothing.http.deadline_s


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[pol]\ninterval_s = 5", "pol.*poll"),
        ("[poll]\nintervall_s = 5", r"poll\.intervall_s.*poll\.interval_s"),
        ("[sources.blusky]\nappview = 'https://x'", r"sources\.blusky.*sources\.bluesky"),
        ("[sources.bluesky]\napview = 'https://x'", r"sources\.bluesky\.apview.*sources\.bluesky\.appview"),
        ("[slack]\nbot_tokn = 'x'", r"slack\.bot_tokn.*slack\.bot_token"),
        ("[[accounts]]\nplatfrom = 'feed'", r"accounts\.0\.(platfrom|platform)"),
        ("[poll]\ninterval_s = 0", r"poll\.interval_s.*greater than or equal to 1"),
        ("[http]\nallow_private = ['nonsense/99']", r"http\.allow_private"),
        ("poll = 3", r"poll"),
        ("[poll", "not valid TOML"),
    ],
)
def test_a_mistake_gets_one_sentence_that_names_the_key(written, text, said):
    with pytest.raises(UsageError, match=said) as refused:
        written(text)
    assert "\n" not in str(refused.value)
    assert "config.toml" in str(refused.value)


def test_the_environment_overrides_the_file(written):
    config = written("[poll]\ninterval_s = 60", {"SHERIFFWATCH__POLL__INTERVAL_S": "5", "OTHER": "1"})
    assert config.poll.interval_s == 5


def test_a_list_in_the_environment_is_json(written):
    config = written("", {"SHERIFFWATCH__HTTP__ALLOW_PRIVATE": '["127.0.0.1:8799"]'})
    assert config.http.allow_private == ["127.0.0.1:8799"]


def test_a_secret_may_stand_in_a_file(written, tmp_path):
    (tmp_path / "token").write_text("xoxb-from-a-file\n")
    config = written('[slack]\nbot_token_file = "token"\nchannel = "C01"')
    assert "xoxb-from-a-file" not in repr(config.channels["slack"]), "a secret is not shown"
    assert config.channels["slack"].bot_token.get_secret_value() == "xoxb-from-a-file"


def test_a_secret_never_stands_in_a_sentence(written):
    with pytest.raises(UsageError) as refused:
        written("[slack]\nbot_token = ['xoxb-very-secret']")
    assert "very-secret" not in str(refused.value)


def test_a_relative_database_lies_beside_the_configuration(written, tmp_path):
    assert written("").database_url == f"sqlite:///{tmp_path / 'sheriffwatch.db'}"


def test_without_any_channel_the_terminal_speaks(written):
    assert list(written("").ready_channels) == ["console"]
