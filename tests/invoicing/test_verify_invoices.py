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
ANY_PRICE = "SELECT max(price_id::text)::uuid FROM invoicing_invoiceitem"
OF_INVOICE = " tenant_id = %(tenant)s AND id = %(invoice)s"
OF_ITEM = " tenant_id = %(tenant)s AND invoice_id = %(invoice)s AND position = 0"


@pytest.fixture
def issued(invoices: Invoices, settings_of: Callable[..., Any], price: Callable[..., str]) -> list[dict[str, Any]]:
    """One of plain lines, one of prices."""
    settings_of(taxRate=1900)
    tax_in_it = price(model="per_unit", unitAmount=119, taxBehavior="inclusive")
    usage = price(model="per_unit", unitAmount="0.5", minimumSpend=500)
    return [invoices.make(1_050, 33), invoices.make(items=[{"priceId": tax_in_it, "quantity": 3}, {"priceId": usage}])]


@pytest.fixture
def tamper(invoices: Invoices) -> Iterator[Callable[..., None]]:
    """Executes a statement as the owner while no trigger and no constraint looks."""
    with owner_connection() as owner:

        def execute(statement: str, made: dict[str, Any]) -> None:
            with owner.transaction():
                owner.execute("SELECT set_config('ledger.tenant_id', %s, true)", [str(invoices.tenant.id)])
                for table in TABLES:
                    owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                done = owner.execute(statement, {"tenant": invoices.tenant.id, "invoice": uuid_of(made)})
                assert done.rowcount == 1
                for table in TABLES:
                    owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")

        yield execute


def verdict_of(invoices: Invoices) -> Verdict:
    with tenant_scope(invoices.tenant.id):
        return verify_amounts(tenant_id=invoices.tenant.id)


def test_what_was_issued_is_what_is_derived(invoices, issued):
    verdict = verdict_of(invoices)
    assert (verdict.ok, verdict.invoices, verdict.stored) == (True, 2, 1)


ALTERED = {
    "a cent more of tax and total": (0, INVOICE.format("tax = tax + 1, total = total + 1") + OF_INVOICE, "tax"),
    "a tax row": (
        0, INVOICE.format("tax_breakdown = jsonb_set(tax_breakdown, '{0,tax}', '1')") + OF_INVOICE, "taxBreakdown",
    ),
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
    "another input, with a digest that fits": (
        1,
        "WITH n AS (SELECT replace(convert_from(body, 'UTF8'), '\"unitAmount\":\"119\"', '\"unitAmount\":\"118\"')"
        "::bytea AS b FROM invoicing_invoicederivation WHERE" + OF_INVOICE + ") "
        "UPDATE invoicing_invoicederivation SET body = n.b, digest = sha256(n.b) FROM n WHERE" + OF_INVOICE,
        "derivation",
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
    assert (verdict.findings, verdict.invoices, verdict.stored) == ([], 5, 3)
    tamper("DELETE FROM invoicing_invoicederivation WHERE" + OF_INVOICE, many[1])
    tamper("DELETE FROM invoicing_invoiceitem WHERE" + OF_ITEM, many[3])
    tamper(ITEM.format("discount = 1") + OF_ITEM, many[4])
    found = {(one.number, one.path) for one in verdict_of(invoices).findings}
    assert {(many[1]["invoiceNumber"], "derivation"), (many[4]["invoiceNumber"], "items[0].discount")} <= found
    assert {number for number, _ in found} == {many[which]["invoiceNumber"] for which in (1, 3, 4)}


def test_progress_begins_before_the_first_invoice_and_tells_of_each(invoices, many):
    told: list[tuple[int, int]] = []
    with tenant_scope(invoices.tenant.id):
        verify_amounts(tenant_id=invoices.tenant.id, progress=lambda done, of: told.append((done, of)))
    assert told == [(done, 5) for done in range(6)]


def test_the_command_ends_with_1_and_says_where(invoices, issued, tamper):
    status, out = run("verify_invoices", "--json")
    assert (status, json.loads(out)["tenants"][0]["invoices"]) == (0, 2)
    tamper(ITEM.format("total = total - 1") + OF_ITEM, issued[0])
    status, out = run("verify_invoices", "--tenant", invoices.tenant.slug)
    assert status == 1
    assert f"{issued[0]['invoiceNumber']}: items[0].total is 1049, and comes to 1050" in out
