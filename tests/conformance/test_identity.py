"""Every route but the public ones wants an identity and its scope, before it looks at anything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from common.ids import encode_id, new_id
from common.prefixes import TENANT
from tenants.models import Tenant
from tests.clients import Api
from tests.conformance.contract import Route, documented_routes
from tests.conformance.objects import missing_id, path_of, path_prefix

ROUTES = [route for route in documented_routes() if not route.public]
pytestmark = pytest.mark.django_db


def address(route: Route) -> str:
    """The route with an id that does not exist."""
    if "{" not in route.path:
        return route.path
    return path_of(route, missing_id(path_prefix(route)))


def call(api: Api, route: Route, **headers: Any) -> Any:
    """A request that nobody could accept, so that whoever reads the body first is seen."""
    return api.request(route.method, address(route), raw=b"{", content_type="text/plain", **headers)


@pytest.mark.parametrize("route", ROUTES, ids=str)
@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "ServiceKey sk_svc_unknown"},
        {"authorization": "Bearer st_unknown"},
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"x_api_key": "sk_svc_unknown"},
    ],
    ids=["unknown key", "unknown token", "other scheme", "unknown alias"],
)
def test_unknown_credentials_are_refused(route: Route, headers: dict[str, str]):
    answer = call(Api(), route, **headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
    assert answer.headers["WWW-Authenticate"] == "ServiceKey"


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_request_without_credentials_is_refused(route: Route):
    answer = call(Api(), route)
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_required")
    assert answer.headers["WWW-Authenticate"] == "ServiceKey"


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_key_of_another_tenant_than_the_one_named_is_refused(route: Route, api: Api):
    answer = call(api, route, x_tenant_id=encode_id(TENANT, new_id()))
    assert (answer.status_code, answer.json()["code"]) == (403, "tenant_mismatch")


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_key_without_the_scope_is_refused(route: Route, tenant: Tenant, api_of: Callable[..., Api]):
    # `any read` is asked of jobs: only a key that may read nothing is refused there.
    other = "webhooks:write" if route.method == "GET" else "webhooks:read"
    answer = call(api_of(tenant, other), route)
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_each_route_names_its_scope(route: Route):
    assert "Scope: `" in route.declared["description"]


@pytest.mark.parametrize("route", [route for route in ROUTES if route.method == "GET"], ids=str)
def test_head_is_refused_like_get(route: Route):
    answer = Api().request("HEAD", address(route))
    assert (answer.status_code, answer.content) == (401, b"")
