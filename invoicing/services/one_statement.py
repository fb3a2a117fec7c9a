"""Issuing an invoice in one statement and one round trip.

The ordinary way (`issuing.create_invoice`) reads customer, settings and series, and writes row after row. Here the
facts come from a cache in this process and are checked by version in the statement itself; when one of them has
changed, nothing is written and the facts are read anew. What the statement writes is what the ordinary way writes; a
property test compares the two. Whatever is not plain (an unknown customer, a draft) is left to the ordinary way.
"""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from billing.models import Customer
from common.ids import encode_id, new_id
from common.prefixes import INVOICE
from events.wakeup import nudge
from invoicing.announcements import announced_by_issuing
from invoicing.content import Buyer, Content, InvoiceRequest, Terms, compose, issue_year, plain
from invoicing.enums import InvoiceStatus
from invoicing.numbering import INVOICE_SERIES
from invoicing.representations import State, invoice_body
from invoicing.selectors import buyer_of, terms_of
from invoicing.services.numbers import NEXT, TEXT, ensure_series
from tenants.context import Context
from tenants.idempotency import Guard
from tenants.identity import Caller
from tenants.models import TenantSettings
from tenants.scope import tenant_scope
from tenants.statement import HotStatement

_ATTEMPTS = 3
_CACHE_SIZE = 20_000

_SQL = f"""
WITH guard AS (
    SELECT 1
    FROM billing_customer c
    JOIN tenants_tenantsettings s ON s.tenant_id = c.tenant_id
    JOIN tenants_tenant t ON t.id = c.tenant_id
    WHERE c.tenant_id = $1::uuid AND c.id = $2::uuid AND c.version = $3::integer AND s.version = $4::integer
        AND t.status = 'active'
        AND ($5::uuid IS NULL OR EXISTS (
            SELECT 1 FROM tenants_servicekey k
            WHERE k.id = $5::uuid AND k.tenant_id = $1::uuid AND k.revoked_at IS NULL AND k.scopes = $43::varchar[]
                AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
        ))
), taken AS (
    UPDATE invoicing_numberseries
    SET last_number = last_number + 1, head = sha256(head || $6::bytea || convert_to({NEXT}, 'UTF8'))
    WHERE tenant_id = $1::uuid AND code = '{INVOICE_SERIES}' AND year = $7::smallint AND EXISTS (SELECT 1 FROM guard)
    RETURNING last_number, {TEXT.format(n="last_number")} AS text, head
), document AS (
    INSERT INTO invoicing_invoice (
        id, tenant_id, customer_id, status, currency, subtotal, discount, tax, total, tax_breakdown, item_count,
        skip_tax, period_start, period_end, due_date, series, year, number, invoice_number, issued_at, buyer_digest,
        content_digest, chain_hash, amount_paid, amount_refunded, amount_credited, paid_at, email_status, metadata,
        created_at, updated_at
    )
    SELECT
        $8::uuid, $1::uuid, $2::uuid, $9::varchar, $10::varchar, $11::bigint, 0, $12::bigint, $13::bigint, $14::jsonb,
        $15::integer, $16::boolean, $17::timestamptz, $18::timestamptz, $19::timestamptz, '{INVOICE_SERIES}',
        $7::smallint, last_number, text, $20::timestamptz, $21::bytea, $6::bytea, head, 0, 0, 0, $22::timestamptz,
        'none', $23::jsonb, $20::timestamptz, $20::timestamptz
    FROM taken
), items AS (
    INSERT INTO invoicing_invoiceitem (
        id, tenant_id, invoice_id, position, type, description, quantity, unit_price, total, discount, tax_rate, taxes,
        tax_code, product_id, period_start, period_end, metadata
    )
    SELECT
        r.id, $1::uuid, $8::uuid, r.p, r.type, r.d, r.q, r.u, r.t, 0, r.rate, r.taxes, r.code, r.product, r.starts,
        r.ends, r.meta
    FROM taken, json_to_recordset($24::json) AS r(
        id uuid, p integer, type varchar, d varchar, q numeric, u numeric, t bigint, rate numeric, taxes jsonb,
        code varchar, product uuid, starts timestamptz, ends timestamptz, meta jsonb
    )
), addressee AS (
    INSERT INTO invoicing_invoicebuyer (
        id, tenant_id, user_id, name, email, address, vat_id, locale, notes, payment_instructions, salt
    )
    SELECT
        $8::uuid, $1::uuid, $25::varchar, $26::varchar, $27::varchar, $28::jsonb, $29::varchar, $30::varchar, $31::text,
        NULL, $32::bytea
    FROM taken
), announced AS (
    INSERT INTO events_event (id, tenant_id, type, object_type, object_id, data, occurred_at, trace_id)
    SELECT e.id, $1::uuid, e.type, 'invoice', $8::uuid, '{{' || $33::text || text || $34::text, $20::timestamptz,
        $35::varchar
    FROM taken, unnest($36::uuid[], $37::varchar[]) AS e(id, type)
), kept AS (
    INSERT INTO tenants_idempotencykey (id, tenant_id, key, fingerprint, status, body, location, expires_at)
    SELECT $38::uuid, $1::uuid, $39::varchar, $40::bytea, 201, '{{"success":true,' || $33::text || text || $34::text,
        $41::text, $42::timestamptz
    FROM taken WHERE $38::uuid IS NOT NULL
)
SELECT (SELECT count(*) FROM guard), (SELECT text FROM taken)
"""  # noqa: S608 - constants of this module and of `numbers`
_STATEMENT = HotStatement("issue_invoice", _SQL)

