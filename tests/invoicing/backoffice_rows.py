"""What the walk through the back office looks at in invoicing."""

from __future__ import annotations

from itertools import count
from typing import Any

from billing.services.customers import create_customer
from invoicing.models import Invoice
from invoicing.requests import InvoiceRequest, ItemRequest
from invoicing.services.issuing import create_invoice
from tenants.models import Tenant
from tenants.selectors import get_settings
from tests.conftest import AT
from tests.tenants.backoffice.rows import maker

_numbers = count(1)


@maker(Invoice)
def _invoice(tenant: Tenant, user: Any) -> Any:
    number = next(_numbers)
    customer = create_customer(tenant_id=tenant.id, at=AT, external_id=f"buyer-{number}", name="Ada & Co")
    return create_invoice(
        tenant_id=tenant.id, customer=customer, settings=get_settings(tenant_id=tenant.id),
        request=InvoiceRequest(items=[ItemRequest(description="Work", unit_price=10_000)]), at=AT,
        draft=number % 2 == 0, trace_id="",
    )  # fmt: skip
