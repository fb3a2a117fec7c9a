"""Views of subscribers."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpResponse

from common.api.filters import boolean_filter, choice_filter, text_filter
from common.api.operation import operation
from common.clock import SystemClock
from common.egress import UrlNotAllowed
from common.ids import encode_id
from common.prefixes import WEBHOOK_SUBSCRIBER
from tenants.api.view import Answer, Call, TenantView, path_id
from webhooks.api.serializers import (
    DeliveryOutput,
    RotationInput,
    SubscriberChange,
    SubscriberInput,
    SubscriberOutput,
    SubscriberWithSecret,
)
from webhooks.egress import PermittedUrl, judge_url
from webhooks.enums import DeliveryStatus
from webhooks.models import Subscriber
from webhooks.representations import delivery_body, subscriber_body, subscriber_with_secret
from webhooks.selectors import deliveries, get_subscriber, subscribers
from webhooks.services.deliveries import send_test
from webhooks.services.subscribers import (
    create_subscriber,
    delete_subscriber,
    rotate_secret,
    toggle_subscriber,
    update_subscriber,
)


class UrlTakingView(TenantView):
    """A view whose body may hold a URL. A name server is asked about it before any transaction is open."""

    _judged: tuple[str, PermittedUrl | UrlNotAllowed] | None = None

    def run(self, call: Call, key: str | None) -> HttpResponse:
        """Judge the URL, keep the verdict for its turn in the order of checks, go on."""
        given = call.body.get("url") if isinstance(call.body, dict) else None
        if isinstance(given, str) and given.strip():
            url = given.strip()
            try:
                self._judged = (url, judge_url(url))
            except UrlNotAllowed as refused:
                self._judged = (url, refused)
        return super().run(call, key)

    def permitted(self, url: str) -> PermittedUrl:
        """The validated URL, if it may be called. Raises `UrlNotAllowed`."""
        assert self._judged is not None
        assert self._judged[0] == url
        verdict = self._judged[1]
        if isinstance(verdict, UrlNotAllowed):
            raise verdict
        return verdict


class SubscribersView(UrlTakingView):
    """`/api/webhooks/subscribers`."""

    @operation(
        "webhooks:read",
        "List webhook subscribers",
        answers={200: SubscriberOutput},
        filters=[boolean_filter("active")],
        paged=True,
    )
    def get(self, call: Call) -> Answer:
        """Subscribers, newest first."""
        return call.listing(subscribers(tenant_id=call.tenant_id, condition=call.filters()), subscriber_body)

    @operation(
        "webhooks:write",
        "Create a webhook subscriber",
        answers={201: SubscriberWithSecret},
        body=SubscriberInput,
        refusals={422: ["url_not_allowed"]},
    )
    def post(self, call: Call) -> Answer:
        """A new subscriber; the secret is not shown again."""
        given = dict(call.data)
        subscriber, secret = create_subscriber(
            tenant_id=call.tenant_id, at=call.at, now=SystemClock().now(), url=self.permitted(given.pop("url")), **given
        )
        return Answer(201, subscriber_with_secret(subscriber, secret), location=location_of(subscriber))


class SubscriberView(UrlTakingView):
    """`/api/webhooks/subscribers/{id}`."""

    @operation("webhooks:read", "Get a webhook subscriber", answers={200: SubscriberOutput})
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002
        """One subscriber."""
        subscriber = get_subscriber(tenant_id=call.tenant_id, subscriber_id=path_id(WEBHOOK_SUBSCRIBER, id))
        return Answer(200, subscriber_body(subscriber))

    @operation(
        "webhooks:write",
        "Update a webhook subscriber",
        answers={200: SubscriberOutput},
        body=SubscriberChange,
        partial=True,
        refusals={422: ["url_not_allowed"]},
    )
    def patch(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Change what is given."""
        return self._change(call, id)

    @operation(
        "webhooks:write",
        "Update a webhook subscriber (the same as PATCH)",
        answers={200: SubscriberOutput},
        body=SubscriberChange,
        partial=True,
        refusals={422: ["url_not_allowed"]},
    )
    def put(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Change what is given."""
        return self._change(call, id)

    @operation("webhooks:write", "Delete a webhook subscriber", answers={204: None})
    def delete(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Send nothing any more; open deliveries are cancelled."""
        delete_subscriber(
            tenant_id=call.tenant_id,
            subscriber_id=path_id(WEBHOOK_SUBSCRIBER, id),
            at=call.at,
            now=SystemClock().now(),
        )
        return Answer(204)

    def _change(self, call: Call, id: str) -> Answer:  # noqa: A002
        subscriber_id = path_id(WEBHOOK_SUBSCRIBER, id)
        changes: dict[str, Any] = dict(call.data)
        url = changes.pop("url", None)
        get_subscriber(tenant_id=call.tenant_id, subscriber_id=subscriber_id)  # 404 comes before 422
        subscriber = update_subscriber(
            tenant_id=call.tenant_id, subscriber_id=subscriber_id, at=call.at, now=SystemClock().now(), changes=changes,
            url=self.permitted(url) if url is not None else None,
        )  # fmt: skip
        return Answer(200, subscriber_body(subscriber))


class SubscriberTestView(TenantView):
    """`/api/webhooks/subscribers/{id}/test`."""

    @operation(
        "webhooks:write",
        "Send a ping to a webhook subscriber",
        answers={202: DeliveryOutput},
        refusals={409: ["subscriber_inactive"]},
    )
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """The delivery of a `ping`; it is sent right after."""
        delivery = send_test(
            tenant_id=call.tenant_id,
            subscriber_id=path_id(WEBHOOK_SUBSCRIBER, id),
            at=call.at,
            now=SystemClock().now(),
        )
        return Answer(202, delivery_body(delivery))


class SubscriberToggleView(TenantView):
    """`/api/webhooks/subscribers/{id}/toggle`."""

    @operation("webhooks:write", "Toggle a webhook subscriber", answers={200: SubscriberOutput})
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Flip `active`; also what switches a disabled subscriber on again."""
        subscriber = toggle_subscriber(
            tenant_id=call.tenant_id,
            subscriber_id=path_id(WEBHOOK_SUBSCRIBER, id),
            at=call.at,
            now=SystemClock().now(),
        )
        return Answer(200, subscriber_body(subscriber))


class SubscriberRotationView(TenantView):
    """`/api/webhooks/subscribers/{id}/rotate-secret`."""

    @operation(
        "webhooks:write",
        "Rotate the secret of a webhook subscriber",
        answers={200: SubscriberWithSecret},
        body=RotationInput,
    )
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """A new secret, not shown again; for `overlapHours` callbacks carry the signatures of both."""
        subscriber, secret = rotate_secret(
            tenant_id=call.tenant_id, subscriber_id=path_id(WEBHOOK_SUBSCRIBER, id), at=call.at,
            now=SystemClock().now(), overlap=dt.timedelta(hours=call.data["overlap_hours"]),
        )  # fmt: skip
        return Answer(200, subscriber_with_secret(subscriber, secret))


class SubscriberDeliveriesView(TenantView):
    """`/api/webhooks/subscribers/{id}/deliveries`."""

    @operation(
        "webhooks:read",
        "List the deliveries of a webhook subscriber",
        answers={200: DeliveryOutput},
        filters=[choice_filter("status", DeliveryStatus.values), text_filter("event", "event_type", max_length=64)],
        paged=True,
    )
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Deliveries, newest first."""
        subscriber = get_subscriber(tenant_id=call.tenant_id, subscriber_id=path_id(WEBHOOK_SUBSCRIBER, id))
        rows = deliveries(tenant_id=call.tenant_id, condition=call.filters()).filter(subscriber_id=subscriber.id)
        return call.listing(rows, delivery_body)


def location_of(subscriber: Subscriber) -> str:
    """Where the subscriber lives."""
    return f"/api/webhooks/subscribers/{encode_id(WEBHOOK_SUBSCRIBER, subscriber.id)}"
