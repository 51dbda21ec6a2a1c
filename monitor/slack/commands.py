"""What stands behind ``/sheriffwatch WORD …``: each command a function that returns what is said in private.

All but ``add`` ask only the database and run in a thread of their own, so that nothing else waits for them.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account
from models.agency import Agency, Agreement, name_key
from models.db import Database
from models.evidence import Event
from models.flag import Flag
from models.post import Post
from monitor import accounts, digest, posts, status
from monitor.accounts import NewAccount
from monitor.config import Config
from monitor.discovery import discover
from monitor.errors import UsageError
from monitor.http import Web
from monitor.learning import apart, runs
from monitor.posts import PostFilter
from monitor.telling import heaviest
from monitor.versions import Duty

HELP = """\
/sheriffwatch status: how accounts, outbox and classifier are doing
/sheriffwatch search WORDS: posts with these words; "a phrase", OR and -not work
/sheriffwatch agency NAME: an agency, its agreements, accounts and matches
/sheriffwatch explain TEXT: what the classifier makes of a text, and why
/sheriffwatch add URL: watch a feed, profile or the feeds that a page links to
/sheriffwatch mute ACCOUNT 2d: no alerts for a while (30min, 12h, 2d, 1w, off); matches still wait for review
/sheriffwatch digest now: a digest of the last seven days, to the channel
/sheriffwatch retrain: train the classifier anew from what people agreed on (leads only)
Answers are seen by you alone."""
_SPAN = re.compile(r"^(\d{1,4})(min|h|d|w)$")
_SECONDS = {"min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST = timedelta(days=366)
_MOST_FOUND = 6


@dataclass(frozen=True)
class Tools:
    """What commands work with."""

    db: Database
    config: Config
    duty: Duty
    web: Web
    reviewer: str
    now: datetime
    is_lead: bool = False


Run = Callable[[Tools, str], str]


def split(text: str) -> tuple[str, str]:
    """The command's word, in lower case, and what follows it."""
    word, _, rest = text.strip().partition(" ")
    return word.lower() or "help", rest.strip()


async def run(tools: Tools, text: str) -> str:
    """Carry out one command and return its answer. Raises SheriffwatchError with a sentence for what went wrong."""
    word, rest = split(text)
    if word == "add":
        return await _add(tools, rest)
    command = COMMANDS.get(word)
    if command is None:
        raise UsageError(f"“{word[:40]}” is no command. /sheriffwatch help shows them all.")
    return await asyncio.to_thread(command, tools, rest)


def _help(_tools: Tools, _rest: str) -> str:
    return HELP


def _status(tools: Tools, _rest: str) -> str:
    state = status.gather(tools.db, tools.config, now=tools.now)
    waiting = sum(state.outbox[key] for key in ("queued", "sending", "unknown"))
    lines = [
        f"{len(state.accounts)} accounts, {sum(a.health == 'ok' for a in state.accounts)} of them ok. "
        f"{waiting} messages wait to be sent, {state.backlog['unreviewed']} matches wait for review. "
        f"Classifier: {state.classifier}.",
        *(f"• {reason}" for reason in state.reasons[:15]),
    ]
    if len(state.reasons) > 15:
        lines.append(f"• and {len(state.reasons) - 15} more: “sheriffwatch status”")
    return "\n".join([*lines, "Healthy." if state.healthy else "A person must act."])


def _search(tools: Tools, rest: str) -> str:
    if not rest:
        raise UsageError("Give the words to look for: /sheriffwatch search WORDS.")
    with tools.db.read() as session:
        found = posts.page(session, PostFilter(search=rest), limit=_MOST_FOUND)
    if not found.posts:
        return "No post has these words."
    lines = [_post_line(tools.config, kept) for kept in found.posts]
    return "\n\n".join([*lines, "There are more; the page shows them all."] if found.after else lines)


def _agency(tools: Tools, rest: str) -> str:
    key = name_key(rest)
    if not key:
        raise UsageError("Give a part of the agency's name: /sheriffwatch agency NAME.")
    with tools.db.read() as session:
        found = list(
            session.execute(
                sa.select(Agency)
                .where(col(Agency.name_key).contains(key, autoescape=True))
                .order_by(col(Agency.name_key), col(Agency.state))
                .limit(_MOST_FOUND + 1)
            ).scalars()
        )
        if not found:
            return "No agency with this name is known here."
        lines = [_agency_lines(session, agency) for agency in found[:_MOST_FOUND]]
    return "\n\n".join([*lines, "There are more; give more of the name."] if len(found) > _MOST_FOUND else lines)


def _explain(tools: Tools, rest: str) -> str:
    if not rest:
        raise UsageError("Give the text: /sheriffwatch explain TEXT.")
    duty = tools.duty.current()
    said = duty.classifier.explain(rest)
    told = heaviest(said.to_dict()["contributions"], 10)
    does = (
        "would alert"
        if said.probability >= duty.alert_threshold
        else "would wait for review"
        if said.probability >= duty.queue_threshold
        else "would not be flagged"
    )
    lines = [f"{said.probability:.2f} by {duty.version}: {does}."]
    if said.theme_list:
        lines.append("Themes: " + ", ".join(theme.replace("_", " ") for theme in said.theme_list))
    lines += [f"{weight.weight:+.2f}  {weight.name}" for weight in told]
    return "\n".join(lines)


