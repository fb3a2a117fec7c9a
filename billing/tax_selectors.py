"""Reads of tax rates, and of all that decides which of them a customer owes. Each needs the tenant's scope."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from billing.models import Customer, TaxRate
from billing.rating.decimals import scaled
from billing.taxation import DatedRate, Exemption, Seller, Taxation, TaxedBuyer
from common.clock import parse_instant
from common.errors import NotFound
from tenants.models import TenantSettings


def tax_rates(*, tenant_id: UUID, condition: Q | None = None) -> QuerySet[TaxRate]:
    """The tenant's rates that meet `condition`, in no particular order."""
    return TaxRate.objects.filter(condition or Q(), tenant_id=tenant_id)


def get_tax_rate(*, tenant_id: UUID, rate_id: UUID) -> TaxRate:
    """One rate. Raises `NotFound`."""
    rate = tax_rates(tenant_id=tenant_id).filter(id=rate_id).first()
    if rate is None:
        raise NotFound()
    return rate


def lock_tax_rate(*, tenant_id: UUID, rate_id: UUID) -> TaxRate:
    """One rate, held against other changes until the transaction ends. Raises `NotFound`."""
    rate = tax_rates(tenant_id=tenant_id).filter(id=rate_id).select_for_update(no_key=True).first()
    if rate is None:
        raise NotFound()
    return rate


def rates_in_force_at(at: dt.datetime) -> Q:
    """The rates whose window holds `at`: of each place and category at most one."""
    return Q(valid_from__lte=at) & (Q(valid_until__isnull=True) | Q(valid_until__gt=at))


def countries_of(*, customer: Customer, settings: TenantSettings) -> set[str]:
    """The countries whose rates may count between the two; without any, `taxation_of` asks nothing."""
    return {one for one in (_seller(settings).country, _buyer(customer).country) if one is not None}


def taxation_of(*, tenant_id: UUID, customer: Customer, settings: TenantSettings) -> Taxation:
    """Who owes which tax when the tenant sells to the customer: at any instant, until either of them changes.

    One query, for the rates of both countries; none where neither is known. Whoever keeps it proves it by the versions
    of customer and settings, which were read before: a rate that is written meanwhile raises that of the settings.
    """
    seller, buyer = _seller(settings), _buyer(customer)
    countries = countries_of(customer=customer, settings=settings)
    rows = tax_rates(tenant_id=tenant_id, condition=Q(country__in=countries)) if countries else ()
    return Taxation(
        seller=seller, buyer=buyer, rates=[dated(row) for row in rows], default_rate=settings.tax_rate,
        default_label=settings.tax_label, exempt=customer.tax_exempt,
    )  # fmt: skip


def dated(row: TaxRate) -> DatedRate:
    """A stored rate as the decision takes it."""
    return DatedRate(
        country=row.country, region=row.region, category=row.category, rate=scaled(row.rate), label=row.label,
        valid_from=row.valid_from, valid_until=row.valid_until,
    )  # fmt: skip


def _seller(settings: TenantSettings) -> Seller:
    address = settings.address or {}
    return Seller(country=address.get("country"), region=address.get("region"), vat_id=settings.vat_id)


def _buyer(customer: Customer) -> TaxedBuyer:
    address = customer.address or {}
    return TaxedBuyer(
        country=address.get("country"), region=address.get("region"), vat_id=customer.vat_id,
        vat_status=customer.vat_status,
        exemption=_exemption(customer.tax_exemption) if customer.tax_exemption else None,
    )  # fmt: skip


def _exemption(stored: Mapping[str, Any]) -> Exemption:
    start, end = (stored.get(name) for name in ("validFrom", "validUntil"))
    return Exemption(
        certificate=stored["certificate"], reason=stored.get("reason"), country=stored.get("country"),
        region=stored.get("region"), valid_from=parse_instant(start) if start else None,
        valid_until=parse_instant(end) if end else None,
    )  # fmt: skip
