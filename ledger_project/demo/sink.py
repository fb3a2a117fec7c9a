"""The subscriber of the story: a small server on this machine that receives callbacks and proves who sent them."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

LARGEST_BODY = 1_048_576


@dataclass(frozen=True)
class Callback:
    """What came: the names of headers are in lower case, the body is as it was sent."""

    headers: dict[str, str]
    body: bytes

    def is_genuine(self, secret: str, *, body: bytes | None = None) -> bool:
        """Whether its signature holds under `secret`, as any library of Standard Webhooks sees it."""
        try:
            Webhook(secret).verify(self.body if body is None else body, self.headers)
        except WebhookVerificationError:
            return False
        return True


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        """Keep it, and say thank you."""
        length = min(int(self.headers.get("Content-Length") or 0), LARGEST_BODY)
        body = self.rfile.read(length)
        self.server.received.append(Callback({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the story tells."""


class _Server(HTTPServer):
    def __init__(self) -> None:
        self.received: list[Callback] = []
        super().__init__(("127.0.0.1", 0), _Handler)


class Sink:
    """Listens from its making until it is closed."""

    def __init__(self) -> None:
        self._server = _Server()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/callbacks"

    def find(self, event: str, text: str) -> Callback | None:
        """The first callback of an event whose body names `text`, if it has come."""
        for callback in list(self._server.received):
            if callback.headers.get("x-webhook-event") == event and text.encode() in callback.body:
                return callback
        return None

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
