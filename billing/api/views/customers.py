"""Views of customers."""

from __future__ import annotations

from typing import Any

from accounting.services.settling_grants import settle_before_reading
from billing.api.serializers import CustomerChange, CustomerInput, CustomerOutput
from billing.models import Customer
from billing.representations import customer_body
from billing.selectors import customer_balance, customers_with_balance, get_customer_with_balance
from billing.services.customers import create_customer, delete_customer, update_customer
from common.api.filters import CREATED_AT, text_filter
from common.api.operation import operation
from common.ids import encode_id
from common.prefixes import CUSTOMER
from tenants.api.view import Answer, Call, TenantView, path_id


class CustomersView(TenantView):
    """`/api/customers`."""

    @operation(
        "customers:read",
        "List customers",
        answers={200: CustomerOutput},
        filters=[text_filter("externalId"), text_filter("email", max_length=254), CREATED_AT],
        paged=True,
    )
    def get(self, call: Call) -> Answer:
        """Customers, newest first."""
        settle_before_reading(tenant_id=call.tenant_id, at=call.at)
        return call.listing(customers_with_balance(tenant_id=call.tenant_id, condition=call.filters()), _body)

    @operation(
        "customers:write",
        "Create a customer",
        answers={201: CustomerOutput},
        body=CustomerInput,
        refusals={409: ["already_exists"]},
    )
    def post(self, call: Call) -> Answer:
        """A new customer."""
        customer = create_customer(tenant_id=call.tenant_id, at=call.at, trace_id=call.context.trace_id, **call.data)
        return Answer(201, customer_body(customer, balance=0), location=location_of(customer))


class CustomerView(TenantView):
    """`/api/customers/{id}`."""

    @operation("customers:read", "Get a customer", answers={200: CustomerOutput})
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002
        """One customer."""
        settle_before_reading(tenant_id=call.tenant_id, at=call.at)
        return Answer(
            200, _body(get_customer_with_balance(tenant_id=call.tenant_id, customer_id=path_id(CUSTOMER, id)))
        )  # fmt: skip

    @operation(
        "customers:write",
        "Update a customer",
        answers={200: CustomerOutput},
        body=CustomerChange,
        partial=True,
        refusals={409: ["customer_erased"]},
    )
    def patch(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Change what is given; null clears."""
        customer_id = path_id(CUSTOMER, id)
        update_customer(tenant_id=call.tenant_id, customer_id=customer_id, at=call.at, changes=call.data)
        return Answer(200, _body(get_customer_with_balance(tenant_id=call.tenant_id, customer_id=customer_id)))

    @operation("customers:write", "Delete a customer", answers={204: None}, refusals={409: ["customer_in_use"]})
    def delete(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Remove a customer that nothing refers to."""
        delete_customer(tenant_id=call.tenant_id, customer_id=path_id(CUSTOMER, id))
        return Answer(204)


def _body(customer: Customer) -> dict[str, Any]:
    return customer_body(customer, balance=customer_balance(customer))


def location_of(customer: Customer) -> str:
    """Where the customer lives."""
    return f"/api/customers/{encode_id(CUSTOMER, customer.id)}"
