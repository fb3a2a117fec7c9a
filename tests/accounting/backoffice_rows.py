"""What the walk through the back office looks at in accounting."""

from __future__ import annotations

from itertools import count
from typing import Any

from accounting.enums import OverdraftPolicy
from accounting.judging import TransferRequest
from accounting.models import Account, Grant, Hold, JournalEntry, Transfer, Unit
from accounting.services.accounts import Overdraft, open_account
from accounting.services.grants import make_grant
from accounting.services.holds import place_hold
from accounting.services.transfers import make_transfer
from accounting.services.units import create_unit
from tenants.models import Tenant
from tests.conftest import AT
from tests.tenants.backoffice.rows import maker

_numbers = count(1)


@maker(Unit)
def _unit(tenant: Tenant, user: Any) -> Any:
    return create_unit(tenant_id=tenant.id, code=f"CREDITS{next(_numbers)}", exponent=2, at=AT, name="Credits")


@maker(Account)
def _account(tenant: Tenant, user: Any) -> Any:
    return open_account(
        tenant_id=tenant.id, currency="EUR", at=AT, code=f"till-{next(_numbers)}",
        overdraft=Overdraft(OverdraftPolicy.LIMIT, 50_000),
    )  # fmt: skip


@maker(Transfer)
def _transfer(tenant: Tenant, user: Any) -> Any:
    source, target = _account(tenant, user), _account(tenant, user)
    request = TransferRequest(source.id, target.id, amount=1_234, currency="EUR", description="Refill & <b>more</b>")
    return make_transfer(tenant_id=tenant.id, request=request, at=AT)


@maker(JournalEntry)
def _entry(tenant: Tenant, user: Any) -> Any:
    return JournalEntry.objects.get(id=_transfer(tenant, user).entry_id)


@maker(Grant)
def _grant(tenant: Tenant, user: Any) -> Any:
    wallet = open_account(tenant_id=tenant.id, currency="EUR", at=AT)
    return make_grant(tenant_id=tenant.id, account_id=wallet.id, amount=900, currency="EUR", at=AT)


@maker(Hold)
def _hold(tenant: Tenant, user: Any) -> Any:
    return place_hold(
        tenant_id=tenant.id, account_id=_account(tenant, user).id, amount=700, currency="EUR", at=AT
    )  # fmt: skip
