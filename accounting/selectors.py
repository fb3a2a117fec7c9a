"""Reads of the accounting app. Each needs the tenant's scope."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, Prefetch, Q, QuerySet, Subquery

from accounting.enums import AccountStatus
from accounting.errors import UnknownUnit
from accounting.judging import Facts
from accounting.models import Account, Grant, Hold, JournalEntry, JournalLine, Transfer, Unit
from common.currencies import EXPONENTS
from common.errors import NotFound

# When the next grant of an account begins or expires: an index of the live ones answers it.
GRANTS_DUE: Final = """(
    SELECT min(CASE g.status WHEN 'scheduled' THEN g.effective_at ELSE g.expires_at END) FROM accounting_grant g
    WHERE g.tenant_id = {tenant} AND g.account_id = {account} AND g.status IN ('scheduled', 'active')
)"""
_FACTS: Final = f"""
    SELECT a.id, a.currency, a.type, a.status, a.owner_type, NULL,
        {GRANTS_DUE.format(tenant="%(tenant)s", account="a.id")}
    FROM accounting_account a WHERE a.tenant_id = %(tenant)s AND a.id = ANY(%(accounts)s::uuid[])
"""  # noqa: S608 - constants of this module
_LOCKED: Final = f"""
    SELECT l.account_id, l.unit, l.kind, l.state, l.owner, l.room,
        {GRANTS_DUE.format(tenant="%(tenant)s", account="l.account_id")}
    FROM accounting_lock_accounts(%(tenant)s, %(accounts)s::uuid[]) l
"""  # noqa: S608


# `at`: a grant that has begun by then counts, whoever gets to posting it.
WALLET_WITH_CREDIT: Final = """
    SELECT a.id FROM accounting_account a
    JOIN accounting_balance b ON b.tenant_id = a.tenant_id AND b.id = a.id
    WHERE a.tenant_id = {tenant} AND a.owner_id = {customer} AND a.currency = {currency} AND a.is_wallet
        AND a.status = 'active' AND (b.posted > b.held OR EXISTS (
            SELECT FROM accounting_grant g
            WHERE g.tenant_id = a.tenant_id AND g.account_id = a.id AND g.status = 'scheduled'
                AND g.effective_at <= {at}
        ))
"""
"""The wallet of a customer in which credit may be free: one row or none. It is a hint, which holds nothing."""


def with_exponents(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Rows that have a `currency`, each with the `unit_exponent` of its unit when that is the tenant's own."""
    unit = Unit.objects.filter(tenant_id=OuterRef("tenant_id"), code=OuterRef("currency"))
    annotated: QuerySet[Any] = rows.annotate(unit_exponent=Subquery(unit.values("exponent")))
    return annotated


def accounts(*, tenant_id: UUID, condition: Q | None = None) -> QuerySet[Account]:
    """The tenant's accounts that meet `condition`, each with the exponent of its unit when that is the tenant's own."""
    return with_exponents(Account.objects.filter(condition or Q(), tenant_id=tenant_id))


def get_account(*, tenant_id: UUID, account_id: UUID, path: str | None = None) -> Account:
    """One account. Raises `NotFound`, which names `path` where a body named the account."""
    account = accounts(tenant_id=tenant_id).filter(id=account_id).first()
    if account is None:
        raise NotFound(path=path)
    return account


def lock_account(*, tenant_id: UUID, account_id: UUID) -> Account:
    """One account, held against other changes of itself; postings go on. Raises `NotFound`."""
    account = accounts(tenant_id=tenant_id).filter(id=account_id).select_for_update(no_key=True, of=("self",)).first()
    if account is None:
        raise NotFound()
    return account


def facts_of(*, tenant_id: UUID, account_ids: Collection[UUID]) -> dict[UUID, Facts]:
    """What these accounts are, without holding them: the database still decides about their state and balance."""
    return _facts(_FACTS, tenant_id, account_ids)


def lock_accounts(*, tenant_id: UUID, account_ids: Collection[UUID]) -> dict[UUID, Facts]:
    """The same with their room, held until the transaction ends: neither their state nor their balance can change.

    Rows that are changed together with them (a hold, a transfer) are locked before, never after.
    """
    return _facts(_LOCKED, tenant_id, account_ids)


