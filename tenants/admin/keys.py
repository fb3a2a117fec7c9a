"""Keys of sibling services."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms

from common.clock import SystemClock
from common.prefixes import SERVICE_KEY
from tenants.backoffice.api import (
    Access,
    BackofficeAdmin,
    BackofficeForm,
    Press,
    Secret,
    action_button,
    backoffice_page,
    badge,
    code,
    column,
    instant,
    type_id,
)
from tenants.models import ServiceKey
from tenants.scopes import ALL, AREAS
from tenants.selectors import applications
from tenants.services.service_keys import create_service_key, revoke_service_key

_SCOPES = [
    (ALL, "Everything"),
    *((f"{area}:{access}", f"{area}:{access}") for area in AREAS for access in ("read", "write")),
]


class KeyForm(BackofficeForm):
    """A new key."""

    name = forms.CharField(max_length=255, help_text="Which service holds it.")
    application = forms.ChoiceField(required=False)
    scopes = forms.MultipleChoiceField(
        choices=_SCOPES, widget=forms.CheckboxSelectMultiple, help_text="Writing does not include reading."
    )
    days = forms.IntegerField(label="Days until it expires", min_value=1, max_value=3650, required=False)
    rate_limit_per_minute = forms.IntegerField(
        label="Requests per minute", min_value=1, required=False, help_text="Empty: as the server is configured."
    )

    def prepare(self, access: Access, row: Any) -> None:
        """The tenant's applications to choose from."""
        known = [(str(one.pk), one.name) for one in applications(tenant_id=access.tenant_id)]
        field: Any = self.fields["application"]
        field.choices = [("", "–"), *known]


@backoffice_page(ServiceKey)
class ServiceKeyPage(BackofficeAdmin):
    """Keys with which services call the API."""

    area, nav_group, nav_icon, nav_order = "settings", "Tenant", "key", 50
    intro = "Keys with which other services call the API. A key is shown once; its scopes never change."
    list_display = ("name", "shown_hint", "shown_scopes", "application", "state", "created")
    list_select_related = ("application",)
    fields = (
        "name", "shown_hint", "state", "shown_scopes", "application", "rate_limit_per_minute", "created", "expires",
        "revoked", "shown_id",
    )  # fmt: skip

    @column("Begins with")
    def shown_hint(self, row: ServiceKey) -> str:
        """To recognise it."""
        return code(f"{row.hint}…")

    @column("Scopes")
    def shown_scopes(self, row: ServiceKey) -> str:
        """What it may do."""
        return "Everything" if ALL in row.scopes else ", ".join(row.scopes)

    @column("State")
    def state(self, row: ServiceKey) -> str:
        """Whether it works."""
        if row.revoked_at is not None:
            return badge("revoked")
        if row.expires_at is not None and row.expires_at <= SystemClock().now():
            return badge("expired")
        return badge("active")

    @column("Created", ordering="id")
    def created(self, row: ServiceKey) -> str:
        """When."""
        return instant(row.created_at)

    @column("Expires")
    def expires(self, row: ServiceKey) -> str:
        """When, if ever."""
        return instant(row.expires_at)

    @column("Revoked")
    def revoked(self, row: ServiceKey) -> str:
        """When, if it was."""
        return instant(row.revoked_at)

    @column("Id")
    def shown_id(self, row: ServiceKey) -> str:
        """As the audit trail shows it."""
        return type_id(SERVICE_KEY, row.pk)

    @action_button("New service key", "settings:write", on="list", fields=KeyForm, tone="primary", icon="add")
    def create(self, press: Press) -> Secret:
        """Shown once."""
        given, now = press.data, SystemClock().now()
        key, secret = create_service_key(
            tenant_id=press.tenant_id, name=given["name"], scopes=given["scopes"], at=now,
            application_id=given["application"] or None,
            expires_at=now + dt.timedelta(days=given["days"]) if given["days"] else None,
            rate_limit_per_minute=given["rate_limit_per_minute"],
        )  # fmt: skip
        return Secret(f"The key {key.name} has been made", secret)

    @action_button(
        "Revoke", "settings:write", reason="required", tone="danger", shown=lambda row: row.revoked_at is None,
        confirm="The service that holds this key is refused from now on. This cannot be undone.",
    )  # fmt: skip
    def revoke(self, press: Press) -> str:
        """Refuse it."""
        revoke_service_key(tenant_id=press.tenant_id, key_id=press.object.pk, at=SystemClock().now())
        return "The key has been revoked."
