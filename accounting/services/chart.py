"""The accounts of the books of billing: made when they are first needed, the same for ever after."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from accounting.chart import CHART, books_code
from accounting.enums import OverdraftPolicy, OwnerType
from accounting.models import Account

_CACHE_SIZE: Final = 50_000

_Name = tuple[UUID, str, str]  # tenant, role, currency
_known: dict[_Name, UUID] = {}


def books_account(*, tenant_id: UUID, role: str, currency: str, at: dt.datetime) -> UUID:
    """The id of one account of the books; see `books_accounts`."""
    return books_accounts(tenant_id=tenant_id, roles=[role], currency=currency, at=at)[role]


def books_accounts(
    *, tenant_id: UUID, roles: Collection[str], currency: str, at: dt.datetime
) -> Mapping[str, UUID]:  # fmt: skip
    """The ids of the accounts with these `roles` of the chart; those that do not exist are made as of `at`.

    Two that make the same account get the same one: the second waits for the first. Ask before anything is locked that
    others wait for, such as a series of numbers. Needs the tenant's scope. Raises `KeyError` for an unknown role.
    """
    known = known_accounts(tenant_id=tenant_id, roles=roles, currency=currency)
    if known is not None:
        return known
    found = _stored(tenant_id, roles, currency)
    missing = sorted(set(roles) - set(found))
    if missing:
        Account.objects.bulk_create(
            [_account(tenant_id, role, currency, at) for role in missing], ignore_conflicts=True
        )
        found = _stored(tenant_id, roles, currency)
    _remember({(tenant_id, role, currency): account_id for role, account_id in found.items()})
    return found


def known_accounts(*, tenant_id: UUID, roles: Collection[str], currency: str) -> Mapping[str, UUID] | None:
    """The same from this process's memory, without a question to the database; None unless all are known."""
    try:
        return {role: _known[tenant_id, role, currency] for role in roles}
    except KeyError:
        return None


def forget_accounts(tenant_id: UUID) -> None:
    """Forget what is known of a tenant: the database was put back to a time before its accounts were made."""
    for name in [name for name in _known if name[0] == tenant_id]:
        _known.pop(name, None)


def _stored(tenant_id: UUID, roles: Collection[str], currency: str) -> dict[str, UUID]:
    names = {books_code(role, currency): role for role in roles}
    rows = Account.objects.filter(tenant_id=tenant_id, code__in=list(names)).values_list("code", "id")
    return {names[code]: account_id for code, account_id in rows if code is not None}


def _account(tenant_id: UUID, role: str, currency: str, at: dt.datetime) -> Account:
    return Account(
        tenant_id=tenant_id, currency=currency, owner_type=OwnerType.SYSTEM, type=CHART[role].type,
        code=books_code(role, currency), overdraft_policy=OverdraftPolicy.UNLIMITED, created_at=at, updated_at=at,
    )  # fmt: skip


def _remember(found: dict[_Name, UUID]) -> None:
    """An account never changes its identity, so what is known stays true; but it must be known to be committed.

    What a transaction sees may be its own, and may be undone: it is remembered once that transaction has committed.
    """

    def remember() -> None:
        if len(_known) + len(found) > _CACHE_SIZE:
            _known.clear()
        _known.update(found)

    if connection.in_atomic_block:
        transaction.on_commit(remember)
    else:
        remember()
