"""Grants for tests: made, looked at, and followed line by line."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.db.models import Sum

from accounting.enums import AccountType
from accounting.judging import TransferRequest
from accounting.models import Account, Balance, Grant, GrantUse, JournalEntry, JournalLine
from accounting.posting import natural
from accounting.services.grants import make_grant
from accounting.services.transfers import make_transfer
from tests.conftest import AT

HOUR = dt.timedelta(hours=1)


def after(hours: float) -> dt.datetime:
    """So many hours after the business time of the tests."""
    return AT + hours * HOUR


def granted(account: Account, amount: int, *, at: dt.datetime = AT, **fields: Any) -> Grant:
    """A grant on the account, made at `at`."""
    return make_grant(
        tenant_id=account.tenant_id, account_id=account.id, amount=amount, currency=account.currency, at=at, **fields
    )  # fmt: skip


def spend(source: Account, target: Account, amount: int, *, at: dt.datetime = AT, **fields: Any) -> Any:
    """A transfer as the API makes it."""
    request = TransferRequest(source.id, target.id, amount, source.currency, **fields)
    return make_transfer(tenant_id=source.tenant_id, request=request, at=at)


def left(*grants: Grant) -> list[int]:
    """What remains of each."""
    return [Grant.objects.get(id=grant.id).remaining for grant in grants]


def state(grant: Grant) -> str:
    """Its status."""
    return Grant.objects.get(id=grant.id).status


def uses(grant: Grant) -> list[tuple[str, int]]:
    """Kind of entry and amount of each use, in the order of business."""
    found = GrantUse.objects.filter(grant_id=grant.id).order_by("created_at", "entry_id", "position")
    return [(use.entry.kind, use.amount) for use in found.select_related("entry")]


def posted(account: Account) -> int:
    """What stands on the account."""
    return Balance.objects.get(account_id=account.id).posted


def books(role: str, currency: str = "EUR") -> int:
    """What stands on an account of the books, by its lines; 0 when there is none."""
    account = Account.objects.filter(code=f"{role}:{currency}").first()
    if account is None:
        return 0
    return sum(
        natural(AccountType(account.type), line.side, line.amount)
        for line in JournalLine.objects.filter(account_id=account.id)
    )


def entries_of(grant_id: UUID) -> list[str]:
    """Kinds of the entries about a grant."""
    found = JournalEntry.objects.filter(source_type="grant", source_id=grant_id).order_by("created_at", "id")
    return list(found.values_list("kind", flat=True))


def agrees(grant: Grant) -> bool:
    """Whether what the amount lacks is the sum of the uses."""
    used = GrantUse.objects.filter(grant_id=grant.id).aggregate(sum=Sum("amount"))["sum"] or 0
    row = Grant.objects.get(id=grant.id)
    return row.amount - row.remaining == used
