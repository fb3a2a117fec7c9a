"""What billing answers when lower apps ask about customers."""

from __future__ import annotations

from uuid import UUID

from billing.errors import CustomerErased
from billing.selectors import find_customer, hold_customer


def hold_owner(*, tenant_id: UUID, object_id: UUID) -> bool:
    """Whether there is such a customer, kept until the transaction ends. Raises `CustomerErased`."""
    if hold_customer(tenant_id=tenant_id, customer_id=object_id) is None:
        return False
    customer = find_customer(tenant_id=tenant_id, customer_id=object_id)
    if customer is not None and customer.erased_at is not None:
        raise CustomerErased()
    return customer is not None
