"""The tenants of a benchmark: each with a service key, a tax rate and customers. Prints them as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import django

CUSTOMERS = 50


def create(count: int) -> list[dict[str, Any]]:
    """`count` new tenants with the secrets of their keys and the external ids of their customers."""
    from billing.services.customers import create_customer
    from common.clock import SystemClock
    from tenants.context import system_context
    from tenants.models import TenantSettings
    from tenants.scope import tenant_scope
    from tenants.services.service_keys import create_service_key
    from tenants.services.tenants import create_tenant

    at = SystemClock().now()
    made = []
    for index in range(count):
        tenant = create_tenant(slug=f"bench-{index}", name=f"Bench {index}", at=at)
        customers = [f"user-{number}" for number in range(CUSTOMERS)]
        with tenant_scope(system_context(tenant.id, "benchmark")):
            TenantSettings.objects.filter(tenant_id=tenant.id).update(tax_rate=2000)
            _key, secret = create_service_key(tenant_id=tenant.id, name="Benchmark", scopes=["invoices:write"], at=at)
            for customer in customers:
                create_customer(
                    tenant_id=tenant.id, at=at, external_id=customer, name=f"Buyer {customer}",
                    email=f"{customer}@example.com", currency="EUR",
                    address={
                        "line1": "1 High Street", "line2": None, "city": "Vienna", "region": None,
                        "postalCode": "1010", "country": "AT",
                    },
                )  # fmt: skip
        made.append({"id": str(tenant.id), "key": secret, "customers": customers})
    return made


if __name__ == "__main__":
    django.setup()
    json.dump(create(int(sys.argv[1])), sys.stdout)
