"""The one statement and the ordinary functions write the same rows, events, audit entries and answers."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from accounting.models import Account, JournalEntry, JournalLine
from accounting.posting import entry_digest
from accounting.services.verifying import verify_books
from billing.services.credit import credit_customer, grant_credit
from billing.services.customers import create_customer
from billing.services.products import create_product
from common.api.rendering import dumps
from common.ids import encode_id
from common.prefixes import INVOICE
from invoicing.api.views import result
from invoicing.content import Content
from invoicing.models import Invoice, Recognition
from invoicing.recognition import deferred, schedule
from invoicing.requests import InvoiceRequest, ItemRequest
from invoicing.selectors import body_of, buyer_from, content_of, items_of
from invoicing.services import one_statement
from invoicing.services.issuing import create_invoice, finalise_invoice
from invoicing.services.one_statement import issue_in_one_statement
from tenants.context import Actor, ActorType, Context
from tenants.idempotency import Guard
from tenants.identity import Caller
from tenants.models import IdempotencyKey, Tenant
from tenants.scope import tenant_scope
from tenants.selectors import get_settings
from tenants.services.settings import update_settings
from tenants.services.tenants import create_tenant
from tests.invoicing.documents import rows_of
from tests.invoicing.strategies import CUSTOMERS, INSTANTS, SETTINGS, invoice_requests, maybe

pytestmark = pytest.mark.django_db(transaction=True)
DOCUMENT = (
    "invoicing_invoice", "invoicing_invoiceitem", "invoicing_invoicebuyer", "invoicing_numberseries",
    "invoicing_recognition", "accounting_account", "accounting_journalentry", "accounting_journalline",
)  # fmt: skip
CREDIT = ("accounting_grant", "billing_payment", "invoicing_paymentallocation", "accounting_grantuse")
EXPIRES = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
_PRODUCT = UUID(int=1)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TYPE_ID = re.compile(r"\b(tnt|cst|inv|li|prd|key)_[0-7][0-9a-hjkmnp-tv-z]{25}\b")
_BYTES = re.compile(r"\\\\x(?:[0-9a-f]{32}|[0-9a-f]{64})\b")


def alike(value: Any) -> Any:
    """`value` with ids, salts and what is derived from them replaced by their kind."""
    text = json.dumps(value, sort_keys=True)
    return json.loads(_BYTES.sub("bytes", _TYPE_ID.sub(r"\1", _UUID.sub("uuid", text))))


class Seller:
    """A tenant made for one way of issuing, with the same customer, product and settings as the others."""

    number = 0

    def __init__(self, customer: dict[str, Any], terms: dict[str, Any], at: dt.datetime) -> None:
        Seller.number += 1
        self.tenant: Tenant = create_tenant(slug=f"seller-{Seller.number}", name="Seller", at=at)
        self.at = at
        actor = Actor(ActorType.SERVICE, "key_01hqx3qgf2c8mhwy9s6zwmf3yh")
        self.context = Context(self.tenant.id, actor, "trace-1", "192.0.2.1")
        self.caller = Caller(actor, self.tenant.id, frozenset({"*"}))
        with tenant_scope(self.tenant.id):
            update_settings(tenant_id=self.tenant.id, changes=terms, at=at)
            self.customer = create_customer(tenant_id=self.tenant.id, at=at, **customer)
            self.product = create_product(tenant_id=self.tenant.id, at=at, name="P", type="one_time")
        self.seen = {table: len(rows_of(table, tenant=self.tenant)) for table in ("events_event", "tenants_auditentry")}

    def own(self, request: InvoiceRequest) -> InvoiceRequest:
        """The request for this tenant's product."""
        items = [replace(one, product_id=self.product.id) if one.product_id else one for one in request.items]
        return replace(request, items=items)

    def give(self, *, plain: int, granted: int) -> None:
        """Credit in euros: without conditions, and as a grant. What is written from now on counts."""
        with tenant_scope(self.context):
            give: dict[str, Any] = {
                "tenant_id": self.tenant.id,
                "customer_id": self.customer.id,
                "currency": "EUR",
                "at": self.at,
            }
            if granted:
                grant_credit(amount=granted, **give)
            if plain:
                credit_customer(amount=plain, reason="Goodwill", **give)
        tables = ("events_event", "tenants_auditentry", "accounting_account")
        self.seen = {table: len(rows_of(table, tenant=self.tenant)) for table in tables}

    def in_one_statement(self, request: InvoiceRequest, key: str | None) -> bytes:
        guard = Guard(self.tenant.id, key, b"f" * 32) if key else None
        issued = issue_in_one_statement(
            context=self.context, caller=self.caller, who=self.customer.external_id or self.customer.id,
            request=self.own(request), at=self.at, guard=guard, key_expires_at=EXPIRES,
        )  # fmt: skip
        assert issued is not None
        if key:
            with tenant_scope(self.tenant.id):
                kept = IdempotencyKey.objects.get()
            assert (kept.key, kept.body.encode(), kept.location) == (key, issued.body, issued.location)
            assert (kept.status, kept.expires_at, bytes(kept.fingerprint)) == (201, EXPIRES, b"f" * 32)
        return issued.body

    def step_by_step(self, request: InvoiceRequest, *, draft: bool = False) -> bytes:
        with tenant_scope(self.context):
            invoice = create_invoice(
                tenant_id=self.tenant.id, customer=self.customer, settings=get_settings(tenant_id=self.tenant.id),
                request=self.own(request), at=self.at, draft=draft, trace_id=self.context.trace_id,
            )  # fmt: skip
            if not draft:
                return dumps(result(invoice))
        with tenant_scope(self.context):
            invoice = finalise_invoice(
                tenant_id=self.tenant.id, invoice_id=invoice.id, settings=get_settings(tenant_id=self.tenant.id),
                at=self.at, trace_id=self.context.trace_id,
            )  # fmt: skip
            return dumps(result(invoice))

    def written(self, table: str) -> list[dict[str, Any]]:
        """Whole rows since the preparations; the times of audit entries are real time."""
        rows = rows_of(table, tenant=self.tenant)[self.seen.get(table, 0) :]
        if table == "events_event":
            rows = [{**row, "data": json.loads(row["data"])} for row in rows]
        if table == "tenants_auditentry":
            rows = [{**row, "created_at": None} for row in rows]
        if table == "accounting_journalentry":
            rows = [{**row, "xid": None} for row in rows]
        return rows

    def check(self, answer: bytes) -> None:
        """What is stored is what was answered and announced, and its digests prove it."""
        with tenant_scope(self.tenant.id):
            row = Invoice.objects.select_related("buyer").get()
            body = json.loads(dumps(body_of(row)))
            assert {"success": True, **body} == json.loads(answer)
            buyer = buyer_from(row.buyer)
            assert buyer.digest(bytes(row.buyer.salt or b"")) == bytes(row.buyer_digest or b"")
            content = content_of(row, items_of(row))
            assert content.digest(bytes(row.buyer_digest or b"")) == bytes(row.content_digest or b"")
            self.check_books(row, content)
        announced = [event for event in self.written("events_event") if event["type"] != "invoice.created"]
        assert announced
        for event in announced:
            assert event["data"] == body
            assert event["object_id"] == str(row.id)

    def check_books(self, row: Invoice, content: Content) -> None:
        """The entry is about this document, proves it, and is what its digest covers."""
        entries = list(JournalEntry.objects.all())
        assert [entry.source_id for entry in entries] == ([row.id] if row.total else [])
        for entry in entries:
            lines = [(one.account_id, one.side, one.amount) for one in entry.lines.order_by("position")]
            assert (entry.kind, entry.source_type, entry.created_at) == ("invoice.finalised", "invoice", row.issued_at)
            assert bytes(entry.evidence or b"") == bytes(row.chain_hash or b"")
            assert bytes(entry.digest) == entry_digest(
                id=entry.id, kind=entry.kind, source_type="invoice", source_id=row.id, batch_id=None, reverses=None,
                at=entry.created_at, lines=lines, text=None, evidence=bytes(row.chain_hash or b""),
            )  # fmt: skip
        zone = get_settings(tenant_id=self.tenant.id).time_zone
        months = schedule(content, issued_at=self.at, time_zone=zone)
        stored = [(one.month, one.amount, one.effective_at) for one in Recognition.objects.order_by("month")]
        assert stored == [(one.month, one.amount, one.effective_at) for one in months]
        roles = dict(Account.objects.values_list("id", "code"))
        booked = {roles[one.account_id]: (one.side, one.amount) for one in JournalLine.objects.all()}
        expected = {
            "receivables": ("debit", row.total), "tax_payable": ("credit", row.tax),
            "deferred_revenue": ("credit", deferred(months)),
            "revenue": ("credit", row.total - row.tax - deferred(months)),
        }  # fmt: skip
        assert booked == {f"{role}:{row.currency}": line for role, line in expected.items() if line[1]}


