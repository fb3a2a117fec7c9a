"""Claims about lists longer than anybody pages through."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client

from common.ids import new_id, uuid_time
from tenants.backoffice import paging
from tenants.backoffice.filters import first_id
from tenants.models import Application, Tenant
from tenants.scope import tenant_scope
from tests.conftest import AT

pytestmark = pytest.mark.django_db
PAGE = "/admin/tenants/application/"


@pytest.fixture
def many(tenant: Tenant, monkeypatch: Any) -> Tenant:
    monkeypatch.setattr(paging, "BOUND", 120)
    with tenant_scope(tenant.id):
        Application.objects.bulk_create(
            Application(tenant_id=tenant.id, slug=f"s{number:04}", name="x", created_at=AT, updated_at=AT)
            for number in range(130)
        )
    return tenant


def test_counting_stops_at_the_bound_and_says_so(many: Tenant, browser: Client) -> None:
    page = browser.get(PAGE)
    assert page.context["cl"].result_count == 120
    assert "The newest 120 are listed" in page.content.decode()


def test_the_last_page_holds_what_is_left(many: Tenant, browser: Client) -> None:
    last = browser.get(f"{PAGE}?p=3").context["cl"]
    assert [row.slug for row in last.result_list] == [f"s{number:04}" for number in range(100, 120)]


def test_a_short_list_counts_exactly(tenant: Tenant, browser: Client) -> None:
    assert "0 in all" in browser.get(PAGE).content.decode()


def test_the_time_inside_ids_bounds_a_day() -> None:
    made = new_id()
    at = uuid_time(made)
    assert first_id(at) <= made < first_id(at + dt.timedelta(milliseconds=1))
    assert first_id(at).version == 7


@pytest.mark.parametrize("given", ["2026-13-40", "x", "9999-12-31", "0001-01-01", "\x00"])
def test_a_day_that_is_none_is_no_error(given: str, browser: Client) -> None:
    for bound in ("from", "until"):
        assert browser.get("/admin/tenants/auditentry/", {bound: given}).status_code == 200


def test_the_trail_is_searched(tenant: Tenant, browser: Client) -> None:
    from common.ids import encode_id
    from common.prefixes import TENANT

    page = "/admin/tenants/auditentry/"
    today = dt.datetime.now(dt.UTC).date()
    for query, found in (
        ({"kind": "settings"}, 1), ({"kind": "nothing"}, 0), ({"action": "tenant.created"}, 1),
        ({"entity": encode_id(TENANT, tenant.id)}, 2), ({"entity": "nonsense"}, 0), ({"actor": "create_tenant"}, 2),
        ({"from": str(today)}, 3), ({"until": str(today - dt.timedelta(days=1))}, 0), ({"trace": "none"}, 0),
    ):  # fmt: skip
        assert browser.get(page, query).context["cl"].result_count == found, query


@pytest.mark.parametrize(("query", "said"), [("", "There is nothing here yet."), ("?q=nobody", "Show all")])
def test_an_empty_list_says_so_and_offers_all_where_something_was_asked_for(
    browser: Client, query: str, said: str
) -> None:
    page = browser.get(f"/admin/billing/customer/{query}").content.decode()
    assert said in page
    assert "yielded" not in page
