"""Which agency or account somebody means by what they typed: a number, a name, a handle, or a piece of one."""

import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account
from models.agency import Agency, name_key
from monitor.scoring import TEST_PLATFORM

_BEHIND = re.compile(r"^(?P<name>.*\S)\s*\((?P<behind>[\w.-]+)\)$", re.DOTALL)
_BIGGEST_ID = 2**31 - 1


@dataclass(frozen=True)
class Named:
    """One agency or account that may be meant."""

    id: int
    label: str
    """Typed again, it means this one."""
    about: str = ""


def agencies(session: Session, typed: str, *, most: int = 20) -> list[Named]:
    """Those that may be meant, by name; one alone where the name is exactly its own."""
    typed = typed.strip()
    asked = sa.select(Agency).order_by(col(Agency.name), col(Agency.state)).limit(most)
    if _is_number(typed):
        return _agencies(session, asked.where(col(Agency.id) == int(typed)))
    name, state = _split(typed)
    key = name_key(name)
    if not key:
        return []
    if len(state) == 2:
        asked = asked.where(col(Agency.state) == state.upper())
    else:
        key = name_key(typed)
    exact = _agencies(session, asked.where(col(Agency.name_key) == key))
    if exact:
        return exact
    alias = sa.func.lower(sa.cast(col(Agency.aliases), sa.Text)).contains(name.lower(), autoescape=True)
    return _agencies(session, asked.where(sa.or_(col(Agency.name_key).contains(key, autoescape=True), alias)))


def accounts(session: Session, typed: str, *, most: int = 20) -> list[Named]:
    """Those that may be meant, by address, name, link or agency; one alone where the address is exactly its own."""
    typed = typed.strip()
    asked = (
        sa.select(Account, Agency)
        .outerjoin(Agency, col(Agency.id) == col(Account.agency_id))
        .where(col(Account.platform) != TEST_PLATFORM)
        .order_by(col(Account.address), col(Account.platform))
        .limit(most)
    )
    if _is_number(typed):
        return _accounts(session, asked.where(col(Account.id) == int(typed)))
    address, platform = _split(typed)
    address = address.lower().lstrip("@")
    if not address:
        return []
    exact = _accounts(
        session, asked.where(sa.func.lower(col(Account.address)) == address, col(Account.platform) == platform)
    )
    whole = typed.lower().lstrip("@")
    columns = (col(Account.address), col(Account.name), col(Account.url))
    exact = exact or _accounts(session, asked.where(sa.or_(*(sa.func.lower(column) == whole for column in columns))))
    if exact:
        return exact
    within: list[sa.ColumnElement[bool]] = [
        sa.func.lower(column).contains(whole, autoescape=True) for column in columns[:2]
    ]
    if name_key(typed):
        within.append(col(Agency.name_key).contains(name_key(typed), autoescape=True))
    return _accounts(session, asked.where(sa.or_(*within)))


def account_of_link(session: Session, link: str) -> Named | None:
    """The account below whose own address the link lies, if there is one."""
    if not link.startswith(("http://", "https://")):
        return None
    url = col(Account.url)
    begins = sa.func.substr(link, 1, sa.func.length(url)) == url
    asked = (
        sa.select(Account, Agency)
        .outerjoin(Agency, col(Agency.id) == col(Account.agency_id))
        .where(sa.func.length(url) > len("https://x"), begins, col(Account.platform) != TEST_PLATFORM)
        .order_by(sa.func.length(url).desc())
        .limit(5)
    )
    for account, agency in session.execute(asked).all():
        if link[len(account.url) :][:1] in ("", "/", "?", "#") or account.url.endswith("/"):
            return _account(account, agency)
    return None


def _is_number(typed: str) -> bool:
    return typed.isascii() and typed.isdigit() and len(typed) < 11 and int(typed) <= _BIGGEST_ID


def _split(typed: str) -> tuple[str, str]:
    """What stands before, and in, a last pair of parentheses."""
    match = _BEHIND.match(typed)
    return (match["name"], match["behind"]) if match else (typed, "")


def _agencies(session: Session, asked: sa.Select[Any]) -> list[Named]:
    return [
        Named(agency.id or 0, f"{agency.name} ({agency.state})" if agency.state else agency.name)
        for agency in session.execute(asked).scalars()
    ]


def _accounts(session: Session, asked: sa.Select[Any, Any]) -> list[Named]:
    return [_account(account, agency) for account, agency in session.execute(asked).all()]


def _account(account: Account, agency: Agency | None) -> Named:
    about = [account.name] if account.name and account.name != account.address else []
    if agency is not None:
        about.append(f"{agency.name} ({agency.state})" if agency.state else agency.name)
    return Named(account.id or 0, f"{account.address} ({account.platform})", ", ".join(about))
