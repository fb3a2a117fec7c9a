"""A small company's books for the browser to look at: settings, products, customers, invoices in every state."""

from __future__ import annotations

import datetime as dt
from random import Random
from typing import Any

from billing.models import Customer
from billing.services.customers import create_customer
from billing.services.products import create_product
from common.clock import SystemClock
from common.ids import new_id
from events.enums import DeliveryStatus
from events.models import Event, EventDelivery, Mail
from events.services.mail import queue_mail
from invoicing.models import Invoice
from invoicing.requests import InvoiceRequest
from invoicing.seeding import PRODUCTS, customer_fields, item_requests
from invoicing.services.issuing import create_invoice
from invoicing.services.settling import mark_paid, mark_uncollectible, void_invoice
from tenants.context import system_context
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tenants.selectors import get_settings
from tenants.services.service_keys import create_service_key
from tenants.services.settings import update_settings
from webhooks.egress import PermittedUrl
from webhooks.models import Attempt, Delivery, Subscriber
from webhooks.services.fan_out import add_deliveries, add_messages_of_events
from webhooks.services.subscribers import create_subscriber

TODAY = dt.datetime(2026, 3, 20, 9, 30, tzinfo=dt.UTC)
SELLER = {
    "legal_name": "Nordlicht Software GmbH", "vat_id": "DE811907980", "tax_rate": 1900, "tax_label": "VAT",
    "time_zone": "Europe/Berlin", "default_currency": "EUR", "payment_terms_days": 14,
    "address": {
        "line1": "Speicherstraße 14", "line2": None, "city": "Hamburg", "region": None, "postalCode": "20457",
        "country": "DE",
    },
}  # fmt: skip


def keep_books(tenant: Tenant) -> Customer:
    """Fill the tenant, the same way each time; the customer whom the story is about."""
    chance = Random(11)
    with tenant_scope(system_context(tenant.id, "billing-run")):
        update_settings(tenant_id=tenant.id, changes=SELLER, at=TODAY - dt.timedelta(days=60))
        products = [
            create_product(
                tenant_id=tenant.id, at=TODAY - dt.timedelta(days=59), name=name, type=kind, price=price,
                currency="EUR", interval=interval,
            )
            for name, kind, price, interval in PRODUCTS
        ]  # fmt: skip
        customers = [
            create_customer(tenant_id=tenant.id, at=TODAY - dt.timedelta(days=58 - one), **customer_fields(chance, one))
            for one in range(1, 25)
        ]
        for number in range(40):
            # Each in a scope of its own: a reason is that of one step.
            with tenant_scope(system_context(tenant.id, "billing-run")):
                _invoice(tenant, chance, chance.choice(customers), products, number)
        ada = create_customer(
            tenant_id=tenant.id, at=TODAY - dt.timedelta(days=2), external_id="user-4711", name="Lovelace Engines Ltd",
            email="accounts@lovelace.example.com", currency="EUR", locale="en", vat_id="GB123456789",
            address={
                "line1": "12 St James’s Square", "line2": None, "city": "London", "region": None,
                "postalCode": "SW1Y 4JH", "country": "GB",
            },
        )  # fmt: skip
        for number in (8, 21, 35):
            _invoice(tenant, chance, ada, products, number)
        for name, scopes in (("Web shop", ["customers:write", "invoices:write"]), ("Bookkeeping", ["invoices:read"])):
            create_service_key(tenant_id=tenant.id, name=name, scopes=scopes, at=TODAY - dt.timedelta(days=57))
        _queues(tenant)
        _callbacks(tenant)
    return ada


def _invoice(tenant: Tenant, chance: Random, customer: Customer, products: Any, number: int) -> None:
    at = TODAY - dt.timedelta(days=56 - number * 1.4)
    settings = get_settings(tenant_id=tenant.id)
    request = InvoiceRequest(items=item_requests(chance, products), currency=customer.currency)
    common: dict[str, Any] = {"tenant_id": tenant.id, "at": at, "trace_id": ""}
    row = create_invoice(customer=customer, settings=settings, request=request, draft=number % 13 == 12, **common)
    if row.number is None:
        return
    late: dict[str, Any] = common | {"at": at + dt.timedelta(days=3), "invoice_id": row.id}
    if number % 11 == 3:
        void_invoice(reason="Issued twice", **late)
    elif number % 17 == 5:
        mark_uncollectible(reason="The customer has closed down", **late)
    elif number % 5 and number < 34:
        paid: dict[str, Any] = {"method": "bank_transfer", "reference": f"Statement {number:03d}", "amount": None}
        mark_paid(paid_at=at + dt.timedelta(days=3), **paid, **late)
    elif number < 28:
        Invoice.objects.filter(id=row.id).update(status="past_due")


