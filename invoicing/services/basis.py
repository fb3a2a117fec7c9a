"""Reading what an invoice is computed from: settings, taxes, and the prices, exchange rates and coupons it names."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from uuid import UUID

from billing.errors import PlanNotActive, PriceInactive, PriceNotInPlan
from billing.exchange import exchange_rates
from billing.models import Customer, Product
from billing.selectors import hold_prices, prices, prices_in_force
from billing.services.coupon_use import Applied, coupons_for
from billing.tax_selectors import taxation_of
from common.errors import NotFound, Problem
from invoicing.basis import Basis, CataloguePrice, Exchange, NamedCoupon
from invoicing.requests import InvoiceRequest
from invoicing.selectors import terms_of
from tenants.models import TenantSettings


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, for the coupons that only some may use: the caller's application, or `trusted` for what stands on a
    draft already. `lock` holds the coupons, and the prices that may still change, until the transaction ends, as
    issuing needs it."""

    application_id: UUID | None = None
    trusted: bool = False
    lock: bool = False


ANYBODY: Final = Asked()


@dataclass(slots=True)
class NamedPlans:
    """Plans that items name and that will not do: unknown, not sold at the time, or without the price of the item."""

    missing: list[Problem] = field(default_factory=list)
    inactive: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)


def read_basis(
    *, tenant_id: UUID, customer: Customer, settings: TenantSettings, request: InvoiceRequest, currency: str,
    at: dt.datetime, asked: Asked = ANYBODY, known: bool = True,
) -> tuple[Basis, list[Applied]]:  # fmt: skip
    """What `compose` needs for this request at `at`, and the coupons as rows, for `use_coupons`.

    `known` says whether the customer exists. Raises `NotFound` for products, prices, plans and coupons that this
    tenant does not have, `PriceInactive`, `PlanNotActive`, `PriceNotInPlan`, and what `coupons_for` raises, each with
    the paths of the fields.
    """
    require_products(tenant_id=tenant_id, request=request)
    prices_ = _prices_of(tenant_id, request, at, hold=asked.lock)
    applied: list[Applied] = []
    if request.coupons:
        applied = coupons_for(
            tenant_id=tenant_id, customer_id=customer.id if known else None, references=request.coupons,
            currency=currency, at=at, application_id=asked.application_id, any_application=asked.trusted,
            lock=asked.lock,
        )  # fmt: skip
    taxation = taxation_of(tenant_id=tenant_id, customer=customer, settings=settings)
    basis = Basis(
        terms_of(settings), partial(taxation.taxes_for, at=at), prices_,
        _exchange_of(tenant_id, prices_.values(), currency, at),
        [NamedCoupon(one.coupon.id, one.coupon.name, one.engine) for one in applied],
    )  # fmt: skip
    return basis, applied


def _exchange_of(
    tenant_id: UUID, priced: Iterable[CataloguePrice], currency: str, at: dt.datetime
) -> dict[str, Exchange]:  # fmt: skip
    """The rates in force from the currencies of the prices; where there is none, composing says so."""
    pairs = {(one.terms.currency, currency) for one in priced if one.terms.currency != currency}
    if not pairs:
        return {}
    found = exchange_rates(tenant_id=tenant_id, pairs=pairs, at=at)
    return {source: Exchange(row.rate, row.valid_from, row.source) for (source, _), row in found.items()}


def require_products(*, tenant_id: UUID, request: InvoiceRequest) -> None:
    """`NotFound`, with the path of each item, for products that this tenant does not have."""
    wanted = {item.product_id for item in request.items if item.product_id is not None and item.price_id is None}
    if not wanted:
        return
    known = set(Product.objects.filter(tenant_id=tenant_id, id__in=wanted).values_list("id", flat=True))
    refuse_unknown(
        [
            Problem(f"items[{index}].productId", "not_found", "This product does not exist.")
            for index, item in enumerate(request.items)
            if item.product_id in wanted and item.product_id not in known
        ]
    )


def refuse_unknown(problems: list[Problem]) -> None:
    """`NotFound` that names each place, when there is one."""
    if problems:
        error = NotFound(path=problems[0].path)
        error.details = problems[:100]
        raise error


def _prices_of(tenant_id: UUID, request: InvoiceRequest, at: dt.datetime, *, hold: bool) -> dict[UUID, CataloguePrice]:
    """The named prices, each one of the plan that is named beside it.

    With `hold` none of them says anything else before the invoice has marked it as used.
    """
    wanted = {item.price_id for item in request.items if item.price_id is not None}
    if not wanted:
        return {}
    rows = {row.id: row for row in prices(tenant_id=tenant_id).filter(id__in=wanted).select_related("product")}
    changeable = [row.id for row in rows.values() if row.used_at is None] if hold else []
    if changeable:
        rows |= {row.id: row for row in hold_prices(tenant_id=tenant_id, price_ids=changeable)}
    missing, inactive = [], []
    for index, item in enumerate(request.items):
        if item.price_id is None:
            continue
        row, path = rows.get(item.price_id), f"{item.path(index)}.priceId"
        if row is None:
            missing.append(Problem(path, "not_found", "This price does not exist."))
        elif not (row.active and row.product.active) and item.id is None:  # what stands on a draft already may stay
            inactive.append(path)
    plans = _plans_of(tenant_id, request, at)
    refuse_unknown([*missing, *plans.missing])
    if inactive:
        raise PriceInactive(inactive[:100])
    if plans.inactive:
        raise PlanNotActive(plans.inactive[:100])
    if plans.without:
        raise PriceNotInPlan(plans.without[:100])
    return {
        row.id: CataloguePrice(row.id, row.rated, row.product_id, row.product.name, row.tax_code)
        for row in rows.values()
    }  # fmt: skip


def _plans_of(tenant_id: UUID, request: InvoiceRequest, at: dt.datetime) -> NamedPlans:
    """What is wrong with the plans that items name. What stands on a draft already may stay, as with prices."""
    found = NamedPlans()
    asked = [(index, item) for index, item in enumerate(request.items) if item.plan_id is not None and item.id is None]
    if not asked:
        return found
    charged = prices_in_force(tenant_id=tenant_id, plan_ids={item.plan_id for _, item in asked if item.plan_id}, at=at)
    for index, item in asked:
        path = f"{item.path(index)}.planId"
        if item.plan_id not in charged:
            found.missing.append(Problem(path, "not_found", "This plan does not exist."))
        elif (prices_ := charged[item.plan_id]) is None:
            found.inactive.append(path)
        elif item.price_id not in prices_:
            found.without.append(path)
    return found
