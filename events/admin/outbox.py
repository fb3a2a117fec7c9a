"""The pages of the outbox: events with their data, and those that could not be delivered inside Ledger."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from common.clock import SystemClock
from common.ids import encode_id, uuid_time
from common.prefixes import EVENT
from events.admin.wording import short
from events.enums import DeliveryStatus
from events.models import Event, EventDelivery
from events.services.replay import BATCH, Selection, replay_batch
from tenants.backoffice import display
from tenants.backoffice.api import BackofficeAdmin, Panel, Press, Table, action_button, backoffice_page, column
from tenants.backoffice.filters import Word, among_newest, choice_filter, text_filter
from tenants.backoffice.panels import Block, json_panel
from tenants.backoffice.references import link_to, path_of, subject_named
from tenants.backoffice.subjects import Subject

REPLAYED_AT_ONCE = 20 * BATCH


TYPE = text_filter("Type, among the newest 20,000", "type", lambda text: among_newest(Event) & Q(type=text))
WAITING = choice_filter(
    "Handed on", "handed", [("waiting", "Waiting")], lambda _: Q(dispatched_at__isnull=True)
)  # fmt: skip


@backoffice_page(Event)
class EventAdmin(BackofficeAdmin):
    """The outbox: every event with its data, whoever it was for."""

    area = "webhooks"
    nav_group = "Operations"
    nav_icon = "bolt"
    nav_order = 10
    intro = "Every fact that Ledger has published, newest first. Deliveries inside Ledger follow each event."
    show_audit = False
    sortable_by = ()
    optional = ("trace",)
    list_display = ("what", "about", "published", "occurred", "handed_on")
    list_filter = (TYPE, WAITING)
    list_filter_submit = True
    search_fields = ("id",)
    search_help_text = "Id of an event, or of what it tells about"
    fieldsets = ((None, {"fields": ("what", "own_id", "about", "published", "occurred", "handed_on", "trace")}),)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By id."""
        term = search_term.strip()
        if not term:
            return queryset, False
        subject = subject_named(term)
        if subject is None:
            return queryset.none(), False
        if subject.type == "event":
            return queryset.filter(id=subject.id), False
        return queryset.filter(object_id=subject.id), False

    def panels(self, request: HttpRequest, row: Event) -> Sequence[Panel]:
        """Its data, and who took it."""
        deliveries = EventDelivery.objects.filter(tenant_id=row.tenant_id, event_id=row.id).order_by("subscriber")
        rows = [
            (
                display.link(path_of(Subject("eventDelivery", one.id)), one.subscriber), display.badge(one.status),
                one.attempts, display.instant(one.succeeded_at or one.next_attempt_at), one.last_error or display.EMPTY,
            )
            for one in deliveries
        ]  # fmt: skip
        return [
            Table(
                "Deliveries inside Ledger", ("Subscriber", "Status", "Attempts", "Done or due", "Last error"), rows,
                numeric=(2,), empty="Nobody inside Ledger listens to it, or it waits to be handed on.",
            ),
            _data_panel(row),
        ]  # fmt: skip

    @action_button(
        "Deliver again", "webhooks:write", reason="required", icon="replay",
        confirm="Every subscriber inside Ledger handles this event once more, also those that succeeded.",
        shown=lambda row: row.dispatched_at is not None,
    )  # fmt: skip
    def replay(self, press: Press) -> str:
        """`replay_batch` of one event."""
        selection = Selection(event_id=press.object.id, everything=True)
        made, _ = replay_batch(selection, tenant_id=press.tenant_id, now=SystemClock().now())
        return _delivered_again(made)

    @column("Event")
    def what(self, row: Event) -> Any:
        """Its type."""
        return format_html('<span class="bo-strong">{}</span>', row.type)

    @column("Id")
    def own_id(self, row: Event) -> Any:
        """As callbacks show it."""
        return display.type_id(EVENT, row.id)

    @column("About")
    def about(self, row: Event) -> Any:
        """The object it tells about."""
        return link_to(Subject(row.object_type, row.object_id))

    @column("Published")
    def published(self, row: Event) -> Any:
        """In real time: when the row was made."""
        return display.instant(uuid_time(row.id)) if row.id.version == 7 else display.EMPTY

    @column("Occurred")
    def occurred(self, row: Event) -> Any:
        """In business time."""
        return display.instant(row.occurred_at)

    @column("Handed on")
    def handed_on(self, row: Event) -> Any:
        """When its deliveries were made."""
        return display.instant(row.dispatched_at) if row.dispatched_at else display.badge("waiting", tone="warning")

    @column("Trace id")
    def trace(self, row: Event) -> Any:
        """Of the request that published it."""
        return display.code(row.trace_id) if row.trace_id else display.EMPTY


