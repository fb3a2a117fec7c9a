"""The catalogue of a tenant as a file, for another tenant or for keeping."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.db.models import F

from billing.catalogue_file import FORMAT, KEY, VERSION, name_of
from billing.enums import FeatureStatus, PlanStatus
from billing.models import Feature, Plan, Price, Product, TaxRate
from billing.representations import tax_rate_body
from billing.selectors import features, plans, prices, products, standing_version
from billing.tax_selectors import tax_rates
from common.ids import encode_id
from common.prefixes import PRICE, PRODUCT


def export_catalogue(*, tenant_id: UUID, at: dt.datetime) -> dict[str, Any]:
    """Features, products with their prices, tax rates, and plans with the terms in force, else of the latest version.

    What an import made is named by the key it was imported under.
    """
    keyed = {price.id: _key(price, PRICE) for price in prices(tenant_id=tenant_id)}
    of_product: dict[UUID, list[Any]] = {}
    for price in prices(tenant_id=tenant_id).select_related("feature__application").order_by("id"):
        of_product.setdefault(price.product_id, []).append(_price(price))
    found = features(tenant_id=tenant_id).select_related("application").order_by("id")
    named = {feature.id: _name(feature) for feature in found}
    sold = products(tenant_id=tenant_id).order_by("id")
    # A rate that was withdrawn was never in force and never will be.
    standing = tax_rates(tenant_id=tenant_id).exclude(valid_until=F("valid_from")).order_by("id")
    return {
        "format": FORMAT,
        "version": VERSION,
        "features": [_feature(feature) for feature in found],
        "products": [_product(product, of_product.get(product.id, [])) for product in sold],
        "plans": [
            _plan(plan, keyed, named)
            for plan in plans(tenant_id=tenant_id, at=at).select_related("application").order_by("id")
        ],
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
