"""The page of deliveries with every attempt, and what other pages show of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from common.clock import SystemClock
from common.ids import encode_id
from common.prefixes import EVENT, WEBHOOK_DELIVERY, WEBHOOK_SUBSCRIBER
from events.admin.wording import short
from events.models import Event
from tenants.backoffice import display
from tenants.backoffice.access import Access
from tenants.backoffice.api import BackofficeAdmin, Panel, Press, action_button, backoffice_page, column
from tenants.backoffice.buttons import Outcome
from tenants.backoffice.filters import Word, among_newest, choice_filter
from tenants.backoffice.panels import Block, Moment, Table, json_panel
from tenants.backoffice.references import link_to, path_of, subject_named
from tenants.backoffice.subjects import SHOWN, Subject
from webhooks.enums import DeliveryStatus
from webhooks.models import Attempt, Delivery, Message, Subscriber
from webhooks.selectors import attempts_of
from webhooks.services.deliveries import retry_delivery

EXCERPT = 400
NEWEST = 20


def of_status(value: str) -> Q:
    """What was given up has an index; the rest is looked for among the newest."""
    dead = value == DeliveryStatus.DEAD
    return Q(status=Word(value)) if dead else among_newest(Delivery) & Q(status=value)


STATUS = choice_filter("Status, among the newest 20,000", "status", DeliveryStatus.choices, of_status)


@backoffice_page(Delivery)
class DeliveryPage(BackofficeAdmin):
    """Events on their way to subscribers."""

    area = "webhooks"
    nav_group = "Callbacks and mail"
    nav_icon = "outbound"
    nav_order = 20
    title = "Deliveries"
    show_audit = False
    sortable_by = ()
    optional = ("next_try", "arrived", "error")
    list_display = ("what", "to", "state", "tried", "error", "made")
    list_filter = (STATUS,)
    list_filter_submit = True
    list_select_related = ("subscriber",)
    search_fields = ("id",)
    search_help_text = "Id of a delivery, an event or a subscriber"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "what", "to", "state", "tried", "next_try", "arrived", "error", "made", "event", "own_id",
                )
            },
        ),
    )  # fmt: skip

    def name_of(self, row: Delivery) -> str:
        """What is delivered."""
        return row.event_type

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By one of the ids."""
        term = search_term.strip()
        if not term:
            return queryset, False
        subject = subject_named(term)
        named = {"event": "message_id", "webhookSubscriber": "subscriber_id", "webhookDelivery": "id"}
        if subject is None or subject.type not in named:
            return queryset.none(), False
        return queryset.filter(**{named[subject.type]: subject.id}), False

    def panels(self, request: HttpRequest, row: Delivery) -> Sequence[Panel]:
        """Every attempt, and what is sent."""
        attempts = [_attempt_row(one) for one in attempts_of(row)]
        message = Message.objects.filter(tenant_id=row.tenant_id, id=row.message_id).first()
        columns = ("No.", "Began", "Took", "Status", "What came back")
        return [
            Table("Attempts", columns, attempts, numeric=(0, 2, 3), empty="Nothing has been tried yet."),
            body_panel(message),
        ]

    @action_button(
        "Retry", "webhooks:write", icon="replay", reason="optional",
        shown=lambda row: row.status != DeliveryStatus.DELIVERING,
        confirm="It is sent again as soon as possible, with the same id and the same bytes.",
    )  # fmt: skip
    def retry(self, press: Press) -> Outcome:
        """`retry_delivery`."""
        retry_delivery(tenant_id=press.tenant_id, delivery_id=press.object.id, now=SystemClock().now())
        return "It is sent again as soon as possible."

    @column("Event")
    def what(self, row: Delivery) -> Any:
        """Its type."""
        return row.event_type

    @column("Subscriber")
    def to(self, row: Delivery) -> Any:
        """Who is called."""
        return link_to(Subject("webhookSubscriber", row.subscriber_id), row.subscriber.name)

    @column("Status")
    def state(self, row: Delivery) -> Any:
        """As a badge."""
        return status_badge(row.status)

    @column("Attempts")
    def tried(self, row: Delivery) -> Any:
        """How many."""
        return row.attempts

    @column("Next attempt")
    def next_try(self, row: Delivery) -> Any:
        """When it is due."""
        return display.instant(row.next_attempt_at)

    @column("Delivered")
    def arrived(self, row: Delivery) -> Any:
        """When it was accepted."""
        return display.instant(row.delivered_at)

    @column("Last error")
    def error(self, row: Delivery) -> Any:
        """Why the last attempt was no success."""
        return short(row.last_error) if row.status != DeliveryStatus.SUCCEEDED else display.EMPTY

    @column("Made")
    def made(self, row: Delivery) -> Any:
        """When the event was handed on."""
        return display.instant(row.created_at)

    @column("Event's id")
    def event(self, row: Delivery) -> Any:
        """A ping has none."""
        return link_to(Subject("event", row.message_id), display.code(encode_id(EVENT, row.message_id)))

    @column("Id")
    def own_id(self, row: Delivery) -> Any:
        """As the API shows it."""
        return display.code(encode_id(WEBHOOK_DELIVERY, row.id))


