"""Finished invoices of long ago, and runs of the retention at a chosen time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from billing.services.customers import create_customer
from common.clock import SystemClock
from common.ids import decode_id
from common.prefixes import CUSTOMER
from invoicing.requests import InvoiceRequest, ItemRequest
from invoicing.services.anonymising import Clocks, anonymise_customer, anonymise_tenant
from invoicing.services.issuing import create_invoice
from invoicing.services.retention_report import verify_erasure
from invoicing.services.verifying import verify_numbering
from tenants.context import system_context
from tenants.enums import RetentionCause
from tenants.models import RetentionRun, Tenant, TenantSettings
from tenants.scope import tenant_scope
from tests.invoicing.documents import Invoices, uuid_of

real = SystemClock().now
DETAILS = {
    "name": "Ada Lovelace",
    "email": "ada@example.org",
    "address": {"line1": "12 St James Square", "city": "London", "postalCode": "SW1Y 4JH", "country": "GB"},
    "vatId": "GB123456789",
}


def clocks(*, days: float = 0) -> Clocks:
    """Real time, and business time that runs `days` ahead of it."""
    return Clocks(business=lambda: real() + dt.timedelta(days=days), real=real)


def run(
    tenant: Tenant,
    *,
    days: float = 4000,
    cause: RetentionCause = RetentionCause.COMMAND,
    go_on: Callable[[], bool] = lambda: True,
) -> RetentionRun:
    """A run that takes place in so many days; it must begin."""
    record = anonymise_tenant(tenant_id=tenant.id, actor="tests", cause=cause, clocks=clocks(days=days), go_on=go_on)
    assert record is not None
    return record


def erase(invoices: Invoices, customer_id: str) -> RetentionRun:
    """One customer, on request, now."""
    return anonymise_customer(
        tenant_id=invoices.tenant.id, customer_id=decode_id(CUSTOMER, customer_id), actor="tests", clocks=clocks()
    )


def paid(invoices: Invoices, *amounts: int, **fields: Any) -> dict[str, Any]:
    """An invoice with everything filled in, paid by hand with a reference."""
    fields.setdefault("customer", DETAILS)
    invoice = invoices.make(*amounts, notes="Attn. Charles", metadata={"contact": "Babbage"}, **fields)
    assert invoices.act(invoice, "mark-paid", {"reference": "SEPA Lovelace"}).status_code == 200
    return invoices.get(invoice)


def finished_long_ago(tenant: Tenant, *, customers: int, invoices: int) -> None:
    """So many customers with so many paid invoices of 2015 each."""
    long_ago = dt.datetime(2015, 1, 31, 12, tzinfo=dt.UTC)
    with tenant_scope(tenant.id):
        settings = TenantSettings.objects.get()
        for number in range(customers):
            customer = create_customer(
                tenant_id=tenant.id, at=long_ago, external_id=f"user-{number}", name=f"Ada {number}",
                email=f"ada{number}@example.org",
            )  # fmt: skip
            for _ in range(invoices):
                create_invoice(
                    tenant_id=tenant.id, customer=customer, settings=settings, at=long_ago, draft=False, trace_id="",
                    request=InvoiceRequest(
                        items=[ItemRequest(description="Free", unit_price=0)], notes=f"for Ada {number}"
                    ),
                )  # fmt: skip


def verified(invoices: Invoices) -> dict[str, int]:
    """What is left of erased objects, by kind; the numbering must hold as well."""
    with tenant_scope(invoices.tenant.id):
        assert verify_numbering(tenant_id=invoices.tenant.id).findings == []
    context = system_context(invoices.tenant.id, "tests")
    verdict = verify_erasure(context, at=clocks().business(), now=real())
    return {kind: count for kind, count in verdict.remaining.items() if count}


__all__ = ["DETAILS", "clocks", "erase", "finished_long_ago", "paid", "real", "run", "uuid_of", "verified"]
