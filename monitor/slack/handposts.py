"""“Send to sheriffwatch”: the form that takes a link or text from a message into the queue."""

import re
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account
from models.agency import Agency
from monitor import lookup
from monitor.alerts._slack_parts import Block, clean, option
from monitor.byhand import HandPost, check_link
from monitor.errors import UsageError
from monitor.scoring import TEST_PLATFORM
from monitor.slack.effects import Effect, KeepByHand, Object, Open
from monitor.slack.modals import field, modal, typed
from monitor.slack.payloads import Shortcut, Submission, unescape

NAME = "send_to_sheriffwatch"
_MOST_ACCOUNTS = 100
"""A list of Slack's holds no more choices; with more accounts theirs is typed."""
_URL = re.compile(r"https?://[^\s<>|]+")
_LINKED = re.compile(r"<(https?://[^|>]+)(\|[^>]*)?>")


@dataclass(frozen=True)
class Whose:
    """Whose post it is: an account, or an agency that posts where nobody watches; or what is wrong, by block."""

    account_id: int | None = None
    agency_id: int | None = None
    block: str = ""
    wrong: str = ""


def on_shortcut(session: Session, shortcut: Shortcut) -> list[Effect]:
    """The form, filled in from the message it was called on."""
    found = _URL.search(shortcut.text)
    link = clean(found.group(0))[:2000] if found else ""
    words = _words(shortcut.text)
    if words == link:
        words = ""
    known = session.execute(
        sa.select(col(Account.id), col(Account.name), col(Account.address), col(Account.platform))
        .where(col(Account.platform) != TEST_PLATFORM)
        .order_by(sa.func.lower(col(Account.name)), col(Account.id))
        .limit(_MOST_ACCOUNTS + 1)
    ).all()
    options = [option(f"{name or address} ({platform})", str(number)) for number, name, address, platform in known]
    chosen = lookup.account_of_link(session, link)
    blocks = [
        *([field("account", "Whose post it is", _accounts(options, chosen), optional=True)] if options else []),
        field("agency", "Or its agency, where the place is not watched", typed("", 200), optional=True),
        field("link", "Link", typed(link, 2000), optional=True),
        field("text", "The words of the post, if there are more than the link", _text(words), optional=True),
        field("note", "Note for colleagues", typed("", 1000), optional=True),
    ]
    return [Open(modal(NAME, "Send to sheriffwatch", blocks, ""))]


def whose(session: Session, form: Submission) -> Whose:
    """Whose post a submitted form is about: as chosen or typed, else the watched account its link lies under."""
    account, agency = (str(form.values.get(name) or "").strip() for name in ("account", "agency"))
    if account:
        found = lookup.accounts(session, account, most=4)
        if len(found) == 1:
            return Whose(account_id=found[0].id)
        return Whose(block="account", wrong=_which(found) or "No account of this name is watched.")
    if agency:
        found = lookup.agencies(session, agency, most=4)
        if len(found) == 1:
            return Whose(agency_id=found[0].id)
        return Whose(block="agency", wrong=_which(found) or "No agency of this name is known here.")
    under = lookup.account_of_link(session, str(form.values.get("link") or "").strip())
    if under is not None:
        return Whose(account_id=under.id)
    none_known = session.execute(sa.select(col(Agency.id)).limit(1)).scalar() is None
    more = " None is known yet: /sheriffwatch add URL, or the page, adds one." if none_known else ""
    return Whose(block="agency", wrong=f"Say whose post it is: an account above, or its agency here.{more}")


def on_submission(form: Submission, whose: Whose, reviewer: str) -> list[Effect]:
    """The post of a submitted form, or what is wrong with it."""
    if whose.wrong:
        return [Object({whose.block: whose.wrong})]
    text = str(form.values.get("text") or "").strip()
    try:
        url = check_link(str(form.values.get("link") or ""))
    except UsageError as error:
        return [Object({"link": str(error)})]
    if not text and not url:
        return [Object({"text": "Give a link, or the words of the post."})]
    if whose.account_id is None and not url:
        return [Object({"link": "Give the link: it says where the agency posts."})]
    note = str(form.values.get("note") or "").strip()
    # Of a link alone nobody here knows the words: it stands for them until somebody has looked.
    post = HandPost(whose.account_id or 0, url, text or url, by=reviewer, note=note)
    return [KeepByHand(post, agency_id=whose.agency_id)]


def _accounts(options: list[Block], chosen: lookup.Named | None) -> Block:
    if len(options) > _MOST_ACCOUNTS:
        return typed(chosen.label[:200] if chosen else "", 200)
    made: Block = {"type": "static_select", "action_id": "value", "options": options}
    initial = next((item for item in options if chosen and item["value"] == str(chosen.id)), None)
    return made | ({"initial_option": initial} if initial else {})


def _text(words: str) -> Block:
    return typed(words, 3000, lines=True)


def _words(text: str) -> str:
    """A message's text as it was typed: Slack hands it over with its three characters escaped and links in ``<>``."""
    return clean(unescape(_LINKED.sub(r"\1", text))).strip()


def _which(found: list[lookup.Named]) -> str:
    return f"Several may be meant: {', '.join(named.label for named in found[:3])}." if found else ""
