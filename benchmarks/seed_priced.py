"""A tenant with 50 prices of all models, three coupons, four tax rates and a customer. Prints them as JSON."""

from __future__ import annotations

import datetime as dt
import json
import sys
from decimal import Decimal
from typing import Any

import django

PLACES = ("standard", "reduced", "books", "food")
PERCENT = ("19", "7", "5.5", "8.875")


def create() -> dict[str, Any]:
    """The key of a service, the ids of the prices, the codes of the coupons and the tax codes."""
    from benchmarks.rating import MODELS
    from billing.services.coupons import create_coupon
    from billing.services.customers import create_customer
    from billing.services.prices import create_price
    from billing.services.products import create_product
    from billing.services.tax_rates import create_tax_rate
    from common.clock import SystemClock
    from common.ids import encode_id
    from common.prefixes import PRICE
    from tenants.context import system_context
    from tenants.models import TenantSettings
    from tenants.scope import tenant_scope
    from tenants.services.service_keys import create_service_key
    from tenants.services.tenants import create_tenant

    at = SystemClock().now()
    began = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    address = {"line1": "1", "line2": None, "city": "Berlin", "region": None, "postalCode": "1", "country": "DE"}
    tenant = create_tenant(slug="bench-priced", name="Bench", at=at)
    with tenant_scope(system_context(tenant.id, "benchmark")):
        _key, secret = create_service_key(
            tenant_id=tenant.id, name="Benchmark", scopes=["invoices:read", "invoices:write"], at=at
        )
        TenantSettings.objects.filter(tenant_id=tenant.id).update(address=address)
        product = create_product(tenant_id=tenant.id, at=at, name="Calls", type="recurring")
        prices = [
            create_price(
                tenant_id=tenant.id, at=at, product_id=product.id,
                terms={"currency": "EUR", **MODELS[one % len(MODELS)]},
            )
            for one in range(50)
        ]  # fmt: skip
        for category, rate in zip(PLACES, PERCENT, strict=True):
            create_tax_rate(
                tenant_id=tenant.id, at=at, country="DE", category=category, rate=Decimal(rate), label="VAT",
                valid_from=began,
            )  # fmt: skip
        some = [one.id for one in prices[:10]]
        create_coupon(
            tenant_id=tenant.id, at=at, code="SPRING", name="S", type="percentage", percentage="12.5",
                duration="forever",
        )  # fmt: skip
        create_coupon(
            tenant_id=tenant.id, at=at, code="FIVER", name="F", type="amount", amount=500, currency="EUR",
            duration="forever",
        )  # fmt: skip
        create_coupon(
            tenant_id=tenant.id, at=at, code="TEN", name="T", type="percentage", percentage="10", duration="forever",
            price_ids=some,
        )  # fmt: skip
        create_customer(tenant_id=tenant.id, at=at, external_id="user-1", name="B", currency="EUR", address=address)
    return {
        "key": secret, "prices": [encode_id(PRICE, one.id) for one in prices], "coupons": ["SPRING", "FIVER", "TEN"],
        "taxCodes": list(PLACES),
    }  # fmt: skip


if __name__ == "__main__":
    django.setup()
    json.dump(create(), sys.stdout)
