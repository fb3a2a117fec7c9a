"""What the walk through the back office looks at in webhooks."""

from __future__ import annotations

from typing import Any

from tenants.models import Tenant
from tests.conftest import AT
from tests.tenants.backoffice.rows import maker
from webhooks.egress import PermittedUrl
from webhooks.models import Delivery, Subscriber
from webhooks.services.deliveries import send_test
from webhooks.services.subscribers import create_subscriber


@maker(Subscriber)
def _subscriber(tenant: Tenant, user: Any) -> Any:
    return create_subscriber(
        tenant_id=tenant.id, at=AT, now=AT, name="Books", url=PermittedUrl("https://books.example.com/hook")
    )[0]


@maker(Delivery)
def _delivery(tenant: Tenant, user: Any) -> Any:
    return send_test(tenant_id=tenant.id, subscriber_id=_subscriber(tenant, user).id, at=AT, now=AT)
