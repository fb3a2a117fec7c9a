"""GET /api/invoices and /api/invoices/{id}/items."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.django_db


@pytest.fixture
def five(invoices, time_machine):
    """Five invoices, a day apart, each in a status of its own; the last is a draft."""
    made = []
    for day in range(1, 6):
        time_machine.move_to(f"2026-06-0{day}T12:00:00Z", tick=False)
        currency = "USD" if day == 2 else "EUR"
        made.append(invoices.make(100 * day, userId=f"user-{day}", currency=currency, draft=day == 5))
    invoices.act(made[1], "mark-paid")
    invoices.act(made[2], "cancel")
    invoices.act(made[3], "mark-uncollectible", {"reason": "x"})
    return made


@pytest.fixture
def found(invoices, five):
    """The days whose invoices a query finds, in the order of the list."""
    days = {invoice["id"]: day for day, invoice in enumerate(five, start=1)}

    def find(query):
        return [days[invoice["id"]] for invoice in invoices.listed(query)]

    return find


def test_a_list_is_newest_first_and_without_items(invoices, five, found):
    assert found("") == [5, 4, 3, 2, 1]
    for listed in invoices.listed():
        whole = invoices.get(listed)
        assert listed == {**whole, "items": None, "taxBreakdown": None}


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("?status=draft", [5]),
        ("?status=pending", [1]),
        ("?status=paid,void", [3, 2]),
        ("?status=paid, void ,draft", [5, 3, 2]),
        ("?status=refunded", []),
        ("?userId=user-4", [4]),
        ("?userId=user", []),
        ("?number=INV-2026-0002", [2]),
        ("?number=INV-2026-2", []),
        ("?currency=USD", [2]),
        ("?createdAt[gte]=2026-06-02T12:00:00Z&createdAt[lt]=2026-06-04T12:00:00Z", [3, 2]),
        ("?createdAt[gt]=2026-06-02T12:00:00Z&createdAt[lte]=2026-06-04T12:00:00Z", [4, 3]),
        ("?createdAt[gte]=2026-06-04T14:00:00%2B02:00", [5, 4]),
        ("?createdAt[gte]=2026-06-04T14:00:00+02:00", [5, 4]),
        ("?issuedAt[gte]=2026-06-03T00:00:00Z", [4, 3]),
        ("?dueDate[gte]=2026-07-03", [4, 3]),
        ("?dueDate[lt]=2026-07-02T00:00:00Z", [1]),
        ("?status=paid,pending&currency=EUR", [1]),
        ("?subscriptionId=sub_01hqx3qgf2c8mhwy9s6zwmf3yh", []),
    ],
)
def test_filters_narrow_the_list(found, query, days):
    assert found(query) == days


def test_the_customer_filter_takes_the_id(found, five):
    assert found(f"?customerId={five[2]['customerId']}") == [3]


def test_a_day_in_a_filter_is_one_of_the_tenants_zone(found, settings_of):
    settings_of(timeZone="Pacific/Auckland")
    assert found("?dueDate[gte]=2026-07-03") == [4, 3]  # due at midnight UTC, noon of that day there
    settings_of(timeZone="America/Los_Angeles")
    assert found("?dueDate[gte]=2026-07-03") == [4]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("status=open", "invalid_choice"),
        ("status=", "invalid_choice"),
        ("status=paid,", "invalid_choice"),
        ("status=paid&status=void", "invalid"),
        ("customerId=user-1", "invalid_id"),
        ("currency=eur", "invalid_currency"),
        ("userId=", "too_short"),
        ("userId=" + "x" * 256, "too_long"),
        ("createdAt[gte]=2026-06-01", "invalid_datetime"),
        ("createdAt[gte]=2026-06-01T00:00:00", "invalid_datetime"),
        ("createdAt=2026-06-01T00:00:00Z", "unknown_parameter"),
        ("createdAt[eq]=2026-06-01T00:00:00Z", "unknown_parameter"),
        ("total=5", "unknown_parameter"),
        ("limit=0", "too_small"),
        ("limit=101", "too_large"),
        ("limit=x", "invalid"),
    ],
)
def test_wrong_parameters_are_named(invoices, query, code):
    answer = invoices.api.get(f"/api/invoices?{query}")
    assert answer.status_code == 400
    assert [one["code"] for one in answer.json()["details"]] == [code]


def test_pages_follow_each_other_without_overlap(invoices, five):
    pages, query = [], "?limit=2&status=pending,paid,void,uncollectible,draft"
    answer = invoices.api.get("/api/invoices" + query).json()
    while True:
        pages.append([invoice["id"] for invoice in answer["data"]])
        assert answer["hasMore"] == (answer["nextCursor"] is not None)
        if not answer["hasMore"]:
            break
        answer = invoices.api.get(f"/api/invoices{query}&cursor={answer['nextCursor']}").json()
    newest_first = [invoice["id"] for invoice in reversed(five)]
    assert pages == [newest_first[:2], newest_first[2:4], newest_first[4:]]


def test_a_cursor_belongs_to_its_filters(invoices, five):
    cursor = invoices.api.get("/api/invoices?limit=1").json()["nextCursor"]
    answer = invoices.api.get(f"/api/invoices?limit=1&status=paid&cursor={cursor}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


def test_invoices_of_another_tenant_are_not_listed(invoices, other_invoices):
    other_invoices.make()
    assert invoices.listed() == []


def test_items_are_listed_in_the_order_of_the_document(invoices):
    invoice = invoices.make(*range(45))
    path = f"/api/invoices/{invoice['id']}/items"
    seen, cursor = [], ""
    for size in (20, 20, 5):
        page = invoices.api.get(f"{path}?{cursor}").json()
        assert len(page["data"]) == size
        seen += page["data"]
        cursor = f"cursor={page['nextCursor']}"
    assert seen == invoice["items"]
    assert page["hasMore"] is False


def test_items_of_a_draft_that_was_changed_are_in_the_new_order(invoices):
    draft = invoices.draft(1, 2, 3)
    items = [{"description": f"New {amount}", "unitPrice": amount} for amount in (9, 8, 7)]
    changed = invoices.patch(draft, {"items": items}).json()
    listed = invoices.api.get(f"/api/invoices/{draft['id']}/items?limit=100").json()["data"]
    assert [item["unitPrice"] for item in listed] == [9, 8, 7]
    assert listed == changed["items"]


@pytest.mark.parametrize(
    ("path", "query"), [("items", "status=paid"), ("status", "limit=5"), ("", "limit=5"), ("items", "limit=0")]
)
def test_unknown_parameters_are_refused_everywhere(invoices, path, query):
    invoice = invoices.make()
    answer = invoices.api.get(f"/api/invoices/{invoice['id']}/{path}".rstrip("/") + f"?{query}")
    assert answer.status_code == 400


def test_a_key_without_the_scope_reads_and_writes_nothing(invoices, api_of):
    reader, writer = api_of(invoices.tenant, "invoices:read"), api_of(invoices.tenant, "invoices:write")
    invoice = invoices.make()
    assert reader.get("/api/invoices").status_code == 200
    assert reader.post("/api/invoices", {}).status_code == 403
    assert reader.post(f"/api/invoices/{invoice['id']}/cancel", {}).status_code == 403
    assert api_of(invoices.tenant, "customers:write").post("/api/invoices", {}).status_code == 403
    assert writer.post("/api/invoices", {}).status_code == 400
