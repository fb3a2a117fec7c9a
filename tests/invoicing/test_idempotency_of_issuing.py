"""Idempotency keys, revoked keys and changed facts on the hot path. Everything here commits for real."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections

from billing.models import Customer
from billing.services.erasing import erase_customers
from events.models import Event
from invoicing.models import Invoice, NumberSeries
from invoicing.services.erasing import erase_invoices
from tenants.models import IdempotencyKey, ServiceKey, Tenant, TenantSettings
from tenants.scope import tenant_scope
from tests.clients import Api
from tests.invoicing.documents import ITEM, Invoices, asked

pytestmark = pytest.mark.django_db(transaction=True)
WAYS = pytest.mark.parametrize("extra", [{}, {"dueDate": None}], ids=["one statement", "step by step"])


@pytest.fixture
def warm(invoices):
    """A first invoice, so that the next takes the one statement if it can."""
    invoices.make()
    invoices.make()
    return invoices


def stored(invoices: Invoices, model: Any) -> int:
    with tenant_scope(invoices.tenant.id):
        return int(model.objects.count())


def elsewhere(work: Callable[[], Any]) -> None:
    """Run `work` on a connection of its own, as another process would."""
    failure: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failure.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]


@WAYS
def test_a_repeated_request_gets_the_same_bytes(warm, extra):
    body = asked(5, notes="ä", metadata={"b": "1", "aa": "2", "c": "3"}, **extra)
    first = warm.post(body, key="k-1")
    again = [warm.post(body, key="k-1") for _ in range(2)]
    assert first.status_code == 201
    assert "Idempotent-Replayed" not in first.headers
    for answer in again:
        assert (answer.status_code, answer.content) == (201, first.content)
        assert answer["Idempotent-Replayed"] == "true"
        assert answer["Location"] == first["Location"] == f"/api/invoices/{first.json()['id']}"
        assert answer["Content-Type"] == first["Content-Type"]
        assert answer["X-Trace-Id"] != first["X-Trace-Id"]
    assert len(warm.numbers()) == 3
    assert stored(warm, IdempotencyKey) == 1


def test_key_order_and_spaces_do_not_make_another_request(warm):
    first = warm.api.post(
        "/api/invoices", raw=b'{"userId":"user-1","items":[{"description":"A","unitPrice":1}]}', key="k"
    )
    again = warm.api.post(
        "/api/invoices", raw=b'{ "items": [ {"unitPrice": 1, "description": "\\u0041"} ], "userId":"user-1" }', key="k"
    )
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")


@WAYS
def test_another_request_under_the_key_is_a_conflict(warm, extra):
    warm.post(asked(5, **extra), key="k-1")
    others = (
        asked(6),
        asked(5, dueDate="2030-01-01"),
        asked(5, draft=True),
        asked(5, skipTax=False),
        asked(5, notes=None),
    )
    for body in others:
        answer = warm.post(body, key="k-1")
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict")
    assert warm.api.post("/api/customers", {}, key="k-1").json()["code"] == "idempotency_conflict"
    assert len(warm.numbers()) == 3


def test_a_key_of_another_route_is_a_conflict_on_the_hot_path(warm):
    warm.api.post("/api/customers", {}, key="k-1")
    answer = warm.post(asked(5), key="k-1")
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict")


def test_the_key_belongs_to_the_tenant_not_to_the_service_key(warm, api_of, other_invoices):
    body = asked(5)
    first = warm.post(body, key="k-1")
    again = api_of(warm.tenant).post("/api/invoices", body, key="k-1")
    assert again.content == first.content
    assert other_invoices.post(body, key="k-1").status_code == 201


@WAYS
def test_an_expired_key_is_free_again(warm, extra):
    body = asked(5, **extra)
    first = warm.post(body, key="k-1")
    with tenant_scope(warm.tenant.id):
        IdempotencyKey.objects.update(expires_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    second = warm.post(body, key="k-1")
    assert second.status_code == 201
    assert "Idempotent-Replayed" not in second.headers
    assert second.json()["id"] != first.json()["id"]
    assert warm.post(body, key="k-1").content == second.content


def test_a_key_is_kept_for_a_day(warm):
    warm.post(asked(5), key="hot")
    warm.post(asked(5, dueDate=None), key="ordinary")
    now = dt.datetime.now(dt.UTC)
    with tenant_scope(warm.tenant.id):
        for row in IdempotencyKey.objects.all():
            assert dt.timedelta(hours=23, minutes=59) < row.expires_at - now <= dt.timedelta(hours=24)


@WAYS
def test_a_refused_request_frees_its_key(warm, extra):
    unknown = asked(customerId="cst_01m7yktwpbegeag8wyqzfdxp2m")
    bodies: list[Any] = [asked(10**15, 10**15, **extra), unknown, {"items": []}]
    for body in bodies:
        assert warm.post(body, key="k-1").status_code in (400, 404, 422)
    assert stored(warm, IdempotencyKey) == 0
    assert warm.post(asked(5, **extra), key="k-1").status_code == 201


def test_a_missing_product_frees_the_key_and_takes_no_number(warm):
    body = asked(items=[{**ITEM, "productId": "prd_01m7yktwpbegeag8wyqzfdxp2m"}])
    assert warm.post(body, key="k-1").status_code == 404
    assert warm.post(asked(5), key="k-1").json()["invoiceNumber"].endswith("0003")


def test_the_first_invoice_of_a_new_customer_is_replayed_too(invoices):
    first, again = invoices.post(asked(5, userId="new"), key="k"), invoices.post(asked(5, userId="new"), key="k")
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")


@WAYS
def test_of_two_at_once_under_one_key_one_issues_and_both_get_the_same_bytes(warm, extra):
    body, answers, ready = asked(5, **extra), [], threading.Barrier(6)

    def post():
        api = Api(dict(warm.api.headers))
        ready.wait()
        answers.append(api.post("/api/invoices", body, key="k-1"))
        connections.close_all()

    threads = [threading.Thread(target=post) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = {answer.content for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    for answer in answers:
        if answer.status_code != 201:
            assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_in_progress")
            assert answer["Retry-After"] == "1"
    assert sum("Idempotent-Replayed" not in one.headers for one in answers if one.status_code == 201) == 1
    assert len(warm.numbers()) == 3
    assert warm.post(body, key="k-1").content in made


def test_many_at_once_in_every_way_leave_no_gap(warm):
    failures = []

    def post(worker):
        api = Api(dict(warm.api.headers))
        for turn in range(6):
            more = {} if (worker + turn) % 2 else {"dueDate": None}
            answer = api.post("/api/invoices", asked(turn, userId=f"user-{turn % 3}", **more), key=f"{worker}-{turn}")
            if answer.status_code != 201:
                failures.append(answer.content)
            if turn % 3 == 0:
                draft = api.post("/api/invoices", asked(1, draft=True)).json()
                api.post(f"/api/invoices/{draft['id']}/finalise", {})
        connections.close_all()

    threads = [threading.Thread(target=post, args=(worker,)) for worker in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    numbers = [int(number.rsplit("-", 1)[1]) for number in warm.numbers()]
    assert numbers == list(range(1, 2 + 5 * (6 + 2) + 1))
    with tenant_scope(warm.tenant.id):
        series = NumberSeries.objects.get()
        last = Invoice.objects.get(number=series.last_number)
        assert bytes(last.chain_hash or b"") == bytes(series.head)


def test_the_first_invoices_of_a_tenant_at_once_share_one_series_and_one_customer(invoices):
    statuses, ready = [], threading.Barrier(5)

    def post():
        api = Api(dict(invoices.api.headers))
        ready.wait()
        statuses.append(api.post("/api/invoices", asked(5)).status_code)
        connections.close_all()

    threads = [threading.Thread(target=post) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [201] * 5
    assert [number[-4:] for number in invoices.numbers()] == [f"000{n}" for n in range(1, 6)]
    assert stored(invoices, Customer) == 1


def test_a_service_key_revoked_elsewhere_is_refused_at_once(warm, at):
    def revoke():
        with tenant_scope(warm.tenant.id):
            ServiceKey.objects.update(revoked_at=at)

    elsewhere(revoke)
    answer = warm.post(asked(5), key="k-1")
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
    assert answer["WWW-Authenticate"] == "ServiceKey"
    assert len(warm.numbers()) == 2


def test_a_service_key_that_expired_meanwhile_is_refused_at_once(warm):
    def expire():
        with tenant_scope(warm.tenant.id):
            ServiceKey.objects.update(expires_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))

    elsewhere(expire)
    assert warm.post(asked(5)).status_code == 401
    assert len(warm.numbers()) == 2


def test_a_tenant_suspended_elsewhere_is_refused_at_once(warm):
    def suspend():
        with tenant_scope(warm.tenant.id):
            Tenant.objects.update(status="suspended")

    elsewhere(suspend)
    answer = warm.post(asked(5))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert len(warm.numbers()) == 2


def test_settings_changed_elsewhere_hold_for_the_next_invoice(warm):
    def change():
        with tenant_scope(warm.tenant.id):
            TenantSettings.objects.update(tax_rate=1900, default_currency="CHF", time_zone="Pacific/Auckland")

    elsewhere(change)
    body = warm.make(100)
    assert (body["tax"], body["currency"]) == (19, "CHF")
    assert body["dueDate"][11:] in ("11:00:00.000Z", "12:00:00.000Z")


def test_a_customer_changed_elsewhere_is_billed_as_changed(warm):
    def change():
        with tenant_scope(warm.tenant.id):
            Customer.objects.update(name="Eve", currency="GBP", tax_exempt=True)

    elsewhere(change)
    body = warm.make(100)
    assert (body["currency"], body["taxBreakdown"][0]["category"]) == ("GBP", "exempt")
    assert warm.row(body).buyer.name == "Eve"


def test_a_customer_erased_elsewhere_is_not_billed(warm, at):
    def erase():
        with tenant_scope(warm.tenant.id):
            ids = list(Invoice.objects.values_list("id", flat=True))
            Invoice.objects.update(status="void", voided_at=at, void_reason="x")
            erase_invoices(invoice_ids=ids, at=at)
            erase_customers(customer_ids=list(Customer.objects.values_list("id", flat=True)), at=at)

    elsewhere(erase)
    assert warm.make()["customerId"] != warm.listed()[-1]["customerId"]  # the name is free for another customer
    old = warm.listed()[-1]["customerId"]
    assert warm.post(asked(customerId=old)).json()["code"] == "customer_erased"


def test_a_customer_whose_external_id_moved_is_not_mistaken(warm):
    def move():
        with tenant_scope(warm.tenant.id):
            Customer.objects.update(external_id="renamed")

    elsewhere(move)
    assert warm.make()["customerId"] != warm.listed()[-1]["customerId"]


def test_the_first_document_of_a_year_makes_its_series(warm, time_machine):
    time_machine.move_to("2033-01-01T00:00:00Z", tick=False)
    assert warm.make()["invoiceNumber"] == "INV-2033-0001"
    assert warm.make()["invoiceNumber"] == "INV-2033-0002"


@WAYS
def test_a_lost_connection_between_two_requests_is_replaced(warm, extra):
    connection.ensure_connection()
    process = connection.connection.info.backend_pid

    def cut():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [process])

    elsewhere(cut)
    assert warm.post(asked(5, **extra), key="k-1").status_code == 201
    assert len(warm.numbers()) == 3


def test_events_are_published_once_per_document_whatever_is_repeated(warm):
    for _ in range(3):
        warm.post(asked(5), key="k-1")
    assert stored(warm, Event) == 2 * 3 + 1  # and the customer's
