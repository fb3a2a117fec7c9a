"""The catalogue of a tenant as a file, for another tenant or for keeping."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.db.models import F

from billing.catalogue_file import FORMAT, KEY, VERSION, name_of
from billing.enums import FeatureStatus, PlanStatus
from billing.models import Coupon, Feature, Plan, Price, Product, TaxRate
from billing.representations import percentage_text, tax_rate_body
from billing.selectors import (
    coupons,
    features,
    plans,
    prices,
    products,
    standing_version,
)
from billing.tax_selectors import (
    tax_rates,
)
from common.clock import (
    format_instant,
)
from common.ids import encode_id
from common.prefixes import PRICE, PRODUCT


def export_catalogue(*, tenant_id: UUID, at: dt.datetime) -> dict[str, Any]:
    """Features, products with prices, plans with the terms in force, else of the latest version, coupons, tax rates.

    Of coupons the terms: who has redeemed them is no part of a catalogue. What an import made is named by the key it
    was imported under.
    """
    keyed = {price.id: _key(price, PRICE) for price in prices(tenant_id=tenant_id)}
    of_product: dict[UUID, list[Any]] = {}
    for price in prices(tenant_id=tenant_id).select_related("feature__application").order_by("id"):
        of_product.setdefault(price.product_id, []).append(_price(price))
    found = features(tenant_id=tenant_id).select_related("application").order_by("id")
    named = {feature.id: _name(feature) for feature in found}
    sold = list(products(tenant_id=tenant_id).order_by("id"))
    offered = list(plans(tenant_id=tenant_id, at=at).select_related("application").order_by("id"))
    given = coupons(tenant_id=tenant_id).select_related("application").order_by("id")
    targets = keyed | {one.id: _key(one, PRODUCT) for one in sold} | {one.id: _plan_name(one) for one in offered}
    # A rate that was withdrawn was never in force and never will be.
    standing = tax_rates(tenant_id=tenant_id).exclude(valid_until=F("valid_from")).order_by("id")
    return {
        "format": FORMAT,
        "version": VERSION,
        "features": [_feature(feature) for feature in found],
        "products": [_product(product, of_product.get(product.id, [])) for product in sold],
        "plans": [_plan(plan, keyed, named) for plan in offered],
        "coupons": [_coupon(coupon, targets) for coupon in given],
        "taxRates": [_tax_rate(rate) for rate in standing],
    }


def _feature(feature: Feature) -> dict[str, Any]:
    return {
        "application": feature.application.slug if feature.application else None, "key": feature.key,
        "name": feature.name, "type": feature.type, "defaultLimit": feature.default_limit, "unit": feature.unit,
        "archived": feature.status == FeatureStatus.ARCHIVED, "metadata": feature.metadata,
    }  # fmt: skip


def _product(product: Product, priced: list[Any]) -> dict[str, Any]:
    return {
        "key": _key(product, PRODUCT), "name": product.name, "type": product.type, "description": product.description,
        "price": product.price, "currency": product.currency, "interval": product.interval,
        "prorateOnChange": product.prorate_on_change, "active": product.active, "metadata": _pairs(product),
        "prices": priced,
    }  # fmt: skip


def _price(price: Price) -> dict[str, Any]:
    return {
        "key": _key(price, PRICE), "feature": _name(price.feature) if price.feature else None,
        "terms": {name: value for name, value in price.definition.items() if name != "metered"},
        "taxCode": price.tax_code, "active": price.active, "metadata": _pairs(price),
    }  # fmt: skip


def _plan(plan: Plan, keyed: dict[UUID, str], named: dict[UUID, str]) -> dict[str, Any]:
    version = standing_version(plan)
    granted = [
        {"feature": named[one.feature_id], "limit": one.limit, "softLimit": one.soft_limit,
         "resetPeriod": one.reset_period}
        for one in version.features.all()
    ]  # fmt: skip
    return {
        "application": plan.application.slug if plan.application else None, "slug": plan.slug, "name": plan.name,
        "description": plan.description, "currency": plan.currency, "multiple": plan.multiple,
        "archived": plan.status == PlanStatus.ARCHIVED, "trialDays": version.trial_days,
        "minimumCommitment": version.minimum_commitment, "metadata": plan.metadata,
        "prices": [keyed[one.price_id] for one in version.prices.all()], "features": granted,
    }  # fmt: skip


def _coupon(coupon: Coupon, names: dict[UUID, str]) -> dict[str, Any]:
    targets = coupon.targets.all()
    return {
        "application": coupon.application.slug if coupon.application else None, "code": coupon.code,
        "name": coupon.name, "type": coupon.type, "percentage": percentage_text(coupon), "amount": coupon.amount,
        "currency": coupon.currency, "duration": coupon.duration, "durationPeriods": coupon.duration_periods,
        "validFrom": format_instant(coupon.valid_from) if coupon.valid_from else None,
        "validUntil": format_instant(coupon.valid_until) if coupon.valid_until else None,
        "maxRedemptions": coupon.max_redemptions, "maxRedemptionsPerCustomer": coupon.max_redemptions_per_customer,
        "plans": [names[one.plan_id] for one in targets if one.plan_id],
        "products": [names[one.product_id] for one in targets if one.product_id],
        "prices": [names[one.price_id] for one in targets if one.price_id],
        "stackingOrder": coupon.stacking_order, "keepRemainder": coupon.keep_remainder, "active": coupon.active,
        "metadata": coupon.metadata,
    }  # fmt: skip


def _plan_name(plan: Plan) -> str:
    return name_of(plan.application.slug if plan.application else None, plan.slug)


def _tax_rate(rate: TaxRate) -> dict[str, Any]:
    shown = tax_rate_body(rate)
    return {
        name: shown[name]
        for name in ("country", "region", "category", "rate", "label", "validFrom", "validUntil")
    }  # fmt: skip


def _name(feature: Feature) -> str:
    return name_of(feature.application.slug if feature.application else None, feature.key)


def _key(row: Product | Price, prefix: str) -> str:
    return str(row.metadata.get(KEY) or encode_id(prefix, row.id))


def _pairs(row: Product | Price) -> dict[str, str]:
    return {name: value for name, value in row.metadata.items() if name != KEY}