def status_badge(status: str) -> Any:
    """`dead` reads `Given up`."""
    tones = {"failed": "warning", "delivering": "info"}
    return display.badge(status, "Given up" if status == DeliveryStatus.DEAD else None, tone=tones.get(status, ""))


def _attempt_row(one: Attempt) -> tuple[Any, ...]:
    status = one.response_status
    shown = (
        display.EMPTY if status is None else display.badge(str(status), tone="success" if status < 300 else "danger")
    )
    body = one.response_body or ""
    excerpt = body if len(body) <= EXCERPT else body[:EXCERPT] + "…"
    came = format_html('<pre class="bo-text bo-subtle">{}</pre>', excerpt) if excerpt else ""
    return (
        one.number,
        display.instant(one.at),
        f"{one.duration_ms:,} ms",
        shown,
        format_html("{}{}", one.error or "", came),
    )


def body_panel(message: Message | None) -> Panel:
    """The bytes that are sent, as JSON."""
    if message is None or message.body is None:
        return Block("Body", "Erased.")
    try:
        return json_panel("Body", json.loads(bytes(message.body)))
    except ValueError:
        return Block("Body", bytes(message.body).decode(errors="replace"))


def deliveries_panel(subscriber: Subscriber) -> Panel:
    """The newest deliveries of a subscriber."""
    rows = Delivery.objects.filter(tenant_id=subscriber.tenant_id, subscriber_id=subscriber.id).order_by("-id")
    lines = [
        (
            display.link(path_of(Subject("webhookDelivery", row.id)), row.event_type), status_badge(row.status),
            row.attempts, short(row.last_error) if row.status != DeliveryStatus.SUCCEEDED else display.EMPTY,
            display.instant(row.created_at),
        )
        for row in rows[:NEWEST]
    ]  # fmt: skip
    address = f"{reverse('admin:webhooks_delivery_changelist')}?q={encode_id(WEBHOOK_SUBSCRIBER, subscriber.id)}"
    return Table(
        "Deliveries", ("Event", "Status", "Attempts", "Last error", "Made"), lines, numeric=(2,),
        note=f"The newest {NEWEST}", more=("All deliveries", address),
    )  # fmt: skip


def callbacks_about(access: Access, subjects: Sequence[Subject]) -> list[Moment]:
    """The callbacks about the objects, for timelines."""
    if not access.may("webhooks:read"):
        return []
    ids = [subject.id for subject in subjects]
    events = Event.objects.filter(tenant_id=access.tenant_id, object_id__in=ids).order_by("-id").values("id")[:SHOWN]
    rows = Delivery.objects.select_related("subscriber").filter(tenant_id=access.tenant_id, message_id__in=events)
    return [_moment(row) for row in rows.order_by("-id")[:SHOWN]]


def _moment(row: Delivery) -> Moment:
    said = {"succeeded": "delivered to", "dead": "given up for", "cancelled": "cancelled for"}.get(row.status, "for")
    detail = short(row.last_error) if row.last_error and row.status != DeliveryStatus.SUCCEEDED else ""
    tones = {"succeeded": "success", "dead": "danger", "failed": "warning"}
    return Moment(
        row.delivered_at or row.created_at, "callback", f"{row.event_type} {said} {row.subscriber.name}", detail=detail,
        href=path_of(Subject("webhookDelivery", row.id)), tone=tones.get(row.status, ""),
    )  # fmt: skip
