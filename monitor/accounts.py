"""Adding and finding the accounts that are watched."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlmodel import Session, col

from models.account import Account, Role
from models.agency import Agency, name_key
from models.db import Database
from models.evidence import Event
from monitor.config import AccountConfig, Config
from monitor.errors import FetchError, SheriffwatchError, UsageError
from monitor.http import Web
from monitor.sources import Profile, Target

_CODES = (
    "AL AK AZ AR CA CO CT DE DC FL GA GU HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK "
    "OR PA PR RI SC SD TN TX UT VT VA VI WA WV WI WY AS MP"
)
STATES = frozenset(_CODES.split())
"""Two-letter codes of the states, the district and the territories."""


@dataclass(frozen=True)
class NewAccount:
    """An account as somebody asks for it to be watched."""

    platform: str
    address: str
    agency: str = ""
    state: str = ""
    name: str = ""
    role: Role = Role.OFFICE
    interval_s: float | None = None
    added_by: str = ""


async def add(
    db: Database, web: Web, config: Config, wanted: NewAccount, *, now: datetime, check: bool = True
) -> Account:
    """Watch an account from now on. The platform is asked first who answers there, unless ``check`` is off.

    Raises UsageError for an unknown platform, address or state, and SheriffwatchError when nobody answers or the
    account is watched already. Nothing is stored then.
    """
    source = config.source(wanted.platform)
    address = source.normalise(wanted.address)
    state = check_state(wanted.state)
    profile = Profile(external_id="")
    if check:
        try:
            profile = await source.identify(web.fetch(), address)
        except FetchError as error:
            raise SheriffwatchError(f"{wanted.platform} account “{wanted.address}” was not added: {error}") from None
    with db.write() as session:
        same = session.execute(
            sa.select(Account).where(
                col(Account.platform) == wanted.platform,
                sa.or_(
                    col(Account.address) == address,
                    sa.and_(col(Account.external_id) == profile.external_id, sa.literal(profile.external_id != "")),
                ),
            )
        ).scalar()
        if same is not None:
            raise SheriffwatchError(f"{wanted.platform} account “{address}” is watched already, as account {same.id}.")
        agency = agency_named(session, wanted.agency, state) if wanted.agency else None
        account = Account(
            agency_id=agency.id if agency else None,
            platform=wanted.platform,
            address=address,
            external_id=profile.external_id,
            name=wanted.name or profile.name or address,
            url=profile.url,
            role=wanted.role,
            interval_s=round(wanted.interval_s) if wanted.interval_s else None,
            host=source.host(Target(address, profile.external_id)),
            added_at=now,
            next_poll_at=now,
        )
        session.add(account)
        session.flush()
        session.add(
            Event(
                at=now,
                kind="account.added",
                actor=wanted.added_by,
                subject=f"account:{account.id}",
                data={"platform": wanted.platform, "address": address, "note": profile.note},
            )
        )
    return account


async def add_configured(db: Database, web: Web, config: Config, *, now: datetime) -> None:
    """Watch the accounts of the configuration file that are not watched yet; nobody is asked before the first poll."""
    for entry in config.accounts:
        if not entry.address:
            raise UsageError(f"[[accounts]] {entry.platform}: give a handle or a url.")
        if not _is_watched(db, config, entry):
            wanted = NewAccount(
                entry.platform,
                entry.address,
                entry.agency,
                entry.state,
                entry.name,
                entry.role,
                entry.interval_s,
                added_by="configuration",
            )
            await add(db, web, config, wanted, now=now, check=False)


def pause(session: Session, account: Account, *, by: str, now: datetime) -> None:
    """Stop polling an account, within a write; everything kept stays. Again changes nothing."""
    if account.paused_at is None:
        account.paused_at = now
        _note(session, account, "account.paused", by=by, now=now)


def resume(session: Session, account: Account, *, by: str, now: datetime) -> None:
    """Poll a paused account again from now on, within a write. Again changes nothing."""
    if account.paused_at is not None:
        account.paused_at, account.next_poll_at = None, now
        _note(session, account, "account.resumed", by=by, now=now)


def verify(session: Session, account: Account, *, page: str, by: str, now: datetime) -> None:
    """Write down who saw on which page that the account is the office's own, within a write.

    Raises UsageError when the page is not a web address.
    """
    parts = urlsplit(page.strip()) if page.isprintable() else urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or len(page) > 2000:
        raise UsageError("Give the address of the page that shows it, beginning with https://.")
    account.verified_by, account.verified_from, account.verified_at = by, page.strip(), now
    _note(session, account, "account.verified", by=by, now=now, page=page.strip())


def assign(session: Session, account: Account, *, agency: str, state: str, role: Role, by: str, now: datetime) -> None:
    """Say whose account it is, within a write; an agency that is new is added. Raises UsageError for a wrong state."""
    code = check_state(state)
    named = agency_named(session, agency, code) if agency.strip() else None
    account.agency_id, account.role = named.id if named else None, role
    _note(session, account, "account.assigned", by=by, now=now, agency=agency.strip(), state=code, role=role.value)


def _note(session: Session, account: Account, kind: str, *, by: str, now: datetime, **data: str) -> None:
    session.add(account)
    session.add(Event(at=now, kind=kind, actor=by, subject=f"account:{account.id}", data=data))


def agency_named(session: Session, name: str, state: str) -> Agency:
    """The agency with this name (or alias) in this state; a new one when there is none."""
    key = name_key(name)
    there: Sequence[Agency] = session.execute(sa.select(Agency).where(col(Agency.state) == state)).scalars().all()
    for agency in there:
        if agency.name_key == key or key in (name_key(alias) for alias in agency.aliases):
            return agency
    agency = Agency.named(name, state)
    session.add(agency)
    session.flush()
    return agency


def find(session: Session, words: Sequence[str]) -> list[Account]:
    """The accounts that users name by id, address or name. Raises UsageError naming what was not found."""
    found: list[Account] = []
    for word in words:
        match = col(Account.address) == word
        match = sa.or_(
            match, col(Account.name) == word, sa.func.lower(col(Account.address)) == word.lower().lstrip("@")
        )
        if word.isdigit():
            match = sa.or_(match, col(Account.id) == int(word))
        accounts = session.execute(sa.select(Account).where(match)).scalars().all()
        if not accounts:
            raise UsageError(f"No account “{word}” is watched. “sheriffwatch account list” shows them all.")
        found += accounts
    return found


def check_state(state: str) -> str:
    """The two-letter code, in capitals. Raises UsageError for anything that is not a U.S. state or territory."""
    code = state.strip().upper()
    if code and code not in STATES:
        raise UsageError(f"“{state}” is not a U.S. state or territory: give its two-letter code, such as OH.")
    return code


def _is_watched(db: Database, config: Config, entry: AccountConfig) -> bool:
    address = config.source(entry.platform).normalise(entry.address)
    with db.read() as session:
        return (
            session.execute(
                sa.select(col(Account.id)).where(
                    col(Account.platform) == entry.platform, col(Account.address) == address
                )
            ).scalar()
            is not None
        )