_FACTS = """
SELECT row_to_json(c), row_to_json(s)
FROM billing_customer c JOIN tenants_tenantsettings s ON s.tenant_id = c.tenant_id
WHERE c.tenant_id = $1::uuid AND c.erased_at IS NULL
"""
_FACTS_BY_ID = HotStatement("invoice_facts_by_id", _FACTS + "AND c.id = $2::uuid")
_FACTS_BY_EXTERNAL_ID = HotStatement("invoice_facts_by_external_id", _FACTS + "AND c.external_id = $2::varchar")


@dataclass(frozen=True, slots=True)
class Facts:
    """What an invoice takes from its customer and from the settings, with the versions that prove it current."""

    customer_id: UUID
    customer_version: int
    currency: str | None
    tax_exempt: bool
    buyer: Buyer  # without notes
    terms: Terms


@dataclass(frozen=True, slots=True)
class Issued:
    """What was committed: the answer's bytes and where the invoice lives."""

    body: bytes
    location: str


_facts: dict[tuple[UUID, str | UUID], Facts] = {}


def issue_in_one_statement(
    *, context: Context, caller: Caller, who: str | UUID, request: InvoiceRequest, at: dt.datetime,
    guard: Guard | None, key_expires_at: dt.datetime,
) -> Issued | None:  # fmt: skip
    """Issue an invoice of the customer `who` (an external id, or an id), or None where the ordinary way is needed.

    Raises `django.db.IntegrityError` when the idempotency key is taken or a product does not exist (nothing happened
    then), `AmountTooLarge`, and `OperationalError` when the outcome is unknown.
    """
    for attempt in range(_ATTEMPTS):
        facts = facts_of(context, who, fresh=attempt > 0)
        if facts is None:
            return None
        content = compose(
            request, customer_id=facts.customer_id, currency=request.currency or facts.currency or
            facts.terms.default_currency, exempt=facts.tax_exempt, terms=facts.terms, issued_at=at,
        )  # fmt: skip
        year = issue_year(at, facts.terms.time_zone)
        found, answer = _send(context, caller, facts, content, request, at, year, guard, key_expires_at)
        if answer is not None:
            nudge()
            return answer
        if found:
            # The facts are current, so it was the series: this is the first document of the year.
            with tenant_scope(context):
                ensure_series(tenant_id=context.tenant_id, code=INVOICE_SERIES, year=year)
    return None


