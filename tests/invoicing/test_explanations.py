"""Every amount of an invoice says how it came about, and the words are those that a customer can be sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError

from billing.models import Price
from billing.rating.derivation import replay
from common.ids import decode_id
from common.prefixes import PRICE
from invoicing.models import InvoiceDerivation
from tenants.scope import tenant_scope
from tests.invoicing.credited import credit
from tests.invoicing.documents import uuid_of

VOLUME = {"model": "volume", "tiers": [{"upTo": 10, "unitAmount": 10}, {"upTo": None, "unitAmount": 5}]}
SETUP = {"description": "Setup", "unitPrice": 33, "quantity": 2}


@pytest.fixture
def catalogue_feature(invoices: Any) -> Callable[[], str]:
    """Makes a metered feature; a price of it is metered."""

    def make() -> str:
        made = invoices.api.post("/api/features", {"key": "calls", "name": "Calls", "type": "metered"})
        assert made.status_code == 201, made.json()
        return str(made.json()["id"])

    return make


def explain(invoices: Any, made: Any, **headers: Any) -> Any:
    """The answer of the explanation."""
    return invoices.api.get(f"/api/invoices/{made['id']}/explain", **headers)


def test_lines_discounts_taxes_and_totals_are_told_with_every_rounding(invoices, settings_of, price):
    settings_of(taxRate=1900, taxLabel="USt")
    made = invoices.make(
        items=[
            {"priceId": price(**VOLUME), "quantity": "10.5"},
            {"description": "Setup", "unitPrice": 33, "quantity": 2},
        ]
    )
    told = explain(invoices, made).json()
    assert (told["invoiceId"], told["engineVersion"]) == (made["id"], 2)
    first, second = told["lines"]
    assert [step["rule"] for step in first["steps"]] == ["volume_tier", "rounding"]
    assert (first["steps"][-1]["exact"], first["steps"][-1]["rounded"]) == ("52.5", 53)
    assert second["steps"] == [{
        "rule": "given", "inputs": {"quantity": 2, "unitPrice": 33}, "formula": "round(quantity * unitPrice)",
        "exact": "66", "rounded": 66,
    }]  # fmt: skip
    (tax,) = told["taxes"]
    assert (tax["inputs"]["base"], tax["exact"], tax["rounded"]) == (119, "22.61", 23)
    assert told["totals"] == {"subtotal": 119, "discount": 0, "tax": 23, "total": 142}
    assert replay(told["derivation"]).matches


def test_a_support_agent_can_paste_the_text(invoices, settings_of, price):
    settings_of(taxRate=1900, taxLabel="USt")
    items = [
        {"priceId": price(**VOLUME), "quantity": 20, "description": "API calls"},
        {"description": "Setup", "unitPrice": 33, "quantity": 2},
    ]
    made = invoices.make(items=items)
    answer = explain(invoices, made, Accept="text/plain")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    text = answer.content.decode()
    assert text.startswith(
        f"How {made['invoiceNumber']} was computed\n\nLine 1: API calls\nHow this amount was computed"
    )
    assert "Line 2: Setup\n  2 × 0.33 EUR = 0.66 EUR\n" in text
    assert "USt 19 % of 1.66 EUR" in text
    assert "Total: 1.98 EUR" in text


def test_what_a_minimum_adds_is_a_line_of_its_own(invoices, price):
    made = invoices.make(items=[{"priceId": price(unitAmount=3, minimumSpend=1_000), "quantity": 5}])
    used, minimum = made["items"]
    assert (used["type"], used["quantity"], used["unitPrice"], used["total"]) == ("one_time", 5, 3, 15)
    assert (minimum["type"], minimum["total"], made["total"]) == ("minimum", 985, 1_000)
    text = explain(invoices, made, Accept="text/plain").content.decode()
    assert "Of this to reach the minimum: 9.85 EUR\nOn this line: 0.15 EUR\n" in text
    assert "What the minimum adds: 9.85 EUR" in text


@pytest.mark.parametrize("metered", [True, False])
def test_a_minimum_is_explained_by_its_own_steps_and_the_price_by_all(invoices, price, catalogue_feature, metered):
    more = {"featureId": catalogue_feature()} if metered else {}
    made = invoices.make(items=[{"priceId": price(unitAmount=3, minimumSpend=1_000, **more), "quantity": 5}, SETUP])
    used, minimum, setup = explain(invoices, made).json()["lines"]
    rules = [[step["rule"] for step in line["steps"]] for line in (used, minimum, setup)]
    of_minimum = ["minimum_share", "minimum"] if metered else ["minimum_spend"]
    assert rules[1:] == [[*of_minimum, "minimum_adds"], ["given"]]
    assert set(of_minimum) < set(rules[0])
    assert rules[0][-1] == "without_minimum"
    assert [line["steps"][-1]["rounded"] for line in (used, minimum, setup)] == [15, 985, 66]


def test_a_minimum_in_another_currency_is_told_to_the_amounts_of_both_lines(invoices, price):
    rate = {"from": "USD", "to": "JPY", "rate": "151.37", "validFrom": "2020-01-01T00:00:00Z"}
    assert invoices.api.post("/api/exchange-rates", rate).status_code == 201
    dollars = price(currency="USD", unitAmount=416, minimumSpend=1_000)
    made = invoices.make(currency="JPY", items=[{"priceId": dollars}])
    assert [item["total"] for item in made["items"]] == [630, 884]
    used, minimum = explain(invoices, made).json()["lines"]
    assert [line["steps"][-1]["rounded"] for line in (used, minimum)] == [630, 884]
    last = minimum["steps"][-1]
    assert (last["rule"], last["inputs"]["amount"], last["exact"]) == ("conversion", 584, "884.0008")
    text = explain(invoices, made, Accept="text/plain").content.decode()
    assert "5.84 USD at 151.37" in text


def test_the_text_counts_one_as_one_and_names_the_lines_of_shares(invoices, settings_of, price):
    settings_of(taxRate=1900)
    coupon = {"code": "TEN", "name": "Ten", "type": "percentage", "percentage": 10, "duration": "forever"}
    assert invoices.api.post("/api/coupons", coupon).status_code == 201
    one = invoices.make(items=[{**SETUP, "quantity": 1}], coupons=["TEN"])
    text = explain(invoices, one, Accept="text/plain").content.decode()
    assert "\n       Line 1, Setup: 0.03 EUR\n" in text
    for said in ("Net amount of 1 line = ", "Discount of 1 coupon = ", "Tax of 1 rate = "):
        assert said in text
    inclusive = price(unitAmount=119, taxBehavior="inclusive")
    two = invoices.make(items=[{"priceId": inclusive, "description": "Book"}, SETUP], coupons=["TEN"])
    text = explain(invoices, two, Accept="text/plain").content.decode()
    assert "Net amounts of the lines = 0.90 EUR\n       Line 1, Book: 0.90 EUR\n" in text
    assert "       Line 2, Setup: 0.07 EUR\n" in text
    assert "Net amount of 2 lines = " in text


def test_the_text_does_not_ask_for_what_credit_has_paid(invoices):
    credit(invoices, 400)
    made = invoices.make(1_000)
    assert (made["amountPaid"], made["amountDue"]) == (400, 600)
    text = explain(invoices, made, Accept="text/plain").content.decode()
    assert text.endswith("\nTotal: 10.00 EUR\n")
    assert "To pay" not in text
    assert "Credit" not in text


def test_a_plain_invoice_is_explained_by_its_own_lines_and_keeps_nothing_more(invoices, settings_of):
    settings_of(taxRate=700)
    made = invoices.make(1_050)
    told = explain(invoices, made).json()
    assert (told["totals"]["tax"], told["taxes"][0]["exact"]) == (74, "73.5")
    with tenant_scope(invoices.tenant.id):
        assert not InvoiceDerivation.objects.exists()


def test_a_draft_is_explained_as_of_today(invoices, settings_of, price):
    draft = invoices.draft(items=[{"priceId": price(unitAmount=100), "quantity": 1}])
    settings_of(taxRate=1900)
    told = explain(invoices, draft).json()
    assert told["totals"] == {"subtotal": 100, "discount": 0, "tax": 19, "total": 119}
    assert explain(invoices, draft, Accept="text/plain").content.decode().startswith("How this draft was computed")


def test_another_tenant_sees_no_explanation(invoices, other_invoices):
    made = invoices.make(1)
    assert explain(other_invoices, made).status_code == 404


def test_a_price_on_an_issued_invoice_never_changes_again(invoices, price):
    used, drafted = price(unitAmount=1), price(unitAmount=1)
    invoices.make(items=[{"priceId": used}])
    draft = invoices.draft(items=[{"priceId": drafted}])
    assert invoices.api.patch(f"/api/prices/{used}", {"unitAmount": 2}).json()["code"] == "price_in_use"
    assert invoices.api.patch(f"/api/prices/{drafted}", {"unitAmount": 2}).status_code == 200
    assert invoices.act(draft, "finalise").json()["total"] == 2
    with tenant_scope(invoices.tenant.id):
        assert Price.objects.get(id=decode_id(PRICE, drafted)).used_at is not None


def test_the_database_keeps_a_derivation_as_it_was_written(invoices, price):
    made = invoices.make(items=[{"priceId": price(unitAmount=1)}])
    with tenant_scope(invoices.tenant.id):
        row = InvoiceDerivation.objects.get(invoice_id=uuid_of(made))
        with pytest.raises(IntegrityError, match="derivation"):
            InvoiceDerivation.objects.filter(invoice_id=row.invoice_id).update(body=b"{}")


def test_the_database_refuses_a_derivation_that_the_invoice_does_not_name(invoices):
    made = invoices.make(5)
    with tenant_scope(invoices.tenant.id), pytest.raises(IntegrityError):
        InvoiceDerivation.objects.create(
            tenant_id=invoices.tenant.id, invoice_id=uuid_of(made), body=b"{}",
            digest=bytes.fromhex("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"),
        )  # fmt: skip