async def _add(tools: Tools, rest: str) -> str:
    url = rest.strip("<>").partition("|")[0]
    if urlsplit(url).scheme not in ("http", "https"):
        raise UsageError("Give a web address: /sheriffwatch add https://….")
    bluesky = re.match(r"^https?://bsky\.app/profile/([^/?#]+)/?$", url, re.IGNORECASE)
    found = (
        [{"platform": "bluesky", "address": bluesky.group(1), "title": ""}]
        if bluesky
        else await discover(tools.web, tools.config, url)
    )
    if not found:
        raise UsageError("This page declares no feed and links to no account that can be watched.")
    if len(found) > 1:
        listed = "\n".join(f"• {item['platform']}: {item['address']}" for item in found[:15])
        return f"This page offers several; give one of them:\n{listed}"
    wanted = NewAccount(found[0]["platform"], found[0]["address"], added_by=tools.reviewer)
    account = await accounts.add(tools.db, tools.web, tools.config, wanted, now=tools.now)
    return f"{account.name} ({account.platform}) is watched from now on, as account {account.id}."


def _mute(tools: Tools, rest: str) -> str:
    name, _, span = rest.rpartition(" ")
    if not name:
        raise UsageError("Give the account and for how long: /sheriffwatch mute ACCOUNT 2d.")
    until = None if span == "off" else tools.now + _length(span)
    with tools.db.write() as session:
        found = accounts.find(session, [name.strip()])
        for account in found:
            account.muted_until = until
            session.add(account)
            data = {"until": until.isoformat() if until else None}
            session.add(
                Event(
                    at=tools.now,
                    kind="account.muted",
                    actor=tools.reviewer,
                    subject=f"account:{account.id}",
                    data=data,
                )
            )
        names = ", ".join(f"{account.name or account.address} ({account.platform})" for account in found)
    if until is None:
        return f"{names}: alerts again."
    return f"{names}: no alerts until {until:%Y-%m-%d %H:%M} UTC. Matches still wait for review."


def _digest(tools: Tools, rest: str) -> str:
    if rest not in ("now", ""):
        raise UsageError("/sheriffwatch digest now sends one at once; alerts.digest sets the regular one.")
    digest.queue_now(tools.db, tools.config, days=7, by=tools.reviewer, now=tools.now)
    return "The digest of the last seven days is on its way."


def _retrain(tools: Tools, rest: str) -> str:
    if rest not in ("", "status"):
        raise UsageError("/sheriffwatch retrain begins one; /sheriffwatch retrain status says how far it is.")
    with tools.db.read() as session:
        running, last = runs.under_way(session), runs.last(session)
    if rest == "status":
        if running is not None:
            return f"A retraining runs, begun by {running.begun_by} at {running.begun_at:%H:%M} UTC: {running.stage}."
        return f"None runs. The last one, {last.begun_at:%Y-%m-%d}: {last.sentence}" if last else "There was none yet."
    if not tools.is_lead:
        raise UsageError("Only leads may have the classifier retrained; slack.leads or the page's roles name them.")
    apart.begin(tools.db, tools.config, by=tools.reviewer, now=tools.now)
    return (
        "The retraining has begun. What it came to will be told in every channel; it goes on duty only if it is not "
        "worse. /sheriffwatch retrain status says how far it is."
    )


COMMANDS: Mapping[str, Run] = {
    "help": _help,
    "status": _status,
    "search": _search,
    "agency": _agency,
    "explain": _explain,
    "mute": _mute,
    "digest": _digest,
    "retrain": _retrain,
}


def _length(span: str) -> timedelta:
    found = _SPAN.match(span)
    if not found:
        raise UsageError(f"“{span[:20]}” is no length of time: write 30min, 12h, 2d, 1w or off.")
    length = timedelta(seconds=int(found.group(1)) * _SECONDS[found.group(2)])
    if not timedelta(0) < length <= _LONGEST:
        raise UsageError("An account can be muted for at most a year; to stop for good, pause it.")
    return length


def _post_line(config: Config, kept: posts.KeptPost) -> str:
    who = kept.agency.name if kept.agency else kept.account.name or kept.account.address
    text = " ".join(kept.current.readable().split())
    base = config.web.base_url.rstrip("/")
    score = f", {kept.score.probability:.2f}" if kept.score else ""
    day = f"{kept.post.posted_at:%Y-%m-%d}" if kept.post.posted_at else f"seen {kept.post.first_seen_at:%Y-%m-%d}"
    shown = text if len(text) <= 240 else text[:239] + "…"
    return f"{who} ({kept.account.platform}, {day}{score}): {shown}\n" + (
        f"{base}/posts/{kept.post.id}" if base else kept.post.url
    )


def _agency_lines(session: Session, agency: Agency) -> str:
    agreements = session.execute(
        sa.select(col(Agreement.model), col(Agreement.signed)).where(
            col(Agreement.agency_id) == agency.id, col(Agreement.missing_since).is_(None)
        )
    ).all()
    watched = session.execute(sa.select(Account).where(col(Account.agency_id) == agency.id)).scalars().all()
    matches, last = session.execute(
        sa.select(sa.func.count(), sa.func.max(col(Flag.created_at)))
        .join(Post, col(Post.id) == col(Flag.post_id))
        .where(col(Post.account_id).in_([account.id for account in watched]), col(Flag.origin) == "classifier")
    ).one()
    signed = ", ".join(f"{model}" + (f" ({day})" if day else "") for model, day in agreements)
    named = ", ".join(f"{a.name or a.address} ({a.platform}, {a.health.value})" for a in watched[:10])
    return "\n".join(
        [
            f"{agency.name}{', ' + agency.state if agency.state else ''}",
            f"287(g) agreements: {signed or 'none known here'}",
            f"Accounts: {named or 'none watched'}",
            f"Matches: {matches}" + (f", the last on {last:%Y-%m-%d}" if last else ""),
        ]
    )
