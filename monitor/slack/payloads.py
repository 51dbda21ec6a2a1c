"""What Slack sends, read into what it means. Facts: docs.slack.dev/reference/interaction-payloads"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from monitor.errors import SheriffwatchError

_USER = re.compile(r"^[UW][A-Z0-9]{2,30}$")


class PayloadError(SheriffwatchError):
    """A request is not of a form that Slack sends."""


@dataclass(frozen=True)
class Asked:
    """Who asked, from where, and how to answer in private."""

    user: str
    name: str
    team: str
    channel: str = ""
    trigger_id: str = ""
    response_url: str = ""


@dataclass(frozen=True)
class Press:
    """A button was pressed or a list was used in a message."""

    by: Asked
    action: str
    value: str
    at: str
    """Slack's own stamp of the press: the same press twice has the same."""


@dataclass(frozen=True)
class Submission:
    """A form was sent."""

    by: Asked
    form: str
    about: str
    values: Mapping[str, Any] = field(default_factory=dict)
    """What was typed and chosen, by block: a string, a list of strings, or None."""


@dataclass(frozen=True)
class Command:
    """A slash command was typed."""

    by: Asked
    text: str


@dataclass(frozen=True)
class Shortcut:
    """“Send to sheriffwatch” was chosen on a message."""

    by: Asked
    name: str
    text: str


Request = Press | Submission | Command | Shortcut


def read(payload: Mapping[str, Any]) -> Request | None:
    """The request of a payload, or None for one that asks for nothing (a link button, a closed form).

    Raises PayloadError for what Slack does not send.
    """
    kind = payload.get("type")
    if "command" in payload and kind is None:
        by = Asked(
            _user(payload.get("user_id")),
            _text(payload.get("user_name")),
            _text(payload.get("team_id")),
            _text(payload.get("channel_id")),
            _text(payload.get("trigger_id")),
            _text(payload.get("response_url")),
        )
        return Command(by, unescape(_text(payload.get("text"))).strip())
    if kind == "block_actions":
        return _press(payload)
    if kind == "view_submission":
        view = _mapping(payload.get("view"))
        state = _mapping(_mapping(view.get("state")).get("values"))
        values = {
            str(block): _value(next(iter(_mapping(inner).values()), None)) for block, inner in state.items() if inner
        }
        return Submission(_asked(payload), _text(view.get("callback_id")), _text(view.get("private_metadata")), values)
    if kind == "message_action":
        message = _mapping(payload.get("message"))
        return Shortcut(_asked(payload), _text(payload.get("callback_id")), _text(message.get("text")))
    if kind in ("view_closed", "shortcut", "block_suggestion"):
        return None
    raise PayloadError("A request from Slack has a form that is not known here.")


def unescape(text: str) -> str:
    """Words as they were typed: Slack hands them over with its three characters escaped."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _press(payload: Mapping[str, Any]) -> Press | None:
    actions = payload.get("actions")
    if not isinstance(actions, list) or not actions:
        raise PayloadError("A press from Slack names no button.")
    action = _mapping(actions[0])
    chosen = _mapping(action.get("selected_option") or {})
    name = _text(action.get("action_id"))
    if not name.startswith("triage_"):
        return None
    return Press(
        _asked(payload), name, _text(chosen.get("value") or action.get("value")), _text(action.get("action_ts"))
    )


def _asked(payload: Mapping[str, Any]) -> Asked:
    user = _mapping(payload.get("user"))
    team = payload.get("team") or {}
    return Asked(
        user=_user(user.get("id")),
        name=_text(user.get("name") or user.get("username")),
        team=_text(_mapping(team).get("id") or user.get("team_id")),
        channel=_text(_mapping(payload.get("channel") or {}).get("id")),
        trigger_id=_text(payload.get("trigger_id")),
        response_url=_text(payload.get("response_url")),
    )


def _value(element: Any) -> Any:
    """What one field of a form holds."""
    element = _mapping(element or {})
    kind = element.get("type")
    if kind == "checkboxes":
        return [_text(_mapping(option).get("value")) for option in element.get("selected_options") or []]
    if kind in ("static_select", "radio_buttons"):
        return _text(_mapping(element.get("selected_option") or {}).get("value"))
    return _text(element.get("value"))


def _mapping(value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PayloadError("A request from Slack has a form that is not known here.")
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _user(value: Any) -> str:
    if not isinstance(value, str) or not _USER.match(value):
        raise PayloadError("A request from Slack names no user.")
    return value
