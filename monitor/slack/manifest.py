"""The app's manifest, and what is missing for it to work. Keys: docs.slack.dev/reference/app-manifest"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from monitor.alerts._slack_client import SlackClient
from monitor.alerts.slack import Slack
from monitor.config import AlertsConfig
from monitor.errors import DeliveryError

SCOPES = {
    "chat:write": "to post",
    "chat:write.public": "to post in public channels without being invited",
    "commands": "for /sheriffwatch and “Send to sheriffwatch”",
    "channels:read": "to check channels",
    "groups:read": "to check private channels",
    "channels:history": "to look a message up before it is sent again",
    "groups:history": "the same in private channels",
    "files:write": "to show pictures from our own copies",
    "usergroups:read": "to let a user group decide (slack.reviewer_group)",
}
_NEEDED = ("chat:write", "channels:read", "channels:history", "files:write")
_USER = re.compile(r"^[UW][A-Z0-9]{2,30}$")
_CHANNEL = re.compile(r"^[CGD][A-Z0-9]{2,30}$")
_CLOCK_S = 300.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    level: str
    """``ok``, ``warning`` or ``error``."""
    sentence: str


def manifest(url: str = "") -> str:
    """The manifest as YAML: Socket Mode, or signed requests to ``url`` when one is given."""
    base = url.rstrip("/")
    command_url = f"\n      url: {base}/slack/command" if base else ""
    interactive = f"\n    request_url: {base}/slack/interactive" if base else ""
    scopes = "\n".join(f"      - {scope}  # {why}" for scope, why in SCOPES.items())
    return f"""\
_metadata:
  major_version: 1
  minor_version: 1
display_information:
  name: sheriffwatch
  description: Alerts on anti-immigrant posts of sheriffs' offices; people decide here
  background_color: "#22313f"
features:
  bot_user:
    display_name: sheriffwatch
    always_online: true
  slash_commands:
    - command: /sheriffwatch
      description: Status, search, explain, mute and more{command_url}
      usage_hint: "status | search WORDS | agency NAME | explain TEXT | add URL | mute ACCOUNT 2d | digest now | help"
      should_escape: false
  shortcuts:
    - name: Send to sheriffwatch
      type: message
      callback_id: send_to_sheriffwatch
      description: Put this link or text into the review queue
oauth_config:
  scopes:
    bot:
{scopes}
settings:
  interactivity:
    is_enabled: true{interactive}
  org_deploy_enabled: false
  socket_mode_enabled: {"false" if base else "true"}
  token_rotation_enabled: false
