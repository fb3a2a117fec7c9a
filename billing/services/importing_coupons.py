"""A coupon from a file of the catalogue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from billing.models import Coupon
from billing.selectors import coupon_named, coupons
from billing.services.coupons import create_coupon, update_coupon
from common.api.names import camel
from common.errors import InvalidRequest, Problem

_FIXED: Final = (
    "type", "percentage", "amount", "currency", "duration", "duration_periods", "valid_from",
    "max_redemptions_per_customer", "stacking_order", "keep_remainder",
)  # fmt: skip
_FREE: Final = ("name", "valid_until", "max_redemptions")


def bring_coupon(
    *, tenant_id: UUID, at: dt.datetime, entry: Mapping[str, Any], application_id: UUID | None,
    targets: Mapping[str, Sequence[UUID]],
) -> str:  # fmt: skip
    """Make the coupon of an entry, or change what may change of the one with its code: `created` and so on.

    `targets` are the ids of its plans, products and prices by kind. Raises `InvalidRequest` when what never changes
    differs, and what `create_coupon` and `update_coupon` raise.
    """
    code = entry["code"].upper()
    row = coupons(tenant_id=tenant_id, condition=coupon_named(code)).first()
    fixed: dict[str, Any] = {name: entry.get(name) for name in _FIXED}
    free: dict[str, Any] = {name: entry.get(name) for name in _FREE}
    if row is None:
        create_coupon(
            tenant_id=tenant_id, at=at, code=code, application_id=application_id, metadata=entry["metadata"],
            plan_ids=targets["plans"], product_ids=targets["products"], price_ids=targets["prices"], **fixed, **free,
        )  # fmt: skip
        if not entry["active"]:
            update_coupon(tenant_id=tenant_id, reference=code, at=at, changes={"active": False})
        return "created"
    if wrong := list(_differing(row, fixed, application_id, targets)):
        raise InvalidRequest([Problem(name, "invalid", "Of a coupon this never changes.") for name in wrong])
    pairs = {**dict.fromkeys(set(row.metadata) - set(entry["metadata"])), **entry["metadata"]}
    changes = {**free, "active": entry["active"], "metadata": pairs}
    before = [getattr(row, name) for name in changes]
    changed = update_coupon(tenant_id=tenant_id, reference=code, at=at, changes=changes)
    return "unchanged" if before == [getattr(changed, name) for name in changes] else "changed"


def _differing(
    row: Coupon, fixed: Mapping[str, Any], application_id: UUID | None, targets: Mapping[str, Sequence[UUID]]
) -> list[str]:
    """The fields of the file that say something else than the coupon."""
    share = fixed["percentage"]
    wanted = {**fixed, "percentage": None if share is None else _decimal(share)}
    found = [camel(name) for name, value in wanted.items() if getattr(row, name) != value]
    if row.application_id != application_id:
        found.append("application")
    held = row.targets.all()
    for kind, column in (("plans", "plan_id"), ("products", "product_id"), ("prices", "price_id")):
        if {getattr(one, column) for one in held} - {None} != set(targets[kind]):
            found.append(kind)
    return found


def _decimal(text: str) -> Decimal | str:
    """As a number where it is one, so that `10` is `10.0`."""
    try:
        return Decimal(text)
    except ArithmeticError:
        return text
