"""The base class of every page: a list and an object, read-only, in the chosen tenant, with buttons and panels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin

from tenants.api.bodies import audit_body
from tenants.backoffice import display
from tenants.backoffice.access import Access, access_of, actor_name, find_access
from tenants.backoffice.buttons import Button, Pressing, Secret, buttons_of
from tenants.backoffice.paging import BackofficeChangeList, BoundedPaginator
from tenants.backoffice.panels import Moment, Panel, Timeline
from tenants.models import AuditEntry

AUDIT_SHOWN = 20


class BackofficeAdmin(ModelAdmin):  # type: ignore[misc]
    """A page. Subclasses set `area` (the scopes `<area>:read` and `<area>:write`) and what Django's admin knows.

    Nothing can be added, changed or deleted but by buttons. Lists have 50 rows and count no further than 2,000;
    `search_fields` must be ones an index answers (`number__istartswith` is none: use `number__startswith` or `=`).
    """

    area: ClassVar[str] = ""
    nav_group: ClassVar[str] = ""
    """The heading in the navigation; without one the page is reached through others."""
    nav_icon: ClassVar[str] = "table_rows"
    nav_order: ClassVar[int] = 100
    title: ClassVar[str] = ""
    """What the list is called in the navigation and above itself; by default the model's plural."""
    intro: ClassVar[str] = ""
    """A sentence above the list."""
    singleton: ClassVar[bool] = False
    """There is one row per tenant: its page stands in the place of the list."""
    optional: ClassVar[Sequence[str]] = ()
    """Fields that an object leaves out where they say nothing."""
    show_audit: ClassVar[bool] = True
    """Whether an object shows its entries of the audit trail to those who may read it."""

    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    paginator = BoundedPaginator
    actions = None
    show_facets = ShowFacets.NEVER  # they would count a million rows for each choice
    list_filter_submit = False
    ordering: Sequence[str] = ("-id",)
    change_list_template = "tenants/backoffice/list.html"
    change_form_template = "tenants/backoffice/object.html"
    compressed_fields = True

    @cached_property
    def buttons(self) -> dict[str, Button]:
        """Its buttons by name."""
        return buttons_of(type(self))

    def panels(self, request: HttpRequest, row: Any) -> Sequence[Panel]:
        """What stands below the fields of an object. The trail of the object follows by itself."""
        return ()

    @property
    def heading(self) -> str:
        """The name of the list."""
        plural = str(self.opts.verbose_name_plural)
        return self.title or plural[:1].upper() + plural[1:]

    def name_of(self, row: Any) -> str:
        """What an object is called above itself."""
        return str(row)

    # Rights

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """With the scope `<area>:read`."""
        access = find_access(request)
        return access is not None and access.may(f"{self.area}:read")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """As viewing."""
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: a button calls the service."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: a button calls the service."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    # The trail is written by the database; Django's own log belongs to no tenant.

    def log_addition(self, *args: Any) -> None:
        """Nothing."""

    def log_change(self, *args: Any) -> None:
        """Nothing."""

    def log_deletions(self, *args: Any) -> None:
        """Nothing."""

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The history of an object stands on its page."""
        return HttpResponseRedirect(self.object_path(object_id))

    # Reading

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows of the tenant. Row-level security says so too; said here, the planner knows it."""
        rows: QuerySet[Any] = super().get_queryset(request)
        if any(field.name == "tenant" for field in self.model._meta.fields):
            rows = rows.filter(tenant_id=access_of(request).tenant_id)
        return rows

    def get_sortable_by(self, request: HttpRequest) -> list[str]:
        """Columns that say how they are ordered (`@column(…, ordering="id")`): others would sort a million rows."""
        shown = self.get_list_display(request)
        return [name for name in shown if getattr(getattr(type(self), name, None), "admin_order_field", None)]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BackofficeChangeList]:
        """The list that reads ids first."""
        return BackofficeChangeList

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The list, with the buttons that stand above it."""
        access = access_of(request)
        if self.singleton and self.has_view_permission(request):
            return HttpResponseRedirect(self.object_path(self.get_queryset(request).get().pk))
        offered = [
            {"button": button, "href": self.button_path(button)}
            for button in self.buttons.values()
            if button.on == "list" and button.offered(access)
        ]
        extra = {
            "bo_buttons": offered, "bo_intro": self.intro, "bo_path": self._crumbs(), "title": self.heading,
            **(extra_context or {}),
        }  # fmt: skip
        return super().changelist_view(request, extra)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """The object: fields, buttons, panels, its trail."""
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied("Nothing is edited in place here.")
        extra = dict(extra_context or {})
        row = self.get_object(request, object_id) if object_id else None
        if row is not None and self.has_view_permission(request, row):
            access = access_of(request)
            extra |= {
                "bo_buttons": [
                    *(
                        {"button": report.link, "href": report.list_path(row)}
                        for report in self.admin_site.reports_of(self.model)
                        if report.has_view_permission(request)
                    ),
                    *(
                        {"button": button, "href": self.button_path(button, row)}
                        for button in self.buttons.values()
                        if button.on == "object" and button.offered(access, row)
                    ),
                ],
                "bo_panels": [*self.panels(request, row), *self._trail(access, row)],
                "bo_path": self._crumbs(row), "subtitle": None, "title": self.name_of(row),
            }  # fmt: skip
        return super().changeform_view(request, object_id, form_url, extra)

    def _crumbs(self, row: Any = None, last: str = "") -> list[tuple[str, str]]:
        """Where one is: names and addresses, the last without one."""
        found = [(self.heading, self.list_path() if last or (row is not None and not self.singleton) else "")]
        if row is not None and not self.singleton:
            found.append((self.name_of(row), self.object_path(row.pk) if last else ""))
        return [*found, (last, "")] if last else found

    def _trail(self, access: Access, row: Model) -> list[Panel]:
        if not self.show_audit or not access.may("audit:read"):
            return []
        entries = AuditEntry.objects.filter(tenant_id=access.tenant_id, entity_id=row.pk).order_by("-id")[:AUDIT_SHOWN]
        return [Timeline("Audit trail", [audit_moment(entry) for entry in entries], note="The latest 20 changes.")]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """As declared, without the optional fields that are empty."""
        found = super().get_fieldsets(request, obj)
        if obj is None or not self.optional:
            return found
        empty = {name for name in self.optional if getattr(self, name)(obj) == display.EMPTY}
        return [
            (heading, {**options, "fields": [name for name in options["fields"] if name not in empty]})
            for heading, options in found
        ]

    # Buttons

    def get_urls(self) -> list[URLPattern]:
        """A page per button, before those of Django's admin."""
        wrap = self.admin_site.admin_view
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path("do/<slug:button>/", wrap(self.button_view), name=f"{name}_list_button"),
            path("<path:object_id>/do/<slug:button>/", wrap(self.button_view), name=f"{name}_button"),
        ]
        return [*own, *super().get_urls()]

    def button_path(self, button: Button | str, row: Any = None) -> str:
        """The address of a button's page."""
        name = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}"
        of = button if isinstance(button, str) else button.name
        if row is None:
            return reverse(f"{name}_list_button", args=[of])
        return reverse(f"{name}_button", args=[row.pk, of])

    def object_path(self, key: object) -> str:
        """The address of an object of this page."""
        return reverse(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_change", args=[key])

    def list_path(self) -> str:
        """The address of the list."""
        return reverse(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_changelist")

    def button_view(self, request: HttpRequest, button: str, object_id: str | None = None) -> HttpResponse:
        """Ask (GET) and do (POST)."""
        found = self.buttons.get(button)
        if found is None or (found.on == "object") != (object_id is not None):
            raise Http404
        row = self.get_object(request, object_id) if object_id is not None else None
        if object_id is not None and row is None:
            raise Http404
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        pressing = Pressing(found, self, request, access_of(request), row)
        back = self.object_path(row.pk) if row is not None else self.list_path()
        if request.method == "POST":
            outcome = pressing.submit()
            if isinstance(outcome, Secret):
                return self._page(request, "tenants/backoffice/secret.html", row, secret=outcome, back=back)
            if isinstance(outcome, HttpResponse):
                return outcome
            if outcome is not None:
                messages.success(request, outcome)
                return HttpResponseRedirect(back)
        elif not found.offered(pressing.access, row):
            messages.info(request, f"“{found.label}” is not possible in the state this is in now.")
            return HttpResponseRedirect(back)
        response = self._page(
            request, "tenants/backoffice/button.html", row, pressing=pressing, form=pressing.form, back=back,
            button=found,
        )  # fmt: skip
        response.status_code = pressing.status
        return response

    def _page(self, request: HttpRequest, template: str, row: Any, **context: Any) -> TemplateResponse:
        button: Button | None = context.get("button")
        title = button.label if button else context["secret"].title
        return TemplateResponse(
            request,
            template,
            {
                **self.admin_site.each_context(request),
                "opts": self.opts, "object": row, "title": title, "bo_path": self._crumbs(row, str(title)),
                "media": self.media, **context,
            },
        )  # fmt: skip


def audit_moment(entry: AuditEntry) -> Moment:
    """An entry of the audit trail in a timeline."""
    body = audit_body(entry)
    detail = display.changes(body["changes"])
    return Moment(
        at=entry.created_at,
        kind=entry.action.rpartition(".")[2],
        title=entry.action,
        detail=detail,
        actor=actor_name(entry.actor_id) + (f": {entry.reason}" if entry.reason else ""),
        href=reverse("admin:tenants_auditentry_change", args=[entry.pk]),
        tone="plain",
    )
