"""Filling a tenant with invented invoices, many thousands a minute, for tests of size and for trying things out.

They are real invoices: numbers, digests and the hash chain are computed as issuing computes them, and every guard, the
audit trail included, sees the rows. Only the transport differs: thousands of rows to a statement. Their events are
written as dispatched already, so that nobody is mailed and no subscriber is called about invented invoices.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Model

from billing.enums import PaymentMethodKind, PaymentStatus
from billing.models import Customer, Payment, Product
from billing.services.payments import MANUAL_PROVIDER
from billing.services.products import create_product
from common.ids import new_id
from events.models import Event
from invoicing.announcements import FINALISED
from invoicing.basis import Terms, plain_basis
from invoicing.composition import compose, issue_year
from invoicing.content import Buyer, Content
from invoicing.enums import EmailStatus, InvoiceStatus
from invoicing.models import Invoice, InvoiceBuyer, InvoiceItem, NumberSeries, PaymentAllocation
from invoicing.numbering import INVOICE_SERIES, chain, number_text
from invoicing.representations import State, invoice_body
from invoicing.requests import InvoiceRequest
from invoicing.seeding import PRODUCTS, Fate, customer_fields, fate_of, item_requests
from invoicing.selectors import buyer_of, terms_of
from invoicing.services.numbers import ensure_series
from invoicing.services.seeding_books import Invented, accounts_of, post_invented
from tenants.context import Context
from tenants.scope import tenant_scope
from tenants.selectors import get_settings

BATCH = 5_000
INVOICES_PER_CUSTOMER = 20
ONE_DRAFT_IN = 100

_UPDATE = """
UPDATE invoicing_invoice i
SET status = r.status, amount_paid = r.amount_paid, paid_at = r.paid_at, voided_at = r.voided_at,
    void_reason = r.void_reason, updated_at = r.updated_at
