"""Views of deliveries."""

from __future__ import annotations

from common.api.operation import operation
from common.clock import SystemClock
from common.prefixes import WEBHOOK_DELIVERY
from tenants.api.view import Answer, Call, TenantView, path_id
from webhooks.api.serializers import DeliveryOutput, DeliveryWithAttempts
from webhooks.representations import delivery_body, delivery_with_attempts
from webhooks.selectors import attempts_of, get_delivery
from webhooks.services.deliveries import retry_delivery


class DeliveryView(TenantView):
    """`/api/webhooks/deliveries/{id}`."""

    @operation("webhooks:read", "Get a webhook delivery", answers={200: DeliveryWithAttempts})
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002
        """One delivery with every attempt."""
        delivery = get_delivery(tenant_id=call.tenant_id, delivery_id=path_id(WEBHOOK_DELIVERY, id))
        return Answer(200, delivery_with_attempts(delivery, attempts_of(delivery)))


class DeliveryRetryView(TenantView):
    """`/api/webhooks/deliveries/{id}/retry`."""

    @operation(
        "webhooks:write",
        "Retry a webhook delivery",
        answers={202: DeliveryOutput},
        refusals={409: ["delivery_in_progress", "subscriber_inactive", "subscriber_deleted", "content_erased"]},
    )
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Due now, whatever became of it; its schedule begins anew."""
        delivery = retry_delivery(
            tenant_id=call.tenant_id, delivery_id=path_id(WEBHOOK_DELIVERY, id), now=SystemClock().now()
        )
        return Answer(202, delivery_body(delivery))
