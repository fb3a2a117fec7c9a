"""The site: navigation, first page, tenant switcher. `admin.py` files register with its one instance, `backoffice`."""

from __future__ import annotations

from typing import Any

from django.contrib import auth, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import path, reverse
from unfold.dataclasses import Favicon
from unfold.sites import UnfoldAdminSite

from tenants.backoffice.access import SESSION_TENANT, access_of, find_access, places_of_request
from tenants.backoffice.cards import cards_for
from tenants.backoffice.reports import BackofficeReport

GROUPS = ("Billing", "Books", "Callbacks and mail", "Tenant", "Operations")
"""The headings of the navigation, in their order; others follow."""


class BackofficeSite(UnfoldAdminSite):  # type: ignore[misc]
    """The admin site of Ledger."""

    site_title = "Ledger"
    index_title = "Overview"
    enable_nav_sidebar = True
    index_template = "tenants/backoffice/index.html"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.reports: dict[str, BackofficeReport] = {}

    def register_report(self, name: str, report: type[BackofficeReport]) -> None:
        """Add a report under its name in addresses. Raises ValueError for a name that is taken."""
        if name in self.reports:
            raise ValueError(f"There is a report called {name} already.")
        self.reports[name] = report(name, self)

    def reports_of(self, model: type[Model]) -> list[BackofficeReport]:
        """The reports about one row of a model."""
        return [report for report in self.reports.values() if report.of is model]

    def has_permission(self, request: HttpRequest) -> bool:
        """An active member of the chosen tenant; the middleware has found out."""
        return find_access(request) is not None

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every template gets."""
        access = find_access(request)
        context: dict[str, Any] = super().each_context(request)
        places = places_of_request(request) if access else []
        return {
            **context,
            "access": access,
            "site_title": "Ledger",
            "site_header": access.place.name if access else "Ledger",
            "site_subheader": f"Ledger · {access.place.role_name}" if access else "",
            "site_url": None,
            "site_icon": static("tenants/icon.svg"),
            "site_favicons": [Favicon(href=static("tenants/icon.svg"), rel="icon", type="image/svg+xml")],
            "styles": [static("tenants/backoffice.css")],
            "scripts": [static("tenants/backoffice.js")],
            "border_radius": "6px",
            "bo_path": [("Overview", "")],
            "show_history": False,
            "show_back_button": True,
            "log_entries": [],
            "account_links": [{"title": "How you sign in", "link": reverse("mfa_index")}],
            "site_dropdown": [{"title": "Switch tenant…", "link": reverse("admin:tenant"), "icon": "swap_horiz"}]
            if len(places) > 1
            else None,
        }

    def get_log_entries(self, request: HttpRequest) -> Any:
        """None: Django's log belongs to no tenant, and the audit trail is the record."""
        return []

    def extra_urls(self) -> list[Any]:
        """The tenant switcher, which the middleware lets through without a tenant, and the reports."""
        reports = [url for report in self.reports.values() for url in report.get_urls()]
        return [path("tenant/", self.tenant_view, name="tenant"), *reports]

    def index(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        """Figures of the tenant, from the cards of the apps."""
        access = access_of(request)
        context = {**self.each_context(request), "title": "Overview", "cards": list(cards_for(access))}
        request.current_app = self.name
        return TemplateResponse(request, self.index_template, {**context, **(extra_context or {})})

    def tenant_view(self, request: HttpRequest) -> HttpResponse:
        """Choose the tenant to work in; it must be one of the user's own."""
        places = places_of_request(request)
        if request.method == "POST":
            wanted = request.POST.get("tenant", "")
            chosen = next((place for place in places if str(place.tenant_id) == wanted), None)
            if chosen is None:
                raise PermissionDenied("You are not a member of this tenant.")
            request.session[SESSION_TENANT] = str(chosen.tenant_id)
            messages.success(request, f"You work in {chosen.name} now.")
            return HttpResponseRedirect(reverse("admin:index"))
        current = request.session.get(SESSION_TENANT)
        rows = [{"place": place, "current": str(place.tenant_id) == current} for place in places]
        context = {**self.each_context(request), "title": "Choose a tenant", "places": rows}
        return TemplateResponse(request, "tenants/backoffice/tenant.html", context)

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """The pages this member of staff may see, under their headings."""
        groups: dict[str, list[tuple[int, dict[str, Any]]]] = {name: [] for name in GROUPS}
        for page in (*self._registry.values(), *self.reports.values()):
            group = getattr(page, "nav_group", "")
            if not group or not page.has_view_permission(request):
                continue
            link = page.list_path()
            item = {
                "title": page.heading,
                "icon": page.nav_icon,
                "link": link,
                "active": request.path.startswith(link),
                "has_permission": True,
            }
            groups.setdefault(group, []).append((page.nav_order, item))
        home = reverse("admin:index")
        first = {
            "title": "Overview", "icon": "dashboard", "link": home, "active": request.path == home,
            "has_permission": True,
        }  # fmt: skip
        found = [{"title": "", "separator": False, "items": [first]}]
        for name, items in groups.items():
            if items:
                shown = [item for _, item in sorted(items, key=lambda one: one[0])]
                found.append({"title": name, "separator": True, "items": shown})
        return found

    def search(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        """Not offered: unfold would keep what it finds in one cache for all tenants."""
        raise Http404

    def app_index(self, request: HttpRequest, app_label: str, extra_context: Any = None) -> Any:
        """Not offered: the navigation is not by app."""
        return HttpResponseRedirect(reverse("admin:index"))

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Where accounts change it."""
        return HttpResponseRedirect(reverse("account_change_password"))

    def password_change_done(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """As above."""
        return HttpResponseRedirect(reverse("mfa_index"))

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """There is one door."""
        return HttpResponseRedirect(reverse("account_login"))

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Sign out (POST)."""
        if request.method != "POST":
            return HttpResponseRedirect(reverse("admin:index"))
        auth.logout(request)
        return HttpResponseRedirect(reverse("account_login"))


backoffice = BackofficeSite(name="admin")
