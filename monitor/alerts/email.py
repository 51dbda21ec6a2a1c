"""E-mail, by your own mail server (SMTP), always encrypted but to this machine.

Over aiosmtplib and not smtplib in a thread: a thread cannot be stopped when the time is up, and might deliver a mail
that was already counted as unknown. Each command is sent by itself, so that it is known how far a mail came: only what
breaks after ``DATA`` may have arrived. SMTP cannot look a mail up, but every attempt bears the same ``Message-ID``.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.headerregistry import Address
from typing import Any, ClassVar, Literal, Self

import aiosmtplib
import structlog
from aiosmtplib import errors as smtp
from pydantic import Field, FilePath, SecretStr, field_validator, model_validator

from monitor.alerts import Channel, Message
from monitor.alerts._email_message import email_of, mailbox, subject_of
from monitor.alerts._posting import in_any_form, is_loopback
from monitor.alerts._text import cut, line
from monitor.errors import DeliveryError

log = structlog.get_logger()

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_TOO_MUCH = 552


class Email(Channel):
    """``[email]``"""

    name: ClassVar[str] = "email"
    rate_per_s: ClassVar[float] = 1.0

    host: str = ""
    """The mail server, ``smtp.example.org``."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """587 for STARTTLS and 465 for TLS if not given."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """``starttls``, ``tls`` from the first byte, or ``none``, which is allowed to this machine only."""
    username: str = ""
    password: SecretStr = SecretStr("")
    sender: str = ""
    """``alerts@example.org`` or ``Alerts <alerts@example.org>``: an address your server sends for."""
    to: list[str] = Field(default_factory=list)
    """Who is written to. A route may name others: ``email:ohio-team@example.org``."""
    ca_file: FilePath | None = None
    """A PEM file of certificate authorities to trust instead of the public ones."""
    timeout_s: float = Field(default=20, gt=0, le=40)
    """For connecting and for each answer of the server; a whole mail may take twice that, and 40 seconds at most."""

    @field_validator("to")
    @classmethod
    def _are_addresses(cls, texts: list[str]) -> list[str]:
        for text in texts:
            mailbox(text)
        return texts

    @field_validator("sender")
    @classmethod
    def _is_an_address(cls, text: str) -> str:
        if text:
            mailbox(text)
        return text

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not self.host:
            return self
        for field in ("sender", "to"):
            if not getattr(self, field):
                raise ValueError(f"{field} is missing")
        if bool(self.username) != bool(self.password.get_secret_value()):
            raise ValueError("username and password belong together; one of them is missing")
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError("security = “none” would send mails and passwords readable by everybody on the way")
        return self

    @property
    def ready(self) -> bool:
        """A server with a sender and somebody to write to."""
        return bool(self.host)

    @property
    def can_follow(self) -> bool:
        """In the thread of the match's mail."""
        return True

    def destination_fault(self, destination: str) -> str:
        """A place is an address to write to, or several with commas between."""
        try:
            self._recipients(destination)
        except ValueError as error:
            return f"{error}."
        return ""

    async def send(self, message: Message) -> dict[str, Any]:
        """Send one mail. What the server refuses for its content goes once more without what the office wrote."""
        try:
            recipients = self._recipients(message.destination)
        except ValueError as error:
            raise DeliveryError(str(error), permanent=True) from None
        sender, now = mailbox(self.sender), datetime.now(UTC)
        forms = [email_of(message, sender, recipients, now, reduced=reduced) for reduced in (False, True)]

        async def post(mail: Any) -> Sequence[str]:
            return await self._send(mail.as_bytes(), sender, recipients)

        refused = await in_any_form(forms, post)
        receipt = {"alert": message.id, "message_id": forms[0]["Message-ID"], "subject": subject_of(message)}
        return receipt | ({"refused": list(refused)} if refused else {})

    async def check(self) -> list[str]:
        """Connect and log in, which sends nothing."""
        if not self.ready:
            return []
        try:
            async with asyncio.timeout(2 * self.timeout_s), self._session():
                return []
        except TimeoutError:
            return ["E-mail: the server did not answer in time."]
        except DeliveryError as error:
            return [f"E-mail: {error}."]

    def _recipients(self, destination: str) -> list[Address]:
        return [mailbox(text) for text in (destination.split(",") if destination else self.to)]

    async def _send(self, mail: bytes, sender: Address, recipients: Sequence[Address]) -> Sequence[str]:
        """Hand one mail over. Returns those recipients whom the server refused, if it took the mail for others."""
        handed_over = False
        try:
            async with asyncio.timeout(min(2 * self.timeout_s, 40)), self._session() as client:
                await client.mail(sender.addr_spec)
                refused = await _refused(client, recipients)
                handed_over = True
                await client.data(mail)
        except TimeoutError:  # asyncio's own, and aiosmtplib's, which is one
            raise DeliveryError("the mail server did not answer in time", ambiguous=handed_over) from None
        except smtp.SMTPServerDisconnected:
            raise DeliveryError("the mail server hung up", ambiguous=handed_over) from None
        except smtp.SMTPDataError as error:
            raise _content_fault(error) from None
        except smtp.SMTPResponseException as error:
            raise _fault(error) from None
        if refused:
            log.warning("email.recipients_refused", recipients=len(refused), said=[cut(text, 200) for text in refused])
        return refused

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection, encrypted and logged in. Raises DeliveryError, which then never is ambiguous."""
        client = aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port or _PORTS[self.security],
            use_tls=self.security == "tls",
            start_tls=False,
            tls_context=await asyncio.to_thread(ssl.create_default_context, cafile=self.ca_file),
            local_hostname=mailbox(self.sender).domain,  # else this machine's name is looked up and told
            timeout=self.timeout_s,
        )
        transport: asyncio.BaseTransport | None = None
        try:
            await self._open(client)
            transport = client.transport
            yield client
            await _say_goodbye(client)
        finally:
            client.close()
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()  # closing TLS in good order waits for the server, and the loop may end before
                await asyncio.sleep(0)

    async def _open(self, client: aiosmtplib.SMTP) -> None:
        try:
            await client.connect()
            if self.security == "starttls":
                await client.starttls()
            if self.username:
                await client.login(self.username, self.password.get_secret_value())
        except smtp.SMTPNotSupported as error:
            raise DeliveryError(
                f"the mail server lacks what is configured: {line(str(error))}", permanent=True
            ) from None
        except smtp.SMTPAuthenticationError as error:
            if error.code >= 500:
                raise DeliveryError(
                    f"the mail server refused user name or password ({_said(error)})", permanent=True
                ) from None
            raise _fault(error) from None
        except smtp.SMTPResponseException as error:
            raise _fault(error) from None
        except (ssl.SSLError, smtp.SMTPConnectError) as error:
            raise _connect_fault(error) from None
        except TimeoutError:
            raise DeliveryError("the mail server could not be reached in time") from None
        except (smtp.SMTPException, OSError) as error:
            raise DeliveryError(f"the mail server could not be reached ({type(error).__name__})") from None


async def _refused(client: aiosmtplib.SMTP, recipients: Sequence[Address]) -> Sequence[str]:
    """Name the recipients. Returns what the server said of those it refused; raises when it refused all."""
    refused: list[smtp.SMTPRecipientRefused] = []
    for recipient in recipients:
        try:
            await client.rcpt(recipient.addr_spec)
        except smtp.SMTPRecipientRefused as error:
            refused.append(error)
    if len(refused) == len(recipients):
        passing = [error for error in refused if error.code < 500]
        raise (passing or refused)[0]
    return [f"{error.recipient}: {_said(error)}" for error in refused]


async def _say_goodbye(client: aiosmtplib.SMTP) -> None:
    try:
        await client.quit()
    except (smtp.SMTPException, OSError):
        log.debug("email.no_goodbye")  # the mail was taken before


def _fault(error: smtp.SMTPResponseException) -> DeliveryError:
    """Codes from 500 are final, those from 400 pass (RFC 5321, 4.2.1)."""
    if isinstance(error, smtp.SMTPRecipientRefused):
        what = f"the mail server does not take mail for {error.recipient}"
    elif isinstance(error, smtp.SMTPSenderRefused):
        what = f"the mail server does not send for {error.sender}"
    else:
        what = "the mail server refused"
    return DeliveryError(f"{what} ({_said(error)})", permanent=error.code >= 500)


def _content_fault(error: smtp.SMTPDataError) -> DeliveryError:
    if error.code < 500:
        return DeliveryError(f"the mail server wants the mail later ({_said(error)})")
    why = "it is too large" if error.code == _TOO_MUCH else "for its content"
    return DeliveryError(f"the mail server refused a mail {why} ({_said(error)})", reduce=True)


def _connect_fault(error: Exception) -> DeliveryError:
    cause = error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return DeliveryError(
            f"the mail server's certificate cannot be trusted: {line(cause.verify_message)}", permanent=True
        )
    if isinstance(cause, ssl.SSLError):
        return DeliveryError(
            "the mail server does not speak TLS there: look at email.port and email.security", permanent=True
        )
    return DeliveryError(f"the mail server could not be reached: {cut(line(str(error)), 160)}")


def _said(error: smtp.SMTPResponseException) -> str:
    return cut(line(f"{error.code} {error.message}"), 200)
