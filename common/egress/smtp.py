"""A guarded SMTP session with a mail server that somebody else chose.

`smtplib` speaks the protocol; what it would do on its own is kept from it: it never resolves a name, it gets a
connection to an address that was checked; its timeouts do not start anew with every read, because each operation gets
what is left of one deadline; and it never decides that a line without TLS will do.

TLS: implicit on port 465, by STARTTLS everywhere else, always verified for the host's name. Only a server that the
installation's allow list names may be spoken to without TLS, and then neither on port 587 nor with a user: a password
never leaves in clear.
"""

from __future__ import annotations

import base64
import io
import smtplib
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from common.egress.addresses import Address
from common.egress.connection import connect, require_verifying, start_tls
from common.egress.errors import ExchangeFailed, ExchangeFailure, UrlNotAllowed
from common.egress.policy import EgressPolicy
from common.egress.resolution import Deadline, Resolver, permitted_addresses, resolve_with_system
from common.egress.urls import Target, parse_url

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

IMPLICIT_TLS_PORT = 465
SUBMISSION_PORT = 587
_MAX_REPLY_BYTES = 65536

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in. Without `user` nobody signs in."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)


class Stage(StrEnum):
    """How far a session had come when the server said no."""

    GREETING = "greeting"
    SIGN_IN = "sign_in"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"


class MailRefused(Exception):
    """The server answered, and did not take the mail. `code` is its reply code, `message` its words."""

    def __init__(self, stage: Stage, code: int, message: str) -> None:
        super().__init__(message)
        self.stage, self.code, self.message = stage, code, message


