"""The process that is measured: raw pycurl and the engine in turn, against one sink. Prints its runs as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import django
import pycurl

django.setup()

from django.conf import settings  # noqa: E402

from benchmarks.cpu import usage  # noqa: E402
from common.clock import SystemClock  # noqa: E402
from common.ids import encode_id, new_id  # noqa: E402
from events.domain import DomainEvent  # noqa: E402
from events.publishing import publish_all  # noqa: E402
from events.services.dispatching import make_deliveries  # noqa: E402
from tenants.models import Tenant  # noqa: E402
from tenants.scope import tenant_scope  # noqa: E402
from tenants.services.tenants import create_tenant  # noqa: E402
from webhooks.bodies import callback_body  # noqa: E402
from webhooks.egress import judge_url  # noqa: E402
from webhooks.models import Delivery  # noqa: E402
from webhooks.services.delivering import Engine  # noqa: E402
from webhooks.services.subscribers import create_subscriber  # noqa: E402
from webhooks.signing import key_of, new_secret, signature  # noqa: E402

CONCURRENCY = 64
TENANTS = 2
SUBSCRIBERS = 2  # of each tenant
DATA = json.dumps(
    {
        "object": "invoice", "invoiceNumber": "INV-2026-0001", "status": "pending", "currency": "EUR",
        "items": [
            {"description": f"Seat {number}", "quantity": 3, "unitPrice": 1000, "total": 3000, "taxRate": 1900}
            for number in range(3)
        ],
        "notes": "x" * 500, "total": 10710, "amountDue": 10710,
    }
)  # fmt: skip


def raw(port: int, count: int) -> int:
    """Signed POSTs through libcurl's multi interface and nothing else; how many were answered with 200."""
    clock, key = SystemClock(), key_of(new_secret())
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_MAXCONNECTS, CONCURRENCY)
    free: list[Any] = []
    for _ in range(CONCURRENCY):
        curl = pycurl.Curl()
        curl.setopt(pycurl.POST, 1)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.URL, f"http://127.0.0.1:{port}/raw")
        curl.setopt(pycurl.WRITEFUNCTION, len)
        free.append(curl)
    begun = answered = running = 0
    tenant_id = new_id()
    while answered < count:
        while free and begun < count:
            curl, message_id = free.pop(), new_id()
            now = clock.now()
            body = callback_body(
                event_id=message_id, event_type="invoice.paid", data=DATA, occurred_at=now, tenant_id=tenant_id
            )
            name, second = encode_id("evt", message_id), int(now.timestamp())
            signed = signature([key], message_id=name, timestamp=second, body=body)
            curl.setopt(
                pycurl.HTTPHEADER,
                [
                    "Content-Type: application/json", "User-Agent: raw", f"webhook-id: {name}",
                    f"webhook-timestamp: {second}", f"webhook-signature: {signed}", "Expect:",
                ],
            )  # fmt: skip
            curl.setopt(pycurl.POSTFIELDS, body)
            multi.add_handle(curl)
            begun += 1
        while multi.perform()[0] == pycurl.E_CALL_MULTI_PERFORM:
            pass
        more = 1
        while more:
            more, good, bad = multi.info_read()
            if bad:
                raise SystemExit(f"raw pycurl failed: {bad[0][2]}")
            for curl in good:
                multi.remove_handle(curl)
                free.append(curl)
                answered += 1
        running = begun - answered
        if running and not free:
            multi.select(1.0)
    return answered


class Project:
    """The engine, with its tenants and subscribers."""

    def __init__(self, port: int) -> None:
        settings.LEDGER_EGRESS_ALLOW = "127.0.0.1"
        now = SystemClock().now()
        self.engine = Engine()
        self.tenants: list[Tenant] = []
        for number in range(TENANTS):
            tenant = create_tenant(slug=f"callbacks-{number}", name="Callbacks", at=now)
            self.tenants.append(tenant)
            with tenant_scope(tenant.id):
                for one in range(SUBSCRIBERS):
                    create_subscriber(
                        tenant_id=tenant.id, at=now, now=now, name=f"{one}",
                        url=judge_url(f"http://127.0.0.1:{port}/{number}/{one}"),
                    )  # fmt: skip

    def prepare(self, count: int) -> float:
        """Events and their deliveries, `count` in all; deliveries made per second by the dispatcher."""
        now = SystemClock().now()
        for tenant in self.tenants:
            left = count // TENANTS // SUBSCRIBERS
            with tenant_scope(tenant.id):
                while left:
                    step = min(left, 1000)
                    left -= step
                    events = [DomainEvent("invoice.paid", "invoice", new_id(), DATA, now) for _ in range(step)]
                    publish_all(events, tenant_id=tenant.id)
        began = time.monotonic()
        while make_deliveries(now=SystemClock().now()):
            pass
        return count / (time.monotonic() - began)

    def deliver(self, count: int) -> int:
        """Claim, send and record everything that is due; how many succeeded."""
        succeeded = 0
        while succeeded < count:
            done = self.engine.run(seconds=20)
            if not done.attempts:
                break
            succeeded += done.succeeded
        return succeeded

    def problems(self) -> list[str]:
        """What is not as it must be after all runs."""
        found = []
        for tenant in self.tenants:
            with tenant_scope(tenant.id):
                left = Delivery.objects.exclude(status="succeeded", attempts=1).count()
            if left:
                found.append(f"{left} deliveries were not delivered at the first attempt")
        return found


def measured(name: str, count: int, groups: dict[str, int], work: Any) -> dict[str, Any]:
    """One run: rate and processor time per delivery."""
    before, began = usage(groups), time.monotonic()
    done = work()
    seconds = time.monotonic() - began
    used = usage(groups).since(before)
    others = max(0.0, used.machine - sum(used.groups.values())) / seconds
    return {
        "name": name, "operations": done, "seconds": round(seconds, 3), "rate": round(done / seconds, 1),
        "missing": count - done, "others": round(others, 2),
        "cpu": {group: round(used.groups[group] / max(done, 1) * 1e6, 1) for group in groups},
    }  # fmt: skip


def main() -> None:
    """The plan is the first argument."""
    plan = json.loads(sys.argv[1])
    groups = {"process": os.getpid(), "postgres": plan["postgres"], "sink": plan["sink"]}
    port, count = plan["port"], plan["count"]
    project = Project(port)
    project.prepare(2000)
    project.deliver(2000)
    raw(port, 2000)
    sys.stdout.write("warm\n")
    sys.stdout.flush()
    sys.stdin.readline()  # the tables have been analysed
    runs, fan_out = [], []
    for number in range(plan["pairs"]):
        fan_out.append(round(project.prepare(count), 1))
        turns = [
            ("raw", lambda: raw(port, count)),
            ("project", lambda: project.deliver(count)),
        ]
        for name, work in turns if number % 2 == 0 else reversed(turns):
            runs.append(measured(name, count, groups, work))
    sys.stdout.write(json.dumps({"runs": runs, "fanOutPerSecond": fan_out, "problems": project.problems()}) + "\n")


if __name__ == "__main__":
    main()
