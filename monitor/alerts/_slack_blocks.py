"""A message as Slack's blocks: within the limits, and with foreign text that can neither mention, link nor break out.

Facts of Block Kit: 50 blocks a message, 3,000 characters a section, 150 a header, about 13,200 over all blocks before
``msg_blocks_too_long`` (docs.slack.dev/reference/block-kit; the total from slackapi/bolt-js#2509). Post text goes into
``rich_text`` and ``plain_text`` elements, in which nothing is markup.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from monitor.alerts import Message, Said
from monitor.alerts._slack_parts import (
    Block,
    button,
    clean,
    cut,
    fitting,
    is_web,
    line,
    link,
    moment,
    mrkdwn,
    option,
    plain,
    short,
    words,
)

MOST_QUOTE = 2400
MOST_TEXT = 2900
MOST_LINE = 360
"""Characters of one line of a list, such as a digest's."""
MOST_PLACES = 10
MOST_SAID = 8
MOST_WHOLE = 30_000
"""Characters of a message without blocks; Slack cuts what is longer than 40,000."""
BUDGET = 10_000
"""Characters over all blocks of a message."""
REASONS: Mapping[str, str] = {
    "ordinary": "Ordinary post",
    "quote": "Reports somebody else's words",
    "counter_speech": "Defends immigrants",
    "policy": "Policy position",
    "news": "Neutral news",
    "enforcement": "Neutral arrest or case",
    "statute": "Statute or programme name",
    "slogan": "Slogan only",
    "other_illegal": "Something else that is illegal",
    "other_alien": "Space, films, plants, names",
}
"""The codebook's reason codes as the list of the Reject button shows them, the most frequent first."""
_SIGN = {"confirmed": "✅", "rejected": "❌", "unsure": "❔", "second_look": "👀"}
_STANDING = {
    "confirmed": "Confirmed",
    "rejected": "Rejected",
    "unsure": "Unsure",
    "second_look": "Needs a second look",
}


def fallback_text(message: Message) -> str:
    """The line of a notification and of screen readers, at most 300 characters."""
    place = f", {message.state}" if message.state else ""
    standing = f"{_STANDING[message.standing]}: " if message.standing in _STANDING else ""
    start = f"{standing}{message.headline}{place}"
    if message.quote:
        start += f": {message.quote}"
    elif message.body:
        start += f": {message.body}"
    return short(start, 280)


def whole_text(message: Message) -> str:
    """All that a message says, in ``mrkdwn`` without blocks: where Slack refuses the blocks, nothing may be lost."""
    lines = [f"*{short(message.headline or 'sheriffwatch', 300)}*"]
    if message.quote:
        if message.said:
            lines.append(said_lines(message))
        lines += [_who(message), short(message.quote, MOST_QUOTE) + (" …" if message.cut else "")]
        lines += [short(place, MOST_LINE) for place in message.places]
        lines += [_why(message), _facts(message)]
    elif message.items:
        opened = [link(url, "open") if is_web(url) else "" for _, url in message.items]
        lines += [f"• {short(item[0], MOST_LINE)} {to}" for item, to in zip(message.items, opened, strict=True)]
    else:
        lines += [short(part, MOST_TEXT) for part in message.body.splitlines()]
    if message.changes:
        signs = {"gone": "[gone: {}]", "new": "[new: {}]"}
        lines.append(" ".join(signs.get(kind, "{}").format(short(text, 1000)) for kind, text in message.changes[:200]))
    lines.append(" · ".join(_links(message)))
    if message.possible_repeat:
        lines.append("Possible repeat: the first answer was lost.")
    return fitting((line for line in lines if line.strip()), MOST_WHOLE)


