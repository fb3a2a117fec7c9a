"""Making, changing and deleting coupons."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, IntegrityError, transaction
from django.db.models import QuerySet

from billing.enums import PlanStatus
from billing.errors import CouponExists, CouponInUse, CouponLimitTooLow, PlanArchived
from billing.models import Coupon, CouponTarget, Plan, Price, Product
from billing.models.coupon import COUPON_CODE_UNIQUE
from billing.rating.coupons import CouponType, Duration, coupon_from
from billing.selectors import lock_coupon
from billing.services.references import require_application
from common.constraints import violated_constraint
from common.errors import InvalidRequest, NotFound, Problem
from common.ids import InvalidId, decode_id
from common.metadata import merged_metadata
from common.prefixes import COUPON
from tenants.registries import reasons_in_use

CHANGEABLE: Final = ("name", "valid_until", "max_redemptions", "active", "metadata")


def create_coupon(
    *, tenant_id: UUID, at: dt.datetime, code: str, name: str, type: str, percentage: Decimal | str | None = None,  # noqa: A002
    amount: int | None = None, currency: str | None = None, duration: str = Duration.ONCE.value,
    duration_periods: int | None = None, valid_from: dt.datetime | None = None, valid_until: dt.datetime | None = None,
    max_redemptions: int | None = None, max_redemptions_per_customer: int | None = None,
    plan_ids: Sequence[UUID] = (), product_ids: Sequence[UUID] = (), price_ids: Sequence[UUID] = (),
    stacking_order: int = 100, keep_remainder: bool = False, application_id: UUID | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Coupon:  # fmt: skip
    """A new coupon of every application, or of one. Its code is kept in upper case.

    Raises `InvalidCoupon` for terms that are none, `InvalidRequest` (code, window, something named twice), `NotFound`
    (`applicationId`, `planIds[i]`, `productIds[i]`, `priceIds[i]`), `PlanArchived` (`planIds[i]`) and `CouponExists`.
    """
    terms = {
        "code": code.upper(), "type": type, "percentage": percentage, "amount": amount, "currency": currency,
        "duration": duration, "durationPeriods": duration_periods, "stackingOrder": stacking_order,
        "keepRemainder": keep_remainder,
    }  # fmt: skip
    coupon_from(terms)
    _require_code(code)
    _require_window(valid_from, valid_until)
    require_application(tenant_id=tenant_id, application_id=application_id)
    named = _held(Plan, tenant_id, plan_ids, "planIds")
    _require_not_archived(tenant_id, plan_ids)
    named += _held(Product, tenant_id, product_ids, "productIds")
    named += _held(Price, tenant_id, price_ids, "priceIds")
    share = Decimal(percentage) if percentage is not None and type == CouponType.PERCENTAGE else None
    coupon = Coupon(
        tenant_id=tenant_id, application_id=application_id, code=code.upper(), name=name, type=type, percentage=share,
        amount=amount, currency=currency, duration=duration, duration_periods=duration_periods, valid_from=valid_from,
        valid_until=valid_until, max_redemptions=max_redemptions,
        max_redemptions_per_customer=max_redemptions_per_customer, stacking_order=stacking_order,
        keep_remainder=keep_remainder, metadata=dict(metadata or {}), created_at=at, updated_at=at,
    )  # fmt: skip
    try:
        with transaction.atomic():
            coupon.save(force_insert=True)
    except IntegrityError as refused:
        if violated_constraint(refused) != COUPON_CODE_UNIQUE:
            raise
        raise CouponExists() from refused
    for position, target in enumerate(named):
        target.coupon_id, target.position = coupon.id, position
    CouponTarget.objects.bulk_create(named)
    return coupon


def update_coupon(*, tenant_id: UUID, reference: str, at: dt.datetime, changes: Mapping[str, Any]) -> Coupon:
    """The coupon with `changes` of what is `CHANGEABLE`; None clears, metadata are merged.

    Whoever has redeemed it keeps it, whatever changes. Raises `NotFound`, `InvalidRequest` for an end before the start,
    `CouponLimitTooLow` for a limit below what was redeemed, and ValueError for anything that does not change.
    """
    coupon = lock_coupon(tenant_id=tenant_id, reference=reference)
    changed = dict(changes)
    if unknown := set(changed) - set(CHANGEABLE):
        raise ValueError(f"of a coupon never changes: {unknown}")
    if "metadata" in changed:
        changed["metadata"] = merged_metadata(coupon.metadata, changed["metadata"])
    _require_window(coupon.valid_from, changed.get("valid_until"))
    most = changed.get("max_redemptions")
    if most is not None and most < coupon.times_redeemed:
        raise CouponLimitTooLow(coupon.times_redeemed)
    differing = {name: value for name, value in changed.items() if getattr(coupon, name) != value}
    if not differing:
        return coupon
    for name, value in differing.items():
        setattr(coupon, name, value)
    coupon.updated_at = at
    coupon.save(update_fields=[*differing, "updated_at"])
    return coupon


def delete_coupon(*, tenant_id: UUID, reference: str) -> None:
    """Remove a coupon that was never redeemed and that nothing refers to. Raises `NotFound`, `CouponInUse`."""
    coupon = lock_coupon(tenant_id=tenant_id, reference=reference)
    reasons = reasons_in_use("coupon", tenant_id=tenant_id, object_id=coupon.id)
    if coupon.redeemed_at is not None:
        reasons = ["it has been redeemed", *reasons]
    if reasons:
        raise CouponInUse(reasons)
    try:
        with transaction.atomic():
            # Foreign keys decide, whoever refers to it; Django's collector would ask each table first.
            CouponTarget.objects.filter(tenant_id=tenant_id, coupon_id=coupon.id)._raw_delete(DEFAULT_DB_ALIAS)
            Coupon.objects.filter(tenant_id=tenant_id, id=coupon.id)._raw_delete(DEFAULT_DB_ALIAS)
    except IntegrityError as refused:
        raise CouponInUse() from refused


def _require_code(code: str) -> None:
    """What is written where a coupon may be named by its id or its code must mean one of them only."""
    try:
        decode_id(COUPON, code.lower())
    except InvalidId:
        return
    raise InvalidRequest([Problem("code", "invalid", "A code does not look like the id of a coupon.")])


def _require_window(valid_from: dt.datetime | None, valid_until: dt.datetime | None) -> None:
    if valid_from is not None and valid_until is not None and valid_until <= valid_from:
        raise InvalidRequest([Problem("validUntil", "invalid", "The coupon ends after it starts.")])


def _require_not_archived(tenant_id: UUID, plan_ids: Sequence[UUID]) -> None:
    """Nobody gets an archived plan any more, so a coupon for it would be a mistake. The plans are held already."""
    over = Plan.objects.filter(tenant_id=tenant_id, id__in=plan_ids, status=PlanStatus.ARCHIVED)
    archived = set(over.values_list("id", flat=True)) if plan_ids else set()
    if archived:
        raise PlanArchived([f"planIds[{index}]" for index, one in enumerate(plan_ids) if one in archived])


def _held(model: Any, tenant_id: UUID, ids: Sequence[UUID], path: str) -> list[CouponTarget]:
    """What the coupon is restricted to, in the order given and each held until the transaction ends, not yet stored."""
    if not ids:
        return []
    twice = [index for index, one in enumerate(ids) if one in ids[:index]]
    if twice:
        raise InvalidRequest([Problem(f"{path}[{index}]", "invalid", "This is given twice.") for index in twice])
    rows: QuerySet[Any] = model.objects.filter(tenant_id=tenant_id, id__in=ids)
    found: Iterable[UUID] = rows.order_by("id").select_for_update(no_key=True).values_list("id", flat=True)
    known = set(found)
    for index, one in enumerate(ids):
        if one not in known:
            raise NotFound(path=f"{path}[{index}]")
    column = f"{model._meta.model_name}_id"
    return [CouponTarget(tenant_id=tenant_id, **{column: one}) for one in ids]
