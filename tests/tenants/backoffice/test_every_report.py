"""Claims about every report there is, walked through the site's own registry: whoever adds one is covered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from common.ids import new_id
from tenants.backoffice.reports import BackofficeReport
from tenants.backoffice.site import backoffice
from tenants.backoffice.urls import load_pages
from tenants.enums import Role
from tenants.models import Tenant
from tenants.scopes import AREAS, ROLE_SCOPES, covers
from tests.tenants.backoffice.pressing import text_of
from tests.tenants.backoffice.rows import a_row

pytestmark = pytest.mark.django_db
load_pages()
REPORTS: list[BackofficeReport] = [*backoffice.reports.values()]
every_report = pytest.mark.parametrize("report", REPORTS, ids=[report.name for report in REPORTS])
every_role = pytest.mark.parametrize("role", list(Role))


def row_of(report: BackofficeReport, tenant: Tenant) -> Any:
    """What the report is about, if it is about a row."""
    return None if report.of is None else a_row(report.of, tenant)


def addresses(report: BackofficeReport, row: Any) -> list[str]:
    """The page and its files."""
    return [report.list_path(row), *(report.file_path(name, row) for name in report.downloads)]


def test_every_report_says_where_it_stands_and_who_may_read_it() -> None:
    assert len(REPORTS) >= 5
    for report in REPORTS:
        assert report.area in AREAS, report.name
        assert report.title
        assert report.title[0].isupper()
        assert bool(report.nav_group) is (report.of is None), f"{report.name} cannot be reached, or twice"


@every_role
@every_report
def test_it_opens_with_its_files_for_the_roles_that_may_read_it(
    report: BackofficeReport, role: Role, tenant: Tenant, browser_of: Callable[..., Client]
) -> None:
    row, browser = row_of(report, tenant), browser_of(tenant, role=role)
    allowed = covers(ROLE_SCOPES[role], f"{report.area}:read")
    for path in addresses(report, row):
        assert browser.get(path).status_code == (200 if allowed else 403), path
        assert browser.head(path).status_code == (200 if allowed else 403), path


@every_report
def test_a_role_without_its_scope_is_refused_and_not_shown_the_way(
    report: BackofficeReport, tenant: Tenant, browser_of: Callable[..., Client], monkeypatch: Any
) -> None:
    row, browser = row_of(report, tenant), browser_of(tenant, role=Role.READ_ONLY)
    others = ROLE_SCOPES[Role.READ_ONLY] - {f"{report.area}:read"}
    monkeypatch.setitem(ROLE_SCOPES, Role.READ_ONLY, others)
    for path in addresses(report, row):
        assert browser.get(path).status_code == 403, path
        assert f'"{path}' not in browser.get("/admin/").content.decode()


@every_report
def test_the_way_to_it_is_in_the_navigation_or_on_the_page_of_its_row(
    report: BackofficeReport, tenant: Tenant, browser_of: Callable[..., Client]
) -> None:
    row, browser = row_of(report, tenant), browser_of(tenant, role=Role.READ_ONLY)
    page = "/admin/" if report.of is None else backoffice._registry[report.of].object_path(row.pk)
    assert f'href="{report.list_path(row)}"' in browser.get(page).content.decode()


@every_report
def test_of_another_tenant_nothing_is_there(
    report: BackofficeReport, tenant: Tenant, other_tenant: Tenant, browser_of: Callable[..., Client]
) -> None:
    if report.of is None:
        return
    for row in (row_of(report, other_tenant), report.of(pk=new_id())):
        for path in addresses(report, row):
            assert browser_of(tenant).get(path).status_code == 404, path


@every_report
def test_nothing_is_sent_to_it_and_no_other_file_is_there(
    report: BackofficeReport, tenant: Tenant, browser_of: Callable[..., Client]
) -> None:
    row, browser = row_of(report, tenant), browser_of(tenant)
    for path in addresses(report, row):
        assert browser.post(path, {}).status_code == 405
    assert browser.get(report.file_path("nonsense", row)).status_code == 404


@every_report
def test_what_its_form_does_not_accept_stands_beside_the_field(
    report: BackofficeReport, tenant: Tenant, browser_of: Callable[..., Client]
) -> None:
    if report.form is None:
        return
    row, browser = row_of(report, tenant), browser_of(tenant)
    for wrong in ("yesterday", "0001-01-01", "9999-12-31", "\0", "2026-02-30"):
        asked = urlencode(dict.fromkeys(report.form.base_fields, wrong))
        for path in addresses(report, row):
            answer = browser.get(f"{path}?{asked}")
            assert answer.status_code == 422, path
            assert 'class="errors' in answer.content.decode()
            assert f'action="{report.list_path(row)}"' in answer.content.decode(), "corrected, it shows the page"
            assert any(said in text_of(answer) for said in ("Enter a valid date.", "Expected a day between"))


@every_report
def test_it_takes_few_queries_and_no_more_in_an_empty_tenant(
    report: BackofficeReport, tenant: Tenant, browser_of: Callable[..., Client], django_assert_max_num_queries: Any
) -> None:
    row, browser = row_of(report, tenant), browser_of(tenant)
    for path in addresses(report, row):
        browser.get(path)
        # Two of them only exist in tests, where the transaction is inside another.
        with django_assert_max_num_queries(12):
            assert browser.get(path).status_code == 200