def _queues(tenant: Tenant) -> None:
    now = SystemClock().now()
    for event in Event.objects.filter(tenant_id=tenant.id):
        Event.objects.filter(id=event.id).update(dispatched_at=now)
    lost = Event.objects.filter(tenant_id=tenant.id, type="invoice.paid").order_by("id")[:3]
    for event in lost:
        EventDelivery.objects.create(
            id=new_id(), tenant_id=tenant.id, event_id=event.id, subscriber="shop.deliver_goods",
            status=DeliveryStatus.DEAD, attempts=8, last_error="ConnectionError: the shop does not answer",
            created_at=now,
        )  # fmt: skip
    for number, invoice in enumerate(
        Invoice.objects.filter(tenant_id=tenant.id, number__isnull=False).order_by("id")[:9]
    ):
        mail = queue_mail(
            tenant_id=tenant.id, to=[f"billing-{number}@example.com"], subject=f"Invoice {invoice.invoice_number}",
            text="Your invoice is attached.", at=TODAY - dt.timedelta(hours=number), now=now, object_type="invoice",
            object_id=invoice.id,
        )  # fmt: skip
        done: dict[str, Any] = {"status": "sent", "sent_at": now, "next_attempt_at": None, "attempts": 1}
        if number in (2, 6):
            done |= {"status": "failed", "sent_at": None, "attempts": 8, "last_error": "550 5.1.1 No such mailbox here"}
        Mail.objects.filter(id=mail.id).update(**done)
        Invoice.objects.filter(id=invoice.id).update(email_status=done["status"])


def _callbacks(tenant: Tenant) -> None:
    now = SystemClock().now()
    at = TODAY - dt.timedelta(days=30)
    common: dict[str, Any] = {"tenant_id": tenant.id}
    books, shop, old = (
        create_subscriber(at=at, now=now, name=name, url=PermittedUrl(url), events=events, **common)[0]
        for name, url, events in (
            ("Bookkeeping", "https://books.example.com/hooks/ledger", ["invoice.*"]),
            ("Shop", "https://shop.example.com/api/ledger", ["invoice.paid", "customer.created"]),
            ("Former CRM", "https://crm.example.com/in", ["*"]),
        )
    )
    events = list(Event.objects.filter(**common).order_by("-id").values_list("id", "type")[:12])
    add_messages_of_events([one for one, _ in events], tenant_id=tenant.id, now=now)
    wanted = [(books.id, one, kind) for one, kind in events if kind.startswith("invoice.")]
    wanted += [(shop.id, one, kind) for one, kind in events if kind in ("invoice.paid", "customer.created")]
    add_deliveries(wanted, tenant_id=tenant.id, now=now)
    for number, row in enumerate(Delivery.objects.filter(**common).order_by("id")):
        failed = row.subscriber_id == shop.id
        ends = [(503, "upstream is down")] * 3 if failed else [(200, "ok")]
        for attempt, (status, body) in enumerate(ends, start=1):
            error = "The receiver answered 503." if failed else None
            Attempt.objects.create(
                delivery_id=row.id, number=attempt, at=now - dt.timedelta(minutes=9 - attempt), error=error,
                duration_ms=40 + 7 * number, response_status=status, response_body=body, **common,
            )  # fmt: skip
        state: dict[str, Any] = {"status": "succeeded", "delivered_at": now, "next_attempt_at": None, "failures": 0}
        if failed:
            later = now + dt.timedelta(hours=2)
            state = {
                "status": "failed",
                "next_attempt_at": later,
                "failures": 3,
                "last_error": "The receiver answered 503.",
            }
        Delivery.objects.filter(id=row.id).update(attempts=len(ends), **state)
    Subscriber.objects.filter(id=books.id).update(last_success_at=now)
    Subscriber.objects.filter(id=shop.id).update(last_failure_at=now, failing_since=now - dt.timedelta(minutes=9))
    Subscriber.objects.filter(id=old.id).update(
        active=False, disabled_reason="failing", last_failure_at=now - dt.timedelta(days=6)
    )
