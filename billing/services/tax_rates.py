"""Making tax rates and ending them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from billing.errors import OverlappingTaxRate, TaxRateInForce
from billing.models import TaxRate
from billing.models.tax_rate import MAX_REGION, TAX_RATE_WINDOWS_APART
from billing.tax_selectors import lock_tax_rate
from billing.taxation import STANDARD, region_key
from common.constraints import violated_constraint
from common.errors import InvalidRequest, Problem
from tenants.models import TenantSettings


def create_tax_rate(
    *, tenant_id: UUID, at: dt.datetime, country: str, rate: Decimal, label: str, valid_from: dt.datetime,
    valid_until: dt.datetime | None = None, region: str | None = None, category: str = STANDARD,
) -> TaxRate:  # fmt: skip
    """A new rate, in percent, in force in `[valid_from, valid_until)`, which may lie in the past.

    Raises `InvalidRequest` for a region that names none and a window that ends before it begins, and
    `OverlappingTaxRate`.
    """
    named = _region(country, region)
    if valid_until is not None and valid_until <= valid_from:
        raise InvalidRequest([Problem("validUntil", "too_small", "Must be after validFrom.")])
    row = TaxRate(
        tenant_id=tenant_id, country=country, region=named, category=category, rate=rate,
        label=label, valid_from=valid_from, valid_until=valid_until, created_at=at, updated_at=at,
    )  # fmt: skip
    _lock_rates(tenant_id)
    with _apart("validFrom"):
        row.save(force_insert=True)
    return row


def update_tax_rate(*, tenant_id: UUID, rate_id: UUID, at: dt.datetime, changes: Mapping[str, Any]) -> TaxRate:
    """The rate with `label` and `valid_until` from `changes`; None as the end leaves it open.

    What has been in force stays so: an end is moved only while it lies ahead, and not into the past. A rate that has
    not begun is withdrawn by ending it where it begins. Raises `NotFound`, `TaxRateInForce`, `OverlappingTaxRate`, and
    `InvalidRequest` for an end before the beginning.
    """
    _lock_rates(tenant_id)
    row = lock_tax_rate(tenant_id=tenant_id, rate_id=rate_id)
    differing = {name: value for name, value in changes.items() if getattr(row, name) != value}
    if not differing:
        return row
    if "valid_until" in differing:
        _require_ahead(row, differing["valid_until"], at=at)
    for name, value in differing.items():
        setattr(row, name, value)
    row.updated_at = at
    with _apart("validUntil"):
        row.save(update_fields=[*differing, "updated_at"])
    return row


def _region(country: str, region: str | None) -> str | None:
    """As it is stored. Upper case may be longer, and a country alone is no region."""
    if region is None:
        return None
    named = region_key(country, region)
    if named is None:
        raise InvalidRequest([Problem("region", "invalid", "Expected a region such as QC.")])
    if len(named) > MAX_REGION:
        raise InvalidRequest([Problem("region", "too_long", f"At most {MAX_REGION} characters.")])
    return named


def _require_ahead(row: TaxRate, end: dt.datetime | None, *, at: dt.datetime) -> None:
    if end is not None and end < row.valid_from:
        raise InvalidRequest([Problem("validUntil", "too_small", "Must not be before validFrom.")])
    if row.valid_until is not None and row.valid_until <= at:
        raise TaxRateInForce("The rate has ended. Make a new one.")
    if end is not None and end < at:
        raise TaxRateInForce("The rate has been in force until now. It can end now or later.")


def _lock_rates(tenant_id: UUID) -> None:
    """Changes of a tenant's rates follow each other: each locks the settings anyway, whose version it raises.

    Taken first, the lock cannot meet another one the other way round.
    """
    TenantSettings.objects.filter(tenant_id=tenant_id).select_for_update(no_key=True).values_list("id").first()


@contextmanager
def _apart(path: str) -> Iterator[None]:
    """Turns the refusal of the exclusion constraint into `OverlappingTaxRate`."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as refused:
        if violated_constraint(refused) != TAX_RATE_WINDOWS_APART:
            raise
        raise OverlappingTaxRate(path) from refused
