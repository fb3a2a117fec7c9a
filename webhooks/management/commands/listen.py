"""`manage.py listen`."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from tenants.clocks import business_now
from tenants.management.base import OperatorCommand, positive, real_now, resolve_tenant
from tenants.scope import tenant_scope
from webhooks.egress import PermittedUrl
from webhooks.listening import HOST, Callback, readable, receiver
from webhooks.services.deliveries import send_test
from webhooks.services.subscribers import create_subscriber, delete_subscriber
from webhooks.signing import MalformedSecret, key_of


class Command(OperatorCommand):
    """Shows callbacks as they arrive."""

    help = (
        "Receive callbacks on a port of this machine, check their signatures and print them, until Ctrl-C. With "
        "--tenant a subscriber is registered for the time, tested with a ping, and deleted at the end; with --secret "
        "callbacks of a subscriber that you have registered yourself are checked. The worker must be allowed to call "
        "this machine: bin/up allows it, elsewhere LEDGER_EGRESS_ALLOW does."
    )
    examples = """
        manage.py listen --port 8090 --tenant demo
        manage.py listen --port 8090 --secret whsec_... --count 1
    """

    def add_options(self, parser: CommandParser) -> None:
        """Where, for whom, how many."""
        parser.add_argument("--port", type=positive, default=8090, help="The port on 127.0.0.1 (default 8090).")
        whose = parser.add_mutually_exclusive_group()
        whose.add_argument("--tenant", help="Slug or id of a tenant: register a subscriber of it meanwhile.")
        whose.add_argument("--secret", help="The secret (whsec_...) to check signatures with.")
        parser.add_argument("--count", type=positive, help="Stop after so many callbacks.")

    def run(self, **options: Any) -> dict[str, Any]:
        """Listen, and say how many came."""
        secret: str | None = options["secret"]
        if secret is not None:
            try:
                key_of(secret)
            except MalformedSecret as wrong:
                raise CommandError(str(wrong)) from wrong
        known = [secret]
        enough = threading.Event()
        received: list[Callback] = []

        def tell(callback: Callback) -> None:
            received.append(callback)
            verdict = {True: "signature verified", False: "SIGNATURE WRONG", None: "not verified: no secret"}
            self.progress(f"{callback.event} {callback.message_id}: {verdict[callback.verified]}")
            self.progress(readable(callback.body))
            if options["count"] and len(received) >= options["count"]:
                enough.set()

        try:
            server = receiver(options["port"], secret=lambda: known[0], tell=tell)
        except (OSError, OverflowError) as problem:
            raise CommandError(f"Port {options['port']} on {HOST} cannot be used ({problem}).") from problem
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        url = f"http://{HOST}:{options['port']}/"
        self.progress(f"Listening at {url} (Ctrl-C ends it)")
        tenant = resolve_tenant(options["tenant"]) if options["tenant"] else None
        try:
            with _ended_by(signal.SIGTERM, enough):
                if tenant is None:
                    enough.wait()
                else:
                    with self._subscribed(tenant.id, url, known):
                        enough.wait()
        except KeyboardInterrupt:
            pass
        finally:
            server.shutdown()
            server.server_close()
        forged = sum(callback.verified is False for callback in received)
        return {"ok": not forged, "received": len(received), "signatureWrong": forged}

    @contextmanager
    def _subscribed(self, tenant_id: UUID, url: str, known: list[str | None]) -> Iterator[None]:
        """A subscriber as long as we listen."""
        with tenant_scope(self.context(tenant_id)):
            subscriber, known[0] = create_subscriber(
                tenant_id=tenant_id, at=business_now(tenant_id), now=real_now(), name="manage.py listen",
                # Whoever runs this listens there; each send judges the address all the same.
                url=PermittedUrl(url),
            )  # fmt: skip
            send_test(
                tenant_id=tenant_id, subscriber_id=subscriber.id, at=business_now(tenant_id), now=real_now()
            )  # fmt: skip
        self.progress("Registered a subscriber; a ping is on its way.")
        try:
            yield
        finally:
            with tenant_scope(self.context(tenant_id)):
                delete_subscriber(
                    tenant_id=tenant_id, subscriber_id=subscriber.id, at=business_now(tenant_id), now=real_now()
                )  # fmt: skip
            self.progress("Removed the subscriber.")

    def describe(self, result: Mapping[str, Any]) -> str:
        """The count in words."""
        return f"{result['received']} callbacks received, {result['signatureWrong']} with a wrong signature."


@contextmanager
def _ended_by(signum: signal.Signals, enough: threading.Event) -> Iterator[None]:
    """End in order when asked to, in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signum, lambda *_: enough.set())
    try:
        yield
    finally:
        signal.signal(signum, before)
