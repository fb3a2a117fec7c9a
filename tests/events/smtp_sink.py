"""A mail server that keeps what it is sent: enough of RFC 5321 for smtplib, with TLS, AUTH and faults on demand."""

from __future__ import annotations

import base64
import email
import email.policy
import socketserver
import ssl
import threading
import time
from dataclasses import dataclass, field
from email.message import EmailMessage


@dataclass
class Received:
    """One accepted mail: the envelope's recipients and the message."""

    recipients: list[str]
    message: EmailMessage
    tls: bool = False
    user: str | None = None


@dataclass
class Behaviour:
    """What the server does wrong."""

    refuse_recipient: str = ""  # the answer to RCPT, "550 no such user"
    refuse_message: str = ""  # the answer to the end of DATA, "451 try later"
    hang_up_after_data: bool = False  # accept, then cut the line before saying so
    delay: float = 0.0  # seconds before the answer to the end of DATA
    hang_at: str = ""  # a verb, or CONNECT: what is never answered, until the server ends
    drip_at: str = ""  # the same, with a byte now and then
    refuse_login: str = ""  # the answer to AUTH, "535 no"
    inject: str = ""  # said in clear behind the answer to STARTTLS


class _Session(socketserver.StreamRequestHandler):
    server: SmtpSink

    def handle(self) -> None:
        try:
            self._converse()
        except OSError:
            pass  # the client has left

    def _converse(self) -> None:
        self.server.connections += 1
        self.tls = False
        self.user: str | None = None
        if self.server.implicit_tls:
            self._protect()
        if self._stuck("CONNECT"):
            return
        self._say("220 sink")
        recipients: list[str] = []
        while line := self.rfile.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            self.server.said.append((verb.upper(), self.tls))
            if self._stuck(verb.upper()):
                return
            match verb.upper():
                case "EHLO" | "HELO":
                    self._greet()
                case "STARTTLS" if self.server.certificate is not None:
                    self._say(
                        "220 go on" + (f"\r\n{self.server.behaviour.inject}" if self.server.behaviour.inject else "")
                    )
                    self._protect()
                case "AUTH":
                    self._sign_in(rest)
                case "RCPT":
                    if self.server.behaviour.refuse_recipient:
                        self._say(self.server.behaviour.refuse_recipient)
                    else:
                        recipients.append(rest.partition(":")[2].strip("<> "))
                        self._say("250 ok")
                case "DATA":
                    self._say("354 go on")
                    if not self._take(recipients):
                        return
                    recipients = []
                case "QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 ok")

    def _greet(self) -> None:
        abilities = ["sink"]
        if self.server.certificate is not None and not self.tls:
            abilities.append("STARTTLS")
        if self.server.passwords:
            abilities.append(f"AUTH {self.server.mechanisms}")
        for ability in abilities[:-1]:
            self._say(f"250-{ability}")
        self._say(f"250 {abilities[-1]}")

    def _protect(self) -> None:
        assert self.server.certificate is not None
        self.connection = self.server.certificate.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
        self.tls = True

    def _sign_in(self, rest: str) -> None:
        mechanism, _, token = rest.partition(" ")
        if mechanism.upper() == "LOGIN":
            user = token or self._ask("VXNlcm5hbWU6")
            given = (base64.b64decode(user).decode(), base64.b64decode(self._ask("UGFzc3dvcmQ6")).decode())
        else:
            _, name, password = base64.b64decode(token).decode().split("\0")
            given = (name, password)
        if self.server.behaviour.refuse_login or self.server.passwords.get(given[0]) != given[1]:
            self._say(self.server.behaviour.refuse_login or "535 5.7.8 wrong")
            return
        self.user = given[0]
        self._say("235 welcome")

    def _ask(self, question: str) -> str:
        self._say(f"334 {question}")
        return self.rfile.readline().decode().strip()

    def _stuck(self, verb: str) -> bool:
        """Whether the conversation ends here, without an answer."""
        if self.server.behaviour.hang_at == verb:
            self.server.ended.wait()
            return True
        if self.server.behaviour.drip_at == verb:
            while not self.server.ended.wait(0.1):
                self._say("250-more")
            return True
        return False

    def _take(self, recipients: list[str]) -> bool:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        behaviour = self.server.behaviour
        time.sleep(behaviour.delay)
        if behaviour.refuse_message:
            self._say(behaviour.refuse_message)
            return True
        message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        self.server.received.append(Received(recipients, message, self.tls, self.user))
        if behaviour.hang_up_after_data:
            return False
        self._say("250 kept")
        return True

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


@dataclass
class SmtpSink(socketserver.ThreadingTCPServer):
    """Listens on a free port of 127.0.0.1 while the `with` block runs."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    certificate: ssl.SSLContext | None = None  # with one, STARTTLS is offered
    implicit_tls: bool = False
    passwords: dict[str, str] = field(default_factory=dict)  # with some, AUTH is offered
    mechanisms: str = "PLAIN LOGIN"
    said: list[tuple[str, bool]] = field(default_factory=list)  # each verb, and whether it came by TLS
    ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.daemon_threads = True
        super().__init__(("127.0.0.1", 0), _Session)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def __enter__(self) -> SmtpSink:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.shutdown()
        self.server_close()
