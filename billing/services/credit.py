"""Credit of customers: given with conditions (grants), or put on their balance and taken back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from uuid import UUID

from accounting.chart import CUSTOMER_CREDIT
from accounting.enums import GrantSource
from accounting.granting import DEFAULT_PRIORITY, Rollover
from accounting.judging import TransferRequest
from accounting.models import Grant, Transfer
from accounting.services.chart import books_account
from accounting.services.grants import make_grant
from accounting.services.transfers import make_transfer
from accounting.services.wallets import wallet_of
from billing.selectors import get_customer
from tenants.selectors import get_settings


def grant_credit(
    *, tenant_id: UUID, amount: int, currency: str, at: dt.datetime, customer_id: UUID | None = None,
    account_id: UUID | None = None, source: str = GrantSource.PROMOTIONAL, priority: int = DEFAULT_PRIORITY,
    effective_at: dt.datetime | None = None, expires_at: dt.datetime | None = None, rollover: Rollover | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Grant:  # fmt: skip
    """A grant on an account, or in the wallet of a customer, which is made when there is none.

    Raises `NotFound` (path `customerId` or `accountId`), `CustomerErased`, `UnknownUnit`, and what `make_grant` raises;
    ValueError unless one of the two is given.
    """
    if (customer_id is None) == (account_id is None):
        raise ValueError("A grant is for a customer or for an account.")
    if customer_id is not None:
        account_id = wallet_of(tenant_id=tenant_id, customer_id=customer_id, currency=currency, at=at)
    assert account_id is not None
    return make_grant(
        tenant_id=tenant_id, account_id=account_id, amount=amount, currency=currency, at=at, source=source,
        priority=priority, effective_at=effective_at, expires_at=expires_at, rollover=rollover, metadata=metadata,
    )  # fmt: skip


def credit_customer(
    *, tenant_id: UUID, customer_id: UUID, amount: int, reason: str, at: dt.datetime, currency: str | None = None
) -> Transfer:
    """Put `amount` minor units on the balance of a customer, or take them from it when negative.

    In `currency`, else in that of the customer, else in the tenant's. Raises `NotFound`, `CustomerErased`,
    `UnknownUnit`, `InsufficientFunds` when there is less to take, `AccountSuspended`, and ValueError for 0.
    """
    if amount == 0:
        raise ValueError("Nothing to credit.")
    customer = get_customer(tenant_id=tenant_id, customer_id=customer_id)
    unit = currency or customer.currency or get_settings(tenant_id=tenant_id).default_currency
    wallet = wallet_of(tenant_id=tenant_id, customer_id=customer_id, currency=unit, at=at)
    books = books_account(tenant_id=tenant_id, role=CUSTOMER_CREDIT, currency=unit, at=at)
    source, target = (books, wallet) if amount > 0 else (wallet, books)
    request = TransferRequest(source, target, amount=abs(amount), currency=unit, description=reason)
    return make_transfer(tenant_id=tenant_id, request=request, at=at, on_books=True)
