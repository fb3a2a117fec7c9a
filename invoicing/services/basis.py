"""Reading what an invoice is computed from: settings, and the prices that its items name."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from billing.errors import PriceInactive
from billing.models import Customer, Product
from billing.selectors import prices
from common.errors import NotFound, Problem
from invoicing.basis import Basis, CataloguePrice, plain_basis
from invoicing.requests import InvoiceRequest
from invoicing.selectors import terms_of
from tenants.models import TenantSettings


def read_basis(
    *, tenant_id: UUID, customer: Customer, settings: TenantSettings, request: InvoiceRequest, currency: str,
    at: dt.datetime,
) -> Basis:  # fmt: skip
    """What `compose` needs for this request at `at`.

    Raises `NotFound` for products and prices that this tenant does not have, and `PriceInactive`, each with the paths
    of the items.
    """
    require_products(tenant_id=tenant_id, request=request)
    plain = plain_basis(terms_of(settings), exempt=customer.tax_exempt)
    return Basis(plain.terms, plain.taxes_of, _prices_of(tenant_id, request))


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


def _prices_of(tenant_id: UUID, request: InvoiceRequest) -> dict[UUID, CataloguePrice]:
    wanted = {item.price_id for item in request.items if item.price_id is not None}
    if not wanted:
        return {}
    rows = {row.id: row for row in prices(tenant_id=tenant_id).filter(id__in=wanted).select_related("product")}
    missing, inactive = [], []
    for index, item in enumerate(request.items):
        if item.price_id is None:
            continue
        row, path = rows.get(item.price_id), f"items[{index}].priceId"
        if row is None:
            missing.append(Problem(path, "not_found", "This price does not exist."))
        elif not row.active and item.id is None:  # what stands on a draft already may stay
            inactive.append(path)
    refuse_unknown(missing)
    if inactive:
        raise PriceInactive(inactive[:100])
    return {
        row.id: CataloguePrice(row.id, row.rated, row.product_id, row.product.name, row.tax_code)
        for row in rows.values()
    }  # fmt: skip
