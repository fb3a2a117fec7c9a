"""A small receiver for `manage.py listen`: it checks the signature of each callback and tells what came."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from standardwebhooks import Webhook, WebhookVerificationError

HOST: Final = "127.0.0.1"
MAX_BODY: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Callback:
    """One request. `verified` is None where no secret is known."""

    event: str
    message_id: str
    verified: bool | None
    body: str


def receiver(port: int, *, secret: Callable[[], str | None], tell: Callable[[Callback], None]) -> ThreadingHTTPServer:
    """A server on 127.0.0.1 that answers 204, or 400 to a signature that is wrong. Raises OSError for a taken port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(min(length, MAX_BODY)).decode(errors="replace")
            headers = {name.lower(): value for name, value in self.headers.items()}
            verified = is_genuine(secret(), body, headers)
            tell(Callback(headers.get("x-webhook-event", "?"), headers.get("webhook-id", "?"), verified, body))
            self.send_response(400 if verified is False else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """The callbacks are the log."""

    server = ThreadingHTTPServer((HOST, port), Handler)
    server.daemon_threads = True
    return server


def is_genuine(secret: str | None, body: str, headers: dict[str, str]) -> bool | None:
    """Whether the signature is right and fresh; None without a secret."""
    if secret is None:
        return None
    try:
        Webhook(secret).verify(body, headers)
    except (WebhookVerificationError, ValueError):
        return False
    return True


def readable(body: str) -> str:
    """JSON with line breaks; anything else as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
