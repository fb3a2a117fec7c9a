"""What an invoice is computed from beside the request. Whoever composes has read it before, so that composing is pure.

`services.basis` reads it; `plain_basis` is what is left where there are only the tenant's settings.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from billing.rating.coupons import Coupon
from billing.rating.decimals import SCALE
from billing.rating.lines import TaxCategory, TaxRate
from billing.rating.prices import Price

Taxes = tuple[TaxRate, ...]
TaxesOf = Callable[[str | None], Taxes]
"""The taxes of a line with this tax code, or without one. Never empty."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the tenant's settings contribute."""

    default_currency: str
    tax_rate: int  # basis points
    tax_label: str
    payment_terms_days: int
    time_zone: str
    version: int = 0


@dataclass(frozen=True, slots=True)
class CataloguePrice:
    """A price that items name, with what its product says."""

    id: UUID
    terms: Price
    product_id: UUID
    product_name: str
    tax_code: str | None


@dataclass(frozen=True, slots=True)
class NamedCoupon:
    """A coupon as this customer has it, and what it is called on the document."""

    id: UUID
    name: str
    terms: Coupon


@dataclass(frozen=True, slots=True)
class Exchange:
    """The rate in force from a currency into the invoice's; `rate` is units of the latter for one of the former."""

    rate: Decimal
    valid_from: dt.datetime
    source: str | None


@dataclass(frozen=True, slots=True)
class Basis:
    """Settings, taxes, and what the request names: prices, exchange rates by their currencies, coupons in its order."""

    terms: Terms
    taxes_of: TaxesOf
    prices: Mapping[UUID, CataloguePrice] = field(default_factory=dict)
    exchange: Mapping[str, Exchange] = field(default_factory=dict)
    coupons: Sequence[NamedCoupon] = ()


def plain_basis(terms: Terms, *, exempt: bool = False) -> Basis:
    """The tenant's rate on every line, or an exemption from it."""
    taxes = exempt_taxes(terms) if exempt else default_taxes(terms)
    return Basis(terms, lambda tax_code: taxes)


def default_taxes(terms: Terms) -> Taxes:
    """The tenant's own rate. One of 0 says that the goods are zero-rated."""
    category = TaxCategory.STANDARD if terms.tax_rate else TaxCategory.ZERO
    return (TaxRate(terms.tax_label, terms.tax_rate * SCALE // 100, category),)


def exempt_taxes(terms: Terms) -> Taxes:
    """No tax, whatever would apply."""
    return (TaxRate(terms.tax_label, 0, TaxCategory.EXEMPT),)
