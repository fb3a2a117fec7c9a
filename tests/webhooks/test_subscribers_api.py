"""Subscribers through the API: every route, every refusal."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants.models import AuditEntry
from tenants.scope import tenant_scope
from tests.webhooks.conftest import deliveries_of, happen, real_now, run
from webhooks.models import Delivery, Subscriber

pytestmark = pytest.mark.django_db

PATH = "/api/webhooks/subscribers"
PUBLIC = "https://192.0.32.8/hooks"


def create(api: Any, **changes: Any) -> dict[str, Any]:
    answer = api.post(PATH, {"name": "Books", "url": PUBLIC, **changes})
    assert answer.status_code == 201, answer.content
    created: dict[str, Any] = answer.json()
    return created


def test_a_subscriber_is_created_with_defaults_and_shows_its_secret_once(api):
    answer = api.post(PATH, {"name": " Books ", "url": PUBLIC})
    created = answer.json()
    assert answer.headers["Location"] == f"{PATH}/{created['id']}"
    secret = created.pop("secret")
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    assert created == {
        "id": created["id"], "object": "webhookSubscriber", "name": "Books", "url": PUBLIC, "events": ["*"],
        "active": True, "secretHint": secret[:8], "legacySecretHeader": False, "disabledReason": None, "metadata": {},
        "createdAt": created["createdAt"], "updatedAt": created["createdAt"],
    }  # fmt: skip
    assert created["id"].startswith("whk_")
    assert api.get(f"{PATH}/{created['id']}").json() == created
    assert api.get(PATH).json() == {"data": [created], "hasMore": False, "nextCursor": None}


def test_everything_can_be_given(api):
    secret = "whsec_" + base64.b64encode(b"k" * 24).decode()
    created = create(
        api, events=["invoice.*", "customer.created", "invoice.*"], secret=secret, active=False,
        legacySecretHeader=True, metadata={"team": "books"},
    )  # fmt: skip
    assert created["secret"] == secret
    assert created["events"] == ["invoice.*", "customer.created"]
    assert (created["active"], created["disabledReason"], created["legacySecretHeader"]) == (False, "manual", True)
    assert created["metadata"] == {"team": "books"}


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"name": ""}, "name", "required"),
        ({"name": "x" * 256}, "name", "too_long"),
        ({"url": None}, "url", "required"),
        ({"url": "https://a.example/" + "x" * 2048}, "url", "too_long"),
        ({"events": []}, "events", "too_short"),
        ({"events": "*"}, "events", "invalid"),
        ({"events": ["*"] * 101}, "events", "too_long"),
        ({"events": ["*", 5]}, "events[1]", "invalid"),
        ({"events": ["invoice.paid", "invoice.eaten"]}, "events[1]", "invalid_choice"),
        ({"events": ["unknown.*"]}, "events[0]", "invalid_choice"),
        ({"events": ["ping"]}, "events[0]", "invalid_choice"),
        ({"events": ["mail.sent"]}, "events[0]", "invalid_choice"),
        ({"secret": "hello"}, "secret", "invalid"),
        ({"secret": "whsec_***"}, "secret", "invalid"),
        ({"secret": "whsec_" + base64.b64encode(b"k" * 23).decode()}, "secret", "invalid"),
        ({"secret": "whsec_" + base64.b64encode(b"k" * 65).decode()}, "secret", "invalid"),
        ({"active": "yes"}, "active", "invalid"),
        ({"colour": "red"}, "colour", "unknown_field"),
    ],
)
def test_what_is_malformed_is_refused_by_name(api, change, path, code):
    answer = api.post(PATH, {"name": "Books", "url": PUBLIC, **change})
    assert answer.status_code == 400, answer.content
    assert (path, code) in {(one["path"], one["code"]) for one in answer.json()["details"]}


@pytest.mark.parametrize(
    "url",
    [
        "ftp://192.0.32.8/", "http://10.0.0.1/", "http://169.254.169.254/latest/meta-data", "http://[::1]/",
        "http://user:pass@192.0.32.8/", "http://2130706433/", "http://localhost/", "http://192.0.32.8/#x", "nonsense",
    ],
)  # fmt: skip
def test_a_url_that_may_not_be_called_is_refused_at_creation_and_change(api, settings, url):
    settings.LEDGER_EGRESS_ALLOW = ""
    answer = api.post(PATH, {"name": "Books", "url": url})
    assert (answer.status_code, answer.json()["code"]) == (422, "url_not_allowed")
    assert answer.json()["details"][0]["path"] == "url"
    made = create(api)
    for method in ("PATCH", "PUT"):
        answer = api.request(method, f"{PATH}/{made['id']}", {"url": url})
        assert (answer.status_code, answer.json()["code"]) == (422, "url_not_allowed")
    assert api.get(f"{PATH}/{made['id']}").json()["url"] == PUBLIC
    missing = api.patch(f"{PATH}/whk_01hqx3qgf2c8mhwy9s6zwmf3yh", {"url": url})
    assert missing.status_code == 404, "what does not exist comes before the rules"


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_what_is_given_changes(api, method):
    made = create(api, metadata={"a": "1", "b": "2"})
    answer = api.request(
        method, f"{PATH}/{made['id']}",
        {"name": "New", "url": "https://192.0.32.9/x", "events": ["invoice.paid"], "legacySecretHeader": True,
         "metadata": {"a": None, "c": "3"}},
    )  # fmt: skip
    assert answer.status_code == 200, answer.content
    expected = {key: value for key, value in made.items() if key != "secret"}
    assert answer.json() == {
        **expected, "name": "New", "url": "https://192.0.32.9/x", "events": ["invoice.paid"],
        "legacySecretHeader": True, "metadata": {"b": "2", "c": "3"}, "updatedAt": answer.json()["updatedAt"],
    }  # fmt: skip
    off = api.request(method, f"{PATH}/{made['id']}", {"active": False}).json()
    assert (off["active"], off["disabledReason"]) == (False, "manual")
    on = api.request(method, f"{PATH}/{made['id']}", {"active": True}).json()
    assert (on["active"], on["disabledReason"]) == (True, None)
    assert api.request(method, f"{PATH}/{made['id']}", {"secret": "whsec_x"}).status_code == 400


def test_toggling_flips_and_rotating_gives_a_new_secret(api):
    made = create(api)
    assert api.post(f"{PATH}/{made['id']}/toggle").json()["active"] is False
    assert api.post(f"{PATH}/{made['id']}/toggle").json()["active"] is True
    rotated = api.post(f"{PATH}/{made['id']}/rotate-secret").json()
    assert rotated["secret"] != made["secret"]
    assert rotated["secretHint"] == rotated["secret"][:8]
    for hours in (-1, 169, 1.5):
        assert api.post(f"{PATH}/{made['id']}/rotate-secret", {"overlapHours": hours}).status_code == 400


def test_a_deleted_subscriber_is_gone_and_what_was_open_is_cancelled(api, tenant, sink, subscribe, engine):
    subscriber = subscribe(sink.url())
    happen(tenant, "invoice.paid")
    path = f"{PATH}/{api.get(PATH).json()['data'][0]['id']}"
    (delivery,) = api.get(f"{path}/deliveries").json()["data"]
    assert api.delete(path).status_code == 204
    for method, tail in (
        ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/toggle"), ("POST", "/test"), ("POST", "/rotate-secret"),
        ("GET", "/deliveries"),
    ):  # fmt: skip
        answer = api.request(method, path + tail) if method == "GET" else api.request(method, path + tail, {})
        assert answer.status_code == 404, (method, tail)
    run(engine)
    assert sink.received == []
    shown = api.get(f"/api/webhooks/deliveries/{delivery['id']}").json()
    assert (shown["status"], shown["nextAttemptAt"], shown["attempts"]) == ("cancelled", None, [])
    refused = api.post(f"/api/webhooks/deliveries/{delivery['id']}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "subscriber_deleted")
    with tenant_scope(tenant.id):
        row = Subscriber.objects.get(id=subscriber.id)
        assert (row.secret_encrypted, row.active) == (None, False)


def test_a_test_sends_a_ping(api, sink, tenant, subscribe, engine):
    subscribe(sink.url(), events=["customer.created"])
    (made,) = api.get(PATH).json()["data"]
    answer = api.post(f"{PATH}/{made['id']}/test")
    assert answer.status_code == 202, answer.content
    assert answer.json() == {
        "id": answer.json()["id"], "object": "webhookDelivery", "subscriberId": made["id"],
        "eventId": answer.json()["eventId"], "event": "ping", "status": "pending", "attemptCount": 0,
        "nextAttemptAt": answer.json()["nextAttemptAt"], "deliveredAt": None, "createdAt": answer.json()["createdAt"],
    }  # fmt: skip
    run(engine)
    (received,) = sink.received
    assert received.headers["x-webhook-event"] == "ping"
    assert received.headers["webhook-id"] == answer.json()["eventId"]
    shown = api.get(f"/api/webhooks/deliveries/{answer.json()['id']}").json()
    assert (shown["status"], shown["attemptCount"]) == ("succeeded", 1)
    assert shown["attempts"] == [
        {"number": 1, "at": shown["deliveredAt"], "durationMs": shown["attempts"][0]["durationMs"],
         "responseStatus": 200, "responseBody": "ok", "error": None}
    ]  # fmt: skip
    api.post(f"{PATH}/{made['id']}/toggle")
    refused = api.post(f"{PATH}/{made['id']}/test")
    assert (refused.status_code, refused.json()["code"]) == (409, "subscriber_inactive")


def test_deliveries_are_filtered_and_paged(api, tenant, sink, subscribe, engine):
    sink.answers["/"] = lambda request: (200 if "paid" in request.headers["x-webhook-event"] else 500, {}, b"")
    subscribe(sink.url())
    (made,) = api.get(PATH).json()["data"]
    happen(tenant, "invoice.paid", "invoice.created", "invoice.paid")
    run(engine)
    path = f"{PATH}/{made['id']}/deliveries"
    assert [one["event"] for one in api.get(path).json()["data"]].count("invoice.paid") == 2
    assert {one["status"] for one in api.get(f"{path}?event=invoice.paid").json()["data"]} == {"succeeded"}
    assert [one["event"] for one in api.get(f"{path}?status=failed,dead").json()["data"]] == ["invoice.created"]
    first = api.get(f"{path}?limit=2").json()
    assert (len(first["data"]), first["hasMore"]) == (2, True)
    assert len(api.get(f"{path}?limit=2&cursor={first['nextCursor']}").json()["data"]) == 1
    assert api.get(f"{path}?status=eaten").status_code == 400
    assert api.get(f"{path}?colour=red").status_code == 400


def test_a_delivery_is_retried_whatever_became_of_it(api, tenant, sink, subscribe, engine):
    sink.answers["/"] = lambda request: (200 if len(sink.received) > 1 else 500, {}, b"")
    subscribe(sink.url())
    happen(tenant, "invoice.paid")
    run(engine)
    (made,) = api.get(PATH).json()["data"]
    (delivery,) = api.get(f"{PATH}/{made['id']}/deliveries").json()["data"]
    path = f"/api/webhooks/deliveries/{delivery['id']}"
    for attempt in (2, 3):
        answer = api.post(f"{path}/retry")
        assert (answer.status_code, answer.json()["status"]) == (202, "pending")
        run(engine)
        shown = api.get(path).json()
        assert (shown["status"], shown["attemptCount"]) == ("succeeded", attempt)
    assert [one["number"] for one in shown["attempts"]] == [1, 2, 3]
    api.post(f"{PATH}/{made['id']}/toggle")
    assert api.post(f"{path}/retry").json()["code"] == "subscriber_inactive"
    with tenant_scope(tenant.id):
        now = real_now()
        Delivery.objects.update(
            status="delivering", next_attempt_at=now, lease_until=now, lease_token=deliveries_of(tenant)[0].id
        )
    api.post(f"{PATH}/{made['id']}/toggle")
    assert api.post(f"{path}/retry").json()["code"] == "delivery_in_progress"


def test_the_secret_stands_encrypted_and_in_no_audit_entry(api, tenant):
    made = create(api)
    rotated = api.post(f"{PATH}/{made['id']}/rotate-secret").json()
    with tenant_scope(tenant.id):
        row = Subscriber.objects.get()
        stored = str(list(AuditEntry.objects.values_list("before", "after")))
        stored += f"{row.secret_encrypted} {row.previous_secret_encrypted}"
    for secret in (made["secret"], rotated["secret"]):
        assert secret.removeprefix("whsec_") not in stored + str(row.secret_encrypted) + str(
            row.previous_secret_encrypted
        )
    entries = api.get("/api/audit?entityType=webhookSubscriber").json()["data"]
    assert {one["entityId"] for one in entries} == {made["id"]}
    assert [one["action"] for one in entries] == ["webhookSubscriber.updated", "webhookSubscriber.created"]


def test_scopes(tenant, api, api_of):
    made = create(api)
    reader, writer = api_of(tenant, "webhooks:read"), api_of(tenant, "webhooks:write")
    assert reader.get(PATH).status_code == 200
    assert reader.post(PATH, {"name": "x", "url": PUBLIC}).json()["code"] == "insufficient_scope"
    assert writer.get(f"{PATH}/{made['id']}").json()["code"] == "insufficient_scope"
    assert writer.post(f"{PATH}/{made['id']}/test").status_code == 202


def test_a_repeated_key_makes_one_subscriber(api):
    first = api.post(PATH, {"name": "Books", "url": PUBLIC}, key="k")
    again = api.post(PATH, {"name": "Books", "url": PUBLIC}, key="k")
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert len(api.get(PATH).json()["data"]) == 1


def test_another_tenant_sees_nothing(api, other_api, tenant, sink, subscribe):
    subscribe(sink.url())
    happen(tenant, "invoice.paid")
    (made,) = api.get(PATH).json()["data"]
    (delivery,) = api.get(f"{PATH}/{made['id']}/deliveries").json()["data"]
    assert other_api.get(PATH).json()["data"] == []
    for method, path in (
        ("GET", f"{PATH}/{made['id']}"), ("GET", f"{PATH}/{made['id']}/deliveries"), ("DELETE", f"{PATH}/{made['id']}"),
        ("POST", f"{PATH}/{made['id']}/rotate-secret"), ("GET", f"/api/webhooks/deliveries/{delivery['id']}"),
        ("POST", f"/api/webhooks/deliveries/{delivery['id']}/retry"),
    ):  # fmt: skip
        assert other_api.request(method, path).status_code == 404
    assert api.get(f"{PATH}/{made['id']}").json() == made


def test_lists_cost_the_same_however_long_they_are(api, tenant, sink, subscribe):
    counts = []
    for _ in range(2):
        for _ in range(3):
            subscribe(sink.url())
        happen(tenant, "invoice.paid")
        found = api.get(PATH).json()["data"][-1]["id"]
        for path in (PATH, f"{PATH}/{found}/deliveries"):
            with CaptureQueriesContext(connection) as queries:
                assert api.get(path).status_code == 200
            counts.append(len(queries))
    # Key, context in and out, savepoint and its release inside the test's transaction, and the list (after its owner).
    assert counts == [7, 8, 7, 8]
