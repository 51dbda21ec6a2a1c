"""What every channel keeps, present and future: each file in monitor/alerts is tested as it is found."""

import io

import pytest
from pydantic import ValidationError

from monitor.alerts import Channel, channel_classes
from monitor.alerts.console import print_message
from tests.alerts.test_slack import HOSTILE, MESSAGE, with_text

CHANNELS = channel_classes()


@pytest.mark.parametrize("name", CHANNELS)
def test_the_file_name_is_the_channels_name(name):
    assert issubclass(CHANNELS[name], Channel)
    assert CHANNELS[name].name == name
    assert CHANNELS[name].__doc__


@pytest.mark.parametrize("name", CHANNELS)
def test_a_setting_it_does_not_know_is_refused(name):
    with pytest.raises(ValidationError):
        CHANNELS[name](no_such_setting=1)


@pytest.mark.parametrize("name", [name for name in CHANNELS if name != "console"])
def test_a_channel_without_settings_is_not_ready(name):
    assert not CHANNELS[name]().ready


@pytest.mark.parametrize("name", CHANNELS)
def test_no_setting_that_is_a_secret_is_shown(name):
    fields = CHANNELS[name].model_fields
    for field, info in fields.items():
        if any(word in field for word in ("token", "secret", "password", "webhook_url")):
            assert "SecretStr" in str(info.annotation), f"{name}.{field} must be a SecretStr"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_can_steer_the_terminal(text):
    out = io.StringIO()
    print_message(with_text(text + "\x1b[2J\x1b]0;title\x07[red]x[/red]"), out)
    assert "\x1b" not in out.getvalue()
    assert "\x07" not in out.getvalue()


def test_the_terminal_says_what_slack_says():
    out = io.StringIO()
    print_message(MESSAGE, out)
    said = " ".join(out.getvalue().replace("│", " ").split())
    for part in ("Example County Sheriff, OH", "criminal illegal alien", "0.97", "3 earlier matches", "bsky.app"):
        assert part in said
