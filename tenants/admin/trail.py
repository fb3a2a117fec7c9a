"""The audit trail, and long-running jobs."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q
from django.http import HttpRequest

from common.api.filters import Refused
from common.prefixes import JOB
from tenants.api.bodies import audit_body
from tenants.api.changes import ENTITY_ID
from tenants.backoffice.api import (
    BackofficeAdmin,
    Block,
    Panel,
    actor,
    backoffice_page,
    badge,
    changes,
    code,
    column,
    day_filter,
    instant,
    json_panel,
    link,
    text_filter,
    type_id,
)
from tenants.backoffice.filters import NOTHING
from tenants.backoffice.links import path_of
from tenants.models import AuditEntry, Job


def _entity(text: str) -> Q:
    try:
        return ENTITY_ID.condition("entityId", text, lambda: "UTC")
    except Refused:
        return NOTHING


@backoffice_page(AuditEntry)
class AuditPage(BackofficeAdmin):
    """Who did what."""

    area, nav_group, nav_icon, nav_order = "audit", "Tenant", "history", 90
    title = "Audit trail"
    intro = "Who did what, when, from where and why. The database writes it; nobody can change it."
    show_audit = False
    list_display = ("at", "action", "shown_entity", "shown_actor", "shown_reason")
    list_display_links = ("at",)
    list_filter_submit = True
    list_filter = (
        text_filter("Object", "entity", _entity),
        text_filter("Kind of object", "kind", lambda text: Q(entity_type=text)),
        text_filter("Action", "action", lambda text: Q(action=text)),
        text_filter("Actor", "actor", lambda text: Q(actor_id=text)),
        text_filter("Trace", "trace", lambda text: Q(trace_id=text)),
        day_filter("From", "from", "id", "from"),
        day_filter("Until", "until", "id", "until"),
    )
    fieldsets = (
        ("What", {"fields": ("at", "action", "shown_entity", "shown_outcome", "shown_reason")}),
        ("Who", {"fields": ("actor_type", "shown_actor", "ip_address", "shown_trace")}),
    )

    def name_of(self, row: AuditEntry) -> str:
        """The act."""
        return row.action

    def panels(self, request: HttpRequest, row: AuditEntry) -> Sequence[Panel]:
        """The difference."""
        return [Block("Changes", changes(audit_body(row)["changes"]), note="Before, after")]

    @column("When", ordering="id")
    def at(self, row: AuditEntry) -> str:
        """When."""
        return instant(row.created_at)

    @column("Object")
    def shown_entity(self, row: AuditEntry) -> str:
        """Its id, leading to its page where there is one."""
        shown = code(str(audit_body(row)["entityId"] or "–"))
        href = path_of(row.entity_type, row.entity_id)
        return link(href, shown) if href else shown

    @column("Actor")
    def shown_actor(self, row: AuditEntry) -> str:
        """Who."""
        return actor(row.actor_id)

    @column("Reason")
    def shown_reason(self, row: AuditEntry) -> str:
        """Why, where it was said."""
        return row.reason or ""

    @column("Outcome")
    def shown_outcome(self, row: AuditEntry) -> str:
        """Whether it took place."""
        return badge(row.outcome)

    @column("Trace")
    def shown_trace(self, row: AuditEntry) -> str:
        """All that happened in the same request."""
        return link(f"{self.list_path()}?trace={row.trace_id}", row.trace_id) if row.trace_id else "–"


@backoffice_page(Job)
class JobPage(BackofficeAdmin):
    """Work accepted for later."""

    area, nav_group, nav_icon, nav_order = "any", "Operations", "pending_actions", 30
    intro = "Work that a service asked for and that takes longer than a request."
    list_display = ("kind", "shown_status", "shown_progress", "error", "created")
    list_filter = ("status",)
    fields = ("kind", "shown_status", "shown_progress", "error", "created", "shown_id")

    def panels(self, request: HttpRequest, row: Job) -> Sequence[Panel]:
        """What came of it."""
        return [json_panel("Result", row.result)] if row.result is not None else []

    @column("Status")
    def shown_status(self, row: Job) -> str:
        """How it stands."""
        return badge(row.status)

    @column("Progress")
    def shown_progress(self, row: Job) -> str:
        """In percent."""
        return f"{row.progress} %"

    @column("Created", ordering="id")
    def created(self, row: Job) -> str:
        """When."""
        return instant(row.created_at)

    @column("Id")
    def shown_id(self, row: Job) -> str:
        """As the API shows it."""
        return type_id(JOB, row.pk)
