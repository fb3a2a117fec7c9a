"""Claims about `seed_invoices`: what it invents is as sound as what is issued, and reaches nobody."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from billing.models import Customer, Payment, Product
from events.models import Event, EventDelivery, Mail
from invoicing.enums import InvoiceStatus as Is
from invoicing.models import Invoice, PaymentAllocation
from invoicing.seeding import fate_of
from invoicing.selectors import body_of
from invoicing.services.verifying import verify_numbering
from tenants.models import AuditEntry, Tenant
from tenants.scope import tenant_scope
from tenants.selectors import all_tenants
from tests.conftest import AT
from tests.invoicing.documents import Invoices

pytestmark = pytest.mark.django_db


def seed(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("seed_invoices", *arguments, "--json", stdout=out, stderr=io.StringIO())
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


def test_two_thousand_invoices_over_years_prove_themselves(make_tenant: Callable[..., Tenant]) -> None:
    tenant = make_tenant(is_test=True)
    made = seed("--tenant", tenant.slug, "--count", "2000", "--days", "1095")
    with tenant_scope(tenant.id):
        verdict = verify_numbering(tenant_id=tenant.id)
        rows = list(Invoice.objects.filter(tenant_id=tenant.id).order_by("id"))
        payments = Payment.objects.filter(tenant_id=tenant.id).count()
    assert verdict.findings == []
    assert verdict.series >= 3
    assert verdict.documents == 2_000 - made["drafts"]
    states = Counter(row.status for row in rows)
    assert set(states) == {Is.DRAFT, Is.PENDING, Is.PAST_DUE, Is.PAID, Is.VOID, Is.UNCOLLECTIBLE}
    assert states[Is.PAID] > 1_400
    assert len({row.currency for row in rows}) == 4
    assert payments == made["payments"]
    dates = [row.created_at for row in rows]
    assert dates == sorted(dates)
    assert all(row.created_at.microsecond % 1000 == 0 for row in rows)


def test_what_was_paid_is_what_the_payments_say(make_tenant: Callable[..., Tenant]) -> None:
    tenant = make_tenant(is_test=True)
    seed("--tenant", tenant.slug, "--count", "300")
    with tenant_scope(tenant.id):
        paid = {row.id: row.amount_paid for row in Invoice.objects.filter(tenant_id=tenant.id) if row.amount_paid}
        told: Counter[Any] = Counter()
        for one in PaymentAllocation.objects.select_related("payment").filter(tenant_id=tenant.id):
            assert one.payment.amount == one.amount
            told[one.invoice_id] += one.amount
    assert dict(told) == paid
    assert len(paid) > 200


def test_nobody_is_mailed_and_no_subscriber_is_called_about_what_is_invented(scope: Tenant) -> None:
    seed("--tenant", scope.slug, "--count", "50", "--yes")
    of_tenant = {"tenant_id": scope.id}
    assert Event.objects.filter(**of_tenant, type="invoice.finalised").count() >= 45
    assert Event.objects.filter(**of_tenant, dispatched_at__isnull=True).count() == 0
    assert EventDelivery.objects.filter(**of_tenant).count() == 0
    assert Mail.objects.filter(**of_tenant).count() == 0


def test_an_invented_invoice_tells_the_same_in_its_event_and_over_the_api(scope: Tenant) -> None:
    seed("--tenant", scope.slug, "--count", "40", "--yes")
    for row in Invoice.objects.select_related("buyer").filter(tenant_id=scope.id, status=Is.PENDING):
        event = Event.objects.get(tenant_id=scope.id, object_id=row.id)
        assert json.loads(event.data) == json.loads(json.dumps(body_of(row)))


def test_the_audit_trail_says_that_a_command_did_it_and_why(scope: Tenant) -> None:
    seed("--tenant", scope.slug, "--count", "5", "--yes")
    entries = list(AuditEntry.objects.filter(tenant_id=scope.id, entity_type="invoice", action="invoice.created"))
    assert len(entries) == 5
    assert {(one.actor_id, one.reason) for one in entries} == {("command:seed_invoices", "Invented data")}


def test_the_numbers_go_on_after_those_that_were_given_and_before_those_to_come(invoices: Invoices) -> None:
    first = invoices.make(10_000)
    seed("--tenant", invoices.tenant.slug, "--count", "30", "--days", "1", "--yes")
    last = invoices.make(10_000)
    with tenant_scope(invoices.tenant.id):
        assert verify_numbering(tenant_id=invoices.tenant.id).findings == []
    assert first["invoiceNumber"] == min(invoices.numbers())
    assert last["invoiceNumber"] == max(invoices.numbers())


def test_twice_adds_customers_and_keeps_the_products(scope: Tenant) -> None:
    seed("--tenant", scope.slug, "--count", "40", "--yes")
    products = Product.objects.filter(tenant_id=scope.id).count()
    seed("--tenant", scope.slug, "--count", "40", "--yes")
    assert Product.objects.filter(tenant_id=scope.id).count() == products == 12
    assert Customer.objects.filter(tenant_id=scope.id).count() == 4


def test_a_tenant_that_is_no_test_tenant_is_left_alone_without_yes(tenant: Tenant) -> None:
    with pytest.raises(CommandError, match="not a test tenant"):
        seed("--tenant", tenant.slug)
    with tenant_scope(tenant.id):
        assert Customer.objects.filter(tenant_id=tenant.id).count() == 0


def test_without_a_tenant_it_makes_a_new_test_tenant_each_time(db: None) -> None:
    assert [seed("--count", "3")["tenant"], seed("--count", "3")["tenant"]] == ["seeded", "seeded-2"]
    made = {slug: tenant_id for tenant_id, slug in all_tenants()}
    with tenant_scope(made["seeded-2"]):
        assert Tenant.objects.get(id=made["seeded-2"]).is_test


def test_nothing_happens_in_the_future_and_what_fell_due_is_not_pending() -> None:
    chance = Random(7)
    for age in range(1, 60):
        issued_at = AT - dt.timedelta(days=age)
        due_date = issued_at + dt.timedelta(days=14)
        for _ in range(40):
            fate = fate_of(chance, total=1_000, issued_at=issued_at, due_date=due_date, now=AT)
            assert all(time is None or issued_at <= time < AT for time in (fate.paid_at, fate.voided_at))
            assert (fate.status == Is.PENDING) <= (due_date > AT)
            assert (fate.status in (Is.PAST_DUE, Is.UNCOLLECTIBLE)) <= (due_date <= AT)
            assert (fate.paid == 1_000) == (fate.status == Is.PAID)
