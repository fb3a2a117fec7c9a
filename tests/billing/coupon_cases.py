"""Coupons, and invoices that use them as invoicing does: read and held, computed, written down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import count
from typing import Any
from uuid import UUID

from billing.models import Coupon, Redemption
from billing.rating.discounting import Taken, discount
from billing.rating.lines import Line, tax_rate_from_basis_points
from billing.services.coupon_use import Applied, coupons_for, use_coupons
from billing.services.coupons import create_coupon
from billing.services.customers import create_customer
from common.ids import new_id
from tenants.models import Tenant
from tests.conftest import AT

_numbers = count(1)
VAT = (tax_rate_from_basis_points("VAT", 1900, "standard", None),)


def line(amount: int, **ids: Any) -> Line:
    """A line of an invoice."""
    return Line(f"l{next(_numbers)}", amount, VAT, **ids)


def customer(tenant: Tenant) -> UUID:
    """A new one."""
    return create_customer(tenant_id=tenant.id, at=AT, name="Ada").id


def coupon(tenant: Tenant, **terms: Any) -> Coupon:
    """10 % once, unless the terms say otherwise."""
    given: dict[str, Any] = {"code": f"C{next(_numbers)}", "name": "A coupon"} | terms
    if "amount" in terms:
        given = {"type": "amount", "currency": "EUR"} | given
    else:
        given = {"type": "percentage", "percentage": "10"} | given
    return create_coupon(tenant_id=tenant.id, at=AT, **given)


def applied_to(
    tenant: Tenant, customer_id: UUID | None, *codes: str, at: dt.datetime = AT, lock: bool = True, **more: Any
) -> Any:
    """`coupons_for` of an invoice in EUR."""
    asked: dict[str, Any] = {"currency": "EUR", "application_id": None} | more
    return coupons_for(tenant_id=tenant.id, customer_id=customer_id, references=codes, at=at, lock=lock, **asked)


def invoice(
    tenant: Tenant, customer_id: UUID, *codes: str, amount: int = 10_000, at: dt.datetime = AT,
    lines: Sequence[Line] = (), **more: Any,
) -> tuple[UUID, list[int]]:  # fmt: skip
    """An invoice with these coupons: its id, and what each coupon took, in the order of the codes."""
    applied = applied_to(tenant, customer_id, *codes, at=at, **more)
    charged = list(lines) or [line(amount)]
    taken = discounted(applied, *charged)
    invoice_id = new_id()
    use_coupons(
        tenant_id=tenant.id, customer_id=customer_id, invoice_id=invoice_id, applied=applied, taken=taken, at=at
    )
    by_code = {one.coupon.code: one.amount for one in taken}
    return invoice_id, [by_code[one.coupon.code] for one in applied]


def discounted(applied: Sequence[Applied], *lines: Line) -> Sequence[Taken]:
    """What the coupons take from these lines, or from one of 100.00 EUR."""
    return discount(lines or [line(10_000)], [one.engine for one in applied], currency="EUR").taken


def redemptions(of: Coupon) -> list[Redemption]:
    """Those of a coupon, the oldest first."""
    return list(Redemption.objects.filter(coupon_id=of.id).order_by("id"))


def times(of: Coupon) -> int:
    """How often it counts as redeemed."""
    of.refresh_from_db()
    return of.times_redeemed
