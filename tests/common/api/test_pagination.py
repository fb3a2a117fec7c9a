"""Claims about lists: walking the pages gives each object once, newest first, and a cursor fits its list only."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from common.api.pagination import envelope, page
from common.errors import InvalidCursor, InvalidRequest
from tenants.models import Job, Tenant
from tenants.scope import tenant_scope
from tenants.services.jobs import create_job
from tests.clients import Api
from tests.conftest import AT

pytestmark = pytest.mark.django_db
PATH = "/api/things"


def walk(query: str, *, ascending: bool = False) -> tuple[list[Any], int]:
    """Every object of every page, and the number of pages."""
    found: list[Any] = []
    cursor, pages = None, 0
    while True:
        asked = QueryDict(query + (f"&cursor={cursor}" if cursor else ""))
        rows, cursor = page(Job.objects.all(), asked, path=PATH, ascending=ascending)
        found += [row.pk for row in rows]
        pages += 1
        if cursor is None:
            return found, pages


@hypothesis_settings(max_examples=25)
@given(count=st.integers(0, 12), limit=st.integers(1, 13), ascending=st.booleans())
def test_walking_the_pages_gives_each_object_once_in_order(
    tenant: Tenant, count: int, limit: int, ascending: bool
) -> None:
    with tenant_scope(tenant.id):
        Job.objects.all().delete()
        made = [create_job(tenant_id=tenant.id, kind=str(number), at=AT).pk for number in range(count)]
        found, pages = walk(f"limit={limit}", ascending=ascending)
        assert found == (made if ascending else made[::-1])
        assert pages == max(1, -(-count // limit))


def test_what_is_made_meanwhile_neither_repeats_nor_hides_what_was_there(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        made = [create_job(tenant_id=tenant.id, kind="x", at=AT).pk for _ in range(5)]
        first, cursor = page(Job.objects.all(), QueryDict("limit=2"), path=PATH)
        create_job(tenant_id=tenant.id, kind="late", at=AT)
        Job.objects.filter(pk=made[3]).delete()
        rest, _ = page(Job.objects.all(), QueryDict(f"limit=5&cursor={cursor}"), path=PATH)
        assert [row.pk for row in (*first, *rest)] == made[::-1]


def test_a_cursor_belongs_to_its_path_and_filters_whatever_their_order(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        for _ in range(3):
            create_job(tenant_id=tenant.id, kind="x", at=AT)
        _, cursor = page(Job.objects.all(), QueryDict("a=1&b=2&limit=1"), path=PATH)
        page(Job.objects.all(), QueryDict(f"b=2&cursor={cursor}&a=1&limit=2"), path=PATH)
        for query, path in (("a=1", PATH), ("a=1&b=3", PATH), ("a=1&b=2&c=", PATH), ("a=1&b=2", "/api/others")):
            with pytest.raises(InvalidCursor):
                page(Job.objects.all(), QueryDict(f"{query}&cursor={cursor}"), path=path)


@given(st.text(max_size=60))
def test_no_text_is_a_cursor_by_chance(text: str) -> None:
    query = QueryDict(mutable=True)
    query["cursor"] = text
    with pytest.raises(InvalidCursor):
        page(Job.objects.none(), query, path=PATH)


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "x", "", " 5", "1e1", "٣", "9" * 5000])
def test_a_limit_outside_is_refused_and_never_clamped(limit: str) -> None:
    query = QueryDict(mutable=True)
    query["limit"] = limit
    with pytest.raises(InvalidRequest):
        page(Job.objects.none(), query, path=PATH)


def test_the_envelope_says_whether_there_is_more() -> None:
    assert envelope([1], "c") == {"data": [1], "hasMore": True, "nextCursor": "c"}
    assert envelope([], None) == {"data": [], "hasMore": False, "nextCursor": None}


def test_over_the_api_the_trail_is_walked_page_by_page(api: Api) -> None:
    for rate in range(1, 8):
        api.patch("/api/settings", {"taxRate": rate})
    whole = api.get("/api/audit?limit=100&entityType=settings").json()
    assert (len(whole["data"]), whole["hasMore"], whole["nextCursor"]) == (8, False, None)
    walked: list[Any] = []
    query = "limit=3&entityType=settings"
    answer = api.get(f"/api/audit?{query}").json()
    while True:
        walked += answer["data"]
        if not answer["hasMore"]:
            break
        answer = api.get(f"/api/audit?{query}&cursor={answer['nextCursor']}").json()
    assert walked == whole["data"]
    first = api.get(f"/api/audit?{query}").json()["nextCursor"]
    for other in (f"limit=3&cursor={first}", f"{query}&action=x&cursor={first}", "cursor=nonsense", "cursor="):
        refused = api.get(f"/api/audit?{other}")
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_cursor")
    assert api.get(f"/api/audit?{query}&cursor={first}&cursor={first}").status_code == 400