def _facts(sql: str, tenant_id: UUID, account_ids: Collection[UUID]) -> dict[UUID, Facts]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"tenant": tenant_id, "accounts": list(set(account_ids))})
        return {
            account_id: Facts(account_id, currency, kind, status, owner, None if room is None else int(room), due)
            for account_id, currency, kind, status, owner, room, due in cursor.fetchall()
        }


def units(*, tenant_id: UUID) -> QuerySet[Unit]:
    """The tenant's own units."""
    return Unit.objects.filter(tenant_id=tenant_id)


def exponent_of(*, tenant_id: UUID, code: str) -> int:
    """How many decimals a currency or a unit of the tenant has. Raises `UnknownUnit`."""
    if code in EXPONENTS:
        return EXPONENTS[code]
    unit = units(tenant_id=tenant_id).filter(code=code).first()
    if unit is None:
        raise UnknownUnit()
    return unit.exponent


def exponents(*, tenant_id: UUID) -> dict[str, int]:
    """How many decimals each currency has, and each unit of the tenant."""
    return {**dict(units(tenant_id=tenant_id).values_list("code", "exponent")), **EXPONENTS}


def transfers(*, tenant_id: UUID, condition: Q | None = None) -> QuerySet[Transfer]:
    """The tenant's transfers that meet `condition`, with what people wrote about them."""
    return Transfer.objects.filter(condition or Q(), tenant_id=tenant_id).select_related("entry")


def transfers_of(*, tenant_id: UUID, account_id: UUID, condition: Q) -> TransfersOfAccount:
    """Those from or to one account."""
    rows = transfers(tenant_id=tenant_id, condition=condition)
    return TransfersOfAccount(rows.filter(from_account_id=account_id), rows.filter(to_account_id=account_id))


class TransfersOfAccount:
    """Two lists as one, newest first, for paging: each is read in the order of its own index, only as far as needed."""

    def __init__(self, *sides: QuerySet[Transfer]) -> None:
        self.sides = sides

    def filter(self, *conditions: Any, **lookups: Any) -> TransfersOfAccount:
        """Both narrowed down."""
        return TransfersOfAccount(*(side.filter(*conditions, **lookups) for side in self.sides))

    def order_by(self, *fields: str) -> TransfersOfAccount:
        """Both in this order."""
        return TransfersOfAccount(*(side.order_by(*fields) for side in self.sides))

    def __getitem__(self, which: slice) -> list[Transfer]:
        """The first of both together."""
        found = [transfer for side in self.sides for transfer in side[which]]
        return sorted(found, key=lambda transfer: transfer.id, reverse=True)[which]


def get_transfer(*, tenant_id: UUID, transfer_id: UUID) -> Transfer:
    """One transfer. Raises `NotFound`."""
    transfer = transfers(tenant_id=tenant_id).filter(id=transfer_id).first()
    if transfer is None:
        raise NotFound()
    return transfer


def lock_transfer(*, tenant_id: UUID, transfer_id: UUID) -> Transfer:
    """One transfer, held against being voided by another. Raises `NotFound`."""
    rows = transfers(tenant_id=tenant_id).filter(id=transfer_id)
    transfer = rows.select_for_update(no_key=True, of=("self",)).first()
    if transfer is None:
        raise NotFound()
    return transfer


def entries(*, tenant_id: UUID, condition: Q | None = None) -> QuerySet[JournalEntry]:
    """The tenant's entries that meet `condition`, with their lines and the entry that reverses them."""
    account = Account.objects.filter(tenant_id=OuterRef("tenant_id"), id=OuterRef("account_id"))
    lines = JournalLine.objects.annotate(currency=Subquery(account.values("currency"))).order_by("position")
    reversing = JournalEntry.objects.filter(tenant_id=OuterRef("tenant_id"), reverses=OuterRef("id"))
    return (
        JournalEntry.objects.filter(condition or Q(), tenant_id=tenant_id)
        .annotate(reversed_by=Subquery(reversing.values("id")))
        .prefetch_related(Prefetch("lines", queryset=lines.filter(tenant_id=tenant_id)))
    )


