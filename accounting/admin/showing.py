"""How accounts and amounts look on the pages of this app."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from accounting.enums import OwnerType
from accounting.models import Account
from accounting.selectors import with_exponents
from tenants.backoffice import display
from tenants.backoffice.references import link_to, subject_named
from tenants.backoffice.subjects import Subject

SHOWN = 25
"""How many rows a panel shows."""


def accounts_by_id(tenant_id: UUID, ids: Iterable[UUID]) -> Mapping[UUID, Account]:
    """Accounts by their ids, with one query."""
    return {row.id: row for row in with_exponents(Account.objects.filter(tenant_id=tenant_id, id__in=set(ids)))}


def digits_of(row: Any) -> int | None:
    """The decimals of the tenant's own unit, by `with_exponents`; None for a currency."""
    return getattr(row, "unit_exponent", None)


def amount_of(account: Account | None, amount: int | None) -> object:
    """An amount in the unit of the account, as money."""
    return display.EMPTY if account is None else amount_of_row(account, amount)


def account_text(account: Account) -> str:
    """What an account is called: its code, else whose it is."""
    return name_of_account(account.code, account.owner_type, account.currency)


def name_of_account(code: str | None, owner_type: str, currency: str) -> str:
    """The same, of columns."""
    return code or f"{'Wallet' if owner_type == OwnerType.CUSTOMER else 'Account'} in {currency}"


def kind_text(kind: str) -> str:
    """Which fact an entry stands for: `invoice.finalised` reads `Invoice finalised`."""
    return kind.replace("_", " ").replace(".", " ").capitalize()


def account_link(account: Account | None, account_id: UUID) -> object:
    """A link to the page of an account."""
    return link_to(Subject("account", account_id), account_text(account) if account else None)


def amount_of_row(row: Any, amount: int | None) -> object:
    """An amount of a row that has a currency and, by `with_exponents`, the decimals of the tenant's own unit."""
    return display.EMPTY if amount is None else display.money(amount, row.currency, digits=digits_of(row))


def amount_text(row: Any) -> str:
    """The row's own amount, as a heading."""
    return display.money_text(row.amount, row.currency, digits=digits_of(row))


def found_by_id(rows: QuerySet[Any], term: str, *, account: Sequence[str]) -> tuple[QuerySet[Any], bool]:
    """What somebody searched for by the id of a row or of an account; `account` are the columns that name one."""
    term = term.strip()
    if not term:
        return rows, False
    subject = subject_named(term)
    if subject is None:
        return rows.none(), False
    if subject.type != "account":
        return rows.filter(id=subject.id), False
    named = Q()
    for name in account:
        named |= Q(**{name: subject.id})
    return rows.filter(named), False
