"""Claims about the order of checks, identity, scopes and the shape of every refusal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from common.ids import encode_id, new_id
from common.prefixes import SERVICE_KEY, TENANT
from tenants.enums import Role, TenantStatus
from tenants.models import Membership, StaffToken, Tenant, User
from tenants.scope import tenant_scope
from tenants.scopes import ROLE_SCOPES, SCOPES, covers
from tenants.services.service_keys import create_service_key, revoke_service_key
from tenants.services.staff import add_membership, create_staff_token, create_user
from tests.clients import Api

pytestmark = pytest.mark.django_db
NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


def staff(tenant: Tenant | None, role: Role = Role.ADMIN, **options: Any) -> tuple[User, str]:
    user = create_user(email=f"{new_id().hex}@example.com", at=NOW)
    if tenant is not None:
        with tenant_scope(tenant.id):
            add_membership(tenant_id=tenant.id, user_id=user.pk, role=role, at=NOW)
    _, secret = create_staff_token(user=user, name="t", at=NOW, **options)
    return user, secret


def type_id(tenant: Tenant) -> str:
    return encode_id(TENANT, tenant.id)


# One request breaks as many rules as it can; the first in the contract's order answers. Each row repairs one more.
BROKEN: dict[str, Any] = {"raw": b"{" + b"x" * 2_000_000, "content_type": "text/plain", "key": "ä" * 300}


@pytest.mark.parametrize(
    ("repaired", "status", "code"),
    [
        (0, 404, "not_found"),
        (1, 405, "method_not_allowed"),
        (2, 401, "authentication_required"),
        (3, 401, "invalid_credentials"),
        (4, 400, "tenant_required"),
        (5, 403, "forbidden"),
        (6, 403, "forbidden"),
        (7, 403, "insufficient_scope"),
        (8, 429, "rate_limited"),
        (9, 413, "payload_too_large"),
        (10, 415, "unsupported_media_type"),
        (11, 400, "malformed_json"),
        (12, 400, "invalid_idempotency_key"),
        (13, 400, "validation_error"),
        (14, 409, "idempotency_conflict"),
        (15, 200, None),
    ],
)
def test_the_first_failing_check_answers(
    tenant: Tenant, other_tenant: Tenant, api_of: Callable[..., Api], settings: Any,
    repaired: int, status: int, code: str | None,
) -> None:  # fmt: skip
    settings.RATE_LIMIT_PER_MINUTE = 0
    method = "PATCH" if repaired >= 2 else "POST"
    path = "/api/settings" if repaired >= 1 else "/api/nothing/here"
    api = Api()
    if repaired == 3:
        api = Api.with_key("sk_svc_unknown")
    elif repaired == 4:
        api = Api.with_token(staff(tenant)[1])
    elif repaired == 5:
        api = Api.with_token(staff(tenant)[1], type_id(other_tenant))
    elif repaired == 6:
        api = Api.with_token(staff(tenant)[1], "tnt_nonsense")
    elif repaired == 7:
        api = api_of(tenant, "settings:read")
    elif repaired == 8:
        api = api_of(tenant, rate_limit_per_minute=1)
        api.get("/api/settings")
    elif repaired >= 9:
        api = api_of(tenant)
    sent = dict(BROKEN)
    if repaired >= 10:
        sent["raw"] = b'{"taxRate": NaN}'
    if repaired >= 11:
        sent["content_type"] = "application/json"
    if repaired >= 12:
        sent["raw"] = b'{"taxRate": -1}'
    if repaired >= 13:
        sent["key"] = "k"
        if repaired >= 14:
            assert api.patch("/api/settings", {"taxRate": 1}, key="k").status_code == 200
            sent["raw"] = b'{"taxRate": 2}' if repaired == 14 else b'{"taxRate":1}'
    answer = api.request(method, path, **sent)
    assert answer.status_code == status, answer.content
    body = answer.json()
    if code is not None:
        assert body["code"] == code
        assert set(body) - {"details"} == {"message", "code", "traceId"}
        assert body["traceId"] == answer["X-Trace-Id"]


def test_a_refusal_names_the_allowed_methods(api: Api) -> None:
    answer = api.put("/api/settings", {})
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD, PATCH")


@pytest.mark.parametrize("path", ["/api/settings/", "/api/nothing", "/api", "/api/jobs/", "/api/audit/x"])
def test_what_has_no_route_is_404_in_json(api: Api, path: str) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_head_answers_like_get_without_a_body(api: Api) -> None:
    answer = api.request("HEAD", "/api/settings")
    assert (answer.status_code, answer.content) == (200, b"")


def test_every_answer_carries_the_headers_of_the_house(api: Api) -> None:
    for answer in (api.get("/api/settings"), api.get("/api/none"), Api().get("/api/settings")):
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["Referrer-Policy"] == "no-referrer"
        assert answer["X-Trace-Id"]


@pytest.mark.parametrize("given", ["abc-DEF_123", "x" * 64])
def test_a_trace_id_is_kept(api: Api, given: str) -> None:
    assert api.get("/api/settings", x_trace_id=given)["X-Trace-Id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "ä", "a\tb", "<script>"])
def test_another_trace_id_is_replaced(api: Api, given: str) -> None:
    assert api.get("/api/settings", x_trace_id=given)["X-Trace-Id"] != given


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "nonsense", "*/*", ""])
def test_accept_never_fails_a_request(api: Api, accept: str) -> None:
    answer = api.get("/api/settings", accept=accept)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json; charset=utf-8")


def test_unknown_revoked_and_expired_keys_read_alike(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        revoked, revoked_secret = create_service_key(tenant_id=tenant.id, name="r", scopes=["*"], at=NOW)
        revoke_service_key(tenant_id=tenant.id, key_id=revoked.id, at=NOW)
        _, expired_secret = create_service_key(
            tenant_id=tenant.id, name="e", scopes=["*"], at=NOW, expires_at=NOW - DAY
        )
    _, revoked_token = staff(tenant)
    StaffToken.objects.update(revoked_at=NOW)
    _, expired_token = staff(tenant, expires_at=NOW - DAY)
    gone, inactive_token = staff(tenant)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    callers = [
        Api.with_key("sk_svc_unknown"), Api.with_key(revoked_secret), Api.with_key(expired_secret),
        Api({"X-API-Key": revoked_secret}), Api({"Authorization": "Basic dTpw"}), Api({"Authorization": "ServiceKey"}),
        Api({"Authorization": "ServiceKey " + "x" * 5000}), Api({"Authorization": "nonsense"}),
        Api.with_token("st_unknown", type_id(tenant)), Api.with_token(revoked_token, type_id(tenant)),
        Api.with_token(expired_token, type_id(tenant)), Api.with_token(inactive_token, type_id(tenant)),
        Api.with_key("ü\u20ac"),
    ]  # fmt: skip
    answers = [caller.get("/api/settings", x_trace_id="t") for caller in callers]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert {answer["WWW-Authenticate"] for answer in answers} == {"ServiceKey"}
    assert answers[0].json()["code"] == "invalid_credentials"


def test_the_alias_header_works_and_the_scheme_is_read_in_any_case(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        _, secret = create_service_key(tenant_id=tenant.id, name="k", scopes=["*"], at=NOW)
    assert Api({"X-API-Key": secret}).get("/api/settings").status_code == 200
    assert Api({"Authorization": f"servicekey  {secret}"}).get("/api/settings").status_code == 200


def test_a_key_may_name_its_own_tenant_and_no_other(api: Api, tenant: Tenant, other_tenant: Tenant) -> None:
    assert api.get("/api/settings", x_tenant_id=type_id(tenant)).status_code == 200
    for other in (type_id(other_tenant), "nonsense", "", encode_id(SERVICE_KEY, tenant.id)):
        answer = api.get("/api/settings", x_tenant_id=other)
        assert (answer.status_code, answer.json()["code"]) == (403, "tenant_mismatch")


def test_a_suspended_tenants_callers_are_refused(api: Api, tenant: Tenant) -> None:
    _, token = staff(tenant)
    with tenant_scope(tenant.id):
        Tenant.objects.update(status=TenantStatus.SUSPENDED)
    for caller in (api, Api.with_token(token, type_id(tenant))):
        answer = caller.get("/api/settings")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_an_inactive_membership_is_none(tenant: Tenant) -> None:
    user, token = staff(tenant)
    caller = Api.with_token(token, type_id(tenant))
    assert caller.get("/api/settings").status_code == 200
    with tenant_scope(tenant.id):
        Membership.objects.filter(user_id=user.pk).update(active=False)
    assert caller.get("/api/settings").status_code == 403


def test_staff_of_two_tenants_work_in_the_one_they_name(tenant: Tenant, other_tenant: Tenant) -> None:
    user, token = staff(tenant, Role.OWNER)
    with tenant_scope(other_tenant.id):
        add_membership(tenant_id=other_tenant.id, user_id=user.pk, role=Role.READ_ONLY, at=NOW)
    here, there = Api.with_token(token, type_id(tenant)), Api.with_token(token, type_id(other_tenant))
    assert here.patch("/api/settings", {"taxLabel": "here"}).status_code == 200
    assert there.patch("/api/settings", {"taxLabel": "there"}).status_code == 403
    assert there.get("/api/settings").json()["taxLabel"] == "VAT"


@pytest.mark.parametrize(
    ("role", "reads", "writes", "audit"),
    [
        (Role.OWNER, 200, 200, 200), (Role.ADMIN, 200, 200, 200), (Role.MEMBER, 403, 403, 403),
        (Role.READ_ONLY, 200, 403, 200),
    ],
)  # fmt: skip
def test_each_role_opens_what_the_contract_says(
    tenant: Tenant, role: Role, reads: int, writes: int, audit: int
) -> None:
    caller = Api.with_token(staff(tenant, role)[1], type_id(tenant))
    assert caller.get("/api/settings").status_code == reads
    assert caller.patch("/api/settings", {}).status_code == writes
    assert caller.get("/api/audit").status_code == audit


def test_roles_and_scopes_are_those_of_the_contract() -> None:
    assert ROLE_SCOPES[Role.OWNER] == ROLE_SCOPES[Role.ADMIN] == {"*"}
    assert ROLE_SCOPES[Role.READ_ONLY] == {scope for scope in SCOPES if scope.endswith(":read")}
    assert SCOPES - ROLE_SCOPES[Role.MEMBER] == {
        f"{area}:{access}" for area in ("providers", "settings", "audit") for access in ("read", "write")
    }
    assert not covers({"settings:write"}, "settings:read")
    assert not covers({"settings:read"}, "settings:write")


def test_a_session_needs_a_csrf_token_to_change_anything(tenant: Tenant) -> None:
    from django.test import Client

    user, _ = staff(tenant)
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    api = Api({"X-Tenant-Id": type_id(tenant)}, client)
    assert api.get("/api/settings").status_code == 200
    refused = api.patch("/api/settings", {"taxRate": 1})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    token = "a" * 32
    client.cookies["csrftoken"] = token
    assert api.patch("/api/settings", {"taxRate": 1}, x_csrftoken=token).status_code == 200
    assert Api(client=client).get("/api/settings").status_code == 400


def test_an_unknown_query_parameter_is_refused_on_every_method(api: Api) -> None:
    for answer in (api.get("/api/settings?x=1"), api.patch("/api/settings?x=1", {})):
        assert answer.status_code == 400
        assert answer.json()["details"] == [
            {"path": "x", "code": "unknown_parameter", "message": "This parameter is not known here."}
        ]


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200), ("application/json; charset=utf-8", 200), ("Application/JSON;charset=UTF-8", 200),
        ('application/json; charset="utf-8"', 200), ("application/json; charset=latin-1", 415), ("text/json", 415),
        ("application/x-www-form-urlencoded", 415), ("multipart/form-data; boundary=x", 415), ("", 415),
        ("application/json; x=y", 415), ("application/vnd.api+json", 415),
    ],
)  # fmt: skip
def test_only_json_in_utf_8_is_read(api: Api, content_type: str, status: int) -> None:
    assert api.patch("/api/settings", {"taxRate": 3}, content_type=content_type).status_code == status


@pytest.mark.parametrize(("size", "status"), [(1_048_576, 200), (1_048_577, 413)])
def test_the_body_may_have_one_mebibyte(api: Api, size: int, status: int) -> None:
    body = b'{"taxRate": 3}'
    assert api.patch("/api/settings", raw=body + b" " * (size - len(body))).status_code == status


@pytest.mark.parametrize("declared", ["x", "-1", "1e9", " 5", "99999999999999999999", "１２"])
def test_a_strange_content_length_is_refused_and_is_no_error_of_ours(api: Api, declared: str) -> None:
    answer = api.client.generic(
        "PATCH", "/api/settings", b"{}", content_type="application/json", headers=api.headers, CONTENT_LENGTH=declared
    )
    assert answer.status_code in (400, 413)
