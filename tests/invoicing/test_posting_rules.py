"""Claims about the posting table itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.chart import CHART
from accounting.enums import Side
from invoicing import posting_rules as rules
from invoicing.posting_rules import REVERSALS, RULES, TABLE, Leg, invoice_amounts, legs_of

AMOUNTS = st.integers(0, 10**15)
DOCUMENT = Path(__file__).parents[2] / "docs" / "books.md"
# What an accountant expects, written down a second time: a change of the table has to be made twice, knowingly.
EXPECTED = {
    "invoice.finalised": (["receivables"], ["revenue", "deferred_revenue", "tax_payable"]),
    "payment.recorded": (["cash"], ["receivables"]),
    "payment.recovered": (["cash"], ["bad_debts"]),
    "payment.credit_used": (["wallet"], ["receivables"]),
    "invoice.uncollectible": (["bad_debts"], ["receivables"]),
    "revenue.recognised": (["deferred_revenue"], ["revenue"]),
}


def test_the_table_is_what_an_accountant_expects():
    posting = {rule.event: rule for rule in TABLE if rule.reverses is None}
    assert {
        event: ([part.role for part in rule.debit], [part.role for part in rule.credit])
        for event, rule in posting.items()
    } == EXPECTED
    assert {rule.reverses: rule.event for rule in TABLE if rule.reverses} == {
        "invoice.finalised": "invoice.voided",
        "payment.credit_used": "payment.credit_returned",
        "invoice.uncollectible": "invoice.write_off_reversed",
        "revenue.recognised": "revenue.recognition_reversed",
    }


def test_every_account_of_the_table_is_in_the_chart_or_the_wallet_and_every_event_stands_once():
    assert {part.role for rule in TABLE for part in (*rule.debit, *rule.credit)} - set(CHART) == {rules.WALLET}
    assert len(RULES) == len(TABLE)
    assert all(rule.reverses in RULES for rule in REVERSALS.values())
    assert all(bool(rule.debit and rule.credit) != bool(rule.reverses) for rule in TABLE)


@given(net=AMOUNTS, tax=AMOUNTS, share=st.integers(0, 100))
def test_an_invoice_balances_whatever_part_of_it_is_deferred(net, tax, share):
    deferred = net * share // 100
    amounts = invoice_amounts(total=net + tax, tax=tax, deferred=deferred)
    legs = legs_of(rules.FINALISED, amounts)
    by_role = {leg.role: (leg.side, leg.amount) for leg in legs}
    expected = {
        "receivables": (Side.DEBIT, net + tax), "revenue": (Side.CREDIT, net - deferred),
        "deferred_revenue": (Side.CREDIT, deferred), "tax_payable": (Side.CREDIT, tax),
    }  # fmt: skip
    assert by_role == {role: line for role, line in expected.items() if line[1]}
    assert bool(legs) == bool(net + tax)


@pytest.mark.parametrize("event", [event for event in EXPECTED if event != "invoice.finalised"])
@given(amount=st.integers(-(10**15), 10**15))
def test_the_other_facts_have_one_amount_on_both_sides_and_a_negative_one_exchanges_them(event, amount):
    (debited,), (credited,) = EXPECTED[event]
    sides = (Side.DEBIT, Side.CREDIT) if amount > 0 else (Side.CREDIT, Side.DEBIT)
    expected = [Leg(debited, sides[0], abs(amount)), Leg(credited, sides[1], abs(amount))] if amount else []
    assert legs_of(event, {"amount": amount}) == expected


def _rows(heading: str) -> list[list[str]]:
    text = DOCUMENT.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[re.sub("`", "", cell).strip() for cell in row] for row in rows[2:]]


def test_the_document_shows_the_posting_table():
    told = []
    for rule in TABLE:
        debit = ", ".join(f"{part.role} ({part.amount})" for part in rule.debit)
        credit = ", ".join(f"{part.role} ({part.amount})" for part in rule.credit)
        if rule.reverses:
            debit, credit = f"what {rule.reverses} credited", f"what {rule.reverses} debited"
        told.append([rule.event, rule.when, debit, credit])
    assert _rows("What is posted") == told


def test_the_document_shows_the_chart():
    assert _rows("The chart of accounts") == [
        [one.role, one.name, one.type.value, one.meaning, one.skr03, one.skr04] for one in CHART.values()
    ]
