"""Claims about the sweeps of accounting: what is wrong with one tenant is no matter of the others."""

from __future__ import annotations

from typing import Any

import pytest

from accounting import tasks
from accounting.services import holds, sealing, settling_grants

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("sweep", "module", "found", "work"),
    [
        (tasks.seal_entries, sealing, "tenants_with_unsealed", "seal_tenant"),
        (tasks.expire_holds, holds, "tenants_with_due", "expire_holds"),
        (tasks.settle_grants, settling_grants, "tenants_with_due", "settle_due"),
    ],
)
def test_a_tenant_that_cannot_be_swept_stops_no_other(
    tenant, other_tenant, monkeypatch, sweep, module, found, work
) -> None:
    reached = []

    def done(*, tenant_id: Any, **_: Any) -> int:
        reached.append(tenant_id)
        if tenant_id == tenant.id:
            raise RuntimeError("This tenant's rows are broken.")
        return 0

    monkeypatch.setattr(module, found, lambda **_: [tenant.id, other_tenant.id])
    monkeypatch.setattr(module, work, done)
    assert sweep() == 0
    assert reached == [tenant.id, other_tenant.id]