# Shrinking would make three tenants per step; what is found is small enough to read.
@settings(max_examples=25, phases=[Phase.explicit, Phase.generate])
@given(
    customer=CUSTOMERS, terms=SETTINGS, at=INSTANTS, key=maybe(st.just("key-1")),
    request=invoice_requests(maybe(st.just(_PRODUCT))),
)  # fmt: skip
def test_both_ways_write_the_same(db, customer, terms, at, key, request):
    hot, ordinary, drafted = (Seller(customer, terms, at) for _ in range(3))
    answer = hot.in_one_statement(request, key)
    stepwise = ordinary.step_by_step(request)
    finalised = drafted.step_by_step(request, draft=True)

    # The order of metadata is the caller's or that of jsonb; everything else stands in one order.
    assert alike(json.loads(answer)) == alike(json.loads(stepwise))
    assert [*json.loads(answer)] == [*json.loads(stepwise)]
    for table in DOCUMENT:
        assert alike(hot.written(table)) == alike(ordinary.written(table)), table
        assert alike(hot.written(table)) == alike(drafted.written(table)), table
    for table in ("events_event", "tenants_auditentry"):
        assert alike(hot.written(table)) == alike(ordinary.written(table)), table
    # A draft is announced when it is made and again when it is finalised, and its trail has both acts.
    assert alike(json.loads(answer)) == alike(json.loads(finalised))
    types = [event["type"] for event in hot.written("events_event")]
    assert [event["type"] for event in drafted.written("events_event")] == types
    for seller, body in ((hot, answer), (ordinary, stepwise), (drafted, finalised)):
        seller.check(body)


