"""Tenants whose accounts have plenty to move, each with a service key. Prints them as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import django

PLENTY = 10**12


def create(tenants: int, accounts: int) -> list[dict[str, Any]]:
    """`tenants` new tenants with the secrets of their keys and `accounts` filled accounts each."""
    from accounting.judging import TransferRequest
    from accounting.models import Account
    from accounting.services.transfers import make_transfers
    from common.clock import SystemClock
    from common.ids import encode_id
    from common.prefixes import ACCOUNT
    from tenants.context import system_context
    from tenants.scope import tenant_scope
    from tenants.services.service_keys import create_service_key
    from tenants.services.tenants import create_tenant

    at = SystemClock().now()
    made = []
    for index in range(tenants):
        tenant = create_tenant(slug=f"bench-transfers-{accounts}-{index}", name=f"Bench {index}", at=at)
        with tenant_scope(system_context(tenant.id, "benchmark")):
            _key, secret = create_service_key(tenant_id=tenant.id, name="Benchmark", scopes=["accounts:write"], at=at)
            bank, *rest = Account.objects.bulk_create(
                [
                    Account(
                        tenant_id=tenant.id, currency="EUR", overdraft_policy="none" if number else "unlimited",
                        created_at=at, updated_at=at,
                    )
                    for number in range(accounts + 1)
                ]
            )  # fmt: skip
            make_transfers(
                tenant_id=tenant.id, at=at,
                requests=[TransferRequest(bank.id, one.id, amount=PLENTY, currency="EUR") for one in rest],
            )  # fmt: skip
        made.append(
            {
                "id": str(tenant.id), "key": secret, "accounts": [encode_id(ACCOUNT, one.id) for one in rest],
                "ids": [str(one.id) for one in rest],
            }
        )  # fmt: skip
    return made


if __name__ == "__main__":
    django.setup()
    json.dump(create(int(sys.argv[1]), int(sys.argv[2])), sys.stdout)
