"""Views of products."""

from __future__ import annotations

from billing.api.serializers import ProductChange, ProductInput, ProductOutput
from billing.enums import ProductType
from billing.models import Product
from billing.representations import product_body
from billing.selectors import get_product, products
from billing.services.products import create_product, toggle_product, update_product
from common.api.filters import boolean_filter, choice_filter
from common.api.operation import operation
from common.ids import encode_id
from common.prefixes import PRODUCT
from tenants.api.view import Answer, Call, TenantView, path_id


class ProductsView(TenantView):
    """`/api/products`."""

    @operation(
        "products:read",
        "List products",
        answers={200: ProductOutput},
        filters=[boolean_filter("active"), choice_filter("type", ProductType.values)],
        paged=True,
    )
    def get(self, call: Call) -> Answer:
        """Products, newest first."""
        return call.listing(products(tenant_id=call.tenant_id, condition=call.filters()), product_body)

    @operation("products:write", "Create a product", answers={201: ProductOutput}, body=ProductInput)
    def post(self, call: Call) -> Answer:
        """A new product."""
        product = create_product(tenant_id=call.tenant_id, at=call.at, **call.data)
        return Answer(201, product_body(product), location=location_of(product))


class ProductView(TenantView):
    """`/api/products/{id}`."""

    @operation("products:read", "Get a product", answers={200: ProductOutput})
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002
        """One product."""
        return Answer(200, product_body(get_product(tenant_id=call.tenant_id, product_id=path_id(PRODUCT, id))))

    @operation("products:write", "Update a product", answers={200: ProductOutput}, body=ProductChange, partial=True)
    def patch(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Change what is given; null clears."""
        product = update_product(
            tenant_id=call.tenant_id, product_id=path_id(PRODUCT, id), at=call.at, changes=call.data
        )
        return Answer(200, product_body(product))


class ProductToggleView(TenantView):
    """`/api/products/{id}/toggle`."""

    @operation("products:write", "Toggle a product", answers={200: ProductOutput})
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Flip `active`."""
        product = toggle_product(tenant_id=call.tenant_id, product_id=path_id(PRODUCT, id), at=call.at)
        return Answer(200, product_body(product))


def location_of(product: Product) -> str:
    """Where the product lives."""
    return f"/api/products/{encode_id(PRODUCT, product.id)}"
