"""The chart of accounts: what each account of the books is for, and its numbers in the German standard charts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from accounting.enums import AccountType


@dataclass(frozen=True, slots=True)
class ChartAccount:
    """One account of the chart. There is one per currency; `skr03` and `skr04` are its numbers for DATEV."""

    role: str
    type: AccountType
    name: str
    meaning: str
    skr03: str
    skr04: str


RECEIVABLES: Final = "receivables"
REVENUE: Final = "revenue"
DEFERRED_REVENUE: Final = "deferred_revenue"
TAX_PAYABLE: Final = "tax_payable"
CASH: Final = "cash"
BAD_DEBTS: Final = "bad_debts"
CUSTOMER_CREDIT: Final = "customer_credit"
FEES: Final = "fees"
BREAKAGE: Final = "breakage"
PROMOTIONS: Final = "promotions"

CHART: Final[dict[str, ChartAccount]] = {
    one.role: one
    for one in (
        ChartAccount(
            RECEIVABLES, AccountType.ASSET, "Receivables", "What customers owe on issued invoices.", "1400", "1200"
        ),
        ChartAccount(REVENUE, AccountType.INCOME, "Revenue", "What has been earned, net of tax.", "8200", "4200"),
        ChartAccount(
            DEFERRED_REVENUE, AccountType.LIABILITY, "Deferred revenue",
            "What is invoiced for a time that is still to be served, net of tax.", "0990", "3900",
        ),
        ChartAccount(
            TAX_PAYABLE, AccountType.LIABILITY, "Tax payable", "Tax on issued invoices.", "1770", "3800"
        ),
        ChartAccount(CASH, AccountType.ASSET, "Cash", "Money that has come in.", "1200", "1800"),
        ChartAccount(
            BAD_DEBTS, AccountType.EXPENSE, "Bad debts", "What was owed and will not be paid.", "2400", "6930"
        ),
        ChartAccount(
            CUSTOMER_CREDIT, AccountType.LIABILITY, "Customer credit",
            "What customers have paid or been given and not used yet.", "1700", "3500",
        ),
        ChartAccount(FEES, AccountType.EXPENSE, "Fees", "What providers keep of payments.", "4970", "6855"),
        ChartAccount(
            PROMOTIONS, AccountType.EXPENSE, "Promotions", "Credit that was given away.", "4630", "6600"
        ),
        ChartAccount(
            BREAKAGE, AccountType.INCOME, "Breakage", "Credit that expired before it was used.", "2700", "4830"
        ),
    )
}  # fmt: skip
"""Every role in the books of billing."""

TRANSITORY: Final = {"skr03": "1590", "skr04": "1370"}
"""Where accounts outside of the chart (wallets, escrow) appear in a file for DATEV: items in transit."""


def books_code(role: str, currency: str) -> str:
    """The code of the account: `receivables:EUR`. Raises `KeyError` for a role that the chart does not have."""
    return f"{CHART[role].role}:{currency}"


def is_books_code(code: str | None) -> bool:
    """Whether a code is reserved for the books, whatever the currency."""
    return role_of(code) is not None


def role_of(code: str | None) -> str | None:
    """The role that a code names, or None for an account outside of the chart."""
    role, colon, _ = (code or "").partition(":")
    return role if colon and role in CHART else None
