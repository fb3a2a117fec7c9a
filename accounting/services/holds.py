"""Holds: amounts reserved before it is known whether they will be spent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from uuid import UUID

from django.db import connection

from accounting.enums import HoldCommand, HoldStatus, OwnerType
from accounting.errors import AccountReserved, AmountExceedsHold, HoldNotActive, WrongUnit
from accounting.judging import Judge, TransferRequest
from accounting.models import Hold, Transfer
from accounting.selectors import holds, lock_accounts, lock_hold
from accounting.services.grants import lock_settled, settled_facts
from accounting.services.posting import refusals
from accounting.services.transfers import post_transfers, refuse_reserved
from accounting.transitions import apply_hold_transition
from common.errors import InvalidRequest, NotFound, Problem
from tenants.scope import tenant_scope

LASTS: Final = dt.timedelta(days=7)
BATCH: Final = 200


def place_hold(
    *, tenant_id: UUID, account_id: UUID, amount: int, currency: str, at: dt.datetime,
    expires_at: dt.datetime | None = None, metadata: Mapping[str, str] | None = None, on_books: bool = False,
) -> Hold:  # fmt: skip
    """Reserve `amount` minor units of an account until `expires_at`, by default for seven days.

    Raises `NotFound` (path `accountId`), `AccountReserved`, `WrongUnit`, `AccountSuspended`, `PostingToClosed`,
    `InsufficientFunds`, `AmountTooLarge`.
    """
    account = settled_facts(tenant_id=tenant_id, account_ids=[account_id], at=at).get(account_id)
    if account is None:
        raise NotFound(path="accountId")
    if account.owner_type == OwnerType.SYSTEM and not on_books:
        raise AccountReserved()
    if account.currency != currency:
        raise WrongUnit()
    hold = Hold(
        tenant_id=tenant_id, account_id=account_id, amount=amount, currency=currency, expires_at=expires_at or
        at + LASTS, metadata=dict(metadata or {}), created_at=at, updated_at=at,
    )  # fmt: skip
    with refusals():
        hold.save(force_insert=True)
    return hold


def capture_hold(
    *, tenant_id: UUID, hold_id: UUID, to_account_id: UUID, at: dt.datetime, amount: int | None = None,
    on_books: bool = False,
) -> tuple[Hold, Transfer]:  # fmt: skip
    """Move `amount` minor units of a hold, by default all, to an account; the rest is free again.

    Raises `NotFound` (the hold, or path `toAccountId`), `HoldNotActive`, `AmountExceedsHold`, `InvalidRequest` when the
    amount would go back to the account it is held on, and what `make_transfer` raises.
    """
    hold = lock_hold(tenant_id=tenant_id, hold_id=hold_id)
    pair = [hold.account_id, to_account_id]
    accounts = lock_settled(tenant_id=tenant_id, account_ids=pair, at=at)
    if to_account_id not in accounts:
        raise NotFound(path="toAccountId")
    _end(hold, HoldCommand.CAPTURE, at=at)
    taken = hold.amount if amount is None else amount
    if to_account_id == hold.account_id:
        text = "Must be another account than the one of the hold."
        raise InvalidRequest([Problem("toAccountId", "invalid", text)])
    if taken > hold.amount:
        raise AmountExceedsHold()
    request = TransferRequest(hold.account_id, to_account_id, amount=taken, currency=hold.currency)
    # What is held is there, and what the other account has room for the database says.
    known = {one: replace(facts, room=None) for one, facts in accounts.items()}
    refused = Judge(known, on_books=on_books).refusal(request)
    if refused is not None:
        raise refused
    [transfer] = post_transfers(tenant_id=tenant_id, requests=[request], at=at, freeing=hold)
    return hold, transfer


def release_hold(*, tenant_id: UUID, hold_id: UUID, at: dt.datetime, on_books: bool = False) -> Hold:
    """Free all that is held. Raises `NotFound`, `HoldNotActive`, `AccountReserved`."""
    hold = lock_hold(tenant_id=tenant_id, hold_id=hold_id)
    if not on_books:
        refuse_reserved(tenant_id=tenant_id, account_ids=[hold.account_id])
    _end(hold, HoldCommand.RELEASE, at=at)
    hold.save(update_fields=["status", "updated_at"])
    return hold


def tenants_with_due(*, at: dt.datetime) -> list[UUID]:
    """Tenants that have an active hold which expires at or before `at`, across all tenants."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM accounting_tenants_with_due_holds(%s)", [at])
        return [row[0] for row in cursor.fetchall()]


def expire_holds(*, tenant_id: UUID, at: dt.datetime) -> int:
    """Free a batch of the tenant's holds that are over at `at`; how many. Fewer than `BATCH`: none are left.

    Each batch is a transaction of its own; holds that somebody captures or releases at the moment are left to them.
    """
    with tenant_scope(tenant_id):
        due = list(
            holds(tenant_id=tenant_id)
            .filter(status=HoldStatus.ACTIVE, expires_at__lte=at)
            .select_for_update(no_key=True, skip_locked=True)
            .order_by("expires_at")[:BATCH]
        )
        if due:
            lock_accounts(tenant_id=tenant_id, account_ids={hold.account_id for hold in due})
            for hold in due:
                apply_hold_transition(hold, HoldCommand.EXPIRE, at=at)
            Hold.objects.bulk_update(due, ["status", "updated_at"])
    return len(due)


def _end(hold: Hold, command: HoldCommand, *, at: dt.datetime) -> None:
    """One that is over by its time has ended, whether the sweep has come by or not."""
    if hold.expires_at <= at:
        raise HoldNotActive()
    apply_hold_transition(hold, command, at=at)
