"""Making and changing prices, and holding on to those in use."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from billing.enums import FeatureStatus, FeatureType
from billing.errors import FeatureArchived, FeatureNotCounted, PriceInUse
from billing.models import Feature, Price
from billing.price_terms import TERMS, changed_terms, definition_from
from billing.rating.prices import OF_TRANSACTIONS
from billing.selectors import get_feature, get_product, lock_price
from billing.services.references import require_no_meter
from common.api.names import camel
from common.metadata import merged_metadata
from tenants.registries import reasons_in_use

_ALWAYS = ("active", "metadata")


def create_price(
    *, tenant_id: UUID, at: dt.datetime, product_id: UUID, terms: Mapping[str, Any], feature_id: UUID | None = None,
    meter_id: UUID | None = None, tax_code: str | None = None, active: bool = True,
    metadata: Mapping[str, str] | None = None,
) -> Price:  # fmt: skip
    """A new price. `terms` are the fields of the API that say what is charged, in its spelling.

    With a feature that is metered it charges for usage, at the end of a period. Raises `NotFound` (path `productId`,
    `featureId`, `meterId`), `FeatureArchived`, `FeatureNotCounted`, and `InvalidPrice` with every problem of the terms.
    """
    get_product(tenant_id=tenant_id, product_id=product_id, path="productId")
    feature = _feature_to_charge(tenant_id, feature_id)
    require_no_meter(meter_id)
    definition = definition_from(terms, counted=_is_metered(feature))
    return Price.objects.create(
        tenant_id=tenant_id, product_id=product_id, feature_id=feature_id, currency=definition["currency"],
        definition=definition, tax_code=tax_code, active=active, metadata=dict(metadata or {}),
        created_at=at, updated_at=at,
    )  # fmt: skip


def update_price(
    *, tenant_id: UUID, price_id: UUID, at: dt.datetime, changes: Mapping[str, Any], terms: Mapping[str, Any]
) -> Price:
    """The price with `changes` (by column, and `meter_id`) and `terms` applied; None clears, metadata are merged.

    Raises `NotFound`, `PriceInUse` when something else than `active` and `metadata` of a used price would differ, or a
    price on drafts would count transactions instead of units, and what `create_price` raises.
    """
    price = lock_price(tenant_id=tenant_id, price_id=price_id)
    changed = dict(changes)
    require_no_meter(changed.pop("meter_id", None))
    if "metadata" in changed:
        changed["metadata"] = merged_metadata(price.metadata, changed["metadata"])
    if changed.get("product_id", price.product_id) != price.product_id:
        get_product(tenant_id=tenant_id, product_id=changed["product_id"], path="productId")
    if terms or "feature_id" in changed:
        changed |= _rewritten(price, changed, terms)
    differing = {name: value for name, value in changed.items() if getattr(price, name) != value}
    if not differing:
        return price
    if price.used_at is not None and set(differing) - set(_ALWAYS):
        raise PriceInUse(_final_paths(price, differing, terms))
    # What stands on a draft as 900 units would be read as one transaction of 900, or the other way round.
    of_transactions = {
        one["model"] in OF_TRANSACTIONS for one in (price.definition, differing.get("definition")) if one
    }
    if len(of_transactions) > 1 and reasons_in_use("price", tenant_id=tenant_id, object_id=price.id):
        raise PriceInUse(["model"])
    for name, value in differing.items():
        setattr(price, name, value)
    price.updated_at = at
    price.save(update_fields=[*differing, "updated_at"])
    return price


def mark_prices_used(*, tenant_id: UUID, price_ids: Collection[UUID], at: dt.datetime) -> None:
    """From now on these prices never change: whatever depends on what a price says calls this as it begins to."""
    if not price_ids:
        return
    unused = Price.objects.filter(tenant_id=tenant_id, id__in=price_ids, used_at__isnull=True)
    # In the order in which invoices hold them, so that publishing a plan and issuing never wait for each other.
    held = unused.order_by("id").select_for_update(no_key=True).values("id")
    Price.objects.filter(tenant_id=tenant_id, id__in=held).update(used_at=at)


def _rewritten(price: Price, changed: Mapping[str, Any], terms: Mapping[str, Any]) -> dict[str, Any]:
    """Currency and definition that follow from the terms and from the feature that is charged for."""
    feature_id = changed.get("feature_id", price.feature_id)
    feature = _feature_to_charge(price.tenant_id, feature_id, known=price.feature_id)
    counted = _is_metered(feature)
    definition = definition_from(changed_terms(price.definition, terms, counted=counted), counted=counted)
    return {"definition": definition, "currency": definition["currency"]}


def _feature_to_charge(tenant_id: UUID, feature_id: UUID | None, *, known: UUID | None = None) -> Feature | None:
    """The feature; `known` is the one that the price has already, which may have been archived meanwhile."""
    if feature_id is None:
        return None
    feature = get_feature(tenant_id=tenant_id, feature_id=feature_id, path="featureId")
    if feature.status == FeatureStatus.ARCHIVED and feature_id != known:
        raise FeatureArchived(["featureId"])
    if feature.type == FeatureType.BOOLEAN:
        raise FeatureNotCounted("featureId")
    return feature


def _is_metered(feature: Feature | None) -> bool:
    return feature is not None and feature.type == FeatureType.METERED


def _final_paths(price: Price, differing: Mapping[str, Any], terms: Mapping[str, Any]) -> list[str]:
    """The fields, as callers spell them, that would differ and may not."""
    columns = [camel(name) for name in differing if name not in (*_ALWAYS, "definition", "currency")]
    definition = differing.get("definition", price.definition)
    return [*columns, *(name for name in TERMS if name in terms and price.definition.get(name) != definition.get(name))]
