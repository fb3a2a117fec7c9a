"""Opening accounts, changing what they may do, and closing them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from accounting.chart import is_books_code
from accounting.enums import AccountCommand, AccountStatus, AccountType, OverdraftPolicy, OwnerType
from accounting.errors import AccountClosed, AccountNotEmpty, AccountReserved, AmountTooLarge, CodeTaken
from accounting.models import Account
from accounting.models.account import ACCOUNT_CODE_UNIQUE
from accounting.selectors import exponent_of, get_account, lock_account
from accounting.services.posting import refusals
from accounting.transitions import apply_account_transition
from common.constraints import violated_constraint
from common.errors import NotFound
from common.metadata import merged_metadata
from tenants.registries import hold_owner
from tenants.scope import state_reason

CLOSED_IS_EMPTY = "account_closed_is_empty"


@dataclass(frozen=True, slots=True)
class Overdraft:
    """How far a balance may fall below zero: `limit` minor units with the policy `limit`, else None."""

    policy: str = OverdraftPolicy.NONE
    limit: int | None = None


def open_account(
    *, tenant_id: UUID, currency: str, at: dt.datetime, owner_type: str = OwnerType.TENANT,
    owner_id: UUID | None = None, type: str = AccountType.LIABILITY, code: str | None = None,  # noqa: A002
    overdraft: Overdraft | None = None, metadata: Mapping[str, str] | None = None,
) -> Account:  # fmt: skip
    """A new account of a customer (`owner_id`) or of the tenant.

    Raises `AccountReserved` for the owner type `system` and for a code of the chart, `UnknownUnit`, `NotFound` (path
    `ownerId`) and `CodeTaken`.
    """
    if owner_type == OwnerType.SYSTEM:
        raise AccountReserved("Accounts of the system are the books of Ledger, which opens them itself.")
    if is_books_code(code):
        raise AccountReserved("Codes such as receivables:EUR are those of the books, which Ledger opens itself.")
    if owner_type == OwnerType.CUSTOMER and (
        owner_id is None or not hold_owner(owner_type, tenant_id=tenant_id, object_id=owner_id)
    ):
        raise NotFound(path="ownerId")
    exponent_of(tenant_id=tenant_id, code=currency)
    allowed = overdraft or Overdraft()
    account = Account(
        tenant_id=tenant_id, currency=currency, owner_type=owner_type, owner_id=owner_id, type=type, code=code,
        overdraft_policy=allowed.policy, overdraft_limit=allowed.limit, metadata=dict(metadata or {}), created_at=at,
        updated_at=at,
    )  # fmt: skip
    try:
        with transaction.atomic():
            account.save(force_insert=True)
    except IntegrityError as refused:
        if violated_constraint(refused) != ACCOUNT_CODE_UNIQUE:
            raise
        raise CodeTaken("An account with this code already exists.") from refused
    return get_account(tenant_id=tenant_id, account_id=account.id)


def change_account(
    *, tenant_id: UUID, account_id: UUID, at: dt.datetime, overdraft: Overdraft | None = None,
    metadata: Mapping[str, str | None] | None = None,
) -> Account:  # fmt: skip
    """The account with another overdraft, its metadata merged with `metadata` (null removes); None leaves it.

    Raises `NotFound`, `AccountReserved`, `AccountClosed`, `AccountBounded`, `InsufficientFunds` when what stands or is
    held is below the new limit, and `InvalidRequest` when the merged metadata are too many.
    """
    account = _lock_own(tenant_id=tenant_id, account_id=account_id)
    if account.status == AccountStatus.CLOSED:
        raise AccountClosed()
    changes: dict[str, Any] = {}
    if overdraft is not None:
        changes |= {"overdraft_policy": overdraft.policy, "overdraft_limit": overdraft.limit}
    if metadata is not None:
        changes["metadata"] = merged_metadata(account.metadata, metadata)
    differing = {name: value for name, value in changes.items() if getattr(account, name) != value}
    if differing:
        for name, value in differing.items():
            setattr(account, name, value)
        account.updated_at = at
        with refusals():
            account.save(update_fields=[*differing, "updated_at"])
    return account


def suspend_account(*, tenant_id: UUID, account_id: UUID, reason: str, at: dt.datetime) -> Account:
    """Let nobody post to the account or hold anything on it. Raises `NotFound`, `AccountReserved`, `AccountClosed`."""
    return _command(AccountCommand.SUSPEND, tenant_id=tenant_id, account_id=account_id, reason=reason, at=at)


def activate_account(*, tenant_id: UUID, account_id: UUID, reason: str, at: dt.datetime) -> Account:
    """Let a suspended account take part again. Raises `NotFound`, `AccountReserved`, `AccountClosed`."""
    return _command(AccountCommand.ACTIVATE, tenant_id=tenant_id, account_id=account_id, reason=reason, at=at)


def close_account(*, tenant_id: UUID, account_id: UUID, reason: str, at: dt.datetime) -> Account:
    """End an account for ever. Raises `NotFound`, `AccountReserved`, `AccountClosed`, `AccountNotEmpty`."""
    return _command(AccountCommand.CLOSE, tenant_id=tenant_id, account_id=account_id, reason=reason, at=at)


def _command(command: AccountCommand, *, tenant_id: UUID, account_id: UUID, reason: str, at: dt.datetime) -> Account:
    """Repeating a state is no change. The database, which nobody posts past meanwhile, says what is empty."""
    account = _lock_own(tenant_id=tenant_id, account_id=account_id)
    before, changed_at = account.status, account.updated_at
    apply_account_transition(account, command, at=at)
    if account.status == before:
        account.updated_at = changed_at
        return account
    state_reason(reason)
    try:
        with refusals():
            account.save(update_fields=["status", "updated_at"])
    except AmountTooLarge as refused:  # far from empty: the database sums all lines of an account without a bound
        raise AccountNotEmpty() from refused
    except IntegrityError as refused:
        if violated_constraint(refused) != CLOSED_IS_EMPTY:
            raise
        raise AccountNotEmpty() from refused
    return account


def _lock_own(*, tenant_id: UUID, account_id: UUID) -> Account:
    """The account, held, when callers may change it."""
    account = lock_account(tenant_id=tenant_id, account_id=account_id)
    if account.owner_type == OwnerType.SYSTEM:
        raise AccountReserved()
    return account
