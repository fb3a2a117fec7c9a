"""Every list of the back office in a tenant with very many invoices: time and queries of each page.

`python -m benchmarks.backoffice TENANT` measures the instance of `LEDGER_HOME` in this process, through the whole
middleware stack but without a web server, and prints JSON; `python -m benchmarks backoffice` seeds one first.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import Any
from uuid import UUID

import django

REPEATS = 9
UNCOUNTED = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")


def pages(number: str) -> list[tuple[str, str]]:
    """Names and addresses; `number` is that of an old invoice."""
    year = number.split("-")[1]
    invoices, customers = "/admin/invoicing/invoice/", "/admin/billing/customer/"
    payments, events, mails = "/admin/billing/payment/", "/admin/events/event/", "/admin/events/mail/"
    return [
        ("overview", "/admin/"),
        ("invoices", invoices),
        ("invoices, page 40", f"{invoices}?p=40"),
        *((f"invoices, {status}", f"{invoices}?status={status}") for status in (
            "draft", "pending", "past_due", "paid", "void", "uncollectible", "failed", "refunded",
        )),
        ("invoices, JPY", f"{invoices}?currency=JPY"),
        ("invoices, CHF (none)", f"{invoices}?currency=CHF"),
        ("invoices of a month", f"{invoices}?issued_from={year}-03-01&issued_until={year}-03-31"),
        ("invoices of a year", f"{invoices}?issued_from={year}-01-01&issued_until={year}-12-31"),
        ("invoices of a year, void", f"{invoices}?issued_from={year}-01-01&issued_until={year}-12-31&status=void"),
        ("invoices, by number", f"{invoices}?q={number}"),
        ("invoices, by name", f"{invoices}?q=maple"),
        ("invoices, by your id", f"{invoices}?q=seed-000007"),
        ("customers", customers),
        ("customers, page 40", f"{customers}?p=40"),
        ("customers, by name", f"{customers}?q=maple"),
        ("customers, by address", f"{customers}?q=nobody@example.com"),
        ("products", "/admin/billing/product/"),
        ("payments", payments),
        ("payments, page 40", f"{payments}?p=40"),
        ("payments, failed (none)", f"{payments}?status=failed"),
        ("payments, by reference", f"{payments}?q=2026"),
        ("events", events),
        ("events, page 40", f"{events}?p=40"),
        ("events, by type", f"{events}?type=invoice.finalised"),
        ("events, waiting", f"{events}?handed=waiting"),
        ("dead letters", "/admin/events/eventdelivery/"),
        ("mail queue", mails),
        ("mail queue, failed", f"{mails}?status=failed"),
        ("subscribers", "/admin/webhooks/subscriber/"),
        ("deliveries", "/admin/webhooks/delivery/"),
        ("audit trail", "/admin/tenants/auditentry/"),
        ("audit trail, page 40", "/admin/tenants/auditentry/?p=40"),
    ]  # fmt: skip


def browser_in(tenant_id: UUID) -> Any:
    """An owner of the tenant with a browser."""
    from django.test import Client

    from common.clock import SystemClock
    from common.ids import new_id
    from tenants.context import system_context
    from tenants.enums import Role
    from tenants.scope import tenant_scope
    from tenants.services.staff import add_membership, create_user

    at = SystemClock().now()
    user = create_user(email=f"benchmark-{new_id().hex}@example.com", name="Benchmark", at=at)
    with tenant_scope(system_context(tenant_id, "benchmark")):
        add_membership(tenant_id=tenant_id, user_id=user.pk, role=Role.OWNER, at=at)
    browser = Client()
    browser.force_login(user)
    return browser


def measure(browser: Any, path: str) -> dict[str, Any]:
    """The median and the slowest of some visits after a first one, the processor time, the queries."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        answer = browser.get(path)
    # Now: the next request empties the log.
    asked = sum(not one["sql"].startswith(UNCOUNTED) for one in queries)
    assert answer.status_code == 200, (path, answer.status_code)
    times, processor = [], []
    for _ in range(REPEATS):
        began, used = time.perf_counter(), time.process_time()
        browser.get(path)
        times.append((time.perf_counter() - began) * 1000)
        processor.append((time.process_time() - used) * 1000)
    return {
        "queries": asked,
        "median": round(statistics.median(times)),
        "slowest": round(max(times)),
        "processor": round(statistics.median(processor)),
    }


def main(slug: str) -> None:
    """Print the figures of each page."""
    from django.conf import settings

    from invoicing.models import Invoice
    from tenants.scope import tenant_scope
    from tenants.selectors import all_tenants

    settings.REQUIRE_MFA, settings.ALLOWED_HOSTS = False, ["*"]
    tenant_id = next(one for one, name in all_tenants() if name == slug)
    with tenant_scope(tenant_id):
        mine = Invoice.objects.filter(tenant_id=tenant_id)
        count = mine.count()
        middle = mine.filter(number__isnull=False).order_by("id").values_list("invoice_number", flat=True)[count // 2]
    browser = browser_in(tenant_id)
    found = [{"page": name, "path": path, **measure(browser, path)} for name, path in pages(str(middle))]
    json.dump({"invoices": count, "pages": found}, sys.stdout, indent=1)


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1])