OPEN = (DeliveryStatus.PENDING, DeliveryStatus.DELIVERING)


class GivenUp(choice_filter("Status", "status", [("open", "Open")], lambda _: Q(status__in=OPEN))):  # type: ignore[misc]
    """Dead letters unless the open ones are asked for. What succeeded is too much to list; the event shows it."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Both have indexes."""
        found: QuerySet[Any] = super().queryset(request, queryset)
        return found if self.value() else queryset.filter(status=Word(DeliveryStatus.DEAD.value))


@backoffice_page(EventDelivery)
class EventDeliveryAdmin(BackofficeAdmin):
    """Events on their way to subscribers inside Ledger; above all those that were given up."""

    area = "webhooks"
    nav_group = "Operations"
    title = "Dead letters"
    nav_icon = "error"
    nav_order = 20
    intro = "Deliveries inside Ledger that were given up after their last retry. Repair the cause, then replay them."
    show_audit = False
    sortable_by = ()
    ordering = ("-event_id", "-id")
    optional = ("next_try", "done", "error")
    list_display = ("event_type", "subscriber_name", "state", "tried", "error", "made")
    list_filter = (GivenUp,)
    list_filter_submit = True
    list_select_related = ("event",)
    fieldsets = (
        (None, {"fields": ("event_type", "about", "subscriber_name", "state", "tried", "next_try", "done", "error")}),
    )

    def name_of(self, row: EventDelivery) -> str:
        """What is delivered to whom."""
        return f"{row.event.type} to {row.subscriber}"

    @action_button(
        "Replay", "webhooks:write", reason="required", icon="replay", confirm="The subscriber gets this event again.",
        shown=lambda row: row.status == DeliveryStatus.DEAD,
    )  # fmt: skip
    def replay(self, press: Press) -> str:
        """`replay_batch` of one delivery."""
        selection = Selection(event_id=press.object.event_id, subscriber=press.object.subscriber)
        made, _ = replay_batch(selection, tenant_id=press.tenant_id, now=SystemClock().now())
        return _delivered_again(made)

    @action_button(
        "Replay all", "webhooks:write", reason="required", on="list", icon="replay",
        confirm="Everything that was given up in this tenant is delivered again, 10,000 events at a time.",
    )  # fmt: skip
    def replay_all(self, press: Press) -> str:
        """`replay_batch` until nothing is left, or it is enough for one request."""
        made, after, seen = 0, None, 0
        while seen < REPLAYED_AT_ONCE:
            done, after = replay_batch(Selection(), tenant_id=press.tenant_id, now=SystemClock().now(), after=after)
            made, seen = made + done, seen + BATCH
            if after is None:
                break
        return _delivered_again(made)

    @column("Event")
    def event_type(self, row: EventDelivery) -> Any:
        """Its type."""
        return row.event.type

    @column("About")
    def about(self, row: EventDelivery) -> Any:
        """The object, and the event."""
        event = display.link(path_of(Subject("event", row.event_id)), encode_id(EVENT, row.event_id))
        return format_html("{}<br>{}", link_to(Subject(row.event.object_type, row.event.object_id)), event)

    @column("Subscriber")
    def subscriber_name(self, row: EventDelivery) -> Any:
        """Its name in the code."""
        return display.code(row.subscriber)

    @column("Status")
    def state(self, row: EventDelivery) -> Any:
        """As a badge."""
        return display.badge(row.status, "Given up" if row.status == DeliveryStatus.DEAD else None)

    @column("Attempts")
    def tried(self, row: EventDelivery) -> Any:
        """How many."""
        return row.attempts

    @column("Next attempt")
    def next_try(self, row: EventDelivery) -> Any:
        """When it is due."""
        return display.instant(row.next_attempt_at)

    @column("Succeeded")
    def done(self, row: EventDelivery) -> Any:
        """When."""
        return display.instant(row.succeeded_at)

    @column("Last error")
    def error(self, row: EventDelivery) -> Any:
        """What the handler raised."""
        return short(row.last_error)

    @column("Made")
    def made(self, row: EventDelivery) -> Any:
        """When the event was handed on."""
        return display.instant(row.created_at)


def _delivered_again(made: int) -> str:
    if not made:
        return "Nothing was left to deliver again."
    return "One delivery is made again." if made == 1 else f"{made:,} deliveries are made again."


def _data_panel(row: Event) -> Panel:
    try:
        return json_panel("Data", json.loads(row.data))
    except ValueError:
        return Block("Data", display.EMPTY)
