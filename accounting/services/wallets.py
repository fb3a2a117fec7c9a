"""Wallets: the one account per customer and unit in which Ledger itself keeps what a tenant owes the customer."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

from accounting.enums import AccountStatus, AccountType, OwnerType
from accounting.models import Account, Balance
from accounting.selectors import exponent_of, find_wallet, find_wallet_with_credit
from accounting.services.grants import lock_settled
from common.errors import NotFound
from tenants.registries import hold_owner


@dataclass(frozen=True, slots=True)
class Credit:
    """What a customer may spend: `available` minor units, more than none, on the account of their wallet."""

    account_id: UUID
    available: int


def lock_credit(*, tenant_id: UUID, customer_id: UUID, currency: str, at: dt.datetime) -> Credit | None:
    """What is free in the customer's wallet in this unit at `at`, or None; held until the transaction ends.

    Grants have begun and ended as they were due. What is held for somebody is not free, and neither is what the wallet
    may be overdrawn by: that would be a debt. A suspended wallet has nothing to spend.
    """
    account_id = find_wallet_with_credit(tenant_id=tenant_id, customer_id=customer_id, currency=currency, at=at)
    if account_id is None:
        return None
    account = lock_settled(tenant_id=tenant_id, account_ids=[account_id], at=at)[account_id]
    if account.status != AccountStatus.ACTIVE:
        return None
    balance = Balance.objects.get(tenant_id=tenant_id, account_id=account_id)
    available = balance.posted - balance.held
    return Credit(account_id, available) if available > 0 else None


def wallet_of(*, tenant_id: UUID, customer_id: UUID, currency: str, at: dt.datetime) -> UUID:
    """The id of the customer's wallet in this unit, made when there is none.

    The customer is kept from being deleted until the transaction ends. Two that make a wallet at once get the same one:
    the second waits for the first. Raises `NotFound` (path `customerId`), what the customer's app says about customers
    that are no more, and `UnknownUnit`.
    """
    if not hold_owner(OwnerType.CUSTOMER, tenant_id=tenant_id, object_id=customer_id):
        raise NotFound(path="customerId")
    found = find_wallet(tenant_id=tenant_id, customer_id=customer_id, currency=currency)
    if found is not None:
        return found
    exponent_of(tenant_id=tenant_id, code=currency)
    wanted = Account(
        tenant_id=tenant_id, currency=currency, owner_type=OwnerType.CUSTOMER, owner_id=customer_id,
        type=AccountType.LIABILITY, status=AccountStatus.ACTIVE, is_wallet=True, created_at=at, updated_at=at,
    )  # fmt: skip
    while found is None:
        # Without a violation the caller's transaction goes on; a later snapshot sees the row that was in the way.
        Account.objects.bulk_create([wanted], ignore_conflicts=True)
        found = find_wallet(tenant_id=tenant_id, customer_id=customer_id, currency=currency)
    return found
