"""Creating, changing and toggling products."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from billing.enums import ProductType
from billing.models import Product
from billing.selectors import lock_product
from common.errors import InvalidRequest, Problem
from common.metadata import merged_metadata
from tenants.selectors import get_settings


def create_product(
    *, tenant_id: UUID, at: dt.datetime, name: str, type: str, description: str | None = None,  # noqa: A002
    price: int | None = None, currency: str | None = None, interval: str | None = None, prorate_on_change: bool = False,
    active: bool = True, metadata: Mapping[str, str] | None = None,
) -> Product:  # fmt: skip
    """A new product. A price without currency is in the tenant's default currency.

    Raises `InvalidRequest` (path `interval`) for a recurring product with a price and no interval.
    """
    product = Product(
        tenant_id=tenant_id, name=name, type=type, description=description, price=price, currency=currency,
        interval=interval, prorate_on_change=prorate_on_change, active=active, metadata=dict(metadata or {}),
        created_at=at, updated_at=at,
    )  # fmt: skip
    _make_consistent(product)
    product.save(force_insert=True)
    return product


def update_product(*, tenant_id: UUID, product_id: UUID, at: dt.datetime, changes: Mapping[str, Any]) -> Product:
    """The product with `changes` (by column, never `type`; None clears) applied; `metadata` is merged.

    Raises `NotFound`, and `InvalidRequest` as `create_product` does and when the merged metadata are too many.
    """
    product = lock_product(tenant_id=tenant_id, product_id=product_id)
    before = {name: getattr(product, name) for name in {*changes, "currency"}}
    changed = dict(changes)
    if "type" in changed:
        raise ValueError("The type of a product never changes.")
    if "metadata" in changed:
        changed["metadata"] = merged_metadata(product.metadata, changed["metadata"])
    for name, value in changed.items():
        setattr(product, name, value)
    _make_consistent(product)
    differing = [name for name, value in before.items() if getattr(product, name) != value]
    if differing:
        product.updated_at = at
        product.save(update_fields=[*differing, "updated_at"])
    return product


def toggle_product(*, tenant_id: UUID, product_id: UUID, at: dt.datetime) -> Product:
    """The product, sold again when it was not and not sold any more when it was. Raises `NotFound`."""
    product = lock_product(tenant_id=tenant_id, product_id=product_id)
    product.active = not product.active
    product.updated_at = at
    product.save(update_fields=["active", "updated_at"])
    return product


def _make_consistent(product: Product) -> None:
    """Refuse a recurring price without interval; give a price its currency."""
    if product.price is None:
        return
    if product.type == ProductType.RECURRING and product.interval is None:
        message = "A recurring product with a price needs an interval."
        raise InvalidRequest([Problem("interval", "required", message)])
    if product.currency is None:
        product.currency = get_settings(tenant_id=product.tenant_id).default_currency
