"""A mail server that keeps what it is sent: enough of RFC 5321 for smtplib, with faults on demand."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
import time
from dataclasses import dataclass, field
from email.message import EmailMessage


@dataclass
class Received:
    """One accepted mail: the envelope's recipients and the message."""

    recipients: list[str]
    message: EmailMessage


@dataclass
class Behaviour:
    """What the server does wrong."""

    refuse_recipient: str = ""  # the answer to RCPT, "550 no such user"
    refuse_message: str = ""  # the answer to the end of DATA, "451 try later"
    hang_up_after_data: bool = False  # accept, then cut the line before saying so
    delay: float = 0.0  # seconds before the answer to the end of DATA


class _Session(socketserver.StreamRequestHandler):
    server: SmtpSink

    def handle(self) -> None:
        self.server.connections += 1
        self._say("220 sink")
        recipients: list[str] = []
        while line := self.rfile.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            match verb.upper():
                case "EHLO" | "HELO":
                    self._say("250 sink")
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
        self.server.received.append(Received(recipients, message))
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
        self.shutdown()
        self.server_close()
