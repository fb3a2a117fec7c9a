"""The page of subscribers: their health, their deliveries, and everything that may be done with them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from billing.admin.customers import pairs_of
from common.api.fields import TextField
from common.clock import SystemClock
from common.egress import UrlNotAllowed
from common.ids import InvalidId, decode_id, encode_id
from common.prefixes import EVENT, WEBHOOK_SUBSCRIBER
from events.public import public_events
from tenants.backoffice import display
from tenants.backoffice.api import (
    BackofficeAdmin,
    BackofficeForm,
    Panel,
    Press,
    Secret,
    action_button,
    backoffice_page,
    column,
)
from tenants.backoffice.buttons import Outcome
from tenants.backoffice.fields import CheckedField
from tenants.backoffice.panels import Table
from tenants.backoffice.references import path_of
from tenants.backoffice.subjects import Subject
from webhooks.admin.deliveries import deliveries_panel
from webhooks.admin.health import REASONS, last_day, state_badge
from webhooks.egress import judge_url
from webhooks.models import Subscriber
from webhooks.services.deliveries import replay, send_test
from webhooks.services.subscribers import (
    create_subscriber,
    delete_subscriber,
    rotate_secret,
    toggle_subscriber,
    update_subscriber,
)

MAX_OVERLAP_HOURS = 24 * 30
SHOWN_ONCE = "It cannot be shown again. Callbacks are signed with it."


class SubscriberForm(BackofficeForm):
    """Who is called, and with what."""

    name = CheckedField(TextField(max_length=255), max_length=255)
    url = CheckedField(
        TextField(max_length=2048), max_length=2048, label="URL", help_text="https://… It must be a public address."
    )
    events = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One to a line: *, invoice.*, or a name such as invoice.paid.",
    )
    legacy_secret_header = forms.BooleanField(
        required=False, label="Old header", help_text="Also send the secret itself in X-Webhook-Secret. Not advisable."
    )

    def clean_url(self) -> str:
        """An address that may be called.

        A name server is asked, for three seconds at most, before anything is locked or written.
        """
        try:
            return judge_url(self.cleaned_data["url"])
        except UrlNotAllowed as refused:
            raise forms.ValidationError(refused.message) from refused

    def clean_events(self) -> list[str]:
        """The patterns, one to a line."""
        return [line.strip() for line in self.cleaned_data["events"].splitlines() if line.strip()]


class RotationForm(BackofficeForm):
    """How long the former secret goes on."""

    overlap_hours = forms.IntegerField(
        min_value=0, max_value=MAX_OVERLAP_HOURS, initial=24, label="Overlap in hours",
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
        help_text="Meanwhile callbacks are signed with both. 0 ends the former secret at once.",
    )  # fmt: skip


class ReplayForm(BackofficeForm):
    """Which event is sent again."""

    event = forms.CharField(max_length=40, label="Event", help_text="Its id: evt_…")

    def clean_event(self) -> Any:
        """The id."""
        try:
            return decode_id(EVENT, self.cleaned_data["event"].strip())
        except InvalidId as wrong:
            raise forms.ValidationError("Expected an id such as evt_01hqx3qgf2c8mhwy9s6zwmf3yh.") from wrong


def is_live(row: Subscriber) -> bool:
    """Whether it still exists."""
    return row.deleted_at is None


@backoffice_page(Subscriber)
class SubscriberPage(BackofficeAdmin):
    """Who is called when something happens."""

    area = "webhooks"
    nav_group = "Callbacks and mail"
    nav_icon = "webhook"
    nav_order = 10
    sortable_by = ()
    optional = ("why", "failing", "last_error", "overlap", "pairs", "old_header")
    list_display = ("name", "host", "wanted", "state", "succeeded", "failed")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name", "address", "wanted", "state", "why", "rate", "backlog", "last_error", "failing",
                    "succeeded", "failed", "hint", "overlap", "old_header", "own_id", "pairs",
                )
            },
        ),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Deleted ones keep their page, which their deliveries name, but are not listed."""
        rows = super().get_queryset(request)
        match = request.resolver_match
        listed = match is not None and str(match.url_name).endswith("_changelist")
        return rows.filter(deleted_at__isnull=True) if listed else rows

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The subscriber, with its last day where its page is shown."""
        row = super().get_object(request, object_id, from_field)
        match = request.resolver_match
        if row is not None and match is not None and str(match.url_name).endswith("_change"):
            row.day = last_day(row, now=SystemClock().now())
        return row

    def panels(self, request: HttpRequest, row: Subscriber) -> Sequence[Panel]:
        """Its newest deliveries, and what it may subscribe to."""
        names = [(name,) for name in public_events()]
        return [deliveries_panel(row), Table("Events that can be had", ("Event",), names)]

    @action_button("New subscriber", "webhooks:write", on="list", fields=SubscriberForm, tone="primary", icon="add")
    def create(self, press: Press) -> Outcome:
        """`create_subscriber`; its secret is shown once."""
        made, secret = create_subscriber(
            tenant_id=press.tenant_id, at=press.at, now=SystemClock().now(), **press.data
        )  # fmt: skip
        return Secret(f"The secret of {made.name}", secret, SHOWN_ONCE)

    def values(self, request: HttpRequest, row: Subscriber) -> Mapping[str, Any]:
        """What the form of changes begins with."""
        return {
            "name": row.name, "url": row.url, "events": "\n".join(row.events),
            "legacy_secret_header": row.legacy_secret_header,
        }  # fmt: skip

    @action_button(
        "Edit", "webhooks:write", fields=SubscriberForm, initial=values, shown=is_live, icon="edit", versioned=True
    )
    def edit(self, press: Press) -> Outcome:
        """`update_subscriber`."""
        changes = {name: press.data[name] for name in ("name", "events", "legacy_secret_header")}
        update_subscriber(
            tenant_id=press.tenant_id, subscriber_id=press.object.id, at=press.at, now=SystemClock().now(),
            changes=changes, url=press.data["url"],
        )  # fmt: skip
        return "The subscriber has been changed."

    @action_button(
        "Send a test", "webhooks:write", icon="send", shown=lambda row: is_live(row) and row.active,
        confirm="A ping is sent, signed, logged and retried like any callback.",
    )  # fmt: skip
    def test(self, press: Press) -> Outcome:
        """`send_test`."""
        made = send_test(tenant_id=press.tenant_id, subscriber_id=press.object.id, at=press.at, now=SystemClock().now())
        return HttpResponseRedirect(path_of(Subject("webhookDelivery", made.id)))

    @action_button(
        "Replay an event", "webhooks:write", fields=ReplayForm, icon="replay", reason="optional",
        shown=lambda row: is_live(row) and row.active,
        help="Also events that it did not ask for, or that happened before it was there.",
    )  # fmt: skip
    def replay(self, press: Press) -> Outcome:
        """`replay`."""
        made = replay(
            tenant_id=press.tenant_id, subscriber_id=press.object.id, event_id=press.data["event"],
            now=SystemClock().now(),
        )  # fmt: skip
        return HttpResponseRedirect(path_of(Subject("webhookDelivery", made.id)))

    @action_button(
        "Rotate the secret", "webhooks:write", fields=RotationForm, reason="optional", icon="key", shown=is_live,
        confirm="It gets a new secret, shown once.",
    )  # fmt: skip
    def rotate(self, press: Press) -> Outcome:
        """`rotate_secret`."""
        row, secret = rotate_secret(
            tenant_id=press.tenant_id, subscriber_id=press.object.id, at=press.at, now=SystemClock().now(),
            overlap=dt.timedelta(hours=press.data["overlap_hours"]),
        )  # fmt: skip
        return Secret(
            f"The new secret of {row.name}", secret, "It cannot be shown again. Callbacks are signed with it."
        )

    @action_button(
        "Switch off", "webhooks:write", reason="required", icon="toggle_off",
        shown=lambda row: is_live(row) and row.active,
        confirm="Nothing is sent while it is off. What happens meanwhile is not made up for.",
    )  # fmt: skip
    def stop(self, press: Press) -> Outcome:
        """`toggle_subscriber`, unless somebody was quicker."""
        return self._toggled(press, active=False)

    @action_button(
        "Switch on", "webhooks:write", icon="toggle_on", shown=lambda row: is_live(row) and not row.active,
        confirm="Its open deliveries go on where they were, and new events reach it.",
    )  # fmt: skip
    def resume(self, press: Press) -> Outcome:
        """`toggle_subscriber`, unless somebody was quicker."""
        return self._toggled(press, active=True)

    def _toggled(self, press: Press, *, active: bool) -> str:
        if press.object.active != active:
            toggle_subscriber(
                tenant_id=press.tenant_id, subscriber_id=press.object.id, at=press.at, now=SystemClock().now()
            )
        return "The subscriber is called again." if active else "The subscriber is not called any more."

    @action_button(
        "Delete", "webhooks:write", reason="required", tone="danger", icon="delete", shown=is_live,
        confirm="Open deliveries are cancelled and the secret is gone. Past deliveries can still be read.",
    )  # fmt: skip
    def remove(self, press: Press) -> Outcome:
        """`delete_subscriber`."""
        delete_subscriber(
            tenant_id=press.tenant_id, subscriber_id=press.object.id, at=press.at, now=SystemClock().now()
        )
        return "The subscriber has been deleted."

    @column("Where")
    def host(self, row: Subscriber) -> Any:
        """The host of its URL."""
        return urlsplit(row.url).netloc or row.url

    @column("URL")
    def address(self, row: Subscriber) -> Any:
        """Where it is called."""
        return display.code(row.url)

    @column("Events")
    def wanted(self, row: Subscriber) -> Any:
        """What it asked for."""
        return format_html_join(SafeString("<br>"), "{}", ((display.code(one),) for one in row.events[:8]))

    @column("State")
    def state(self, row: Subscriber) -> Any:
        """Whether it is called."""
        return state_badge(row, SystemClock().now())

    @column("Why")
    def why(self, row: Subscriber) -> Any:
        """Why it is switched off."""
        return REASONS.get(row.disabled_reason or "", display.EMPTY)

    @column("Delivered in the last 24 hours")
    def rate(self, row: Subscriber) -> Any:
        """The share of what was tried."""
        return row.day.rate if hasattr(row, "day") else display.EMPTY

    @column("Waiting")
    def backlog(self, row: Subscriber) -> Any:
        """Open deliveries."""
        if not hasattr(row, "day"):
            return display.EMPTY
        return "More than 1,000" if row.day.waiting > 1_000 else f"{row.day.waiting:,}"

    @column("Last error")
    def last_error(self, row: Subscriber) -> Any:
        """Of what is not delivered."""
        return row.day.last_error if hasattr(row, "day") else display.EMPTY

    @column("Failing since")
    def failing(self, row: Subscriber) -> Any:
        """The first failure after the last success."""
        return display.instant(row.failing_since)

    @column("Last success")
    def succeeded(self, row: Subscriber) -> Any:
        """When."""
        return display.instant(row.last_success_at)

    @column("Last failure")
    def failed(self, row: Subscriber) -> Any:
        """When."""
        return display.instant(row.last_failure_at)

    @column("Secret")
    def hint(self, row: Subscriber) -> Any:
        """Its first characters."""
        return display.code(f"{row.secret_hint}…")

    @column("Former secret until")
    def overlap(self, row: Subscriber) -> Any:
        """The end of the overlap."""
        return display.instant(row.previous_secret_until)

    @column("Old header")
    def old_header(self, row: Subscriber) -> Any:
        """Whether the secret itself is sent."""
        return "The secret itself is sent in X-Webhook-Secret" if row.legacy_secret_header else display.EMPTY

    @column("Id")
    def own_id(self, row: Subscriber) -> Any:
        """As the API shows it."""
        return display.code(encode_id(WEBHOOK_SUBSCRIBER, row.id))

    @column("Metadata")
    def pairs(self, row: Subscriber) -> Any:
        """What programs wrote down."""
        return pairs_of(row.metadata)
