"""Claims about `Idempotency-Key`: the first answer again, byte for byte, and never a second effect."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.urls import path

from common.api.fields import IntegerField
from common.api.operation import operation
from common.api.serializers import InputSerializer
from common.errors import RuleViolation
from common.ids import encode_id
from common.prefixes import JOB
from tenants.api.view import Answer, Call, TenantView, guard_of
from tenants.idempotency import Guard, fingerprint, read_key
from tenants.models import IdempotencyKey, Job, Tenant
from tenants.scope import tenant_scope
from tenants.services.jobs import create_job
from tenants.tasks import purge_idempotency_keys
from tests.clients import Api


class MakeInput(InputSerializer):
    """What the route of these tests takes."""

    outcome = IntegerField(min_value=0, max_value=599, required=False)


started, may_end = threading.Event(), threading.Event()


class MakeView(TenantView):
    """A route with an effect (a job) and any outcome."""

    @operation("invoices:write", "Make a thing", answers={201: None}, body=MakeInput)
    def post(self, call: Call) -> Answer:
        job = create_job(tenant_id=call.tenant_id, kind="made", at=call.at)
        outcome = call.data.get("outcome", 201)
        if outcome == 598:
            started.set()
            assert may_end.wait(10)
            outcome = 201
        if outcome == 597:
            commit_key_on_another_connection(call)
            outcome = 201
        if outcome == 599:
            raise RuntimeError("a mistake of ours")
        if outcome == 422:
            raise RuleViolation()
        if outcome == 204:
            return Answer(204)
        name = encode_id(JOB, job.id)
        return Answer(outcome, {"id": name, "ü": "€", "n": 1}, location=f"/api/jobs/{name}")

    @operation("invoices:write", "Remove a thing", answers={204: None})
    def delete(self, call: Call) -> Answer:
        create_job(tenant_id=call.tenant_id, kind="removed", at=call.at)
        return Answer(204)


def commit_key_on_another_connection(call: Call) -> None:
    guard = guard_of(call, call.request.headers["Idempotency-Key"])
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT set_config('ledger.tenant_id', %s, true)", [str(call.tenant_id)])
            cursor.execute(
                "INSERT INTO tenants_idempotencykey (id, tenant_id, key, fingerprint, status, body, expires_at) "
                "VALUES (%s, %s, %s, %s, 201, %s, now() + interval '1 day')",
                [guard.id, guard.tenant_id, guard.key, guard.fingerprint, '{"by":"another"}'],
            )
            cursor.execute("COMMIT")
    finally:
        other.close()


class StrictView(TenantView):
    """A route that does nothing without a key."""

    @operation("invoices:write", "Make it once", answers={200: None}, key_required=True)
    def post(self, call: Call) -> Answer:
        return Answer(200, {})


urlpatterns = [path("api/made", MakeView.as_view()), path("api/strict", StrictView.as_view())]
handler404 = "common.api.frame.not_found"

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


def jobs(tenant: Tenant) -> int:
    with tenant_scope(tenant.id):
        return Job.objects.count()


def keys(tenant: Tenant) -> int:
    with tenant_scope(tenant.id):
        return IdempotencyKey.objects.count()


def test_the_same_request_gives_the_same_answer_and_one_effect(api: Api, tenant: Tenant) -> None:
    first = api.post("/api/made", {}, key="k", x_trace_id="one")
    again = api.post("/api/made", {}, key="k", x_trace_id="two")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Location"] == first["Location"]
    assert again["Content-Type"] == first["Content-Type"]
    assert again["Idempotent-Replayed"] == "true"
    assert again["X-Trace-Id"] == "two"
    assert not first.has_header("Idempotent-Replayed")
    assert jobs(tenant) == 1


def test_answers_without_a_body_are_replayed(api: Api, tenant: Tenant) -> None:
    for method, body in (("POST", {"outcome": 204}), ("DELETE", None)):
        answers = [api.request(method, "/api/made", body, key=method) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [204, 204]
        assert [answer.content for answer in answers] == [b"", b""]
        assert answers[1]["Idempotent-Replayed"] == "true"
    assert jobs(tenant) == 2


def test_another_spelling_of_the_same_json_is_the_same_request(api: Api, tenant: Tenant) -> None:
    api.post("/api/made", raw=b'{"outcome": 200}', key="k")
    again = api.post("/api/made", raw=b' {\n"outcome" :200 } ', key="k")
    assert again["Idempotent-Replayed"] == "true"
    assert jobs(tenant) == 1


@pytest.mark.parametrize(
    ("method", "address", "body"),
    [("POST", "/api/made", {"outcome": 200}), ("DELETE", "/api/made", {}), ("POST", "/api/strict", {})],
)
def test_another_request_under_the_key_is_refused(
    api: Api, tenant: Tenant, method: str, address: str, body: dict[str, Any]
) -> None:
    first = api.post("/api/made", {}, key="k")
    answer = api.request(method, address, body, key="k")
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict")
    assert jobs(tenant) == 1
    assert api.post("/api/made", {}, key="k").content == first.content


def test_keys_of_two_tenants_do_not_meet(api: Api, other_api: Api, tenant: Tenant, other_tenant: Tenant) -> None:
    one, two = api.post("/api/made", {}, key="k"), other_api.post("/api/made", {}, key="k")
    assert one.content != two.content
    assert (jobs(tenant), jobs(other_tenant)) == (1, 1)


def test_another_key_of_the_same_tenant_replays_too(api: Api, tenant: Tenant, api_of: Callable[..., Api]) -> None:
    first = api.post("/api/made", {}, key="k")
    assert api_of(tenant).post("/api/made", {}, key="k").content == first.content


@pytest.mark.parametrize(("outcome", "status"), [(422, 422), (599, 500), (-1, 400)])
def test_a_failing_answer_stores_nothing_and_frees_the_key(api: Api, tenant: Tenant, outcome: int, status: int) -> None:
    assert api.post("/api/made", {"outcome": outcome}, key="k").status_code == status
    assert (jobs(tenant), keys(tenant)) == (0, 0)
    assert api.post("/api/made", {}, key="k").status_code == 201
    assert (jobs(tenant), keys(tenant)) == (1, 1)


def test_a_declined_payment_is_an_answer_and_is_replayed(api: Api, tenant: Tenant) -> None:
    first = api.post("/api/made", {"outcome": 402}, key="k")
    again = api.post("/api/made", {"outcome": 402}, key="k")
    assert (first.status_code, again.status_code, again.content) == (402, 402, first.content)
    assert again["Idempotent-Replayed"] == "true"


def test_an_expired_key_is_free_again(api: Api, tenant: Tenant) -> None:
    api.post("/api/made", {}, key="k")
    with tenant_scope(tenant.id):
        IdempotencyKey.objects.update(expires_at=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1))
    answer = api.post("/api/made", {"outcome": 200}, key="k")
    assert answer.status_code == 200
    assert not answer.has_header("Idempotent-Replayed")
    assert (jobs(tenant), keys(tenant)) == (2, 1)


def test_a_key_is_kept_for_a_day(api: Api, tenant: Tenant) -> None:
    api.post("/api/made", {}, key="k")
    with tenant_scope(tenant.id):
        left = IdempotencyKey.objects.get().expires_at - dt.datetime.now(dt.UTC)
    assert dt.timedelta(hours=23, minutes=59) < left <= dt.timedelta(hours=24)


@pytest.mark.parametrize("key", ["", "x" * 256, "ä", "a\tb", "€"])
def test_a_malformed_key_is_refused(api: Api, key: str) -> None:
    answer = api.post("/api/made", {}, key=key)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")


@pytest.mark.parametrize("key", ["x", "x" * 255, " !~\"'"])
def test_any_printable_ascii_is_a_key(api: Api, key: str) -> None:
    assert read_key(key) == key
    assert api.post("/api/made", {}, key=key).status_code == 201


def test_some_routes_need_a_key(api: Api) -> None:
    answer = api.post("/api/strict", {})
    assert (answer.status_code, answer.json()["code"]) == (400, "missing_idempotency_key")
    assert api.post("/api/strict", {}, key="k").status_code == 200


def test_a_key_on_a_read_is_ignored(api: Api) -> None:
    assert api.request("GET", "/api/made", key="ä").status_code == 405


def test_what_makes_requests_the_same() -> None:
    same = fingerprint("POST", "/a", [("x", "1"), ("y", "2")], {"a": 1, "b": [1, 2]})
    assert fingerprint("POST", "/a", [("y", "2"), ("x", "1")], {"b": [1, 2], "a": 1}) == same
    for other in (
        fingerprint("PATCH", "/a", [("x", "1"), ("y", "2")], {"a": 1, "b": [1, 2]}),
        fingerprint("POST", "/b", [("x", "1"), ("y", "2")], {"a": 1, "b": [1, 2]}),
        fingerprint("POST", "/a", [("x", "1")], {"a": 1, "b": [1, 2]}),
        fingerprint("POST", "/a", [("x", "1"), ("y", "2")], {"a": 1, "b": [2, 1]}),
        fingerprint("POST", "/a", [("x", "1"), ("y", "2")], {"a": "1", "b": [1, 2]}),
        fingerprint("POST", "/a", [("x", "1"), ("y", "2")], {"a": True, "b": [1, 2]}),
    ):
        assert other != same


def test_numbers_that_no_field_takes_are_told_apart_until_they_are_refused():
    body = {"a": [1.5, 10**30], "b": None}
    same = fingerprint("POST", "/a", [], body)
    assert fingerprint("POST", "/a", [], dict(reversed(body.items()))) == same
    others = [{"a": ["1.5", 10**30], "b": None}, {"a": [1.5, 10**30 + 1], "b": None}]
    assert same not in {fingerprint("POST", "/a", [], other) for other in others}


def test_a_purge_deletes_what_has_expired_and_nothing_else(
    api: Api, other_api: Api, tenant: Tenant, other_tenant: Tenant
) -> None:
    for caller, name in ((api, "old"), (api, "new"), (other_api, "old")):
        caller.post("/api/made", {}, key=name)
    for one in (tenant, other_tenant):
        with tenant_scope(one.id):
            IdempotencyKey.objects.filter(key="old").update(expires_at=dt.datetime.now(dt.UTC))
    assert purge_idempotency_keys() == 2
    assert (keys(tenant), keys(other_tenant)) == (1, 0)
    assert purge_idempotency_keys() == 0


@pytest.fixture
def slow_first(api: Api) -> Iterator[dict[str, Any]]:
    """A first request on a connection of its own, in the middle of its work."""
    started.clear()
    may_end.clear()
    result: dict[str, Any] = {}

    def first() -> None:
        try:
            result["answer"] = Api(api.headers).post("/api/made", {"outcome": 598}, key="k")
        finally:
            connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    assert started.wait(10)
    result["thread"] = thread
    yield result
    may_end.set()
    thread.join(10)


@pytest.mark.django_db(transaction=True)
def test_while_the_first_runs_the_second_is_told_so_and_afterwards_gets_its_answer(
    api: Api, tenant: Tenant, slow_first: dict[str, Any]
) -> None:
    during = api.post("/api/made", {"outcome": 598}, key="k")
    assert (during.status_code, during.json()["code"]) == (409, "idempotency_in_progress")
    assert during["Retry-After"] == "1"
    assert api.post("/api/made", {}, key="other").status_code == 201
    may_end.set()
    slow_first["thread"].join(10)
    after = api.post("/api/made", {"outcome": 598}, key="k")
    assert after.content == slow_first["answer"].content
    assert after["Idempotent-Replayed"] == "true"
    assert jobs(tenant) == 2


@pytest.mark.django_db(transaction=True)
def test_a_crash_strands_no_key(api: Api, tenant: Tenant) -> None:
    dying = connection.copy()
    dying.connect()
    guard = Guard(tenant.id, "k", b"\x00" * 32)
    with dying.cursor() as cursor:
        number = int.from_bytes(guard.id.bytes[:8], "big", signed=True)
        cursor.execute("BEGIN")
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
    assert api.post("/api/made", {}, key="k").status_code == 409
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [dying.connection.info.backend_pid])
    assert api.post("/api/made", {}, key="k").status_code == 201
    dying.close()
    assert (jobs(tenant), keys(tenant)) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_under_one_key_have_one_effect(api: Api, tenant: Tenant) -> None:
    answers: list[Any] = []

    def call() -> None:
        try:
            answers.append(Api(api.headers).post("/api/made", {}, key="k"))
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert jobs(tenant) == 1


@pytest.mark.django_db(transaction=True)
def test_a_key_used_meanwhile_undoes_the_effect_and_becomes_the_replay(api: Api, tenant: Tenant) -> None:
    """A one-statement route takes no lock: it may commit between this request's look at the key and its storing."""
    answer = api.post("/api/made", {"outcome": 597}, key="k")
    assert (answer.status_code, answer.json()) == (201, {"by": "another"})
    assert answer["Idempotent-Replayed"] == "true"
    assert (jobs(tenant), keys(tenant)) == (0, 1)
