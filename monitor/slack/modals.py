"""Forms: the one with everything about a match, and the one that takes a post by hand."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from models.review import Review, Verdict
from monitor.alerts._slack_blocks import REASONS as REASON_LABELS
from monitor.alerts._slack_parts import Block, clean, cut, line, option, plain, words
from monitor.byhand import HandPost, check_link
from monitor.errors import UsageError
from monitor.posts import KeptPost
from monitor.review.verdicts import REASONS, THEMES, Decision
from monitor.slack.effects import Decide, Effect, KeepByHand, Object, Whisper
from monitor.slack.payloads import Shortcut, Submission, unescape

MORE, BY_HAND = "triage_more", "send_to_sheriffwatch"
MOST_NOTE = 3000
_PART, _MOST_PARTS, _MOST_VERSIONS = 2900, 6, 8
_MOST_ACCOUNTS = 100
_URL = re.compile(r"https?://[^\s<>|]+")
_VERDICTS = {"confirmed": "Confirm", "rejected": "Reject", "unsure": "Unsure"}


def more(alert_id: str, kept: KeptPost, reviewer: str) -> dict[str, Any]:
    """Everything about one match: verdict, reason, themes, severe, note, the full text and its earlier wordings."""
    mine = next((review for review in reversed(kept.reviews) if review.reviewer == reviewer), None)
    named = (mine.themes if mine else kept.score.theme_list if kept.score else []) or []
    blocks: list[Block] = [
        _input("verdict", "Verdict", _radio(mine)),
        _input("reason", "Reason, when you reject", _reasons(mine), optional=True),
        _input("themes", "Themes, when you confirm", _themes(named), optional=True),
        _input("severe", "Severe", _severe(mine), optional=True),
        _input("note", "Note for colleagues", _note(mine), optional=True),
        {"type": "divider"},
        *_whole_text(kept),
        *_versions(kept),
    ]
    return _modal(MORE, "Match", blocks, alert_id)


def by_hand(shortcut: Shortcut, accounts: Sequence[tuple[int, str]]) -> dict[str, Any]:
    """The form that takes a link or text into the queue, filled in from the message it was called on."""
    found = _URL.search(shortcut.text)
    if len(accounts) <= _MOST_ACCOUNTS:
        choice: Block = {
            "type": "static_select",
            "action_id": "value",
            "options": [option(name, str(account_id)) for account_id, name in accounts],
        }
    else:
        choice = {"type": "plain_text_input", "action_id": "value", "max_length": 200}
    blocks = [
        _input("account", "Whose post it is", choice),
        _input("link", "Link", _typed(clean(found.group(0))[:2000] if found else "", 2000), optional=True),
        _input("text", "The words of the post", _typed(_unescape(shortcut.text), 3000, lines=True), optional=True),
        _input("note", "Note for colleagues", _typed("", 1000), optional=True),
    ]
    return _modal(BY_HAND, "Send to sheriffwatch", blocks, "")


def on_more(form: Submission, post_id: int | None, reviewer: str) -> list[Effect]:
    """The verdict of a submitted form, or what is wrong with it."""
    if post_id is None:
        return [Whisper("This match is not there any more; nothing was changed.")]
    word = form.values.get("verdict") or ""
    if word not in _VERDICTS:
        return [Object({"verdict": "Choose a verdict."})]
    verdict = Verdict(word)
    reason = form.values.get("reason") or ""
    themes = [theme for theme in form.values.get("themes") or [] if theme in THEMES]
    if reason and verdict is not Verdict.REJECTED:
        return [Object({"reason": "A reason belongs to a rejection: reject, or leave this empty."})]
    if reason and reason not in REASONS:
        return [Object({"reason": "This is none of the codebook's reasons."})]
    confirmed = verdict is Verdict.CONFIRMED
    decision = Decision(
        post_id,
        verdict,
        reviewer,
        reason=reason,
        themes=tuple(themes) if confirmed else (),
        severe=confirmed and bool(form.values.get("severe")),
        note=(form.values.get("note") or "").strip()[:MOST_NOTE],
        via="slack",
    )
    return [Decide(decision)]


def on_by_hand(form: Submission, account_id: int | None, reviewer: str) -> list[Effect]:
    """The post of a submitted form, or what is wrong with it."""
    text = (form.values.get("text") or "").strip()
    if account_id is None:
        return [Object({"account": "No account of this name is watched."})]
    try:
        url = check_link(form.values.get("link") or "")
    except UsageError as error:
        return [Object({"link": str(error)})]
    if not text:
        return [Object({"text": "Give the words of the post; a link alone cannot be scored."})]
    return [KeepByHand(HandPost(account_id, url, text, by=reviewer, note=(form.values.get("note") or "").strip()))]


def _modal(name: str, title: str, blocks: Sequence[Block], about: str) -> dict[str, Any]:
    return {
        "type": "modal",
        "callback_id": name,
        "title": plain(cut(title, 24)),
        "submit": plain("Save"),
        "close": plain("Cancel"),
        "private_metadata": about,
        "blocks": list(blocks)[:100],
    }


def _input(name: str, label: str, element: Mapping[str, Any], *, optional: bool = False) -> Block:
    return {"type": "input", "block_id": name, "label": plain(label), "element": dict(element), "optional": optional}


def _radio(mine: Review | None) -> Block:
    options = {word: option(label, word) for word, label in _VERDICTS.items()}
    element: Block = {"type": "radio_buttons", "action_id": "value", "options": list(options.values())}
    return element | ({"initial_option": options[mine.verdict.value]} if mine else {})


def _reasons(mine: Review | None) -> Block:
    options = {code: option(label, code) for code, label in REASON_LABELS.items()}
    element: Block = {"type": "static_select", "action_id": "value", "options": list(options.values())}
    return element | ({"initial_option": options[mine.reason]} if mine and mine.reason in options else {})


def _themes(named: Sequence[str]) -> Block:
    options = {theme: option(theme.replace("_", " "), theme) for theme in THEMES}
    chosen = [options[theme] for theme in THEMES if theme in named]
    element: Block = {"type": "checkboxes", "action_id": "value", "options": list(options.values())}
    return element | ({"initial_options": chosen} if chosen else {})


def _severe(mine: Review | None) -> Block:
    one = option("Mark as severe", "severe")
    element: Block = {"type": "checkboxes", "action_id": "value", "options": [one]}
    return element | ({"initial_options": [one]} if mine and mine.severe else {})


def _note(mine: Review | None) -> Block:
    return _typed(mine.note[:MOST_NOTE] if mine else "", MOST_NOTE, lines=True)


def _typed(text: str, most: int, *, lines: bool = False) -> Block:
    element: Block = {"type": "plain_text_input", "action_id": "value", "multiline": lines, "max_length": most}
    return element | ({"initial_value": text[:most]} if text else {})


def _whole_text(kept: KeptPost) -> list[Block]:
    text = clean(kept.current.readable()).strip() or "(no words)"
    parts = [text[at : at + _PART] for at in range(0, len(text), _PART)]
    blocks: list[Block] = [{"type": "section", "text": plain(part)} for part in parts[:_MOST_PARTS]]
    if len(parts) > _MOST_PARTS:
        left = len(text) - _PART * _MOST_PARTS
        blocks.append({"type": "context", "elements": [plain(f"… and {left:,} more characters, in our copy.")]})
    if kept.current.quoted_text:
        blocks.append({"type": "section", "text": plain(cut(f"It quotes: {kept.current.quoted_text}", _PART))})
    return blocks


def _versions(kept: KeptPost) -> list[Block]:
    earlier = [version for version in kept.versions if version.id != kept.current.id]
    if not earlier:
        return []
    blocks: list[Block] = [{"type": "header", "text": plain(f"{len(earlier)} earlier wordings")}]
    for version in earlier[-_MOST_VERSIONS:]:
        seen = f"seen {version.first_seen_at:%Y-%m-%d %H:%M} to {version.last_seen_at:%Y-%m-%d %H:%M} UTC"
        blocks.append({"type": "context", "elements": [plain(seen)]})
        quoted = {"type": "rich_text_quote", "elements": [words(cut(line(version.readable()) or " ", 1500))]}
        blocks.append({"type": "rich_text", "elements": [quoted]})
    return blocks


def _unescape(text: str) -> str:
    """A message's text as it was typed: Slack hands it over with its three characters escaped and links in ``<>``."""
    shown = re.sub(r"<(https?://[^|>]+)(\|[^>]*)?>", r"\1", text)
    return clean(unescape(shown))
