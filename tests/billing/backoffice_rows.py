"""What the walk through the back office looks at in billing."""

from __future__ import annotations

from datetime import (
    timedelta,
)
from decimal import (
    Decimal,
)
from itertools import count
from typing import Any

from billing.models import Coupon, Customer, ExchangeRate, Feature, Payment, Plan, PlanVersion, Price, Product, TaxRate
from billing.services.coupon_use import redeem_coupon
from billing.services.coupons import create_coupon
from billing.services.customers import create_customer
from billing.services.exchange_rates import record_exchange_rate
from billing.services.features import create_feature
from billing.services.payments import record_manual_payment
from billing.services.plans import create_plan
from billing.services.prices import create_price
from billing.services.products import create_product
from billing.services.tax_rates import create_tax_rate
from tenants.models import Tenant
from tests.conftest import AT
from tests.tenants.backoffice.rows import maker

_numbers = count(1)


@maker(Customer)
def _customer(tenant: Tenant, user: Any) -> Any:
    return create_customer(tenant_id=tenant.id, at=AT, external_id=f"user-{next(_numbers)}", name="Ada & Co")


@maker(Product)
def _product(tenant: Tenant, user: Any) -> Any:
    return create_product(tenant_id=tenant.id, at=AT, name="Seat", type="one_time", price=900, currency="EUR")


@maker(Payment)
def _payment(tenant: Tenant, user: Any) -> Any:
    return record_manual_payment(
        tenant_id=tenant.id, customer_id=_customer(tenant, user).id, amount=1_234, currency="EUR", method="cash",
        reference="till 4", paid_at=AT, at=AT,
    )  # fmt: skip


@maker(Feature)
def _feature(tenant: Tenant, user: Any) -> Any:
    return create_feature(tenant_id=tenant.id, at=AT, key=f"f{next(_numbers)}", name="Calls", type="metered")


@maker(Price)
def _price(tenant: Tenant, user: Any) -> Any:
    tiers = [{"upTo": 10, "unitAmount": "0.5"}, {"upTo": None, "unitAmount": 1}]
    terms = {"currency": "EUR", "model": "graduated", "interval": "month", "tiers": tiers, "minimumSpend": 5}
    product_id, feature_id = _product(tenant, user).id, _feature(tenant, user).id
    return create_price(tenant_id=tenant.id, at=AT, product_id=product_id, feature_id=feature_id, terms=terms)


@maker(ExchangeRate)
def _exchange_rate(tenant: Tenant, user: Any) -> Any:
    return record_exchange_rate(
        tenant_id=tenant.id, at=AT, from_currency="USD", to_currency="EUR", rate=Decimal("0.9213"),
        valid_from=AT + timedelta(minutes=next(_numbers)), source="A bank & others",
    )  # fmt: skip


@maker(Plan)
def _plan(tenant: Tenant, user: Any) -> Any:
    return create_plan(
        tenant_id=tenant.id, at=AT, name=f"Plan {next(_numbers)}", currency="EUR", prices=[_price(tenant, user).id],
        features=[{"feature_id": _feature(tenant, user).id}],
    )  # fmt: skip


@maker(PlanVersion)
def _plan_version(tenant: Tenant, user: Any) -> Any:
    return PlanVersion.objects.get(plan_id=_plan(tenant, user).id)


@maker(Coupon)
def _coupon(tenant: Tenant, user: Any) -> Any:
    made = create_coupon(
        tenant_id=tenant.id, at=AT, code=f"C{next(_numbers)}", name="Ten", type="percentage", percentage="10",
        plan_ids=[_plan(tenant, user).id], price_ids=[_price(tenant, user).id], max_redemptions=5,
    )  # fmt: skip
    redeem_coupon(
        tenant_id=tenant.id, reference=made.code, customer_id=_customer(tenant, user).id, at=AT, application_id=None
    )
    return made


@maker(TaxRate)
def _tax_rate(tenant: Tenant, user: Any) -> Any:
    return create_tax_rate(
        tenant_id=tenant.id, at=AT, country="DE", category=f"books{next(_numbers)}", rate=Decimal(7), label="VAT",
        valid_from=AT,
    )  # fmt: skip
