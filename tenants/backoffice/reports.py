"""Reports: pages of figures behind which no single row stands. They only read.

A form in the address asks which figures (`form`), `show` gives them as panels, and each `@download` the same as a file:

    @backoffice_report("trial-balance")
    class TrialBalanceReport(BackofficeReport):
        area, nav_group, nav_icon, title = "accounts", "Books", "balance", "Trial balance"
        form = DayForm

        def show(self, asked: Asked) -> Sequence[Panel]:
            return [Table("EUR", ("Account", "Debit", "Credit"), [...])]

        @download("Export CSV")
        def csv(self, asked: Asked) -> File:
            return File(…)

With `of = Account` it is a report about one row of that page, reached by a button there. What the form does not accept
stands beside its fields, a refusal of the domain too when it names one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from common.api.rendering import file_response
from common.errors import DomainError
from common.files import File
from tenants.backoffice.access import Access, access_of, find_access
from tenants.backoffice.forms import BackofficeForm, refusal_on
from tenants.backoffice.panels import Panel
from tenants.clocks import business_now

if TYPE_CHECKING:
    from tenants.backoffice.pages import BackofficeAdmin
    from tenants.backoffice.site import BackofficeSite

CURSOR = "cursor"
"""The parameter that says which page of the figures is shown; files hold all of them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One visit of a report, as its methods see it."""

    request: HttpRequest
    access: Access
    object: Any
    """The row that the report is about, or None."""
    data: Mapping[str, Any]
    """The validated fields of the form; all None before it has been sent."""
    at: dt.datetime
    """Business time of the tenant."""
    submitted: bool

    @property
    def tenant_id(self) -> UUID:
        """The tenant."""
        return self.access.tenant_id

    @property
    def time_zone(self) -> str:
        """The tenant's."""
        return self.access.settings.time_zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Something in the toolbar that leads elsewhere or downloads a file: looks like a button and changes nothing."""

    label: str
    icon: str = ""
    tone: str = "default"
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file of a report."""

    name: str
    link: Link
    run: Callable[[Any, Asked], File]


Method = TypeVar("Method", bound=Callable[..., File])


def download(label: str, *, icon: str = "download", help: str = "") -> Callable[[Method], Method]:  # noqa: A002
    """Make a method of a `BackofficeReport` a file to download: it takes an `Asked`."""

    def decorate(method: Method) -> Method:
        link = Link(label=label, icon=icon, help=help)
        method.download = Download(name=method.__name__, link=link, run=method)  # type: ignore[attr-defined]
        return method

    return decorate