@settings(max_examples=15, phases=[Phase.explicit, Phase.generate])
@given(
    terms=SETTINGS, at=INSTANTS, amounts=st.lists(st.integers(0, 500), min_size=1, max_size=3),
    currency=st.sampled_from(["EUR", "JPY"]), plain=st.integers(0, 900), granted=st.integers(0, 900),
)  # fmt: skip
def test_credit_is_used_alike_however_an_invoice_gets_its_number(db, terms, at, amounts, currency, plain, granted):
    request = InvoiceRequest(items=[ItemRequest(f"Part {amount}", amount) for amount in amounts], currency=currency)
    ways = hot, ordinary, drafted = [Seller({"external_id": "u"}, terms, at) for _ in range(3)]
    for seller in ways:
        seller.give(plain=plain, granted=granted)
    in_euro = plain + granted if currency == "EUR" else 0
    issued = issue_in_one_statement(
        context=hot.context, caller=hot.caller, who="u", request=request, at=at, guard=None, key_expires_at=EXPIRES
    )
    total = sum(amounts) if issued is None else json.loads(issued.body)["total"]
    assert (issued is None) == bool(in_euro and total)
    if issued is None:
        assert hot.written("invoicing_invoice") == hot.written("invoicing_numberseries") == []
    answers = [issued.body if issued else hot.step_by_step(request), ordinary.step_by_step(request)]
    answers.append(drafted.step_by_step(request, draft=True))

    first = json.loads(answers[0])
    assert first["amountPaid"] == min(first["total"], in_euro)
    for seller, answer in zip(ways, answers, strict=True):
        assert alike(json.loads(answer)) == alike(first)
        for table in (*DOCUMENT, *CREDIT):
            assert alike(seller.written(table)) == alike(hot.written(table)), table
        with tenant_scope(seller.tenant.id):
            assert verify_books(tenant_id=seller.tenant.id).findings == []
    for table in ("events_event", "tenants_auditentry"):
        assert alike(hot.written(table)) == alike(ordinary.written(table)), table
    types = [event["type"] for event in hot.written("events_event")]
    assert [event["type"] for event in drafted.written("events_event")] == types


