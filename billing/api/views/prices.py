"""Views of prices."""

from __future__ import annotations

from billing.api.prices import PriceChange, PriceInput, PriceOutput, terms_and_rest
from billing.models import Price
from billing.representations import price_body
from billing.selectors import get_price, prices
from billing.services.prices import create_price, update_price
from common.api.filters import boolean_filter, currency_filter, id_filter
from common.api.operation import operation
from common.ids import encode_id
from common.prefixes import PRICE, PRODUCT
from tenants.api.view import Answer, Call, TenantView, path_id

_OF_FEATURES = {404: ["not_found"], 422: ["feature_not_counted"]}


class PricesView(TenantView):
    """`/api/prices`."""

    @operation(
        "catalogue:read",
        "List prices",
        answers={200: PriceOutput},
        filters=[id_filter("productId", PRODUCT), boolean_filter("active"), currency_filter()],
        paged=True,
    )
    def get(self, call: Call) -> Answer:
        """Prices, newest first."""
        return call.listing(prices(tenant_id=call.tenant_id, condition=call.filters()), price_body)

    @operation(
        "catalogue:write", "Create a price", answers={201: PriceOutput}, body=PriceInput,
        refusals={**_OF_FEATURES, 409: ["feature_archived"]},
        description="With a metered feature the price charges for usage, and `billing` is `arrears`.",
    )  # fmt: skip
    def post(self, call: Call) -> Answer:
        """A new price."""
        terms, rest = terms_and_rest(call.data)
        price = create_price(tenant_id=call.tenant_id, at=call.at, terms=terms, **rest)
        return Answer(201, price_body(price), location=location_of(price))


class PriceView(TenantView):
    """`/api/prices/{id}`."""

    @operation("catalogue:read", "Get a price", answers={200: PriceOutput})
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002
        """One price."""
        return Answer(200, price_body(get_price(tenant_id=call.tenant_id, price_id=path_id(PRICE, id))))

    @operation(
        "catalogue:write", "Update a price", answers={200: PriceOutput}, body=PriceChange, partial=True,
        refusals={**_OF_FEATURES, 409: ["price_in_use", "feature_archived"]},
        description="`active` and `metadata` always; everything else only until the price is used.",
    )  # fmt: skip
    def patch(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Change what is given; null clears."""
        terms, rest = terms_and_rest(call.data)
        price = update_price(
            tenant_id=call.tenant_id, price_id=path_id(PRICE, id), at=call.at, changes=rest, terms=terms
        )
        return Answer(200, price_body(price))


def location_of(price: Price) -> str:
    """Where the price lives."""
    return f"/api/prices/{encode_id(PRICE, price.id)}"
