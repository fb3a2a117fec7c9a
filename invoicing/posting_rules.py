"""The posting table: what each fact of billing puts into the books. Pure; `docs/books.md` shows the same table.

A row says which accounts of the chart are debited and credited, and with which amount of the fact. What reverses
another row exchanges the sides of that row's entry, line by line, as it was posted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from accounting.chart import BAD_DEBTS, CASH, DEFERRED_REVENUE, RECEIVABLES, REVENUE, TAX_PAYABLE
from accounting.enums import Side
from accounting.posting import Posting

WALLET: Final = "wallet"
"""The one place in the table that is not in the chart: each customer has a wallet of their own."""

INVOICE: Final = "invoice"
PAYMENT: Final = "payment"
RECOGNITION: Final = "recognition"

FINALISED: Final = "invoice.finalised"
VOIDED: Final = "invoice.voided"
UNCOLLECTIBLE: Final = "invoice.uncollectible"
WRITE_OFF_REVERSED: Final = "invoice.write_off_reversed"
PAID: Final = "payment.recorded"
RECOVERED: Final = "payment.recovered"
CREDIT_USED: Final = "payment.credit_used"
CREDIT_RETURNED: Final = "payment.credit_returned"
RECOGNISED: Final = "revenue.recognised"
RECOGNITION_REVERSED: Final = "revenue.recognition_reversed"


@dataclass(frozen=True, slots=True)
class Part:
    """One side of a rule: an account of the chart, or the wallet, and the amount of the fact that goes there."""

    role: str
    amount: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What one event posts. `source` is the kind of object that the entry is about; `reverses` another event."""

    event: str
    source: str
    when: str
    debit: tuple[Part, ...] = ()
    credit: tuple[Part, ...] = ()
    reverses: str | None = None


TABLE: Final = (
    Rule(
        FINALISED, INVOICE, "An invoice gets its number",
        debit=(Part(RECEIVABLES, "total"),),
        credit=(Part(REVENUE, "earned"), Part(DEFERRED_REVENUE, "deferred"), Part(TAX_PAYABLE, "tax")),
    ),
    Rule(
        PAID, PAYMENT, "Money for an invoice is recorded",
        debit=(Part(CASH, "amount"),), credit=(Part(RECEIVABLES, "amount"),),
    ),
    Rule(
        RECOVERED, PAYMENT, "Money comes in late, for an invoice that was written off",
        debit=(Part(CASH, "amount"),), credit=(Part(BAD_DEBTS, "amount"),),
    ),
    Rule(
        CREDIT_USED, PAYMENT, "An invoice that gets its number is paid with the customer's credit, wholly or in part",
        debit=(Part(WALLET, "amount"),), credit=(Part(RECEIVABLES, "amount"),),
    ),
    Rule(CREDIT_RETURNED, PAYMENT, "The invoice that was paid with credit is declared void", reverses=CREDIT_USED),
    Rule(
        UNCOLLECTIBLE, INVOICE, "An invoice is written off: what is still due",
        debit=(Part(BAD_DEBTS, "amount"),), credit=(Part(RECEIVABLES, "amount"),),
    ),
    Rule(VOIDED, INVOICE, "An invoice is declared void", reverses=FINALISED),
    Rule(WRITE_OFF_REVERSED, INVOICE, "The void invoice had been written off", reverses=UNCOLLECTIBLE),
    Rule(
        RECOGNISED, RECOGNITION, "A month of the service period has ended",
        debit=(Part(DEFERRED_REVENUE, "amount"),), credit=(Part(REVENUE, "amount"),),
    ),
    Rule(RECOGNITION_REVERSED, RECOGNITION, "The invoice of a recognised month is declared void", reverses=RECOGNISED),
)  # fmt: skip
"""Amounts of a fact: `total` gross; `tax`; `deferred`, the net part for a time after the issue date; `earned`, the rest
of the net; `amount` where there is only one."""

RULES: Final = {rule.event: rule for rule in TABLE}
REVERSALS: Final = {rule.reverses: rule for rule in TABLE if rule.reverses is not None}
"""By the event that is reversed."""


@dataclass(frozen=True, slots=True)
class Leg:
    """A line before its account is known."""

    role: str
    side: Side
    amount: int


def legs_of(event: str, amounts: Mapping[str, int]) -> list[Leg]:
    """The lines of an event, debits first. No lines mean no entry.

    What amounts to nothing has no line; what is negative (a month in which more is given back than served) stands on
    the other side.
    """
    rule = RULES[event]
    sides = [(part, Side.DEBIT, Side.CREDIT) for part in rule.debit]
    sides += [(part, Side.CREDIT, Side.DEBIT) for part in rule.credit]
    legs = []
    for part, side, other in sides:
        amount = amounts[part.amount]
        if amount:
            legs.append(Leg(part.role, side if amount > 0 else other, abs(amount)))
    return legs


def invoice_amounts(*, total: int, tax: int, deferred: int) -> dict[str, int]:
    """The amounts of an invoice for the table: net is what is not tax, and earned is what is not deferred."""
    return {"total": total, "tax": tax, "deferred": deferred, "earned": total - tax - deferred}


def postings(legs: list[Leg], accounts: Mapping[str, UUID]) -> list[Posting]:
    """The same lines for the accounts of one currency."""
    return [Posting(accounts[leg.role], leg.side, leg.amount) for leg in legs]
