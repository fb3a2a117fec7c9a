"""Claims about the pages of subscribers and deliveries."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from common.clock import SystemClock
from common.egress import UrlNotAllowed
from common.ids import decode_id, encode_id
from common.prefixes import EVENT, WEBHOOK_SUBSCRIBER
from events.models import Event
from tenants.enums import Role
from tenants.models import AuditEntry, Tenant
from tenants.scope import tenant_scope
from tests.clients import Api
from tests.conftest import AT
from tests.tenants.backoffice.pressing import buttons_on, press, text_of
from tests.webhooks.backoffice_rows import _delivery, _subscriber
from webhooks.egress import judge_url
from webhooks.enums import DeliveryStatus
from webhooks.models import Attempt, Delivery, Subscriber

pytestmark = pytest.mark.django_db
SUBSCRIBERS, DELIVERIES = "/admin/webhooks/subscriber/", "/admin/webhooks/delivery/"
ASKED = {"name": "Books", "url": "https://127.0.0.1/hook", "events": "invoice.*"}
XSS = "<script>alert(1)</script>"


@pytest.fixture
def browser(tenant: Tenant, browser_of: Callable[..., Client]) -> Client:
    return browser_of(tenant)


def made(maker: Callable[..., Any], tenant: Tenant, **changes: Any) -> Any:
    with tenant_scope(tenant.id):
        row = maker(tenant, None)
        if changes:
            type(row).objects.filter(id=row.id).update(**changes)
            row.refresh_from_db()
    return row


def page_of(row: Any) -> str:
    return f"{SUBSCRIBERS if isinstance(row, Subscriber) else DELIVERIES}{row.id}/change/"


def button(row: Any, name: str) -> str:
    return page_of(row).replace("/change/", f"/do/{name}/")


def reread(row: Any) -> Any:
    with tenant_scope(row.tenant_id):
        row.refresh_from_db()
    return row


def test_a_subscriber_is_made_and_its_secret_shown_once(tenant: Tenant, browser: Client) -> None:
    answer = press(browser, f"{SUBSCRIBERS}do/create/", **ASKED)
    (secret,) = set(re.findall(r"whsec_[A-Za-z0-9+/=]+", answer.content.decode()))
    with tenant_scope(tenant.id):
        row = Subscriber.objects.get(tenant_id=tenant.id)
    assert (row.events, row.active, secret.startswith(row.secret_hint)) == (["invoice.*"], True, True)
    for page in (SUBSCRIBERS, page_of(row)):
        assert secret not in browser.get(page).content.decode()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"events": "invoice.nonsense"}, "is not *, a public event"),
        ({"name": ""}, "This field is required."),
    ],
)
def test_a_wrong_subscriber_is_refused(fields: dict[str, str], said: str, tenant: Tenant, browser: Client) -> None:
    answer = press(browser, f"{SUBSCRIBERS}do/create/", **(ASKED | fields))
    assert answer.status_code in (400, 422)
    assert said in text_of(answer)
    with tenant_scope(tenant.id):
        assert Subscriber.objects.filter(tenant_id=tenant.id).count() == 0


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "https://10.0.0.1/", "ftp://example.com", "http://"])
def test_a_url_that_may_not_be_called_is_refused_with_the_reason(url: str, tenant: Tenant, browser: Client) -> None:
    with pytest.raises(UrlNotAllowed) as refused:
        judge_url(url)
    answer = press(browser, f"{SUBSCRIBERS}do/create/", **(ASKED | {"url": url}))
    assert answer.status_code == 422
    assert refused.value.message in text_of(answer)
    with tenant_scope(tenant.id):
        assert Subscriber.objects.filter(tenant_id=tenant.id).count() == 0


def test_it_is_edited_switched_rotated_and_deleted(tenant: Tenant, browser: Client) -> None:
    row = made(_subscriber, tenant)
    before = row.secret_encrypted
    press(browser, button(row, "edit"), name="Ledger", url="https://127.0.0.1/x", events="*\ninvoice.paid")
    assert (reread(row).name, row.url, row.events) == ("Ledger", "https://127.0.0.1/x", ["*", "invoice.paid"])
    assert press(browser, button(row, "stop"), reason="").status_code == 422
    press(browser, button(row, "stop"), reason="maintenance")
    assert (reread(row).active, row.disabled_reason) == (False, "manual")
    assert "Switched off by hand" in text_of(browser.get(page_of(row)))
    press(browser, button(row, "resume"))
    assert reread(row).active
    answer = press(browser, button(row, "rotate"), overlap_hours="2")
    assert "whsec_" in answer.content.decode()
    assert reread(row).secret_encrypted != before
    assert row.previous_secret_until is not None
    press(browser, button(row, "remove"), reason="gone")
    assert reread(row).deleted_at is not None
    assert buttons_on(browser.get(page_of(row))) == set()
    assert "Ledger" not in browser.get(SUBSCRIBERS).content.decode().partition("result_list")[2]
    with tenant_scope(tenant.id):
        reasons = AuditEntry.objects.filter(entity_id=row.id, reason__isnull=False).values_list("reason", flat=True)
        assert {"maintenance", "gone"} <= set(reasons)


def test_a_test_delivery_is_made_and_shown(tenant: Tenant, browser: Client) -> None:
    row = made(_subscriber, tenant)
    answer = press(browser, button(row, "test"))
    assert "Nothing has been tried yet." in text_of(answer)
    with tenant_scope(tenant.id):
        assert Delivery.objects.get(subscriber_id=row.id).event_type == "ping"


def test_health_tells_the_last_day_what_waits_and_the_last_error(tenant: Tenant, browser: Client) -> None:
    row = made(_subscriber, tenant)
    now = SystemClock().now()
    with tenant_scope(tenant.id):
        for number, status in enumerate(("succeeded", "succeeded", "dead")):
            press(browser, button(row, "test"))
            done = {"delivered_at": now} if status == "succeeded" else {"last_error": "HTTP 500"}
            newest = Delivery.objects.filter(subscriber_id=row.id).order_by("-id")[0]
            Delivery.objects.filter(id=newest.id).update(status=status, attempts=1, next_attempt_at=None, **done)
            assert number < 3
    press(browser, button(row, "test"))
    said = text_of(browser.get(page_of(row)))
    assert "66 % (2 of 3)" in said
    assert "Waiting 1" in said
    assert "HTTP 500" in said


def test_every_attempt_is_shown_and_what_came_back_is_text(tenant: Tenant, browser: Client) -> None:
    delivery = made(_delivery, tenant, status="dead", attempts=1, next_attempt_at=None, last_error=f"HTTP 500 {XSS}")
    with tenant_scope(tenant.id):
        Attempt.objects.create(
            tenant_id=tenant.id, delivery_id=delivery.id, number=1, at=AT, duration_ms=1_234, response_status=500,
            response_body=XSS + "y" * 1_000, error=XSS,
        )  # fmt: skip
    answer = browser.get(page_of(delivery))
    said = text_of(answer)
    assert ("1,234 ms" in said, "500" in said) == (True, True)
    assert XSS not in answer.content.decode()
    assert "&lt;script&gt;" in answer.content.decode()
    assert "y" * 500 not in said
    assert XSS not in browser.get(DELIVERIES).content.decode()


def test_a_delivery_is_retried(tenant: Tenant, browser: Client) -> None:
    delivery = made(_delivery, tenant, status="dead", attempts=9, next_attempt_at=None)
    press(browser, button(delivery, "retry"))
    assert (reread(delivery).status, delivery.attempts, delivery.failures) == (DeliveryStatus.PENDING, 9, 0)


def test_an_event_is_replayed_to_a_subscriber_that_did_not_want_it(
    tenant: Tenant, api: Api, other_api: Api, browser: Client
) -> None:
    row = made(_subscriber, tenant, events=["customer.created"])
    body = {"userId": "u", "items": [{"description": "A", "unitPrice": 1}]}
    mine, theirs = (one.post("/api/invoices", body).json() for one in (api, other_api))
    with tenant_scope(tenant.id):
        event = Event.objects.filter(object_id=decode_id("inv", mine["id"])).order_by("id")[0]
    press(browser, button(row, "replay"), event=encode_id(EVENT, event.id))
    with tenant_scope(tenant.id):
        assert Delivery.objects.get(subscriber_id=row.id).message_id == event.id
    assert press(browser, button(row, "replay"), event="nonsense").status_code == 422
    assert press(browser, button(row, "replay"), event=theirs["id"].replace("inv_", "evt_")).status_code == 404
    said = text_of(browser.get(f"/admin/invoicing/invoice/{decode_id('inv', mine['id'])}/change/"))
    assert f"{event.type} for Books" in said


def test_deliveries_are_found_by_their_ids_and_status(tenant: Tenant, browser: Client) -> None:
    delivery = made(_delivery, tenant, status="dead", next_attempt_at=None)
    who = encode_id(WEBHOOK_SUBSCRIBER, delivery.subscriber_id)
    for query, found in (({"q": who}, True), ({"status": "dead"}, True), ({"status": "succeeded"}, False),
                         ({"q": encode_id(EVENT, delivery.message_id)}, True), ({"q": "x"}, False)):  # fmt: skip
        listed = browser.get(DELIVERIES, query).content.decode().partition("result_list")[2]
        assert (str(delivery.id) in listed) is found, query


def test_a_reader_presses_nothing(tenant: Tenant, browser_of: Callable[..., Client]) -> None:
    delivery = made(_delivery, tenant)
    reader = browser_of(tenant, role=Role.READ_ONLY)
    with tenant_scope(tenant.id):
        subscriber = Subscriber.objects.get(id=delivery.subscriber_id)
    for page in (SUBSCRIBERS, DELIVERIES, page_of(delivery), page_of(subscriber)):
        answer = reader.get(page)
        assert (answer.status_code, buttons_on(answer)) == (200, set())
