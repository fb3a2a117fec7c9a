"""The server that a tenant's mail leaves through: its own, held by the egress guard, or that of the installation."""

from __future__ import annotations

import smtplib
from email.utils import parseaddr
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from django.conf import settings as installation
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import sanitize_address
from django.core.validators import validate_email

from common.crypto import DecryptionFailed
from common.egress import Deadline, EgressPolicy, ExchangeFailed, MailRefused, MailServer, SmtpSession, Stage
from tenants.keyring import EncryptionNotConfigured
from tenants.models import TenantSettings
from tenants.services.settings import smtp_password

EXCHANGE_SECONDS: Final = 15.0
"""A mail to a tenant's server has this long, from the lookup of the host to the server's last word."""
_ENVELOPE_ENCODING: Final = "utf-8"


class ServerFailed(Exception):
    """The server takes no mail at all now: whatever waits for it would fail in the same way."""


class MailFailed(Exception):
    """This mail was not taken. `final`: it never will be. `stalled`: the server stopped answering in the middle."""

    def __init__(self, message: str, *, final: bool = False, stalled: bool = False) -> None:
        super().__init__(message)
        self.final, self.stalled = final, stalled


class Server(Protocol):
    """Something that takes mails, one after the other."""

    name: str  # for people: "smtp.example.com:587", "the installation's server"

    def send(self, message: EmailMultiAlternatives, *, seconds: float) -> None:
        """Hand in one mail; it was taken when this returns. Raises `ServerFailed`, `MailFailed`."""

    def close(self) -> None:
        """Take leave. Never fails."""


def server_of(settings: TenantSettings) -> Server:
    """The server of this tenant. Nothing is connected yet."""
    return TenantServer(settings) if settings.smtp_host else InstallationServer()


def sender_of(settings: TenantSettings, *, tenant_name: str) -> str:
    """Whom the tenant's mail comes from: `smtp.from`, else the user of its own server where that is an address, else
    DEFAULT_FROM_EMAIL, always with the tenant's legal name unless `smtp.from` brings a name of its own.
    """
    address = settings.smtp_from or ""
    if not address and settings.smtp_host and _is_address(settings.smtp_user):
        address = settings.smtp_user or ""
    given, plain = parseaddr(address or installation.DEFAULT_FROM_EMAIL)
    return named_address((given if address else "") or settings.legal_name or tenant_name, plain)


def named_address(name: str, address: str) -> str:
    """`"Name" <address>`, whatever the name is made of."""
    plain = "".join(one if one.isprintable() else " " for one in name).replace("\\", " ").replace('"', "'")
    plain = " ".join(plain.split())
    return f'"{plain}" <{address}>' if plain else address


def domain_of(sender: str) -> str:
    """The domain of a sender's address, for message ids."""
    return parseaddr(sender)[1].rpartition("@")[2] or "localhost"


class InstallationServer:
    """What EMAIL_BACKEND says: a server of the operator's, or the log in development."""

    name = "the installation's server"

    def __init__(self) -> None:
        self._backend: BaseEmailBackend = get_connection(fail_silently=False)
        self._open = False

    def send(self, message: EmailMultiAlternatives, *, seconds: float) -> None:
        """Through Django's backend; EMAIL_TIMEOUT bounds each of its steps."""
        if not self._open:
            try:
                self._backend.open()
            except Exception as problem:
                raise ServerFailed(f"{type(problem).__name__}: {problem}") from problem
            self._open = True
        message.connection = self._backend
        try:
            message.send()
        except Exception as problem:
            # After an error the state of the connection is unknown; the next mail opens a new one.
            self.close()
            raise _failure(problem) from problem

    def close(self) -> None:
        """Take leave."""
        self._open = False
        try:
            self._backend.close()
        except Exception:  # noqa: S110 - the mail was taken; what a server says to our leaving does not matter
            pass