class BackofficeReport:
    """A report. Subclasses set `area` (the scope `<area>:read` opens it), where it stands, and `show`."""

    area: ClassVar[str] = ""
    title: ClassVar[str] = ""
    intro: ClassVar[str] = ""
    """A sentence above the figures."""
    nav_group: ClassVar[str] = ""
    """The heading in the navigation; without one the report is reached through others."""
    nav_icon: ClassVar[str] = "query_stats"
    nav_order: ClassVar[int] = 100
    of: ClassVar[type[Model] | None] = None
    """The report is about one row of this model, which has a page."""
    form: ClassVar[type[BackofficeForm] | None] = None
    submit: ClassVar[str] = "Show"
    """What the button of the form says."""

    def __init__(self, name: str, site: BackofficeSite) -> None:
        self.name, self.site = name, site

    def show(self, asked: Asked) -> Sequence[Panel] | File:
        """What has been asked for: panels, or a file where the form itself asks for one."""
        raise NotImplementedError

    def initial(self, access: Access, at: dt.datetime) -> Mapping[str, Any]:
        """What the form begins with; it is not asked for until it is sent."""
        return {}

    @property
    def heading(self) -> str:
        """What it is called, in the navigation too."""
        return self.title

    @property
    def link(self) -> Link:
        """How it stands in the toolbar of the page of its row."""
        return Link(label=self.title, icon=self.nav_icon, help=self.intro)

    @cached_property
    def downloads(self) -> dict[str, Download]:
        """Its files by name, in the order they are written."""
        found = (getattr(value, "download", None) for base in type(self).__mro__ for value in vars(base).values())
        return {one.name: one for one in found if isinstance(one, Download)}

    def has_view_permission(self, request: HttpRequest) -> bool:
        """With the scope `<area>:read`."""
        access = find_access(request)
        return access is not None and access.may(f"{self.area}:read")

    # Addresses

    def get_urls(self) -> list[URLPattern]:
        """The page and its files."""
        wrap, root = self.site.admin_view, self._root
        return [
            path(root, wrap(self.view), name=f"report_{self._slug}"),
            path(f"{root}file/<slug:file>/", wrap(self.view), name=f"report_{self._slug}_file"),
        ]

    def list_path(self, row: Any = None) -> str:
        """The address of the report, of one about a row with the row."""
        return reverse(f"{self.site.name}:report_{self._slug}", kwargs=_key(row))

    def file_path(self, name: str, row: Any = None) -> str:
        """The address of a file; the parameters of the report go with it."""
        return reverse(f"{self.site.name}:report_{self._slug}_file", kwargs={**_key(row), "file": name})

    @property
    def _root(self) -> str:
        if self.of is None:
            return f"reports/{self.name}/"
        return f"{self.of._meta.app_label}/{self.of._meta.model_name}/<uuid:key>/{self.name}/"

    @property
    def _slug(self) -> str:
        return self.name if self.of is None else f"{self.of._meta.model_name}_{self.name}"

    # Answering

    def view(self, request: HttpRequest, key: UUID | None = None, file: str = "") -> HttpResponse:
        """The page, or one of its files. A form that is not accepted is shown again, whatever was asked for."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        run = self.show if not file else self._download(file)
        row = self._row(request, key)
        access = access_of(request)
        at = business_now(access.tenant_id)
        form = self._form(request, access, at)
        answer: Sequence[Panel] | File = ()
        problem, status = "", 200
        if form is not None and form.is_bound and not form.is_valid():
            status = 422
        else:
            try:
                answer = run(_asked(request, access, row, form, at))
            except DomainError as refused:
                problem = refusal_on(form, refused)
                status = 422 if form is not None and form.errors else refused.status
        if isinstance(answer, File):
            return file_response(answer)
        context = {
            **self.site.each_context(request),
            "title": self.title, "bo_path": self._crumbs(row), "bo_buttons": self._toolbar(request, row),
            "bo_intro": self.intro, "bo_panels": answer, "form": form, "action": self.list_path(row),
            "submit_label": self.submit, "problem": problem,
        }  # fmt: skip
        return TemplateResponse(request, "tenants/backoffice/report.html", context, status=status)

    def _download(self, name: str) -> Callable[[Asked], File]:
        found = self.downloads.get(name)
        if found is None:
            raise Http404
        run: Callable[[Asked], File] = partial(found.run, self)
        return run

    def _page(self) -> BackofficeAdmin:
        """The page of the row."""
        assert self.of is not None
        return self.site._registry[self.of]  # type: ignore[no-any-return]

    def _row(self, request: HttpRequest, key: UUID | None) -> Any:
        if self.of is None:
            return None
        row = self._page().get_object(request, str(key))
        if row is None:
            raise Http404
        return row

    def _form(self, request: HttpRequest, access: Access, at: dt.datetime) -> BackofficeForm | None:
        if self.form is None:
            return None
        sent = any(name in request.GET for name in self.form.base_fields)
        return self.form(request.GET if sent else None, initial=dict(self.initial(access, at)))

    def _crumbs(self, row: Any) -> list[tuple[str, str]]:
        if row is None:
            return [(self.title, "")]
        page = self._page()
        return [(page.heading, page.list_path()), (page.name_of(row), page.object_path(row.pk)), (self.title, "")]

    def _toolbar(self, request: HttpRequest, row: Any) -> list[dict[str, Any]]:
        query = request.GET.copy()
        query.pop(CURSOR, None)
        asked = f"?{query.urlencode()}" if query else ""
        return [
            {"button": one.link, "href": self.file_path(one.name, row) + asked} for one in self.downloads.values()
        ]  # fmt: skip


def _asked(
    request: HttpRequest, access: Access, row: Any, form: BackofficeForm | None, at: dt.datetime
) -> Asked:  # fmt: skip
    if form is None:
        return Asked(request, access, row, {}, at, submitted=False)
    data = form.cleaned_data if form.is_bound else dict.fromkeys(form.fields)
    return Asked(request, access, row, data, at, submitted=form.is_bound)


def _key(row: Any) -> dict[str, Any]:
    return {} if row is None else {"key": row.pk}
