"""Two at the same moment: only one of them pays, finalises, voids or deletes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from billing.models import Payment
from invoicing.models import InvoiceItem
from tenants.scope import tenant_scope
from tests.clients import Api
from tests.conftest import owner_connection
from tests.invoicing.credited import credit, grant, left_of, paid_with_credit, wallet, wrong
from tests.invoicing.documents import ITEM, Invoices, asked

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def at_once(invoices: Invoices) -> Callable[..., Counter[Any]]:
    """Runs calls in threads of their own and counts (status, code or None)."""

    def run(*calls: Callable[[Api], Any]) -> Counter[Any]:
        seen: Counter[Any] = Counter()
        ready = threading.Barrier(len(calls))

        def one(call: Callable[[Api], Any]) -> None:
            api = Api(dict(invoices.api.headers))
            ready.wait()
            answer = call(api)
            seen[answer.status_code, answer.json().get("code") if answer.content else None] += 1
            connections.close_all()

        threads = [threading.Thread(target=one, args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return seen

    return run


def post(invoice: dict[str, Any], verb: str, body: Any = None) -> Callable[[Api], Any]:
    """A call for `at_once`."""
    return lambda api: api.post(f"/api/invoices/{invoice['id']}/{verb}", body or {})


def to_issue(price: dict[str, Any]) -> Callable[[Api], Any]:
    """A call for `at_once`."""
    return lambda api: api.post("/api/invoices", {**asked(), "items": [{"priceId": price["id"]}]})


def to_change(price: dict[str, Any], amount: int) -> Callable[[Api], Any]:
    """A call for `at_once`."""
    return lambda api: api.patch(f"/api/prices/{price['id']}", {"unitAmount": amount})


def test_an_invoice_is_paid_once(invoices, at_once):
    invoice = invoices.make(10_000)
    assert at_once(*[post(invoice, "mark-paid")] * 4) == {(200, None): 1, (409, "invoice_already_paid"): 3}
    with tenant_scope(invoices.tenant.id):
        assert Payment.objects.count() == 1


def test_parts_never_add_up_to_more_than_the_total(invoices, at_once):
    invoice = invoices.make(10_000)
    seen = at_once(*[post(invoice, "mark-paid", {"amount": 4_000})] * 4)
    assert seen == {(200, None): 2, (422, "over_payment"): 2}
    assert invoices.get(invoice)["amountPaid"] == 8_000


@pytest.mark.parametrize("more", [{}, {"dueDate": "2100-01-01T00:00:00Z"}])
def test_one_credit_is_used_once_by_however_many_invoices(invoices, at_once, more):
    first = grant(invoices, 60, priority=0)
    credit(invoices, 40)
    body = asked(30, **more)
    assert at_once(*[lambda api: api.post("/api/invoices", body)] * 6) == {(201, None): 6}
    assert sum(amount for amount, _ in paid_with_credit(invoices.tenant)) == 100
    assert wallet(invoices)["posted"] == 0
    assert left_of(invoices, first) == [(0, "used")]
    assert sorted(one["amountPaid"] for one in invoices.listed()) == [0, 0, 10, 30, 30, 30]
    assert len(set(invoices.numbers())) == 6
    assert wrong(invoices.tenant) == []


def test_credit_is_used_and_spent_elsewhere_at_once_and_never_twice(invoices, at_once):
    account = grant(invoices, 60)["accountId"]
    shop = invoices.api.post("/api/accounts", {"currency": "EUR"}).json()["id"]
    spend = {"fromAccountId": account, "toAccountId": shop, "amount": 25, "currency": "EUR"}
    drafts = [invoices.draft(30) for _ in range(2)]
    seen = at_once(*[post(draft, "finalise") for draft in drafts], *[lambda api: api.post("/api/transfers", spend)] * 2)
    assert set(seen) <= {(200, None), (201, None), (422, "insufficient_funds")}
    assert seen[200, None] == 2
    used = sum(amount for amount, _ in paid_with_credit(invoices.tenant))
    assert used + 25 * seen[201, None] + wallet(invoices)["posted"] == 60
    assert wrong(invoices.tenant) == []


def test_credit_comes_back_once(invoices, at_once):
    credit(invoices, 60)
    invoice = invoices.make(100)
    assert at_once(*[post(invoice, "cancel")] * 4) == {(200, None): 1, (409, "invoice_already_void"): 3}
    assert wallet(invoices)["posted"] == 60
    assert wrong(invoices.tenant) == []


def test_a_draft_is_finalised_once(invoices, at_once):
    draft = invoices.draft()
    assert at_once(*[post(draft, "finalise")] * 4) == {(200, None): 1, (409, "invoice_not_draft"): 3}
    assert len(invoices.numbers()) == 1


def test_paying_and_voiding_exclude_each_other(invoices, at_once):
    invoice = invoices.make(10_000)
    seen = at_once(post(invoice, "mark-paid"), post(invoice, "cancel"))
    assert seen[200, None] == 1
    assert sum(seen.values()) == 2
    body = invoices.get(invoice)
    assert (body["status"], body["amountPaid"]) in [("paid", 10_000), ("void", 0)]


def test_a_draft_that_is_changed_and_finalised_at_once_is_whole(invoices, at_once):
    items = {"items": [{**ITEM, "unitPrice": 7}]}
    for _ in range(3):
        draft = invoices.draft(1, 2, 3)
        at_once(post(draft, "finalise"), lambda api, draft=draft: api.patch(f"/api/invoices/{draft['id']}", items))
        body = invoices.get(draft)
        assert body["total"] == sum(item["total"] for item in body["items"])
        row = invoices.row(draft)
        assert invoices.stored_digest(draft) == bytes(row.content_digest)


def test_a_draft_that_is_deleted_and_finalised_at_once_is_one_of_both(invoices, at_once):
    draft = invoices.draft()
    seen = at_once(post(draft, "finalise"), lambda api: api.delete(f"/api/invoices/{draft['id']}"))
    assert sum(count for (status, _), count in seen.items() if status in (200, 204)) == 1
    with tenant_scope(invoices.tenant.id):
        assert InvoiceItem.objects.count() == len(invoices.numbers())


def test_a_price_that_is_changed_as_it_is_first_invoiced_says_what_the_invoices_say(invoices, at_once):
    product = invoices.api.post("/api/products", {"name": "Seat", "type": "recurring"}).json()["id"]
    for _ in range(4):
        price = invoices.api.post("/api/prices", {"productId": product, "currency": "EUR", "unitAmount": 100}).json()
        known = {invoice["id"] for invoice in invoices.listed("?limit=100")}
        calls = [to_issue(price)] * 4 + [to_change(price, amount) for amount in range(101, 105)]
        seen = at_once(*calls)
        assert seen[201, None] == 4
        assert seen[200, None] + seen[409, "price_in_use"] == 4
        final = invoices.api.get(f"/api/prices/{price['id']}").json()["unitAmount"]
        new = [one for one in invoices.listed("?limit=100") if one["id"] not in known]
        assert [one["subtotal"] for one in new] == [final] * 4


def test_a_price_that_is_changed_as_drafts_of_it_are_finalised_says_what_the_invoices_say(invoices, at_once):
    product = invoices.api.post("/api/products", {"name": "Seat", "type": "recurring"}).json()["id"]
    for _ in range(4):
        price = invoices.api.post("/api/prices", {"productId": product, "currency": "EUR", "unitAmount": 100}).json()
        drafts = [invoices.draft(items=[{"priceId": price["id"]}]) for _ in range(3)]
        seen = at_once(*(post(one, "finalise") for one in drafts), *(to_change(price, one) for one in (101, 102, 103)))
        assert seen[200, None] + seen[409, "price_in_use"] == 6
        final = invoices.api.get(f"/api/prices/{price['id']}").json()["unitAmount"]
        assert [invoices.get(one)["subtotal"] for one in drafts] == [final] * 3


def test_what_is_left_of_a_coupon_is_taken_once_by_drafts_that_are_finalised_at_once(invoices, at_once):
    coupon = {"code": "FIFTY", "name": "Fifty", "type": "amount", "amount": 5_000, "currency": "EUR"}
    assert invoices.api.post("/api/coupons", {**coupon, "keepRemainder": True}).status_code == 201
    invoices.make(1_000, coupons=["FIFTY"])
    drafts = [invoices.draft(1_500, coupons=["FIFTY"]) for _ in range(4)]
    seen = at_once(*(post(one, "finalise") for one in drafts))
    # 40.00 are left: two take 15.00, one takes 10.00, and then the customer has used up the coupon.
    assert seen == {(200, None): 3, (422, "coupon_exhausted"): 1}
    issued = [one for one in map(invoices.get, drafts) if one["invoiceNumber"]]
    assert sorted(one["discount"] for one in issued) == [1_000, 1_500, 1_500]


def test_drafts_and_previews_wait_for_nobody_who_issues(invoices):
    product = invoices.api.post("/api/products", {"name": "Seat", "type": "recurring"}).json()["id"]
    price = invoices.api.post("/api/prices", {"productId": product, "currency": "EUR", "unitAmount": 100}).json()
    ten = {"code": "TEN", "name": "Ten", "type": "percentage", "percentage": "10"}
    assert invoices.api.post("/api/coupons", ten).status_code == 201
    body = {"userId": "user-1", "items": [{"priceId": price["id"]}], "coupons": ["TEN"]}
    with owner_connection() as owner, owner.transaction():
        owner.execute("SELECT set_config('ledger.tenant_id', %s, true)", [str(invoices.tenant.id)])
        for table in ("billing_coupon", "billing_price"):
            assert owner.execute(f"SELECT id FROM {table} FOR NO KEY UPDATE").rowcount == 1
        assert invoices.api.post("/api/invoices/preview", body).json()["total"] == 90
        draft = invoices.post({**body, "draft": True}).json()
        assert invoices.patch(draft, {"skipTax": True}).json()["total"] == 90
    assert invoices.act(draft, "finalise").json()["total"] == 90
