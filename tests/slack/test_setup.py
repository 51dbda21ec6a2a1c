"""``slack setup`` and ``slack manifest``: all that is missing, at once."""

import asyncio
from datetime import timedelta

import pytest

from models.clock import utcnow
from monitor.alerts.slack import Slack
from monitor.cli import run
from monitor.config import AlertsConfig
from monitor.slack.manifest import SCOPES, look_over, manifest
from tests.slack.fake import FakeSlack


@pytest.fixture
def slack():
    with FakeSlack() as running:
        yield running


def findings(slack, *, now=None, **settings):
    settings = {
        "bot_token": slack.token,
        "app_token": slack.app_token,
        "channel": slack.channel,
        "reviewers": ["U0DANA"],
    } | settings

    async def work():
        out = Slack(base_url=f"{slack.url}/api/", **settings)
        try:
            return await look_over(out, AlertsConfig(), now=now or utcnow())
        finally:
            await out.close()

    return asyncio.run(work())


def wrong(found):
    return [finding.sentence for finding in found if finding.level != "ok"]


def test_nothing_is_missing_where_all_is_there(slack):
    assert wrong(findings(slack)) == []


def test_everything_that_is_missing_is_said_in_one_list(slack):
    slack.scopes -= {"chat:write", "files:write", "commands"}
    said = "\n".join(
        wrong(
            findings(
                slack,
                app_token="xoxb-swapped",
                channel="#alerts",
                reviewers=["dana"],
                now=utcnow() + timedelta(minutes=7),
            )
        )
    )
    for part in (
        "scope chat:write is missing",
        "scope files:write is missing",
        "scope commands is missing",
        "clock is 7 minutes off",
        "“#alerts” is no channel id",
        "slack.app_token is a bot token",
        "“dana” is no user id",
    ):
        assert part in said
    assert "swapped" not in said, "no part of a token is shown"


def test_without_a_bot_token_the_rest_is_still_looked_at(slack):
    said = "\n".join(wrong(findings(slack, bot_token="", channel="", app_token="xapp-wrong")))
    for part in ("slack.bot_token is not set", "slack.channel is not set", "slack.app_token: Slack says invalid_auth"):
        assert part in said
    assert "slack.bot_token is a user's token" in wrong(findings(slack, bot_token="xoxp-1"))[0]


def test_a_token_that_was_revoked_and_another_workspace_are_named(slack):
    assert "invalid_auth" in "\n".join(wrong(findings(slack, bot_token="xoxb-old")))
    assert "belongs to workspace T0TEST" in "\n".join(wrong(findings(slack, workspace="T0OTHER")))


def test_the_simple_mode_says_that_it_has_no_buttons(slack):
    (found,) = findings(slack, bot_token="", webhook_url=f"{slack.url}/webhook")
    assert found.level == "warning"
    assert "without buttons" in found.sentence


@pytest.mark.parametrize("url", ["", "https://watch.example.org"])
def test_the_manifest_is_one_that_slack_takes(url):
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    read = yaml.safe_load(manifest(url))
    assert set(read) == {"_metadata", "display_information", "features", "oauth_config", "settings"}
    shown, (command,), (shortcut,) = (
        read["display_information"],
        *(read["features"][part] for part in ("slash_commands", "shortcuts")),
    )
    assert len(shown["name"]) <= 35
    assert len(shown["description"]) <= 140
    assert command["command"] == "/sheriffwatch"
    assert shortcut["type"] == "message"
    assert len(shortcut["name"]) <= 24
    assert set(read["oauth_config"]["scopes"]["bot"]) == set(SCOPES)
    assert read["settings"]["socket_mode_enabled"] is (url == "")
    assert command.get("url", "") == (f"{url}/slack/command" if url else "")
    assert read["settings"]["interactivity"].get("request_url", "") == (f"{url}/slack/interactive" if url else "")


def test_the_command_exits_with_1_when_something_is_missing(tmp_path, slack, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text(f'[slack]\nbase_url = "{slack.url}/api/"\nbot_token = "xoxb-wrong"')
    assert run(["slack", "setup"]) == 1
    assert "slack.channel is not set" in capsys.readouterr().out
