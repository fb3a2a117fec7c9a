"""Grants that are due begin or end: all of a tenant's, by the sweep in small transactions and before they are read."""

from __future__ import annotations

import datetime as dt
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from accounting.balances import Standing, balance_of
from accounting.enums import AccountStatus, GrantStatus
from accounting.errors import AmountTooLarge
from accounting.selectors import grants
from accounting.services.grants import settle_accounts
from tenants.scope import tenant_scope

BATCH: Final = 100


def tenants_with_due(*, at: dt.datetime) -> list[UUID]:
    """Tenants that have a grant which begins or expires at or before `at`, across all tenants."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM accounting_tenants_with_due_grants(%s)", [at])
        return [row[0] for row in cursor.fetchall()]


def settle_due(*, tenant_id: UUID, at: dt.datetime) -> int:
    """Let grants of up to `BATCH` accounts begin and end that are due at `at`; how many. None: nothing is left to do.

    Each batch is a transaction of its own. Grants of suspended accounts wait until those are active again.
    """
    with tenant_scope(tenant_id):
        return settle_before_reading(tenant_id=tenant_id, at=at)


def settle_before_reading(*, tenant_id: UUID, at: dt.datetime) -> int:
    """The same in the caller's transaction: what is read after it is what time has made of grants and balances.

    After an outage of the sweep the accounts beyond `BATCH` are left to it. One query where nothing is due. A grant
    that would make a balance larger than Ledger can hold waits until there is room, and keeps nobody from reading.
    """
    due = Q(status=GrantStatus.SCHEDULED, effective_at__lte=at) | Q(status=GrantStatus.ACTIVE, expires_at__lte=at)
    found = grants(tenant_id=tenant_id, condition=due).exclude(account__status=AccountStatus.SUSPENDED)
    accounts = set(found.order_by("id").values_list("account_id", flat=True)[:BATCH])
    # In the order in which all who post hold balances.
    return sum(_settle_alone(tenant_id, account_id, at) for account_id in sorted(accounts))


def _settle_alone(tenant_id: UUID, account_id: UUID, at: dt.datetime) -> int:
    try:
        with transaction.atomic():
            return settle_accounts(tenant_id=tenant_id, account_ids=[account_id], at=at)
    except AmountTooLarge:
        return 0


def settled_balance_of(
    *, tenant_id: UUID, account_id: UUID, now: dt.datetime, at: dt.datetime | None = None
) -> Standing:
    """What `balance_of` says, after the account's grants have begun and ended as they were due at `now`.

    Raises what it raises.
    """
    standing = balance_of(tenant_id=tenant_id, account_id=account_id, at=at)
    if standing.grants_due is None or standing.grants_due > now:
        return standing
    _settle_alone(tenant_id, account_id, now)
    return balance_of(tenant_id=tenant_id, account_id=account_id, at=at)