def test_nothing_else_is_written_by_either_way(db, at):
    customer = {"external_id": "u"}
    hot, ordinary = Seller(customer, {}, at), Seller(customer, {}, at)
    tables = [name for name in connection.introspection.table_names() if not name.startswith(("django_", "auth_"))]

    def counts(seller: Seller) -> dict[str, int]:
        with tenant_scope(seller.tenant.id), connection.cursor() as cursor:
            found = {}
            for table in tables:
                cursor.execute(f"SELECT count(*) FROM {table}")
                found[table] = cursor.fetchone()[0]
        return found

    before = counts(hot), counts(ordinary)
    request = InvoiceRequest(items=[*_two_items()])
    hot.in_one_statement(request, None)
    ordinary.step_by_step(request)
    after = counts(hot), counts(ordinary)
    changes = [
        {name: new[name] - old[name] for name in tables if new[name] != old[name]}
        for old, new in zip(before, after, strict=True)
    ]
    assert changes[0] == changes[1] == {
        "invoicing_invoice": 1, "invoicing_invoiceitem": 2, "invoicing_invoicebuyer": 1, "invoicing_numberseries": 1,
        "events_event": 2, "tenants_auditentry": 4, "accounting_account": 2, "accounting_journalentry": 1,
        "accounting_journalline": 2,
    }  # fmt: skip


def _two_items() -> tuple[ItemRequest, ItemRequest]:
    return ItemRequest("A", 1), ItemRequest("B", 2, 3)


def test_the_statement_works_in_a_callers_transaction_after_an_earlier_one_was_rolled_back(db, at):
    seller = Seller({"external_id": "u"}, {}, at)
    request = InvoiceRequest(items=[*_two_items()])
    seller.in_one_statement(request, None)
    for _ in range(8):
        # psycopg prepares what is repeated, and discards every preparation of the connection after a rollback.
        with tenant_scope(seller.tenant.id):
            Invoice.objects.count()
            transaction.set_rollback(True)
    with tenant_scope(seller.context):
        seller.in_one_statement(request, None)
        seller.in_one_statement(request, None)
    assert seller.in_one_statement(request, None)
    with tenant_scope(seller.tenant.id):
        assert [row.number for row in Invoice.objects.order_by("number")] == [1, 2, 3, 4]


def test_the_location_names_the_document(db, at):
    seller = Seller({"external_id": "u"}, {}, at)
    issued = issue_in_one_statement(
        context=seller.context, caller=seller.caller, who="u", request=InvoiceRequest(items=[*_two_items()]), at=at,
        guard=None, key_expires_at=EXPIRES,
    )  # fmt: skip
    assert issued is not None
    with tenant_scope(seller.tenant.id):
        assert issued.location == f"/api/invoices/{encode_id(INVOICE, Invoice.objects.get().id)}"
    assert (seller.tenant.id, "u") in one_statement._facts
