"""Invoices with prices, coupons and several taxes, composed without a database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from billing.rating.coupons import coupon_from
from billing.rating.lines import TaxRate, tax_rate_from_basis_points
from billing.rating.prices import price_from
from common.ids import new_id
from invoicing.basis import Basis, CataloguePrice, Exchange, NamedCoupon, Taxes, Terms
from invoicing.composition import compose
from invoicing.content import Buyer, Content
from invoicing.documents.layout import DocumentInput
from invoicing.documents.seller import Seller
from invoicing.requests import InvoiceRequest, ItemRequest

AT = dt.datetime(2026, 11, 21, 9, 30, tzinfo=dt.UTC)
ZONE = "Europe/Berlin"


def a_tax(rate: int | str, label: str = "VAT", category: str = "standard", reason: str | None = None) -> TaxRate:
    """A tax; its rate in basis points."""
    return tax_rate_from_basis_points(label, rate, category, reason)


def a_price(name: str = "API calls", *, tax_code: str | None = None, **terms: Any) -> CataloguePrice:
    """A price of 15.00 EUR per unit, or what `terms` say."""
    given = {"currency": "EUR", "model": "per_unit"} | terms
    if given["model"] == "per_unit":
        given = {"unitAmount": 1500} | given
    return CataloguePrice(new_id(), price_from(given), new_id(), name, tax_code)


def a_coupon(code: str, name: str, **terms: Any) -> NamedCoupon:
    """A coupon that counts once."""
    given = {"code": code, "type": "percentage", "duration": "once"} | terms
    return NamedCoupon(new_id(), name, coupon_from(given))


def composed(
    items: Sequence[ItemRequest], prices: Sequence[CataloguePrice] = (), coupons: Sequence[NamedCoupon] = (), *,
    taxes: Callable[[str | None], Taxes] | None = None, currency: str = "EUR",
    exchange: Mapping[str, Exchange] | None = None,
) -> Content:  # fmt: skip
    """The content of an issued invoice; 19 % on every line unless `taxes` says otherwise."""
    basis = Basis(
        Terms("EUR", 1900, "VAT", 30, ZONE, 1), taxes or (lambda code: (a_tax(1900),)),
        {price.id: price for price in prices}, exchange or {}, coupons,
    )  # fmt: skip
    request = InvoiceRequest(items=items)
    return compose(request, customer_id=new_id(), currency=currency, basis=basis, issued_at=AT)


def document_of(
    content: Content, locale: str = "en", *, counting: Sequence[CataloguePrice] = (), credit_used: int = 0,
    footer: str | None = None,
) -> DocumentInput:  # fmt: skip
    """Its document, in a language."""
    buyer = Buyer("user-1", "Ada Lovelace Ltd", None, None, "GB123456789", locale, None, None)
    texts = {locale: {"footer": footer}} if footer else {}
    seller = Seller("Nordlicht GmbH", None, "DE123456789", "en", ZONE, texts)
    ids = frozenset(price.id for price in counting)
    return DocumentInput(content, buyer, seller, "INV-2026-0042", credit_used=credit_used, counting=ids)


def exchanged(content: Content, **exchange: Any) -> Content:
    """The same with a first line whose price is in another currency."""
    first, *rest = content.items
    return replace(content, items=[replace(first, exchange=exchange), *rest])
