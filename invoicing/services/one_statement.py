"""Issuing an invoice in one statement and one round trip.

The ordinary way (`issuing.create_invoice`) reads customer, settings and series, and writes row after row. Here the
facts come from a cache in this process and are checked by version in the statement itself; when one of them has
changed, nothing is written and the facts are read anew. What the statement writes is what the ordinary way writes; a
property test compares the two. Whatever is not plain (an unknown customer, a draft, credit that pays for it) is left
to the ordinary way.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from django.db import IntegrityError, connection

from accounting.posting import Posting, content_digest
from accounting.selectors import WALLET_WITH_CREDIT
from accounting.services.chart import books_accounts, forget_accounts, known_accounts
from billing.models import Customer
from billing.tax_selectors import countries_of, taxation_of
from billing.taxation import Taxation
from common.constraints import violated_constraint
from common.ids import encode_id, new_id
from common.prefixes import INVOICE
from events.wakeup import nudge
from invoicing.announcements import announced_by_issuing
from invoicing.basis import Basis, Terms
from invoicing.composition import compose, issue_year
from invoicing.content import Buyer, Content
from invoicing.enums import InvoiceStatus
from invoicing.numbering import INVOICE_SERIES
from invoicing.posting_rules import FINALISED, postings
from invoicing.posting_rules import INVOICE as SOURCE
from invoicing.recognition import Month, schedule
from invoicing.representations import State, invoice_body
from invoicing.requests import InvoiceRequest
from invoicing.selectors import buyer_of, terms_of
from invoicing.services.item_rows import COLUMNS, ROWS, VALUES, item_rows
from invoicing.services.numbers import NEXT, TEXT, ensure_series
from invoicing.services.posting import legs_of_invoice
from tenants.context import Context
from tenants.idempotency import Guard
from tenants.identity import Caller
from tenants.models import TenantSettings
from tenants.scope import tenant_scope
from tenants.statement import HotStatement

_ATTEMPTS = 3
_CACHE_SIZE = 20_000

_CREDIT = WALLET_WITH_CREDIT.format(
    tenant="$1::uuid", customer="$2::uuid", currency="$10::varchar", at="$20::timestamptz"
)  # fmt: skip
_ITEM = VALUES.format(tenant="$1", invoice="$8")
_ITEMS = ROWS.format(items="$24")
_SQL = f"""
WITH guard AS (
    SELECT $13::bigint > 0 AND EXISTS ({_CREDIT}) AS credit
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
    -- The new row's reference takes this lock anyway. Taken here, it waits for an eraser and then sees its version.
    FOR KEY SHARE OF c
), taken AS (
    UPDATE invoicing_numberseries
    SET last_number = last_number + 1, head = sha256(head || $6::bytea || convert_to({NEXT}, 'UTF8'))
    WHERE tenant_id = $1::uuid AND code = '{INVOICE_SERIES}' AND year = $7::smallint
        AND EXISTS (SELECT 1 FROM guard WHERE NOT credit)
    RETURNING last_number, {TEXT.format(n="last_number")} AS text, head
), document AS (
    INSERT INTO invoicing_invoice (
        id, tenant_id, customer_id, status, currency, subtotal, discount, tax, total, tax_breakdown, item_count,
        skip_tax, period_start, period_end, due_date, series, year, number, invoice_number, issued_at, settings_version,
        buyer_digest,
        content_digest, chain_hash, amount_paid, amount_refunded, amount_credited, paid_at, email_status, metadata,
        created_at, updated_at
    )
    SELECT
        $8::uuid, $1::uuid, $2::uuid, $9::varchar, $10::varchar, $11::bigint, 0, $12::bigint, $13::bigint, $14::jsonb,
        $15::integer, $16::boolean, $17::timestamptz, $18::timestamptz, $19::timestamptz, '{INVOICE_SERIES}',
        $7::smallint, last_number, text, $20::timestamptz, $4::integer, $21::bytea, $6::bytea, head, 0, 0, 0,
        $22::timestamptz, 'none', $23::jsonb, $20::timestamptz, $20::timestamptz
    FROM taken
), items AS (
    INSERT INTO invoicing_invoiceitem ({COLUMNS})
    SELECT {_ITEM} FROM taken, {_ITEMS}
), addressee AS (
    INSERT INTO invoicing_invoicebuyer (
        id, tenant_id, user_id, name, email, address, vat_id, locale, notes, payment_instructions, salt
    )
    SELECT
        $8::uuid, $1::uuid, $25::varchar, $26::varchar, $27::varchar, $28::jsonb, $29::varchar, $30::varchar, $31::text,
        $44::text, $32::bytea
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
), months AS (
    INSERT INTO invoicing_recognition (id, tenant_id, invoice_id, month, currency, amount, effective_at, status)
    SELECT r.id, $1::uuid, $8::uuid, r.month, $10::varchar, r.amount, r.effective, 'scheduled'
    FROM taken, json_to_recordset($45::json) AS r(id uuid, month date, amount bigint, effective timestamptz)
), posted AS (
    INSERT INTO accounting_journalentry (
        id, tenant_id, kind, source_type, source_id, line_count, evidence, digest, created_at
    )
    SELECT $46::uuid, $1::uuid, '{FINALISED}', '{SOURCE}', $8::uuid, cardinality($48::uuid[]), head,
        sha256($47::bytea || head), $20::timestamptz
    FROM taken WHERE $46::uuid IS NOT NULL
), sides AS (
    INSERT INTO accounting_journalline (id, tenant_id, entry_id, position, account_id, side, amount, created_at)
    SELECT l.id, $1::uuid, $46::uuid, l.position - 1, l.account, l.side, l.amount, $20::timestamptz
    FROM taken, unnest($48::uuid[], $49::uuid[], $50::varchar[], $51::bigint[])
        WITH ORDINALITY AS l(id, account, side, amount, position)
)
SELECT (SELECT count(*) FROM guard), (SELECT text FROM taken), (SELECT credit FROM guard)
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
    buyer: Buyer  # without notes
    terms: Terms
    taxation: Taxation

    def basis_at(self, at: dt.datetime) -> Basis:
        """What an invoice without prices and coupons is computed from. Rates begin and end by themselves."""
        return Basis(self.terms, partial(self.taxation.taxes_for, at=at))


