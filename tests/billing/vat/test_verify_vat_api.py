"""Claims about `POST /api/customers/{id}/verify-vat`, and about numbers as customers get them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from prometheus_client import REGISTRY

from billing.models import Customer, VatCheck, VatVerification
from billing.services.customers import CustomerDetails, create_customer, resolve_customer
from common.ids import decode_id
from common.prefixes import CUSTOMER
from events.models import Event
from tenants.models import AuditEntry, Tenant
from tenants.scope import tenant_scope
from tests.billing.vat.conftest import NUMBER, OTHER_NUMBER
from tests.billing.vat.fake_vies import ADDRESS, IDENTIFIER, NAME, FakeVies, raw, refusal, verdict
from tests.clients import Api
from tests.conftest import AT
from tests.webhooks.sink import Answer

pytestmark = pytest.mark.django_db
# Others look at the database meanwhile.
seen_by_others = pytest.mark.django_db(transaction=True)
CustomerOf = Callable[..., dict[str, Any]]


def verify(api: Api, customer: dict[str, Any], **more: Any) -> Any:
    return api.post(f"/api/customers/{customer['id']}/verify-vat", **more)


def status_of(api: Api, customer: dict[str, Any]) -> Any:
    return api.get(f"/api/customers/{customer['id']}").json()["vatStatus"]


def checks_of(tenant: Tenant) -> list[VatCheck]:
    with tenant_scope(tenant.id):
        return list(VatCheck.objects.order_by("id"))


def due_of(tenant: Tenant) -> list[VatVerification]:
    with tenant_scope(tenant.id):
        return list(VatVerification.objects.order_by("id"))


def updates_of(tenant: Tenant) -> list[dict[str, Any]]:
    with tenant_scope(tenant.id):
        return [json.loads(event.data) for event in Event.objects.filter(type="customer.updated").order_by("id")]


def test_a_number_that_the_register_knows_becomes_valid_with_its_evidence(
    api: Api, tenant: Tenant, vies: FakeVies, customer_of: CustomerOf
) -> None:
    api.patch("/api/settings", {"vatId": "DE 811 907 980"})
    customer = customer_of(api, vatId="de 136.695.976")
    assert customer["vatStatus"] == "unverified"
    answer = verify(api, customer)
    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert said["checkedAt"] is not None
    assert said | {"checkedAt": None} == {
        "vatId": "de 136.695.976", "status": "valid", "checkedAt": None,
        "evidence": {
            "source": "vies", "requestIdentifier": IDENTIFIER, "requestDate": "2026-10-03T21:02:05.123Z",
            "requester": "DE811907980", "name": NAME, "address": ADDRESS, "error": None,
        },
    }  # fmt: skip
    assert vies.questions == [
        {
            "countryCode": "DE", "vatNumber": "136695976", "requesterMemberStateCode": "DE",
            "requesterNumber": "811907980",
        }
    ]  # fmt: skip
    assert status_of(api, customer) == "valid"
    assert [(one.number, one.status, one.source) for one in checks_of(tenant)] == [(NUMBER, "valid", "vies")]
    assert [(one["id"], one["vatStatus"]) for one in updates_of(tenant)] == [(customer["id"], "valid")]


def test_a_number_that_the_register_does_not_know_becomes_invalid_and_is_not_asked_about_again(
    api: Api, tenant: Tenant, vies: FakeVies, customer_of: CustomerOf
) -> None:
    vies.usual = verdict(valid=False)
    said = verify(api, customer_of(api)).json()
    assert (said["status"], said["evidence"]["source"], said["evidence"]["error"]) == ("invalid", "vies", None)
    assert due_of(tenant) == []


@pytest.mark.parametrize("own", [None, "GB123456789", "DE811907981", "none"])
def test_a_tenant_without_a_number_of_the_union_asks_without_a_name(
    api: Api, vies: FakeVies, customer_of: CustomerOf, own: str | None
) -> None:
    api.patch("/api/settings", {"vatId": own})
    said = verify(api, customer_of(api)).json()
    assert (said["status"], said["evidence"]["requestIdentifier"]) == ("valid", None)
    assert [set(one) for one in vies.questions] == [{"countryCode", "vatNumber"}]


@pytest.mark.parametrize(
    ("failing", "error"),
    [
        (refusal("MS_UNAVAILABLE"), "vies_ms_unavailable"), (refusal("TIMEOUT", 500), "vies_timeout"),
        (verdict(valid=False, userError="MS_MAX_CONCURRENT_REQ"), "vies_ms_max_concurrent_req"),
        (raw(b"<html>", 503), "http_503"), (raw(b"valid"), "unreadable_answer"),
        (refusal("INVALID_INPUT"), "vies_invalid_input"),
    ],
    ids=["member", "timeout", "error beside false", "503", "garbage", "input"],
)  # fmt: skip
def test_an_outage_means_unverified_and_never_invalid(
    api: Api, tenant: Tenant, vies: FakeVies, customer_of: CustomerOf, failing: Any, error: str
) -> None:
    vies.usual = failing
    customer = customer_of(api)
    said = verify(api, customer).json()
    assert (said["status"], said["evidence"]["error"]) == ("unverified", error)
    assert status_of(api, customer) == "unverified"
    assert [(one.status, one.source, one.error) for one in checks_of(tenant)] == [("unverified", "vies", error)]
    assert updates_of(tenant) == []
    # What VIES will never take is not asked again; the rest is.
    assert len(due_of(tenant)) == (0 if error == "vies_invalid_input" else 1)
    vies.usual = verdict(valid=True)
    assert verify(api, customer).json()["status"] == "valid"


def test_an_outage_takes_nothing_from_what_was_known(
    api: Api, tenant: Tenant, vies: FakeVies, customer_of: CustomerOf
) -> None:
    customer = customer_of(api)
    first = verify(api, customer).json()
    vies.usual = refusal("MS_UNAVAILABLE")
    said = verify(api, customer).json()
    assert said == first | {"evidence": first["evidence"] | {"error": "vies_ms_unavailable"}}
    assert status_of(api, customer) == "valid"
    assert [one.status for one in checks_of(tenant)] == ["valid", "unverified"]
    assert len(updates_of(tenant)) == 1


def test_wrong_check_digits_are_invalid_at_once_and_nobody_is_asked(
    api: Api, tenant: Tenant, vies: FakeVies, customer_of: CustomerOf
) -> None:
    customer = customer_of(api, vatId="DE136695978")
    assert customer["vatStatus"] == "invalid"
    said = verify(api, customer).json()
    assert (said["status"], said["evidence"]["source"]) == ("invalid", "checksum")
    assert said["evidence"]["error"] == "invalid_checksum"
    assert vies.received == []
    assert [(one.number, one.status, one.error) for one in checks_of(tenant)] == [
        ("DE136695978", "invalid", "invalid_checksum")
    ] * 2
    assert (due_of(tenant), updates_of(tenant)) == ([], [])


def test_a_number_of_no_member_stays_unverified_and_nobody_is_asked(
    api: Api, tenant: Tenant, vies: FakeVies, customer_of: CustomerOf
) -> None:
    customer = customer_of(api, vatId="CHE-116.281.710")
    assert (customer["vatStatus"], due_of(tenant), checks_of(tenant)) == ("unverified", [], [])
    said = verify(api, customer).json()
    assert (said["status"], said["evidence"]["source"]) == ("unverified", "checksum")
    assert said["evidence"]["error"] == "not_a_number_of_the_eu"
    assert vies.received == []


def test_without_vies_what_adds_up_stays_unverified(
    api: Api, tenant: Tenant, vies: FakeVies, customer_of: CustomerOf, settings: Any
) -> None:
    settings.VIES_URL = ""
    said = verify(api, customer_of(api)).json()
    assert (said["status"], said["evidence"]["error"]) == ("unverified", "vies_disabled")
    assert vies.received == []
    assert [one.lease_token for one in due_of(tenant)] == [None], "to be asked about once VIES is there"


def test_creating_and_patching_ask_nobody(api: Api, tenant: Tenant, vies: FakeVies, customer_of: CustomerOf) -> None:
    customer = customer_of(api)
    path = f"/api/customers/{customer['id']}"
    for number, status in ((OTHER_NUMBER, "unverified"), ("FR84323140391", "invalid"), (None, None)):
        assert api.patch(path, {"vatId": number}).json()["vatStatus"] == status
        assert len(due_of(tenant)) == (1 if status == "unverified" else 0)
    assert vies.received == []
    assert [one.number for one in checks_of(tenant)] == ["FR84323140391"]


def test_every_way_to_give_a_number_judges_it(tenant: Tenant) -> None:
    wrong, right = CustomerDetails(vat_id="DE136695978"), CustomerDetails(vat_id=NUMBER)
    with tenant_scope(tenant.id):
        made = [
            create_customer(tenant_id=tenant.id, at=AT, vat_id="DE136695978"),
            resolve_customer(tenant_id=tenant.id, at=AT, external_id="a", details=wrong),
            resolve_customer(tenant_id=tenant.id, at=AT, external_id="b", details=right),
        ]
        empty = create_customer(tenant_id=tenant.id, at=AT)
        made.append(resolve_customer(tenant_id=tenant.id, at=AT, customer_id=empty.id, details=wrong))
    with tenant_scope(tenant.id):
        assert [Customer.objects.get(id=one.id).vat_status for one in made] == [
            "invalid", "invalid", "unverified", "invalid",
        ]  # fmt: skip
        assert VatCheck.objects.filter(status="invalid").count() == 3
        assert [one.customer_id for one in VatVerification.objects.all()] == [made[2].id]


def test_a_number_costs_a_customer_one_query_more(api: Api) -> None:
    counts = []
    for body in ({"name": "Ada"}, {"name": "Ada"}, {"name": "Ada", "vatId": NUMBER}):
        with CaptureQueriesContext(connection) as asked:
            assert api.post("/api/customers", body).status_code == 201
        counts.append(len(asked))
    assert counts[2] == counts[1] + 1


def test_what_cannot_be_verified_is_refused(
    api: Api, tenant: Tenant, vies: FakeVies, customer_of: CustomerOf, other_api: Api
) -> None:
    without = customer_of(api, vatId=None)
    answer = verify(api, without)
    assert (answer.status_code, answer.json()["code"]) == (409, "vat_id_missing")
    assert [one["path"] for one in answer.json()["details"]] == ["vatId"]
    customer = customer_of(api)
    assert verify(api, customer, json={"x": 1}).status_code == 400
    assert verify(other_api, customer).status_code == 404
    assert api.post("/api/customers/cst_x/verify-vat").status_code == 404
    assert (vies.received, checks_of(tenant)) == ([], [])


def test_only_who_may_write_customers_verifies(
    tenant: Tenant, api: Api, api_of: Callable[..., Api], vies: FakeVies, customer_of: CustomerOf
) -> None:
    customer = customer_of(api)
    assert verify(api_of(tenant, "customers:read"), customer).status_code == 403
    assert vies.received == []
    assert verify(api_of(tenant, "customers:write"), customer).status_code == 200


def test_the_same_request_again_is_answered_without_asking(
    api: Api, tenant: Tenant, vies: FakeVies, customer_of: CustomerOf
) -> None:
    customer = customer_of(api)
    first = verify(api, customer, key="once")
    vies.usual = verdict(valid=False)
    again = verify(api, customer, key="once")
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    assert len(vies.received) == 1
    assert verify(api, customer_of(api, externalId="b"), key="once").json()["code"] == "idempotency_conflict"
    assert len(vies.received) == 1


def during(vies: FakeVies, act: Callable[[], object]) -> None:
    """While VIES is asked, once, `act`."""
    acted, usual = threading.Event(), vies.usual

    def answer(asked: dict[str, Any]) -> Answer:
        if not acted.is_set():
            acted.set()
            act()
            connection.close()  # of the thread of the server
        return usual(asked)

    vies.usual = answer


@seen_by_others
def test_the_intent_is_committed_before_vies_is_asked_and_no_transaction_is_open_then(
    api: Api, tenant: Tenant, vies: FakeVies, customer_of: CustomerOf
) -> None:
    customer, seen = customer_of(api), []

    def look() -> None:
        with tenant_scope(tenant.id):
            due = VatVerification.objects.get()
            seen.append((due.lease_token is not None, due.attempts))
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND state LIKE 'idle in transaction%'"
            )
            seen.append(cursor.fetchone())

    during(vies, look)
    assert verify(api, customer).json()["status"] == "valid"
    assert seen == [(True, 1), (0,)]


@seen_by_others
def test_a_number_that_changed_meanwhile_keeps_a_status_of_its_own(
    api: Api, tenant: Tenant, vies: FakeVies, customer_of: CustomerOf
) -> None:
    customer = customer_of(api)
    path = f"/api/customers/{customer['id']}"
    during(vies, lambda: api.patch(path, {"vatId": OTHER_NUMBER}))
    said = verify(api, customer).json()
    assert (said["vatId"], said["status"], said["evidence"]) == (OTHER_NUMBER, "unverified", None)
    assert status_of(api, customer) == "unverified"
    assert [(one.number, one.status) for one in checks_of(tenant)] == [(NUMBER, "valid")]
    assert [(one.lease_token, one.next_attempt_at) for one in due_of(tenant)] == [(None, None)]
    assert updates_of(tenant) == []


@seen_by_others
def test_a_number_that_was_taken_away_meanwhile_stays_away(
    api: Api, tenant: Tenant, vies: FakeVies, customer_of: CustomerOf
) -> None:
    customer = customer_of(api)
    during(vies, lambda: api.patch(f"/api/customers/{customer['id']}", {"vatId": None}))
    assert verify(api, customer).status_code == 409
    assert (status_of(api, customer), due_of(tenant)) == (None, [])


@seen_by_others
def test_a_customer_who_was_deleted_meanwhile_stays_deleted(
    api: Api, tenant: Tenant, vies: FakeVies, customer_of: CustomerOf
) -> None:
    customer = customer_of(api)
    during(vies, lambda: api.delete(f"/api/customers/{customer['id']}"))
    assert verify(api, customer).status_code == 404
    assert (checks_of(tenant), due_of(tenant)) == ([], [])


@seen_by_others
def test_at_the_same_time_vies_is_asked_once_and_the_other_hears_what_is_known(
    api: Api, tenant: Tenant, vies: FakeVies, customer_of: CustomerOf
) -> None:
    customer, second = customer_of(api), []
    during(vies, lambda: second.append(verify(api, customer, key="same").json()))
    first = verify(api, customer, key="same")
    assert (first.json()["status"], len(vies.received)) == ("valid", 1)
    assert [(one["status"], one["evidence"]) for one in second] == [("unverified", None)]
    assert verify(api, customer, key="same").content == first.content


def test_the_change_of_status_is_in_the_trail_under_who_asked(
    api: Api, tenant: Tenant, vies: FakeVies, customer_of: CustomerOf
) -> None:
    customer = customer_of(api)
    verify(api, customer, x_trace_id="trace-9")
    with tenant_scope(tenant.id):
        entry = AuditEntry.objects.get(action="customer.updated", entity_id=decode_id(CUSTOMER, customer["id"]))
        assert entry.after is not None
        assert (entry.after["vat_status"], entry.trace_id, entry.actor_type) == ("valid", "trace-9", "service")


def test_questions_are_counted_by_outcome(api: Api, vies: FakeVies, customer_of: CustomerOf) -> None:
    def counted(outcome: str) -> float:
        return REGISTRY.get_sample_value("ledger_vat_checks_total", {"outcome": outcome}) or 0

    before = {outcome: counted(outcome) for outcome in ("valid", "invalid", "unverified", "outage")}
    customer = customer_of(api)
    for answer in (verdict(valid=True), verdict(valid=False), refusal("MS_UNAVAILABLE"), raw(b"", 503)):
        vies.usual = answer
        verify(api, customer)
    assert {outcome: counted(outcome) - before[outcome] for outcome in before} == dict.fromkeys(before, 1)