class TenantServer:
    """The tenant's own server, which the tenant chose: see `common.egress.smtp` for what is refused."""

    def __init__(self, settings: TenantSettings) -> None:
        self._settings = settings
        self.name = f"{settings.smtp_host}:{settings.smtp_port}"
        self._session: SmtpSession | None = None

    @property
    def tls(self) -> str | None:
        """How the open line is protected: "implicit", "STARTTLS" or None."""
        return None if self._session is None else self._session.tls

    def send(self, message: EmailMultiAlternatives, *, seconds: float) -> None:
        """Everything, from the lookup on, within `seconds` and EXCHANGE_SECONDS."""
        deadline = Deadline(max(1.0, min(seconds, EXCHANGE_SECONDS)))
        try:
            session = self._session = self._session or self._new_session()
            session.open(deadline)
        except ExchangeFailed as failed:
            raise ServerFailed(failed.message) from failed
        except MailRefused as refused:
            raise ServerFailed(_answer(refused)) from refused
        except (EncryptionNotConfigured, DecryptionFailed) as locked:
            raise ServerFailed("The password of the mail server cannot be decrypted.") from locked
        try:
            session.send(
                sender=_envelope(message.from_email),
                recipients=[_envelope(address) for address in message.recipients()],
                message=message.message().as_bytes(linesep="\r\n"),  # type: ignore[call-arg]  # Django's own message
                deadline=deadline,
            )
        except ExchangeFailed as failed:
            raise MailFailed(failed.message, stalled=True) from failed
        except MailRefused as refused:
            # What is wrong with the sender or the account can be repaired; no repair makes a recipient exist.
            final = refused.code >= 500 and refused.stage in (Stage.RECIPIENT, Stage.CONTENT)
            raise MailFailed(_answer(refused), final=final) from refused

    def close(self) -> None:
        """Take leave."""
        if self._session is not None:
            self._session.close()

    def _new_session(self) -> SmtpSession:
        settings = self._settings
        assert settings.smtp_host is not None
        return SmtpSession(
            MailServer(settings.smtp_host, settings.smtp_port, settings.smtp_user, smtp_password(settings)),
            policy=EgressPolicy.from_setting(installation.LEDGER_EGRESS_ALLOW),
            ehlo=urlsplit(installation.BASE_URL).hostname or "localhost",
        )


def new_message(
    *, sender: str, to: list[str], subject: str, text: str, html: str | None, reply_to: str | None, message_id: str
) -> EmailMultiAlternatives:
    """A message as every server of ours takes it. It says that a machine wrote it, so that no machine answers."""
    headers = {"Message-ID": message_id, "Auto-Submitted": "auto-generated"}
    message = EmailMultiAlternatives(
        subject=subject, body=text, from_email=sender, to=to, reply_to=[reply_to] if reply_to else None, headers=headers
    )
    if html is not None:
        message.attach_alternative(html, "text/html")
    return message


def _failure(problem: Exception) -> MailFailed:
    if isinstance(problem, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in problem.recipients.values()]
        return MailFailed(f"Recipients refused: {codes}", final=all(code >= 500 for code in codes))
    if isinstance(problem, smtplib.SMTPDataError):
        return MailFailed(_said(problem.smtp_code, problem.smtp_error), final=problem.smtp_code >= 500)
    stalled = isinstance(problem, (smtplib.SMTPServerDisconnected, OSError))
    return MailFailed(f"{type(problem).__name__}: {problem}", stalled=stalled)


def _answer(refused: MailRefused) -> str:
    return f"Refused ({refused.stage.replace('_', ' ')}): {_said(refused.code, refused.message)}"


def _said(code: int, words: Any) -> str:
    text = words.decode(errors="replace") if isinstance(words, bytes) else str(words)
    return f"{code} {' '.join(text.split())}"


def _envelope(address: str) -> str:
    return parseaddr(sanitize_address(address, _ENVELOPE_ENCODING))[1]


def _is_address(text: str | None) -> bool:
    try:
        validate_email(text or "")
    except ValidationError:
        return False
    return True
