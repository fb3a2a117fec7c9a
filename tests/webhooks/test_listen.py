"""`manage.py listen`: what arrives is verified and shown, and its subscriber does not outlive it."""

from __future__ import annotations

import json
import threading
import time
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tenants.scope import tenant_scope
from tests.ledger_project.instances import free_port, wait_until
from tests.webhooks.conftest import deliveries_of, run
from webhooks.models import Subscriber
from webhooks.services.delivering import Engine
from webhooks.signing import new_secret


class Listening(threading.Thread):
    """The command in a thread."""

    def __init__(self, *arguments: str) -> None:
        super().__init__(daemon=True)
        self.arguments, self.port = arguments, free_port()
        self.out, self.err = StringIO(), StringIO()
        self.status = 0

    def run(self) -> None:
        """Until it has received enough."""
        try:
            call_command("listen", "--port", str(self.port), *self.arguments, stdout=self.out, stderr=self.err)
        except SystemExit as ended:
            self.status = int(ended.code or 0)
        finally:
            connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_subscriber_is_registered_pinged_and_removed(tenant, engine: Engine):
    listening = Listening("--tenant", tenant.slug, "--count", "1", "--json")
    listening.start()
    wait_until(lambda: deliveries_of(tenant), "the ping")
    assert run(engine).succeeded == 1
    listening.join(10)
    assert json.loads(listening.out.getvalue()) == {"ok": True, "received": 1, "signatureWrong": 0}
    assert "ping evt_" in listening.err.getvalue()
    assert "signature verified" in listening.err.getvalue()
    with tenant_scope(tenant.id):
        assert Subscriber.objects.get().deleted_at is not None


@pytest.mark.django_db
def test_a_wrong_signature_is_told_and_refused(tenant, subscribe, engine, api):
    listening = Listening("--secret", new_secret(), "--count", "1")
    listening.start()
    wait_until(lambda: "Listening" in listening.err.getvalue(), "the port")
    time.sleep(0.1)
    subscribe(f"http://127.0.0.1:{listening.port}/")
    made = api.get("/api/webhooks/subscribers").json()["data"][0]
    api.post(f"/api/webhooks/subscribers/{made['id']}/test")
    run(engine)
    listening.join(10)
    assert (listening.status, "SIGNATURE WRONG" in listening.err.getvalue()) == (1, True)
    assert [one.status for one in deliveries_of(tenant)] == ["failed"]


@pytest.mark.parametrize("options", [["--secret", "hello"], ["--port", "70000"], ["--tenant", "a", "--secret", "b"]])
def test_nonsense_is_refused(options: list[str]):
    with pytest.raises(CommandError):
        call_command("listen", *options, stdout=StringIO(), stderr=StringIO())


def test_a_taken_port_is_named(sink: Any):
    with pytest.raises(CommandError, match=str(sink.port)):
        call_command("listen", "--port", str(sink.port), stdout=StringIO(), stderr=StringIO())
