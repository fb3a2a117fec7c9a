"""Generated requests over the whole document: every answer is one that the document announces, and none is a 5xx."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.config import SchemathesisConfig
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.stateful import OpenAPIStateMachine

from common.ids import new_id
from tenants.models import Tenant
from tests.clients import Api
from tests.conformance.contract import METHODS, Route, the_document
from tests.conformance.objects import Owner, objects_of, path_prefix

CONFIG = {
    "checks": {
        # The document cannot say everything: `AAA` looks like a currency, two fields may exclude each other.
        "positive_data_acceptance": {"enabled": False},
        # test_identity.py does it for every route.
        "ignored_auth": {"enabled": False},
    },
    "generation": {"mode": "all", "with-security-parameters": False},
}
SETTINGS = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
KEY = "Idempotency-Key"


def without_tenant_header(document: dict[str, Any]) -> dict[str, Any]:
    """The document for callers with a service key. A random X-Tenant-Id would only ever be refused, before all else."""
    reduced = copy.deepcopy(document)
    for item in reduced["paths"].values():
        for method in METHODS:
            if "parameters" in item.get(method, {}):
                parameters = item[method]["parameters"]
                item[method]["parameters"] = [one for one in parameters if one["name"] != "X-Tenant-Id"]
    return reduced


document = schemathesis.openapi.from_dict(
    without_tenant_header(the_document()), config=SchemathesisConfig.from_dict(CONFIG)
)
document.app = WSGIHandler()


@pytest.fixture
def owner(transactional_db: None, tenant: Tenant, api: Api) -> Owner:
    """A fresh tenant whose requests commit, as they do in production."""
    return Owner(tenant, api)


def send(case: Case, owner: Owner) -> Response:
    """Send a generated request as the owner and hold the answer against the document; what succeeded is replayed."""
    make_key_fresh(case)
    response = case.call_and_validate(headers=owner.api.headers)
    if case.method in ("POST", "PUT", "PATCH", "DELETE") and KEY in (case.headers or {}) and response.status_code < 300:
        again = case.call(headers=owner.api.headers)
        assert (again.status_code, again.content) == (response.status_code, response.content)
        assert again.headers["idempotent-replayed"] == ["true"]
    return response


def make_key_fresh(case: Case) -> None:
    """Generated keys are often the same, and would show nothing but conflicts; keys that are refused stay."""
    key = (case.headers or {}).get(KEY)
    if isinstance(key, str) and re.fullmatch(r"[\x20-\x7e]{1,255}", key.strip()):
        case.headers[KEY] = f"{key.strip()[:200]}-{new_id()}"


def explore(case: Case, owner: Owner) -> None:
    """As generated, and once more for objects that exist where the path names one."""
    send(case, owner)
    if "{" in case.operation.path and case.method.lower() in METHODS:
        [name] = case.path_parameters
        for identity in objects_of(path_prefix(Route(case.operation.path, case.method)), owner):
            case.path_parameters[name] = identity
            send(case, owner)


def machine_of(owner: Owner) -> type[OpenAPIStateMachine]:
    """Sequences of calls: what one answers is what the next one asks about."""
    base: Any = document.as_state_machine()

    class Workflow(base):  # type: ignore[misc]
        def before_call(self, case: Case) -> None:
            make_key_fresh(case)

        def get_call_kwargs(self, case: Case) -> dict[str, Any]:
            return {"headers": owner.api.headers}

    return Workflow


@document.parametrize()
@settings(SETTINGS, max_examples=12)
def test_answers_are_those_of_the_document(case: Case, owner: Owner):
    explore(case, owner)


@pytest.mark.long
@document.parametrize()
@settings(SETTINGS, max_examples=400, derandomize=False)
def test_answers_are_those_of_the_document_at_length(case: Case, owner: Owner):
    explore(case, owner)


def test_sequences_of_calls(owner: Owner):
    machine_of(owner).run(settings=settings(SETTINGS, max_examples=25, stateful_step_count=8))


@pytest.mark.long
def test_long_sequences_of_calls(owner: Owner):
    machine_of(owner).run(settings=settings(SETTINGS, max_examples=600, stateful_step_count=20, derandomize=False))
