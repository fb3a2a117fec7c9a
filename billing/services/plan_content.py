"""What a version of a plan charges and grants: read from a request, checked, and written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Q, QuerySet

from billing.enums import FeatureStatus, FeatureType, ResetPeriod
from billing.errors import ApplicationMismatch, FeatureArchived, PriceInactive
from billing.models import Feature, PlanFeature, PlanPrice, PlanVersion, Price
from billing.rating.errors import CurrencyDoesNotFit
from billing.selectors import features, prices
from billing.services.features import UNLIMITED
from common.errors import InvalidRequest, NotFound, Problem


def checked_prices(tenant_id: UUID, price_ids: Sequence[UUID], *, currency: str) -> list[Price]:
    """The prices in the order given, each held until the transaction ends.

    Raises `InvalidRequest` for one that is given twice, `NotFound`, `CurrencyDoesNotFit`, `PriceInactive`, each with
    its path.
    """
    if twice := _repeated(price_ids):
        raise InvalidRequest([Problem(f"prices[{index}]", "invalid", "This price is given twice.") for index in twice])
    found = {row.id: row for row in _held(prices(tenant_id=tenant_id, condition=Q(id__in=price_ids)))}
    for index, price_id in enumerate(price_ids):
        if price_id not in found:
            raise NotFound(path=f"prices[{index}]")
    chosen = [found[price_id] for price_id in price_ids]
    for index, price in enumerate(chosen):
        if price.currency != currency:
            raise CurrencyDoesNotFit(price.currency, currency, path=f"prices[{index}]")
    inactive = [f"prices[{index}]" for index, price in enumerate(chosen) if not price.active]
    if inactive:
        raise PriceInactive(inactive)
    return chosen


def checked_features(
    tenant_id: UUID, given: Sequence[Mapping[str, Any]], *, application_id: UUID | None
) -> list[PlanFeature]:
    """What is granted, in the order given, not yet of a version: `feature_id` or `feature_key` with its terms.

    A key means the feature of the plan's application, else the global one. Raises `NotFound`, `ApplicationMismatch`,
    `FeatureArchived` and `InvalidRequest` (given twice; terms that the type does not have), each with its path.
    """
    chosen = _find(tenant_id, given, application_id)
    if twice := _repeated([feature.id for feature in chosen]):
        text = "This feature is given twice."
        raise InvalidRequest([Problem(f"features[{index}]", "invalid", text) for index in twice])
    wrong = [one for index, feature in enumerate(chosen) for one in _wrong_terms(index, feature, given[index])]
    if wrong:
        raise InvalidRequest(wrong)
    require_grantable(chosen, application_id=application_id)
    return [granted_of(feature, terms) for feature, terms in zip(chosen, given, strict=True)]


def require_grantable(chosen: Sequence[Feature], *, application_id: UUID | None) -> None:
    """Raises `FeatureArchived` and `ApplicationMismatch` with the places of the features in the list."""
    archived = [index for index, feature in enumerate(chosen) if feature.status == FeatureStatus.ARCHIVED]
    if archived:
        raise FeatureArchived([f"features[{index}]" for index in archived])
    foreign = [index for index, one in enumerate(chosen) if one.application_id not in (None, application_id)]
    if foreign:
        raise ApplicationMismatch([f"features[{index}]" for index in foreign])


def write_prices(version: PlanVersion, chosen: Iterable[UUID]) -> None:
    """These prices and no others."""
    PlanPrice.objects.filter(tenant_id=version.tenant_id, version_id=version.id)._raw_delete(using=DEFAULT_DB_ALIAS)
    PlanPrice.objects.bulk_create(
        PlanPrice(tenant_id=version.tenant_id, version_id=version.id, price_id=price_id, position=position)
        for position, price_id in enumerate(chosen)
    )


def write_features(version: PlanVersion, granted: Iterable[PlanFeature]) -> None:
    """These features and no others."""
    PlanFeature.objects.filter(tenant_id=version.tenant_id, version_id=version.id)._raw_delete(using=DEFAULT_DB_ALIAS)
    PlanFeature.objects.bulk_create(
        PlanFeature(
            tenant_id=version.tenant_id, version_id=version.id, feature_id=one.feature_id, limit=one.limit,
            soft_limit=one.soft_limit, reset_period=one.reset_period, position=position,
        )
        for position, one in enumerate(granted)
    )  # fmt: skip


def held_features(version: PlanVersion) -> list[Feature]:
    """The features that a version grants, in its order, each held until the transaction ends."""
    ids = [one.feature_id for one in version.features.all()]
    found = {row.id: row for row in _held(features(tenant_id=version.tenant_id, condition=Q(id__in=ids)))}
    return [found[feature_id] for feature_id in ids]


def _held(rows: QuerySet[Any]) -> Iterable[Any]:
    """In the order of their ids, so that two transactions never wait for each other."""
    return rows.order_by("id").select_for_update(no_key=True)


def _find(tenant_id: UUID, given: Sequence[Mapping[str, Any]], application_id: UUID | None) -> list[Feature]:
    ids = [one["feature_id"] for one in given if "feature_id" in one]
    keys = [one["feature_key"] for one in given if "feature_key" in one]
    in_reach = Q(application_id=application_id) | Q(application_id=None)
    rows = list(_held(features(tenant_id=tenant_id, condition=Q(id__in=ids) | Q(key__in=keys) & in_reach)))
    by_id = {row.id: row for row in rows}
    by_key = {row.key: row for row in rows if row.application_id is None}
    if application_id is not None:
        by_key |= {row.key: row for row in rows if row.application_id == application_id}
    chosen = []
    for index, one in enumerate(given):
        name, path = ("feature_id", "featureId") if "feature_id" in one else ("feature_key", "featureKey")
        feature = by_id.get(one[name]) if name == "feature_id" else by_key.get(one[name])
        if feature is None:
            raise NotFound(path=f"features[{index}].{path}")
        chosen.append(feature)
    return chosen


def _repeated(ids: Sequence[UUID]) -> list[int]:
    """The places of what stands further in front already."""
    return [index for index, one in enumerate(ids) if one in ids[:index]]


def _wrong_terms(index: int, feature: Feature, terms: Mapping[str, Any]) -> list[Problem]:
    """Limits of a switch, and periods of what is not used up."""
    wrong = []
    if feature.type == FeatureType.BOOLEAN:
        limits = {"limit": terms.get("limit") is not None, "softLimit": terms.get("soft_limit", False)}
        for name in [name for name, given in limits.items() if given]:
            wrong.append(Problem(f"features[{index}].{name}", "invalid", "A boolean feature has no limit."))
    if feature.type != FeatureType.METERED and terms.get("reset_period", ResetPeriod.NEVER) != ResetPeriod.NEVER:
        text = "Only what a metered feature has used starts again."
        wrong.append(Problem(f"features[{index}].resetPeriod", "invalid", text))
    return wrong


def granted_of(feature: Feature, terms: Mapping[str, Any]) -> PlanFeature:
    """The row, with the defaults of the feature written down."""
    usual = ResetPeriod.BILLING_PERIOD if feature.type == FeatureType.METERED else ResetPeriod.NEVER
    limit = None
    if feature.type != FeatureType.BOOLEAN:
        default = UNLIMITED if feature.default_limit is None else feature.default_limit
        limit = terms.get("limit", default)
    return PlanFeature(
        tenant_id=feature.tenant_id, feature_id=feature.id, limit=limit, soft_limit=terms.get("soft_limit", False),
        reset_period=terms.get("reset_period", usual.value),
    )  # fmt: skip