def facts_of(context: Context, who: str | UUID, *, fresh: bool) -> Facts | None:
    """The facts about a customer, from this process's memory unless `fresh`; None when there is no such customer."""
    name = (context.tenant_id, who)
    known = None if fresh else _facts.get(name)
    if known is not None:
        return known
    statement = _FACTS_BY_ID if isinstance(who, UUID) else _FACTS_BY_EXTERNAL_ID
    with connection.wrap_database_errors:
        rows = statement.run(context, [context.tenant_id, who])
    if not rows:
        _facts.pop(name, None)
        return None
    customer = Customer(**orjson.loads(rows[0][0] or b""))
    settings = TenantSettings(**orjson.loads(rows[0][1] or b""))
    facts = Facts(
        customer_id=UUID(str(customer.id)), customer_version=customer.version, currency=customer.currency,
        tax_exempt=customer.tax_exempt, buyer=buyer_of(customer, settings, notes=None), terms=terms_of(settings),
    )  # fmt: skip
    if len(_facts) >= _CACHE_SIZE:
        _facts.clear()
    _facts[name] = facts
    return facts


def _send(
    context: Context, caller: Caller, facts: Facts, content: Content, request: InvoiceRequest, at: dt.datetime,
    year: int, guard: Guard | None, key_expires_at: dt.datetime,
) -> tuple[bool, Issued | None]:  # fmt: skip
    """Run the statement: whether the facts were current, and the answer when a number was taken."""
    buyer = facts.buyer
    if request.notes is not None:
        buyer = Buyer(
            buyer.user_id, buyer.name, buyer.email, buyer.address, buyer.vat_id, buyer.locale, request.notes,
            buyer.payment_instructions,
        )  # fmt: skip
    salt = os.urandom(16)
    buyer_digest = buyer.digest(salt)
    status = InvoiceStatus.PENDING if content.total else InvoiceStatus.PAID
    paid_at = None if content.total else at
    state = State(
        status=status, invoice_number="", created_at=at, updated_at=at, paid_at=paid_at, metadata=request.metadata
    )
    raw = orjson.dumps(invoice_body(content, buyer, state)).decode()
    # Nothing before it can contain these characters: the object begins with its id and its kind.
    head, _, tail = raw[1:].partition('"invoiceNumber":""')
    head, tail = head + '"invoiceNumber":"', '"' + tail
    types = announced_by_issuing(status, created=True)
    location = f"/api/invoices/{encode_id(INVOICE, content.id)}"
    with connection.wrap_database_errors:
        rows = _STATEMENT.run(
            context,
            [
                context.tenant_id, content.customer_id, facts.customer_version, facts.terms.version, caller.key_id,
                content.digest(buyer_digest), year, content.id, str(status), content.currency, content.subtotal,
                content.tax, content.total, _json(content.tax_breakdown), len(content.items),
                "true" if content.skip_tax else "false", content.period_start, content.period_end, content.due_date,
                at, buyer_digest, paid_at, _json(dict(request.metadata)), _items(content), buyer.user_id, buyer.name,
                buyer.email, None if buyer.address is None else _json(dict(buyer.address)), buyer.vat_id, buyer.locale,
                buyer.notes, salt, head, tail, context.trace_id,
                "{" + ",".join(str(new_id()) for _ in types) + "}", "{" + ",".join(types) + "}",
                guard.id if guard else None, guard.key if guard else None, guard.fingerprint if guard else None,
                location, key_expires_at, "{" + ",".join(sorted(caller.scopes)) + "}",
            ],
        )  # fmt: skip
    found, text = rows[0]
    if text is None:
        return found != b"0", None
    return True, Issued(body=('{"success":true,' + head).encode() + text + tail.encode(), location=location)


def _items(content: Content) -> str:
    return _json(
        [
            {
                "id": str(item.id), "p": position, "type": str(item.type), "d": item.description,
                "q": plain(item.quantity), "u": plain(item.unit_price), "t": item.total, "rate": plain(item.tax_rate),
                "taxes": item.taxes, "code": item.tax_code,
                "product": str(item.product_id) if item.product_id else None,
                "starts": item.period_start, "ends": item.period_end, "meta": dict(item.metadata),
            }
            for position, item in enumerate(content.items)
        ]
    )  # fmt: skip


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
