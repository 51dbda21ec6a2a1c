"""Forms: the one with everything about a match, and the parts that all forms are made of."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.review import Review, Verdict
from monitor.alerts._slack_blocks import REASONS as REASON_LABELS
from monitor.alerts._slack_parts import Block, clean, cut, line, option, plain, words
from monitor.posts import KeptPost
from monitor.review.verdicts import REASONS, THEMES, Decision
from monitor.slack.effects import Decide, Effect, Object, Whisper
from monitor.slack.payloads import Submission

MORE = "triage_more"
MOST_NOTE = 3000
_PART, _MOST_PARTS, _MOST_VERSIONS = 2900, 6, 8
_VERDICTS = {"confirmed": "Confirm", "rejected": "Reject", "unsure": "Unsure"}


def more(alert_id: str, kept: KeptPost, reviewer: str) -> dict[str, Any]:
    """Everything about one match: verdict, reason, themes, severe, note, the full text and its earlier wordings."""
    mine = next((review for review in reversed(kept.reviews) if review.reviewer == reviewer), None)
    named = (mine.themes if mine else kept.score.theme_list if kept.score else []) or []
    blocks: list[Block] = [
        field("verdict", "Verdict", _radio(mine)),
        field("reason", "Reason, when you reject", _reasons(mine), optional=True),
        field("themes", "Themes, when you confirm", _themes(named), optional=True),
        field("severe", "Severe", _severe(mine), optional=True),
        field("note", "Note for colleagues", _note(mine), optional=True),
        {"type": "divider"},
        *_whole_text(kept),
        *_versions(kept),
    ]
    return modal(MORE, "Match", blocks, alert_id)


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


def modal(name: str, title: str, blocks: Sequence[Block], about: str) -> dict[str, Any]:
    """A form. ``about`` comes back with it."""
    return {
        "type": "modal",
        "callback_id": name,
        "title": plain(cut(title, 24)),
        "submit": plain("Save"),
        "close": plain("Cancel"),
        "private_metadata": about,
        "blocks": list(blocks)[:100],
    }


def field(name: str, label: str, element: Mapping[str, Any], *, optional: bool = False) -> Block:
    """One field of a form; ``name`` is where its value and what is wrong with it belong."""
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
    return typed(mine.note[:MOST_NOTE] if mine else "", MOST_NOTE, lines=True)


def typed(text: str, most: int, *, lines: bool = False) -> Block:
    """A place to type in, filled with ``text``."""
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
