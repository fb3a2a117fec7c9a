"""What stands in the books of a tenant, in the words of the chart."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any

from accounting.models import Account, JournalEntry
from accounting.posting import natural
from tenants.models import Tenant
from tenants.scope import tenant_scope

Line = tuple[str, str, int]


def entries(tenant: Tenant, *, kind: str | None = None) -> list[JournalEntry]:
    """The entries in the order in which they were written."""
    with tenant_scope(tenant.id):
        rows = JournalEntry.objects.filter(tenant_id=tenant.id).prefetch_related("lines").order_by("id")
        return list(rows.filter(kind=kind) if kind else rows)


def booked(tenant: Tenant) -> list[tuple[str, list[Line]]]:
    """Each entry as kind and lines (code, side, amount)."""
    with tenant_scope(tenant.id):
        codes = dict(Account.objects.filter(tenant_id=tenant.id).values_list("id", "code"))
    return [
        (
            entry.kind,
            [
                (str(codes[line.account_id]), line.side, line.amount)
                for line in sorted(entry.lines.all(), key=lambda line: line.position)
            ],
        )
        for entry in entries(tenant)
    ]


def balances(tenant: Tenant, *, before: dt.datetime | None = None) -> dict[str, int]:
    """What is on each account that is not empty, from its own point of view."""
    with tenant_scope(tenant.id):
        accounts = {one.id: one for one in Account.objects.filter(tenant_id=tenant.id)}
    found: dict[str, int] = defaultdict(int)
    for entry in entries(tenant):
        if before is not None and entry.created_at >= before:
            continue
        for line in entry.lines.all():
            account = accounts[line.account_id]
            found[str(account.code)] += natural(account.type, line.side, line.amount)
    return {code: amount for code, amount in found.items() if amount}


def clear(values: dict[str, Any]) -> dict[str, Any]:
    """Without what is zero."""
    return {name: value for name, value in values.items() if value}