class SmtpSession:
    """One connection to a mail server, for any number of mails one after the other. Use as a context manager.

    `ehlo` is the name that the client gives itself. `ssl_context` replaces the system's trust store; it must verify
    host names. `tls` says, once `open` has returned, how the line is protected: "implicit", "STARTTLS" or None.
    """

    def __init__(
        self, server: MailServer, *, policy: EgressPolicy, ehlo: str, resolver: Resolver = resolve_with_system,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        if ssl_context is not None:
            require_verifying(ssl_context)
        self._server, self._policy, self._ehlo = server, policy, ehlo
        self._resolver, self._ssl_context = resolver, ssl_context
        self._client: _Client | None = None
        self.tls: str | None = None

    def __enter__(self) -> SmtpSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether there is a connection that nothing has gone wrong on."""
        return self._client is not None

    def open(self, deadline: Deadline) -> None:
        """Resolve, check, connect, greet, protect and sign in; nothing when that was done already.

        Raises `ExchangeFailed`, and `MailRefused` at the stages greeting and sign_in.
        """
        if self._client is not None:
            return
        self.tls = None
        target = _target(self._server)
        addresses = permitted_addresses(target, self._policy, resolver=self._resolver, deadline=deadline)
        connection, address = connect(addresses, target.port, deadline)
        client = _Client(connection, self._ehlo, deadline)
        try:
            self._begin(client, target, address, deadline)
        except BaseException:
            client.drop()
            raise
        self._client = client

    def send(self, *, sender: str, recipients: Sequence[str], message: bytes, deadline: Deadline) -> int:
        """Hand in one mail on the open session; how many of the recipients the server refused.

        The mail was taken when this returns. Raises `ExchangeFailed`, and `MailRefused` at the stages sender, recipient
        (all of them) and content. After a failure the session is closed: its state is unknown.
        """
        client = self._client
        if client is None:
            raise ValueError("The session is not open.")
        client.deadline = deadline
        try:
            return len(_exchange(lambda: client.sendmail(sender, list(recipients), message), deadline))
        except BaseException:
            self._client = None
            client.drop()
            raise

    def close(self) -> None:
        """Take leave, for a second at most; a server that does not answer changes nothing."""
        client, self._client = self._client, None
        if client is None:
            return
        client.deadline = Deadline(1)
        try:
            client.quit()
        except (smtplib.SMTPException, OSError, ExchangeFailed, _TooMuch):
            pass
        finally:
            client.drop()

    def _begin(self, client: _Client, target: Target, address: Address, deadline: Deadline) -> None:
        if target.port == IMPLICIT_TLS_PORT:
            client.protect(target.host, self._context(), deadline)
            self.tls = "implicit"
        code, text = _exchange(client.getreply, deadline)
        if code != 220:
            raise MailRefused(Stage.GREETING, code, _words(text))
        _exchange(client.ehlo_or_helo_if_needed, deadline)
        if self.tls is None and client.has_extn("starttls"):
            code, text = _exchange(lambda: client.docmd("STARTTLS"), deadline)
            if code != 220:
                raise MailRefused(Stage.GREETING, code, _words(text))
            client.protect(target.host, self._context(), deadline)
            self.tls = "STARTTLS"
            _exchange(client.ehlo_or_helo_if_needed, deadline)
        if self.tls is None:
            self._require_exception(target, address)
        if self._server.user:
            _exchange(lambda: client.sign_in(self._server.user or "", self._server.password or ""), deadline)

    def _require_exception(self, target: Target, address: Address) -> None:
        listed = self._policy.names_host(target.host, target.port) or self._policy.lists_address(address, target.port)
        if self._server.user:
            raise ExchangeFailed(
                ExchangeFailure.TLS, "The server offers no STARTTLS, and a password is never sent without TLS."
            )
        if target.port == SUBMISSION_PORT or not listed:
            raise ExchangeFailed(ExchangeFailure.TLS, "The server offers no STARTTLS. Mail is not sent without TLS.")

    def _context(self) -> ssl.SSLContext:
        if self._ssl_context is not None:
            return self._ssl_context
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


class _TooMuch(Exception):
    """A reply that does not end."""


class _Client(smtplib.SMTP):
    """smtplib on a connection that it was given, under a deadline that it does not know."""

    def __init__(self, connection: socket.socket, ehlo: str, deadline: Deadline) -> None:
        super().__init__(local_hostname=ehlo)
        self.sock, self.file = connection, None
        self.deadline = deadline

    def protect(self, host: str, context: ssl.SSLContext, deadline: Deadline) -> None:
        """TLS from here on. What was said in clear, capabilities too, is forgotten (RFC 3207)."""
        assert self.sock is not None
        self.sock = start_tls(self.sock, host, context, deadline)
        self.file = self.helo_resp = self.ehlo_resp = None
        self.esmtp_features, self.does_esmtp = {}, False

    def sign_in(self, user: str, password: str) -> None:
        """AUTH, with PLAIN where the server knows it: it alone says how other characters than ASCII are written."""
        self.ehlo_or_helo_if_needed()
        if "PLAIN" not in self.esmtp_features.get("auth", "").upper().split():
            self.login(user, password)
            return
        token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        code, text = self.docmd("AUTH", f"PLAIN {token}")
        if code not in (235, 503):
            raise smtplib.SMTPAuthenticationError(code, text)

    def send(self, s: ReadableBuffer | str) -> None:
        assert self.sock is not None
        self.sock.settimeout(self.deadline.remaining())
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            self.file = io.BufferedReader(_Replies(self))
        return super().getreply()

    def drop(self) -> None:
        """Close without another word."""
        self.close()


class _Replies(io.RawIOBase):
    """The receiving side of the connection, under the client's deadline and with a bound."""

    def __init__(self, client: _Client) -> None:
        super().__init__()
        self._client, self._deadline, self._left = client, client.deadline, _MAX_REPLY_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        if self._deadline is not self._client.deadline:
            # The next mail.
            self._deadline, self._left = self._client.deadline, _MAX_REPLY_BYTES
        if self._left <= 0:
            raise _TooMuch
        assert self._client.sock is not None
        self._client.sock.settimeout(self._deadline.remaining())
        count: int = self._client.sock.recv_into(buffer)
        self._left -= count
        return count


def _exchange(step: Callable[[], T], deadline: Deadline) -> T:
    """Run one step of the protocol; what smtplib and the socket raise becomes one of our two failures."""
    try:
        return step()
    except smtplib.SMTPSenderRefused as refused:
        raise MailRefused(Stage.SENDER, refused.smtp_code, _words(refused.smtp_error)) from None
    except smtplib.SMTPRecipientsRefused as refused:
        answers = list(refused.recipients.values())
        # One address that may still be accepted later keeps the mail alive.
        code, text = min(answers)
        raise MailRefused(Stage.RECIPIENT, code, _words(text)) from None
    except smtplib.SMTPAuthenticationError as refused:
        raise MailRefused(Stage.SIGN_IN, refused.smtp_code, _words(refused.smtp_error)) from None
    except smtplib.SMTPDataError as refused:
        raise MailRefused(Stage.CONTENT, refused.smtp_code, _words(refused.smtp_error)) from None
    except smtplib.SMTPHeloError as refused:
        raise MailRefused(Stage.GREETING, refused.smtp_code, _words(refused.smtp_error)) from None
    except smtplib.SMTPNotSupportedError as missing:
        raise ExchangeFailed(ExchangeFailure.PROTOCOL, f"The server cannot do this: {missing}") from None
    except (smtplib.SMTPException, OSError, ValueError, _TooMuch) as problem:
        deadline.remaining()  # a timeout shows in many ways
        if isinstance(problem, TimeoutError):
            raise deadline.exceeded() from problem
        raise ExchangeFailed(
            ExchangeFailure.PROTOCOL, "The server closed the connection early or does not speak SMTP."
        ) from problem


def _target(server: MailServer) -> Target:
    host = f"[{server.host}]" if ":" in server.host and not server.host.startswith("[") else server.host
    try:
        return parse_url(f"https://{host}:{server.port}")
    except UrlNotAllowed:
        raise ExchangeFailed(
            ExchangeFailure.REFUSED_ADDRESS, "The mail server's host is neither a host name nor an address."
        ) from None


def _words(text: bytes | str) -> str:
    return text.decode(errors="replace") if isinstance(text, bytes) else text