def entries_of(*, tenant_id: UUID, account_id: UUID) -> EntriesOfAccount:
    """Those with a line on one account."""
    return EntriesOfAccount(tenant_id, JournalLine.objects.filter(tenant_id=tenant_id, account_id=account_id))


class EntriesOfAccount:
    """Newest first, for paging: found by the index of the account's lines, however many entries others have."""

    def __init__(self, tenant_id: UUID, lines: QuerySet[JournalLine]) -> None:
        self.tenant_id, self.lines = tenant_id, lines

    def filter(self, *, pk__lt: UUID) -> EntriesOfAccount:
        """Those before one."""
        return EntriesOfAccount(self.tenant_id, self.lines.filter(entry_id__lt=pk__lt))

    def order_by(self, field: str) -> EntriesOfAccount:
        """There is one order."""
        assert field == "-pk"
        return self

    def __getitem__(self, which: slice) -> list[JournalEntry]:
        """The first of them."""
        found = self.lines.order_by("-entry_id").values_list("entry_id", flat=True).distinct()[which]
        return list(entries(tenant_id=self.tenant_id, condition=Q(id__in=list(found))).order_by("-id"))


def get_entry(*, tenant_id: UUID, entry_id: UUID) -> JournalEntry:
    """One entry. Raises `NotFound`."""
    entry = entries(tenant_id=tenant_id).filter(id=entry_id).first()
    if entry is None:
        raise NotFound()
    return entry


def holds(*, tenant_id: UUID, condition: Q | None = None) -> QuerySet[Hold]:
    """The tenant's holds that meet `condition`."""
    return Hold.objects.filter(condition or Q(), tenant_id=tenant_id)


def get_hold(*, tenant_id: UUID, hold_id: UUID) -> Hold:
    """One hold. Raises `NotFound`."""
    hold = holds(tenant_id=tenant_id).filter(id=hold_id).first()
    if hold is None:
        raise NotFound()
    return hold


def lock_hold(*, tenant_id: UUID, hold_id: UUID) -> Hold:
    """One hold, held against being ended by another. Raises `NotFound`."""
    hold = holds(tenant_id=tenant_id).filter(id=hold_id).select_for_update(no_key=True).first()
    if hold is None:
        raise NotFound()
    return hold


def grants(*, tenant_id: UUID, condition: Q | None = None) -> QuerySet[Grant]:
    """The tenant's grants that meet `condition`."""
    return Grant.objects.filter(condition or Q(), tenant_id=tenant_id)


def get_grant(*, tenant_id: UUID, grant_id: UUID) -> Grant:
    """One grant. Raises `NotFound`."""
    grant = grants(tenant_id=tenant_id).filter(id=grant_id).first()
    if grant is None:
        raise NotFound()
    return grant


def wallets(*, tenant_id: Any, customer_id: Any, currency: Any) -> QuerySet[Account]:
    """The customer's wallet in this unit, if there is one; arguments may be references of an outer query."""
    return Account.objects.filter(
        tenant_id=tenant_id, owner_id=customer_id, currency=currency, is_wallet=True
    ).exclude(status=AccountStatus.CLOSED)  # fmt: skip


def find_wallet(*, tenant_id: UUID, customer_id: UUID, currency: str) -> UUID | None:
    """The id of the customer's wallet in this unit, or None."""
    return (
        wallets(tenant_id=tenant_id, customer_id=customer_id, currency=currency).values_list("id", flat=True).first()
    )  # fmt: skip


def find_wallet_with_credit(*, tenant_id: UUID, customer_id: UUID, currency: str, at: dt.datetime) -> UUID | None:
    """The id of the customer's wallet in this unit when credit may be free in it at `at`, or None.

    Nothing is held: what is really free only `services.wallets.lock_credit` knows.
    """
    sql = WALLET_WITH_CREDIT.format(tenant="%s", customer="%s", currency="%s", at="%s")
    with connection.cursor() as cursor:
        cursor.execute(sql, [tenant_id, customer_id, currency, at])
        row = cursor.fetchone()
        return row[0] if row else None