"""


async def look_over(slack: Slack, alerts: AlertsConfig, *, now: datetime) -> list[Finding]:
    """Ask Slack about tokens, scopes, channels and the clock; say all that is missing at once, one sentence each."""
    bot_token = slack.bot_token.get_secret_value()
    if not bot_token and slack.webhook_url.get_secret_value():
        return [
            Finding(
                "warning",
                "Simple mode by webhook: messages only, without buttons, threads or updates, and after a lost "
                "answer one may come twice. “sheriffwatch slack manifest” makes the app.",
            )
        ]
    found: list[Finding] = []
    works = False
    if not bot_token:
        found.append(
            Finding("error", "slack.bot_token is not set: install the app and copy “Bot User OAuth Token” (xoxb-…).")
        )
    elif not bot_token.startswith("xoxb-"):
        found.append(Finding("error", f"slack.bot_token is {_kind(bot_token)}: it must be a bot token (xoxb-…)."))
    else:
        works = await _ask_token(slack, now, found)
    channels = _channels(slack, alerts)
    if not slack.channel:
        found.append(Finding("error", "slack.channel is not set: give the channel's id (C…)."))
    for channel in channels:
        if not _CHANNEL.match(channel):
            found.append(
                Finding("error", f"“{channel}” is no channel id: in Slack, “View channel details” shows it (C…).")
            )
        elif works:
            found.append(await _ask_channel(slack, channel))
    found += await _listening(slack, works=works)
    return found


def _kind(token: str) -> str:
    """What a token in the wrong place seems to be. Nothing of the token itself is shown."""
    kinds = {"xapp-": "an app-level token", "xoxp-": "a user's token", "xoxb-": "a bot token"}
    return next((kind for start, kind in kinds.items() if token.startswith(start)), "no token of Slack's")


async def _ask_token(slack: Slack, now: datetime, found: list[Finding]) -> bool:
    """Whether the bot token works; what was found is added."""
    try:
        who, headers = await slack.call_with_headers("auth.test")
    except DeliveryError as error:
        found.append(Finding("error", f"slack.bot_token: {error}."))
        return False
    found.append(Finding("ok", f"The bot token works, in workspace {who.get('team') or who.get('team_id')}."))
    scopes = {scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",") if scope.strip()}
    needed = [*_NEEDED, *(["commands"] if slack.listens else []), *(["usergroups:read"] * bool(slack.reviewer_group))]
    for scope in needed if scopes else ():
        private = scope.replace("channels:", "groups:")
        if scope not in scopes and private not in scopes:
            found.append(
                Finding("error", f"The scope {scope} is missing ({SCOPES[scope]}): add it and install the app again.")
            )
    try:
        off_s = abs((parsedate_to_datetime(headers.get("date", "")) - now).total_seconds())
    except (ValueError, TypeError):
        off_s = 0.0
    if off_s >= _CLOCK_S - 5:
        found.append(
            Finding(
                "error", f"This computer's clock is {off_s / 60:.0f} minutes off Slack's: signed requests are refused."
            )
        )
    team = str(who.get("team_id", ""))
    if slack.workspace and slack.workspace != team:
        found.append(
            Finding("error", f"slack.workspace is {slack.workspace}, but the token belongs to workspace {team}.")
        )
    return True


async def _ask_channel(slack: Slack, channel: str) -> Finding:
    try:
        about = (await slack.call("conversations.info", channel=channel)).get("channel") or {}
    except DeliveryError as error:
        return Finding("error", f"Channel {channel}: {error}.")
    if about.get("is_archived"):
        return Finding("error", f"Channel {channel} is archived.")
    if about.get("is_member") is False:
        level = "error" if about.get("is_private") else "warning"
        return Finding(
            level, f"The app is not in channel {channel}: /invite it there, or lost answers cannot be looked up."
        )
    return Finding("ok", f"Channel {channel} can be seen.")


async def _listening(slack: Slack, *, works: bool) -> list[Finding]:
    token = slack.app_token.get_secret_value()
    if not token and not slack.signing_secret.get_secret_value():
        return [
            Finding(
                "warning",
                "Neither slack.app_token nor slack.signing_secret is set: alerts have no buttons, no command works.",
            )
        ]
    found = []
    if token and not token.startswith("xapp-"):
        found.append(
            Finding("error", f"slack.app_token is {_kind(token)}: make an app-level token (xapp-…) for Socket Mode.")
        )
    elif token:
        client = SlackClient(slack.base_url, token)
        try:
            await client.call("apps.connections.open")
            found.append(Finding("ok", "Socket Mode can be opened."))
        except DeliveryError as error:
            found.append(Finding("error", f"slack.app_token: {error}. It needs the scope connections:write (xapp-…)."))
        finally:
            await client.close()
    else:
        found.append(Finding("ok", f"Signed requests are taken at {slack.listen}."))
    for key, users in (("reviewers", slack.reviewers), ("leads", slack.leads)):
        wrong = [user for user in users if not _USER.match(user)]
        found += [Finding("error", f"slack.{key}: “{user}” is no user id (U…).") for user in wrong]
    if slack.reviewer_group and works:
        try:
            users = (await slack.call("usergroups.users.list", usergroup=slack.reviewer_group)).get("users") or []
            found.append(Finding("ok", f"{len(users)} people of the user group may decide."))
        except DeliveryError as error:
            found.append(Finding("error", f"slack.reviewer_group: {error}."))
    elif not slack.reviewers and not slack.reviewer_group:
        found.append(
            Finding(
                "warning",
                "Nobody is named in slack.reviewers or slack.reviewer_group: only users of the page with a Slack id "
                "may press buttons.",
            )
        )
    return found


def _channels(slack: Slack, alerts: AlertsConfig) -> Sequence[str]:
    named = [place for route in alerts.routes for place in route.to]
    named += [*alerts.digest_to, *alerts.health_to]
    own = [slack.channel] if slack.channel else []
    others = [place.removeprefix("slack:") for place in named if place.startswith("slack:")]
    return list(dict.fromkeys([*own, *others]))