FROM json_to_recordset(%s::json) AS r(
    id uuid, status varchar, amount_paid bigint, paid_at timestamptz, voided_at timestamptz, void_reason varchar,
    updated_at timestamptz
)
WHERE i.tenant_id = %s AND i.id = r.id
"""


@dataclass(frozen=True, slots=True)
class Seeded:
    """How much was written."""

    customers: int
    products: int
    invoices: int
    drafts: int
    payments: int


@dataclass(slots=True)
class _Buyers:
    """What invoices are drawn from."""

    customers: list[tuple[UUID, str | None, Buyer]]
    products: list[Product]
    terms: Terms


@dataclass(slots=True)
class _Made:
    """An invoice before it has a number."""

    content: Content
    buyer: Buyer
    salt: bytes
    buyer_digest: bytes
    digest: bytes
    created_at: dt.datetime
    fate: Fate | None  # None for a draft


@dataclass(slots=True)
class _Batch:
    made: list[_Made]
    items: list[dict[str, Any]]
    buyers: list[dict[str, Any]]


def seed_invoices(
    *, context: Context, count: int, start: dt.datetime, now: dt.datetime, seed: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Seeded:  # fmt: skip
    """Write `count` invoices issued between `start` and `now`, in order, in transactions of some thousands each.

    The same `seed` draws the same names, amounts and fates. What a run wrote before it was stopped stays, and is whole.
    """
    chance = Random(seed)  # noqa: S311 - invented data, no secret
    with tenant_scope(context):
        pool = _prepare(context, chance, count=count, start=start)
    drafts = payments = done = 0
    step = (now - start) / count
    # One thread composes the next batch while the database works on this one.
    with ThreadPoolExecutor(1) as ahead:
        batches = [range(first, min(first + BATCH, count)) for first in range(0, count, BATCH)]
        waiting = ahead.submit(_compose, pool, chance, batches[0], start, step, now)
        for following in [*batches[1:], None]:
            batch = waiting.result()
            if following is not None:
                waiting = ahead.submit(_compose, pool, chance, following, start, step, now)
            with tenant_scope(context):
                _plan_for_many()
                payments += _write(context, pool.terms, batch, now)
            drafts += sum(one.fate is None for one in batch.made)
            done += len(batch.made)
            progress(done)
    return Seeded(len(pool.customers), len(pool.products), count, drafts, payments)


def _prepare(context: Context, chance: Random, *, count: int, start: dt.datetime) -> _Buyers:
    tenant_id = context.tenant_id
    settings = get_settings(tenant_id=tenant_id)
    first = Customer.objects.filter(tenant_id=tenant_id, external_id__startswith="seed-").count()
    customers = Customer.objects.bulk_create(
        (
            Customer(tenant_id=tenant_id, created_at=start, updated_at=start, **customer_fields(chance, first + number))
            for number in range(max(1, count // INVOICES_PER_CUSTOMER))
        ),
        batch_size=BATCH,
    )
    names = {name for name, *_ in PRODUCTS}
    products = list(Product.objects.filter(tenant_id=tenant_id, name__in=names, price__isnull=False))
    known = {product.name for product in products}
    products += [
        create_product(tenant_id=tenant_id, at=start, name=name, type=kind, price=price, interval=interval)
        for name, kind, price, interval in PRODUCTS
        if name not in known
    ]
    people = [(one.id, one.currency, buyer_of(one, settings, notes=None)) for one in customers]
    return _Buyers(people, products, terms_of(settings))


def _compose(
    pool: _Buyers, chance: Random, numbers: range, start: dt.datetime, step: dt.timedelta, now: dt.datetime
) -> _Batch:  # fmt: skip
    made, items, buyers = [], [], []
    for number in numbers:
        at = start + step * number
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        customer_id, currency, buyer = chance.choice(pool.customers)
        draft = chance.randrange(ONE_DRAFT_IN) == 0
        request = InvoiceRequest(items=item_requests(chance, pool.products))
        content = compose(
            request, customer_id=customer_id, currency=currency or pool.terms.default_currency,
            basis=plain_basis(pool.terms), issued_at=None if draft else at,
        )  # fmt: skip
        salt = os.urandom(16)
        fate = None
        if content.issued_at is not None and content.due_date is not None:
            fate = fate_of(chance, total=content.total, issued_at=at, due_date=content.due_date, now=now)
        buyer_digest = buyer.digest(salt)
        one = _Made(content, buyer, salt, buyer_digest, content.digest(buyer_digest), at, fate)
        made.append(one)
        items += _items(content)
        buyers.append(_buyer(one))
    return _Batch(made, items, buyers)


def _write(context: Context, terms: Terms, batch: _Batch, now: dt.datetime) -> int:
    """Number the batch and write it; how many payments it has."""
    tenant_id = context.tenant_id
    invoices, events, heads = [], [], {}
    # Before the series is locked: who waits for a new account must not hold it.
    books = accounts_of(tenant_id=tenant_id, currencies=(one.content.currency for one in batch.made), at=now)
    for year, of_year in _by_year(batch.made, terms.time_zone):
        ensure_series(tenant_id=tenant_id, code=INVOICE_SERIES, year=year)
        series = NumberSeries.objects.select_for_update().get(tenant_id=tenant_id, code=INVOICE_SERIES, year=year)
        number, head = series.last_number, bytes(series.head)
        for one in of_year:
            row = _invoice(one)
            if one.fate is not None:
                number += 1
                text = number_text(INVOICE_SERIES, year, number)
                head = heads[one.content.id] = chain(head, one.digest, text)
                row |= {
                    "series": INVOICE_SERIES, "year": year, "number": number, "invoice_number": text,
                    "issued_at": one.created_at, "buyer_digest": _hex(one.buyer_digest),
                    "content_digest": _hex(one.digest), "chain_hash": _hex(head),
                }  # fmt: skip
                events.append(_event(one, row, now, context.trace_id))
            invoices.append(row)
        series.last_number, series.head = number, head
        series.save(update_fields=["last_number", "head"])
    _insert(Invoice, tenant_id, invoices)
    _insert(InvoiceItem, tenant_id, batch.items)
    _insert(InvoiceBuyer, tenant_id, batch.buyers)
    _insert(Event, tenant_id, events)
    payments = _settle(tenant_id, batch.made)
    invented = (
        Invented(one.content, one.created_at, heads[one.content.id], one.fate, payments.get(one.content.id))
        for one in batch.made
        if one.fate is not None and one.content.total
    )
    post_invented(tenant_id=tenant_id, invented=invented, books=books)
    return len(payments)


def _plan_for_many() -> None:
    """Foreign keys and guards of this transaction look rows up by index, although nobody has counted the rows yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('enable_seqscan', 'off', true), set_config('work_mem', '64MB', true)")


def _settle(tenant_id: UUID, made: Sequence[_Made]) -> dict[UUID, UUID]:
    """Invoices begin as pending; then becomes of them what becomes of them. The payment of each that has one."""
    changes, payments, allocations = [], [], []
    for one in made:
        fate = one.fate
        if fate is None or fate.status == InvoiceStatus.PENDING or not one.content.total:
            continue
        changes.append(
            {
                "id": one.content.id, "status": fate.status, "amount_paid": fate.paid, "voided_at": fate.voided_at,
                "paid_at": fate.paid_at if fate.status == InvoiceStatus.PAID else None, "void_reason": fate.void_reason,
                "updated_at": fate.paid_at or fate.voided_at or one.content.due_date,
            }
        )  # fmt: skip
        if fate.paid:
            payment = _payment(one, fate)
            payments.append(payment)
            allocations.append(
                {
                    "id": new_id(), "invoice_id": one.content.id, "payment_id": payment["id"], "amount": fate.paid,
                    "created_at": fate.paid_at,
                }
            )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, [orjson.dumps(changes).decode(), tenant_id])
    _insert(Payment, tenant_id, payments)
    _insert(PaymentAllocation, tenant_id, allocations)
    return {one["invoice_id"]: one["payment_id"] for one in allocations}


