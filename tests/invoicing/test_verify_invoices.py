"""`verify_invoices` derives every cent again, and names the place where a row was altered behind its back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from invoicing.services.verifying_amounts import Verdict, verify_amounts
from tenants.scope import tenant_scope
from tests.conftest import owner_connection
from tests.invoicing.documents import Invoices, uuid_of
from tests.invoicing.test_verify_numbering import run

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = ("invoicing_invoice", "invoicing_invoiceitem", "invoicing_invoicederivation")
INVOICE, ITEM, DERIVATION = (f"UPDATE {table} SET {{}} WHERE" for table in TABLES)
COUPON = '[{"couponId": "x", "code": "X", "name": "X", "amount": 1}]'
SUBTOTAL_AND_DISCOUNT = "subtotal = subtotal + 1, discount = discount + 1"
ANY_PRICE = "SELECT max(price_id::text)::uuid FROM invoicing_invoiceitem"
OF_INVOICE = " tenant_id = %(tenant)s AND id = %(invoice)s"
OF_ITEM = " tenant_id = %(tenant)s AND invoice_id = %(invoice)s AND position = 0"


def rewritten(old: str, new: str) -> str:
    """A statement that alters a derivation and gives its row the digest of what it then says."""
    return (
        f"WITH n AS (SELECT replace(convert_from(body, 'UTF8'), '{old}', '{new}')::bytea AS b "
        f"FROM invoicing_invoicederivation WHERE{OF_INVOICE}) "
        f"UPDATE invoicing_invoicederivation SET body = n.b, digest = sha256(n.b) FROM n WHERE{OF_INVOICE}"
    )


@pytest.fixture
def issued(invoices: Invoices, settings_of: Callable[..., Any], price: Callable[..., str]) -> list[dict[str, Any]]:
    """One of plain lines, one of prices, and one of a price in another currency with a coupon."""
    settings_of(taxRate=1900)
    tax_in_it = price(model="per_unit", unitAmount=119, taxBehavior="inclusive")
    usage = price(model="per_unit", unitAmount="0.5", minimumSpend=500)
    dollars = price(model="per_unit", unitAmount=100, currency="USD")
    rate = {"from": "USD", "to": "EUR", "rate": "0.9", "validFrom": "2026-01-01T00:00:00Z"}
    ten = {"code": "TEN", "name": "Ten", "type": "percentage", "percentage": "10", "duration": "forever"}
    for path, body in (("/api/exchange-rates", rate), ("/api/coupons", ten)):
        assert invoices.api.post(path, body).status_code == 201
    return [
        invoices.make(1_050, 33),
        invoices.make(items=[{"priceId": tax_in_it, "quantity": 3}, {"priceId": usage}]),
        invoices.make(items=[{"priceId": dollars, "quantity": 10}], coupons=["TEN"]),
    ]


@pytest.fixture
def tamper(invoices: Invoices) -> Iterator[Callable[..., None]]:
    """Executes a statement as the owner while no trigger and no constraint looks."""
    with owner_connection() as owner:

        def execute(statement: str, made: dict[str, Any], *, rows: int = 1) -> None:
            with owner.transaction():
                owner.execute("SELECT set_config('ledger.tenant_id', %s, true)", [str(invoices.tenant.id)])
                for table in TABLES:
                    owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                done = owner.execute(statement, {"tenant": invoices.tenant.id, "invoice": uuid_of(made)})
                assert done.rowcount == rows
                for table in TABLES:
                    owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")

        yield execute


def verdict_of(invoices: Invoices) -> Verdict:
    with tenant_scope(invoices.tenant.id):
        return verify_amounts(tenant_id=invoices.tenant.id)


def test_what_was_issued_is_what_is_derived(invoices, issued):
    verdict = verdict_of(invoices)
    assert (verdict.ok, verdict.invoices, verdict.stored) == (True, 3, 2)


ALTERED = {
    "a cent more of tax and total": (0, INVOICE.format("tax = tax + 1, total = total + 1") + OF_INVOICE, "tax"),
    "a tax row": (
        0, INVOICE.format("tax_breakdown = jsonb_set(tax_breakdown, '{0,tax}', '1')") + OF_INVOICE, "taxBreakdown",
    ),
    "a cent more of a subtotal": (2, INVOICE.format(SUBTOTAL_AND_DISCOUNT) + OF_INVOICE, "subtotal"),
    "a cent more of a discount": (2, INVOICE.format(SUBTOTAL_AND_DISCOUNT) + OF_INVOICE, "discount"),
    "a cent more of a total": (2, INVOICE.format("tax = tax + 1, total = total + 1") + OF_INVOICE, "total"),
    "the currency": (2, INVOICE.format("currency = 'USD'") + OF_INVOICE, "currency"),
    "why a tax is what it is": (
        2, INVOICE.format("""tax_breakdown = jsonb_set(tax_breakdown, '{0,note}', '"n"')""") + OF_INVOICE,
        "taxBreakdown",
    ),
    "what a coupon took": (
        2, INVOICE.format("coupons = jsonb_set(coupons, '{0,amount}', '1')") + OF_INVOICE, "coupons",
    ),
    "a coupon on plain lines": (0, INVOICE.format(f"coupons = '{COUPON}'") + OF_INVOICE, "coupons"),
    "the other currency": (
        2, ITEM.format("""exchange = jsonb_set(exchange, '{currency}', '"JPY"')""") + OF_ITEM, "items[0].exchange",
    ),
    "the exchange rate": (
        2, ITEM.format("""exchange = jsonb_set(exchange, '{rate}', '"1"')""") + OF_ITEM, "items[0].exchange",
    ),
    "the amount in the other currency": (
        2, ITEM.format("exchange = jsonb_set(exchange, '{amount}', '999')") + OF_ITEM, "items[0].exchange",
    ),
    "no exchange": (2, ITEM.format("exchange = NULL") + OF_ITEM, "items[0].exchange"),
    "a coupon out of nothing": (1, INVOICE.format(f"coupons = '{COUPON}'") + OF_INVOICE, "coupons"),
    "the amount of a line": (0, ITEM.format("total = total - 1") + OF_ITEM, "items[0].total"),
    "the price of a line": (0, ITEM.format("unit_price = unit_price + 1") + OF_ITEM, "items[0].total"),
    "a discount of a line": (1, ITEM.format("discount = 1") + OF_ITEM, "items[0].discount"),
    "the usage": (1, ITEM.format("""usage = '["4"]'""") + OF_ITEM, "items[0].usage"),
    "the quantity of a rated line": (1, ITEM.format("quantity = 4") + OF_ITEM, "items[0].quantity × unitPrice"),
    "what contains tax": (1, ITEM.format("inclusive = false") + OF_ITEM, "items[0].taxBehavior"),
    "the tax of a line": (1, ITEM.format("taxes = jsonb_set(taxes, '{0,rate}', '700')") + OF_ITEM, "items[0].taxes"),
    "a price on a plain line": (0, ITEM.format(f"price_id = ({ANY_PRICE})") + OF_ITEM, "items[0].priceId"),
    "no line at all": (0, "DELETE FROM invoicing_invoiceitem WHERE" + OF_ITEM, "subtotal"),
    "no derivation": (1, "DELETE FROM invoicing_invoicederivation WHERE" + OF_INVOICE, "derivation"),
    "taxes that are none": (0, ITEM.format("taxes = '[{}]'") + OF_ITEM, ""),
    "another input, with a digest that fits": (1, rewritten('"unitAmount":"119"', '"unitAmount":"118"'), "derivation"),
    "another amount, with a digest that fits": (
        2, rewritten('"subtotal":900', '"subtotal":901'), "derivation.total.amounts.subtotal",
    ),
    "another version, with a digest that fits": (2, rewritten('"version":2', '"version":9'), "derivation.version"),
    "inputs that are none, with a digest that fits": (
        2, rewritten('"coupons":[{', '"coupons":[7,{'), "derivation.total.inputs.coupons[0]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ALTERED)
def test_each_alteration_is_found_with_its_place(invoices, issued, tamper, case):
    which, statement, path = ALTERED[case]
    tamper(statement, issued[which])
    findings = verdict_of(invoices).findings
    assert path in [one.path for one in findings], findings
    assert {one.number for one in findings} == {issued[which]["invoiceNumber"]}


@pytest.fixture
def many(invoices: Invoices, issued: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """More than fit into a batch: plain ones, ones of prices, and a draft."""
    monkeypatch.setattr("invoicing.services.verifying_amounts.BATCH", 2)
    priced = [{"priceId": item["priceId"]} for item in issued[1]["items"] if item["type"] != "minimum"]
    made = [invoices.make(items=priced), invoices.make(7), invoices.make(items=priced)]
    invoices.draft(items=priced)
    return [*issued, *made]


def test_batches_leave_nothing_out_and_give_each_invoice_its_own_rows(invoices, many, tamper):
    verdict = verdict_of(invoices)
    assert (verdict.findings, verdict.invoices, verdict.stored) == ([], 6, 4)
    tamper("DELETE FROM invoicing_invoicederivation WHERE" + OF_INVOICE, many[1])
    tamper("DELETE FROM invoicing_invoiceitem WHERE" + OF_ITEM, many[4])
    tamper(ITEM.format("discount = 1") + OF_ITEM, many[5])
    found = {(one.number, one.path) for one in verdict_of(invoices).findings}
    assert {(many[1]["invoiceNumber"], "derivation"), (many[5]["invoiceNumber"], "items[0].discount")} <= found
    assert {number for number, _ in found} == {many[which]["invoiceNumber"] for which in (1, 4, 5)}


def test_progress_begins_before_the_first_invoice_and_tells_of_each(invoices, many):
    told: list[tuple[int, int]] = []
    with tenant_scope(invoices.tenant.id):
        verify_amounts(tenant_id=invoices.tenant.id, progress=lambda done, of: told.append((done, of)))
    assert told == [(done, 6) for done in range(7)]


def test_a_hundred_findings_are_named_and_the_others_counted(invoices, tamper):
    every_item = " tenant_id = %(tenant)s AND invoice_id = %(invoice)s"
    tamper(ITEM.format("total = total + 1, discount = 1") + every_item, invoices.make(*[7] * 60), rows=60)
    verdict = verdict_of(invoices)
    assert (verdict.ok, len(verdict.findings), verdict.more) == (False, 100, 20)


def test_the_command_ends_with_1_and_says_where(invoices, issued, tamper):
    status, out = run("verify_invoices", "--json")
    assert (status, json.loads(out)["tenants"][0]["invoices"]) == (0, 3)
    tamper(ITEM.format("total = total - 1") + OF_ITEM, issued[0])
    status, out = run("verify_invoices", "--tenant", invoices.tenant.slug)
    assert status == 1
    assert f"{issued[0]['invoiceNumber']}: items[0].total is 1049, and comes to 1050" in out