def blocks_of(message: Message, *, buttons: bool = False) -> list[Block]:
    """All blocks of a message. ``buttons`` belong only where somebody listens to them."""
    if not message.quote:
        return _plain_blocks(message)
    for most_quoted in (MOST_QUOTE, MOST_QUOTE // 2, MOST_QUOTE // 6):
        blocks = _match_blocks(message, most_quoted)
        if sum(map(len, texts_of(blocks))) <= BUDGET:
            break
    if buttons:
        blocks.append(_actions(message))
    return blocks


def texts_of(value: Any) -> list[str]:
    """Every text a reader sees in blocks."""
    if isinstance(value, dict):
        return [
            text
            for key, item in value.items()
            for text in ([item] if key == "text" and isinstance(item, str) else texts_of(item))
        ]
    return [text for item in value for text in texts_of(item)] if isinstance(value, list) else []


def _match_blocks(message: Message, most_quoted: int) -> list[Block]:
    blocks: list[Block] = [
        {"type": "header", "text": plain(cut(line(message.headline), 148))},
        {"type": "section", "text": mrkdwn(_who(message))},
        _quote(message, most_quoted),
    ]
    if message.places:
        blocks.append({"type": "section", "text": plain(_places(message.places))})
    why = _why(message)
    if why:
        blocks.append({"type": "section", "text": mrkdwn(why)})
    blocks.append({"type": "context", "elements": [mrkdwn(_facts(message))]})
    links = _links(message)
    if links:
        blocks.append({"type": "section", "text": mrkdwn(" · ".join(links))})
    if message.possible_repeat:
        blocks.append({"type": "context", "elements": [plain("Possible repeat: the first answer was lost.")]})
    if message.said:
        blocks.append({"type": "section", "text": mrkdwn(said_lines(message))})
    return blocks


def _places(places: Sequence[str]) -> str:
    """The places of the same words: some by name, the rest as a number."""
    shown = [f"• {cut(line(place), 160)}" for place in places[:MOST_PLACES]]
    if len(places) > MOST_PLACES:
        shown.append(f"• and {len(places) - MOST_PLACES:,} more")
    return "\n".join(["The same words also stand here:", *shown])


def said_lines(message: Message) -> str:
    """Who decided what and when, and what it adds up to."""
    lines = [f"{_SIGN.get(message.standing, '')} *{_STANDING.get(message.standing, '')}*".strip()]
    lines += [_said(said) for said in message.said[-MOST_SAID:]]
    if len(message.said) > MOST_SAID:
        lines.insert(1, f"{len(message.said) - MOST_SAID} earlier verdicts are on the page.")
    return fitting(lines, MOST_TEXT)


def _said(said: Said) -> str:
    reason = f" ({short(REASONS.get(said.reason, said.reason), 60)})" if said.reason else ""
    where = {"web": " on the page", "cli": " on the command line", "import": " by import"}.get(said.via, "")
    return f"{short(said.who, 80)}: {short(said.verdict, 20)}{reason}{where}, {moment(said.at)}"


def _plain_blocks(message: Message) -> list[Block]:
    blocks: list[Block] = [{"type": "header", "text": plain(cut(line(message.headline) or "sheriffwatch", 148))}]
    if message.items:
        blocks.append(_list(message.items))
    else:
        blocks += [{"type": "section", "text": plain(part)} for part in in_parts(message.body)]
    if message.changes:
        blocks.append(_difference(message))
    links = _links(message)
    if links:
        blocks.append({"type": "section", "text": mrkdwn(" · ".join(links))})
    if message.possible_repeat:
        blocks.append({"type": "context", "elements": [plain("Possible repeat: the first answer was lost.")]})
    return blocks


def in_words(message: Message) -> list[Block]:
    """What a picture shows, said where it cannot be shown."""
    if not (message.picture and message.picture_alt):
        return []
    return [{"type": "context", "elements": [plain(cut(f"Picture: {line(message.picture_alt)}", 1000))]}]


def in_parts(text: str, *, most: int = MOST_TEXT, parts: int = 3) -> list[str]:
    """A long text in at most so many parts for as many sections, cut at the ends of lines where there are some."""
    rest = clean(text).strip()
    made: list[str] = []
    while rest and len(made) < parts:
        end = len(rest) if len(rest) <= most else rest.rfind("\n", most // 2, most)
        end = end if end > 0 else most
        made.append(rest[:end].rstrip())
        rest = rest[end:].strip()
    if rest:
        made[-1] = made[-1][: most - 2] + " …"
    return made


def _list(items: Sequence[tuple[str, str]]) -> Block:
    """Lines with their links. In ``rich_text`` the words stay words, and where a link leads nobody but we decide."""
    lines: list[Block] = []
    most = max(20, min(MOST_LINE, (BUDGET - 1000) // len(items) - 6))  # shorter lines rather than fewer
    for text, url in items:
        elements = [words(cut(line(text), most))]
        if is_web(url):
            elements += [words("  "), {"type": "link", "url": clean(url), "text": "open"}]
        lines.append({"type": "rich_text_section", "elements": elements})
    return {"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "bullet", "elements": lines}]}


def _difference(message: Message) -> Block:
    """An edit as on paper: what went struck out, what came bold."""
    elements: list[Block] = []
    room = MOST_QUOTE
    for kind, text in message.changes:
        if room <= 0 or len(elements) >= 200:
            elements.append(words(" …"))
            break
        shown = cut(text, room) if kind != "same" or len(text) <= 240 else f"{text[:110]} … {text[-110:]}"
        room -= len(shown)
        elements.append(words(shown, **{"gone": {"strike": True}, "new": {"bold": True}}.get(kind, {})))
    return {"type": "rich_text", "elements": [{"type": "rich_text_quote", "elements": elements}]}


def _who(message: Message) -> str:
    state = f", {short(message.state, 20)}" if message.state else ""
    account = short(message.account, 80)
    if message.account_url:
        account = link(message.account_url, cut(message.account, 80))
    parts = [short(message.platform, 30), account, short(message.account_role, 30)]
    lines = [f"*{short(message.agency, 120)}*{state}", " · ".join(part for part in parts if part)]
    if message.agreements:
        lines.append(f"287(g) agreements: {short(', '.join(message.agreements), 60)}")
    return fitting(lines, MOST_TEXT)


def _quote(message: Message, most: int) -> Block:
    """The words themselves, the telling ones bold: ``rich_text`` knows no markup, so they stay what they are."""
    text = cut(message.quote, most)
    elements: list[Block] = []
    at = 0
    for start, end in message.marks:
        if start >= len(text) or start < at:
            continue
        end = min(end, len(text))
        if start > at:
            elements.append(words(text[at:start]))
        if end > start:
            elements.append(words(text[start:end], bold=True))
        at = end
    if at < len(text):
        elements.append(words(text[at:]))
    if message.cut:
        elements.append(words(" …"))
    return {"type": "rich_text", "elements": [{"type": "rich_text_quote", "elements": elements}]}


def _why(message: Message) -> str:
    lines = []
    if message.themes:
        lines.append("*Themes:* " + short(", ".join(theme.replace("_", " ") for theme in message.themes), 200))
    if message.words:
        listed = (f"{short(word.text, 60)} {word.weight:+.2f}" for word in message.words)
        lines.append("*Why:* " + fitting(listed, MOST_TEXT - 400, between=", "))
    if "disguise" in message.reasons:
        lines.append("The text is *disguised* (look-alike or hidden characters).")
    return fitting(lines, MOST_TEXT)


def _facts(message: Message) -> str:
    facts = []
    if message.score is not None:
        facts.append(f"score {message.score:.2f} by {short(message.version, 60)}")
    if message.posted_at:
        facts.append(f"posted {moment(message.posted_at)}")
    if message.seen_at:
        facts.append(f"seen {moment(message.seen_at)}")
    if message.earlier_count:
        last = f", the last {moment(message.earlier_last)}" if message.earlier_last else ""
        several = "matches" if message.earlier_count > 1 else "match"
        facts.append(f"{message.earlier_count} earlier {several} of this office{last}")
    return fitting(facts, MOST_TEXT, between=" · ") or "sheriffwatch"


def _links(message: Message) -> list[str]:
    links = []
    if message.post_url:
        links.append(link(message.post_url, "The post"))
    if message.kept_url:
        links.append(link(message.kept_url, "Our copy"))
    return links


def _actions(message: Message) -> Block:
    """Buttons carry the opaque alert id and nothing of the post."""
    value = message.id
    elements = [
        button("triage_confirm", "Confirm", value, style="primary"),
        {
            "type": "static_select",
            "action_id": "triage_reject",
            "placeholder": plain("Reject …"),
            "options": [option(label, f"{value}:{code}") for code, label in REASONS.items()],
        },
        button("triage_unsure", "Unsure", value),
        button("triage_more", "More …", value),
    ]
    if message.said:
        elements.append(button("triage_undo", "Undo mine", value))
    # A new block_id makes Slack forget what was chosen in the list before.
    return {"type": "actions", "block_id": f"alert_{value}_actions_{message.revision or 0}", "elements": elements}