@dataclass(frozen=True, slots=True)
class Issued:
    """What was committed: the answer's bytes and where the invoice lives."""

    body: bytes
    location: str


@dataclass(frozen=True, slots=True)
class Books:
    """What is posted with an invoice: one entry, or none when it costs nothing, and when the rest of it is earned."""

    months: Sequence[Month]
    entry_id: UUID | None
    lines: Sequence[Posting]

    def digest(self, *, invoice_id: UUID, at: dt.datetime) -> bytes | None:
        """The digest of the entry's content, to which the statement adds the evidence."""
        if self.entry_id is None:
            return None
        return content_digest(
            id=self.entry_id, kind=FINALISED, source_type=SOURCE, source_id=invoice_id, batch_id=None, reverses=None,
            at=at, lines=[(line.account_id, line.side, line.amount) for line in self.lines], text=None,
        )  # fmt: skip


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
            facts.terms.default_currency, basis=facts.basis_at(at), issued_at=at,
        )  # fmt: skip
        year = issue_year(at, facts.terms.time_zone)
        books = _books_of(context, content, at, facts.terms.time_zone)
        try:
            current, credit, answer = _send(
                context, caller, facts, content, request, books, at, year, guard, key_expires_at
            )  # fmt: skip
        except IntegrityError as refused:
            if violated_constraint(refused) != "line_account" or connection.in_atomic_block:
                raise
            # The database was put back to a time before the accounts that this process remembers.
            forget_accounts(context.tenant_id)
            continue
        if answer is not None:
            nudge()
            return answer
        if credit:
            return None
        if current:
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
    # After the versions: a rate that is written meanwhile raises that of the settings.
    asks = countries_of(customer=customer, settings=settings)
    with tenant_scope(context) if asks else nullcontext():
        taxation = taxation_of(tenant_id=context.tenant_id, customer=customer, settings=settings)
    facts = Facts(
        customer_id=UUID(str(customer.id)), customer_version=customer.version, currency=customer.currency,
        buyer=buyer_of(customer, settings, notes=None),
        terms=terms_of(settings), taxation=taxation,
    )  # fmt: skip
    if len(_facts) >= _CACHE_SIZE:
        _facts.clear()
    _facts[name] = facts
    return facts


def _books_of(context: Context, content: Content, at: dt.datetime, time_zone: str) -> Books:
    """What is posted with the invoice. The accounts of the books come from this process's memory, or are made."""
    months = schedule(content, issued_at=at, time_zone=time_zone)
    legs = legs_of_invoice(total=content.total, tax=content.tax, months=months)
    tenant_id, currency, roles = context.tenant_id, content.currency, {leg.role for leg in legs}
    accounts = known_accounts(tenant_id=tenant_id, roles=roles, currency=currency)
    if accounts is None:
        with tenant_scope(context):
            accounts = books_accounts(tenant_id=tenant_id, roles=roles, currency=currency, at=at)
    return Books(months, new_id() if legs else None, postings(legs, accounts))


def _send(
    context: Context, caller: Caller, facts: Facts, content: Content, request: InvoiceRequest, books: Books,
    at: dt.datetime, year: int, guard: Guard | None, key_expires_at: dt.datetime,
) -> tuple[bool, bool, Issued | None]:  # fmt: skip
    """Run the statement: whether the facts were current and there is credit, and the answer when it took a number."""
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
                context.tenant_id, content.customer_id, facts.customer_version, facts.terms.version,
                caller.key_id, content.digest(buyer_digest), year, content.id, str(status), content.currency,
                content.subtotal, content.tax, content.total, _json(content.tax_breakdown), len(content.items),
                "true" if content.skip_tax else "false", content.period_start, content.period_end, content.due_date,
                at, buyer_digest, paid_at, _json(dict(request.metadata)), item_rows(content), buyer.user_id, buyer.name,
                buyer.email, None if buyer.address is None else _json(dict(buyer.address)), buyer.vat_id, buyer.locale,
                buyer.notes, salt, head, tail, context.trace_id,
                _array(new_id() for _ in types), _array(types),
                guard.id if guard else None, guard.key if guard else None, guard.fingerprint if guard else None,
                location, key_expires_at, _array(sorted(caller.scopes)), buyer.payment_instructions,
                _months(books.months), books.entry_id, books.digest(invoice_id=content.id, at=at),
                _array(new_id() for _ in books.lines), _array(line.account_id for line in books.lines),
                _array(line.side.value for line in books.lines), _array(line.amount for line in books.lines),
            ],
        )  # fmt: skip
    found, text, credit = rows[0]
    if text is None:
        return found != b"0", credit == b"t", None
    return True, False, Issued(body=('{"success":true,' + head).encode() + text + tail.encode(), location=location)


def _months(months: Sequence[Month]) -> str:
    return _json(
        [{"id": one.id, "month": one.month, "amount": one.amount, "effective": one.effective_at} for one in months]
    )


def _array(values: Iterable[object]) -> str:
    """Ids, numbers and plain words as PostgreSQL reads an array."""
    return "{" + ",".join(map(str, values)) + "}"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
