"""Claims about who gets to a page, in which tenant, and what a failing page leaves behind."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.test import Client
from django.urls import path

from ledger_project import urls
from tenants.backoffice.access import access_of
from tenants.enums import TenantStatus
from tenants.models import Application, AuditEntry, Tenant, User
from tenants.scope import tenant_scope
from tenants.services.tenants import create_application
from tests.clients import Api
from tests.conftest import AT

pytestmark = pytest.mark.django_db
APPLICATIONS = "/admin/tenants/application/"


def _create(request: HttpRequest) -> None:
    create_application(tenant_id=access_of(request).tenant_id, slug="made", name="Made", at=AT)


def crashing(request: HttpRequest) -> HttpResponse:
    _create(request)
    raise RuntimeError("no")


def failing(request: HttpRequest) -> HttpResponse:
    _create(request)
    return HttpResponse("late", status=503)


def lazy(request: HttpRequest) -> HttpResponse:
    template = engines["django"].from_string("{% for row in rows %}[{{ row.slug }}]{% endfor %}")
    return TemplateResponse(request, template, {"rows": Application.objects.all()})


def fine(request: HttpRequest) -> HttpResponse:
    _create(request)
    return HttpResponse("done")


urlpatterns = [
    path("admin/crashing/", crashing), path("admin/failing/", failing), path("admin/lazy/", lazy),
    path("admin/fine/", fine), *urls.urlpatterns,
]  # fmt: skip


def slugs(tenant: Tenant) -> list[str]:
    with tenant_scope(tenant.id):
        return list(Application.objects.values_list("slug", flat=True))


def test_a_stranger_is_sent_to_sign_in_from_every_path(client: Client, db: None) -> None:
    for page in ("/admin/", APPLICATIONS, "/admin/none/", "/admin/tenant/"):
        answer = client.get(page)
        assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={page}")


def test_the_first_page_opens_for_a_member(browser: Client) -> None:
    answer = browser.get("/admin/")
    assert answer.status_code == 200
    assert "Example GmbH" in answer.content.decode()


def test_who_belongs_nowhere_is_told_so(browser_of: Callable[..., Client]) -> None:
    answer = browser_of().get("/admin/")
    assert answer.status_code == 403
    assert "not a member of any tenant" in answer.content.decode()


def test_with_two_tenants_one_chooses_and_sees_only_the_chosen(
    tenant: Tenant, other_tenant: Tenant, browser_of: Callable[..., Client]
) -> None:
    for one in (tenant, other_tenant):
        with tenant_scope(one.id):
            create_application(tenant_id=one.id, slug=f"of-{one.slug}", name="A", at=AT)
    browser = browser_of(tenant, other_tenant)
    assert browser.get("/admin/")["Location"] == "/admin/tenant/"
    for one, hidden in ((tenant, other_tenant), (other_tenant, tenant)):
        assert browser.post("/admin/tenant/", {"tenant": str(one.id)})["Location"] == "/admin/"
        page = browser.get(APPLICATIONS).content.decode()
        assert f"of-{one.slug}" in page
        assert f"of-{hidden.slug}" not in page


def test_a_tenant_of_others_cannot_be_chosen(browser: Client, other_tenant: Tenant) -> None:
    browser.get("/admin/")
    for wanted in (str(other_tenant.id), "nonsense", ""):
        assert browser.post("/admin/tenant/", {"tenant": wanted}).status_code == 403
    assert "Example GmbH" in browser.get("/admin/").content.decode()


def test_a_membership_that_has_ended_ends_access_with_the_next_request(tenant: Tenant, browser: Client) -> None:
    assert browser.get("/admin/").status_code == 200
    with tenant_scope(tenant.id):
        tenant_members(tenant).update(active=False)
    assert browser.get("/admin/").status_code == 403


def tenant_members(tenant: Tenant) -> Any:
    from tenants.models import Membership

    return Membership.objects.filter(tenant_id=tenant.id)


def test_a_suspended_tenant_is_shown_as_such(tenant: Tenant, browser: Client) -> None:
    with tenant_scope(tenant.id):
        Tenant.objects.filter(id=tenant.id).update(status=TenantStatus.SUSPENDED)
    answer = browser.get("/admin/")
    assert answer.status_code == 403
    assert "is suspended" in answer.content.decode()


@pytest.mark.parametrize("page", ["crashing", "failing"])
def test_what_a_failing_page_did_is_undone(
    page: str, tenant: Tenant, browser: Client, settings: Any, urlconf: None
) -> None:
    browser.raise_request_exception = False
    answer = browser.get(f"/admin/{page}/")
    assert answer.status_code >= 500
    assert slugs(tenant) == []


def test_a_page_that_ends_well_keeps_what_it_did_and_the_trail_names_the_user(
    tenant: Tenant, browser: Client, urlconf: None
) -> None:
    assert browser.get("/admin/fine/", headers={"X-Trace-Id": "trace-1"}).content == b"done"
    assert slugs(tenant) == ["made"]
    with tenant_scope(tenant.id):
        entry = AuditEntry.objects.get(action="application.created")
    assert (entry.actor_type, entry.trace_id, entry.ip_address) == ("user", "trace-1", "127.0.0.1")
    assert entry.actor_id.startswith("usr_")


def test_a_query_of_a_template_sees_the_tenant(tenant: Tenant, browser: Client, urlconf: None) -> None:
    with tenant_scope(tenant.id):
        create_application(tenant_id=tenant.id, slug="seen", name="A", at=AT)
    assert browser.get("/admin/lazy/").content == b"[seen]"


@pytest.fixture
def urlconf(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__


handler404, handler500 = urls.handler404, urls.handler500


def test_errors_are_pages_for_people_and_json_for_programs(browser: Client) -> None:
    page = browser.get("/admin/nothing/here/")
    assert (page.status_code, page["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert browser.get("/api/nothing").json()["code"] == "not_found"
    assert browser.get("/administrators").json()["code"] == "not_found"


def test_pages_are_guarded_by_headers(browser: Client) -> None:
    answer = browser.get("/admin/")
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert answer["X-Frame-Options"] == "DENY"
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "same-origin"


def test_pages_have_no_inline_script(browser: Client) -> None:
    for page in ("/admin/", APPLICATIONS, "/accounts/2fa/"):
        text = browser.get(page).content.decode()
        assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", text) == []
        assert "https://" not in re.sub(r"xmlns=\"[^\"]*\"", "", text)


def test_a_form_that_comes_from_elsewhere_is_refused(tenant: Tenant, make_member: Callable[..., User]) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(make_member(tenant))
    answer = browser.post("/admin/tenant/", {"tenant": str(tenant.id)})
    assert answer.status_code == 403
    assert "expired" in answer.content.decode()


def test_a_body_of_more_than_four_mebibytes_is_refused(browser: Client) -> None:
    answer = browser.post("/admin/tenant/", {"tenant": "x" * (5 * 1_048_576)})
    assert answer.status_code == 413


def test_the_api_asks_nothing_of_sessions_or_memberships(api: Api, django_assert_num_queries: Any) -> None:
    assert api.get("/api/nothing").status_code == 404
    with django_assert_num_queries(0):
        assert api.client.get("/healthz").status_code == 200
        assert api.client.get("/api/nothing").status_code == 404
    answer = api.get("/api/settings")
    assert "Set-Cookie" not in answer.headers
    assert "Content-Security-Policy" not in answer.headers


def test_times_are_shown_in_the_zone_of_the_tenant(tenant: Tenant, browser: Client) -> None:
    from tenants.services.settings import update_settings

    with tenant_scope(tenant.id):
        create_application(tenant_id=tenant.id, slug="seen", name="A", at=AT)
        update_settings(tenant_id=tenant.id, changes={"time_zone": "Pacific/Auckland"}, at=AT)
    import zoneinfo

    local = AT.astimezone(zoneinfo.ZoneInfo("Pacific/Auckland"))
    assert f"{local.day} {local:%b %Y, %H:%M}" in browser.get(APPLICATIONS).content.decode()
