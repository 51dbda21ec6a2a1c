"""A real small mail server (aiosmtpd) with TLS and a log-in, which fails when told to."""

import asyncio
import re
import socket
import ssl
from collections import deque
from email import message_from_bytes
from email.policy import default

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from selectolax.lexbor import LexborHTMLParser

from tests.alerts.reading import OURS

USER, PASSWORD = "watch", "pass-word-of-the-mail-server"
_TAGS = {
    *("html", "head", "meta", "title", "body", "h1", "p", "br", "strong", "span", "blockquote", "a", "img"),
    *("mark", "ins", "del"),
}


class FakeMail:
    """``with FakeMail(folder) as server``: as the other fakes; ``taken`` are mails as Python reads them.

    ``faults``: ``rate_limited`` (451), ``drop``, ``silence``, ``content`` (554), ``too_large`` (552), or a code for the
    next recipient.
    """

    channel = "email"
    finds = False
    follows_in_thread = True

    def __init__(self, folder, *, tls="starttls"):
        self.tls = tls
        self.taken = []
        self.raw = []
        self.envelopes = []
        self.tries = 0
        self.refusals = []
        self.logins = []
        self.faults = deque()
        self.retry_after = "1"
        self.unknown = set()
        authority = trustme.CA()
        self.ca_file = folder / f"ca-{tls}.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(self.context)

    def __enter__(self):
        how = {"authenticator": self._log_in, "auth_required": self.tls != "none"}
        if self.tls == "starttls":
            how |= {"tls_context": self.context, "require_starttls": True}
        elif self.tls == "tls":
            how |= {"ssl_context": self.context, "auth_require_tls": False}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **how)
        self._controller.start()
        return self

    def __exit__(self, *_):
        self._controller.stop()

    @property
    def settings(self):
        common = {"host": "127.0.0.1", "port": self.port, "security": self.tls}
        common |= {"sender": "Watch <alerts@example.org>", "to": ["team@example.org"]}
        if self.tls == "none":
            return common
        return common | {"username": USER, "password": PASSWORD, "ca_file": str(self.ca_file)}

    def _log_in(self, server, session, envelope, mechanism, data):
        self.logins.append(mechanism)
        right = isinstance(data, LoginPassword) and data == LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):  # noqa: N802  # aiosmtpd names it
        if self.faults and isinstance(self.faults[0], int):
            self.tries += 1
            code = self.faults.popleft()
            return f"{code} as told"
        if address in self.unknown:
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.tries += 1
        fault = self.faults.popleft() if self.faults else ""
        if fault == "rate_limited":
            return "451 4.7.1 too many, come back later"
        if fault == "silence":
            await asyncio.sleep(30)
        if fault in ("content", "too_large"):
            self.refusals.append(fault)
            return "554 5.7.1 content refused" if fault == "content" else "552 5.3.4 too large"
        self.raw.append(envelope.content)
        self.taken.append(message_from_bytes(envelope.content, policy=default))
        self.envelopes.append((envelope.mail_from, list(envelope.rcpt_tos)))
        if fault in ("drop", "server_error"):
            server.transport.abort()
        return "250 queued"

    def said(self, mail):
        return "\n".join([mail["Subject"], self.text(mail), LexborHTMLParser(self.html(mail)).body.text(separator=" ")])

    def text(self, mail):
        return mail.get_body(("plain",)).get_content()

    def html(self, mail):
        return mail.get_body(("html",)).get_content()

    def live(self, mail):
        found = []
        tree = LexborHTMLParser(self.html(mail))
        for node in tree.root.traverse():
            if node.tag not in _TAGS:
                found.append(f"<{node.tag}>")
            for name, value in node.attributes.items():
                if name in ("href", "src") and not (value or "").startswith((*OURS, "cid:")):
                    found.append(f"{name} {value}")
                if name.startswith("on"):
                    found.append(name)
        words = self.text(mail) + tree.body.text()
        for address in OURS:  # an address of ours may hold another one in its path
            words = re.sub(re.escape(address) + r"\S*", "", words)
        return found + [part for part in ("://", "\x00", "\u202e") if part in words]

    def name_of(self, mail):
        return mail["Message-ID"]