def _insert(model: type[Model], tenant_id: UUID, rows: Sequence[dict[str, Any]]) -> None:
    """All rows with one statement. They name the same columns; those that they do not name have their default."""
    if not rows:
        return
    table = model._meta.db_table
    columns = ", ".join(name for name in rows[0])
    sql = (
        f"INSERT INTO {table} (tenant_id, {columns}) SELECT %s, {columns} "  # noqa: S608 - names of our own models
        f"FROM json_populate_recordset(NULL::{table}, %s::json)"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [tenant_id, orjson.dumps(rows).decode()])


def _by_year(made: Sequence[_Made], time_zone: str) -> Iterator[tuple[int, list[_Made]]]:
    years: dict[int, list[_Made]] = {}
    for one in made:
        years.setdefault(issue_year(one.created_at, time_zone), []).append(one)
    yield from sorted(years.items())


def _invoice(one: _Made) -> dict[str, Any]:
    content = one.content
    paid_at = one.created_at if one.fate is not None and not content.total else None
    status = InvoiceStatus.DRAFT if one.fate is None else InvoiceStatus.PAID if paid_at else InvoiceStatus.PENDING
    return {
        "id": content.id, "customer_id": content.customer_id, "status": status, "currency": content.currency,
        "subtotal": content.subtotal, "discount": content.discount, "tax": content.tax, "total": content.total,
        "tax_breakdown": content.tax_breakdown, "item_count": len(content.items), "skip_tax": content.skip_tax,
        "period_start": None, "period_end": None, "due_date": content.due_date, "series": None, "year": None,
        "number": None, "invoice_number": None, "issued_at": None, "buyer_digest": None, "content_digest": None,
        "chain_hash": None, "settings_version": content.settings_version, "amount_paid": 0,
        "amount_refunded": 0, "amount_credited": 0, "paid_at": paid_at,
        "email_status": EmailStatus.NONE, "metadata": {}, "created_at": one.created_at, "updated_at": one.created_at,
    }  # fmt: skip


def _items(content: Content) -> list[dict[str, Any]]:
    return [
        {
            "id": item.id, "invoice_id": content.id, "position": position, "type": item.type,
            "description": item.description, "quantity": int(item.quantity), "unit_price": int(item.unit_price),
            "total": item.total, "discount": item.discount, "tax_rate": str(item.tax_rate), "taxes": item.taxes,
            "tax_code": item.tax_code, "product_id": item.product_id, "price_id": None, "period_start": None,
            "period_end": None, "metadata": {},
        }
        for position, item in enumerate(content.items)
    ]  # fmt: skip


def _buyer(one: _Made) -> dict[str, Any]:
    buyer = one.buyer
    return {
        "id": one.content.id, "user_id": buyer.user_id, "name": buyer.name, "email": buyer.email,
        "address": buyer.address, "vat_id": buyer.vat_id, "locale": buyer.locale, "notes": buyer.notes,
        "payment_instructions": buyer.payment_instructions, "salt": _hex(one.salt),
    }  # fmt: skip


def _event(one: _Made, row: dict[str, Any], now: dt.datetime, trace_id: str) -> dict[str, Any]:
    state = State(
        status=row["status"], invoice_number=row["invoice_number"], created_at=one.created_at,
        updated_at=one.created_at, paid_at=row["paid_at"],
    )  # fmt: skip
    body = invoice_body(one.content, one.buyer, state)
    return {
        "id": new_id(), "type": FINALISED, "object_type": "invoice", "object_id": one.content.id,
        "data": orjson.dumps(body).decode(), "occurred_at": one.created_at, "trace_id": trace_id, "version": 1,
        "dispatched_at": now,
    }  # fmt: skip


def _payment(one: _Made, fate: Fate) -> dict[str, Any]:
    method = PaymentMethodKind.CARD if one.salt[0] < 60 else PaymentMethodKind.BANK_TRANSFER
    return {
        "id": new_id(), "customer_id": one.content.customer_id, "amount": fate.paid, "currency": one.content.currency,
        "status": PaymentStatus.SUCCEEDED, "outcome_unknown": False, "amount_refunded": 0, "provider": MANUAL_PROVIDER,
        "provider_ref": None, "method": method, "reference": f"Statement {fate.paid_at:%Y-%m}/{one.salt[1]:03d}",
        "failure_code": None, "failure_message": None, "metadata": {}, "paid_at": fate.paid_at,
        "created_at": fate.paid_at, "updated_at": fate.paid_at,
    }  # fmt: skip


def _hex(value: bytes) -> str:
    return "\\x" + value.hex()
