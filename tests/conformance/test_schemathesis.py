"""Generated requests over the whole document: every answer is one that the document announces, and none is a 5xx."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.config import SchemathesisConfig
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.stateful import OpenAPIStateMachine

from common.ids import new_id
from tenants.models import Tenant
from tests.clients import Api
from tests.conformance.contract import METHODS, Route, the_document
from tests.conformance.objects import FACTORIES, Owner, objects_of, path_prefix

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


# What to put in place of a value that the document allows and the service refuses; anything else is left out.
BETTER = {"invalid_currency": "EUR", "invalid_datetime": "2026-05-01T00:00:00Z", "required": "ada"}


def send_until_accepted(case: Case, ask: Callable[[], Response]) -> Response:
    """Send a request, and again with the fields that `details` names set right, as a careful caller would."""
    response = ask()
    for _ in range(5):
        if not set_all_right(case, response):
            break
        response = ask()
    return response


def set_all_right(case: Case, response: Response) -> bool:
    """Change the body as the refusal asks for. False when the request was meant to be wrong, or nothing can be done."""
    if response.status_code not in (400, 404) or not allowed_by_document(case) or not isinstance(case.body, dict):
        return False
    body, problems = copy.deepcopy(case.body), response.json().get("details", [])
    if not problems or not all(set_right(body, one["path"], one["code"]) for one in problems):
        return False
    case.body = body
    return True


def allowed_by_document(case: Case) -> bool:
    """Whether the request was generated as a valid one."""
    return case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE


def set_right(body: Any, path: str, code: str) -> bool:
    """Give the field at `path`, as in `items[0].unitPrice`, a value that will do. False when there is no such field."""
    *before, last = [int(name) if name.isdigit() else name for name in re.findall(r"[^.\[\]]+", path)]
    try:
        for name in before:
            body = body[name]
        if code in BETTER:
            body[last] = BETTER[code]
        else:
            del body[last]
    except (KeyError, IndexError, TypeError):
        return False
    return True


def make_key_fresh(case: Case) -> None:
    """Generated keys are often the same, and would show nothing but conflicts; keys that are refused stay."""
    key = (case.headers or {}).get(KEY)
    if isinstance(key, str) and re.fullmatch(r"[\x20-\x7e]{1,255}", key.strip()):
        case.headers[KEY] = f"{key.strip()[:200]}-{new_id()}"


def explore(case: Case, owner: Owner) -> None:
    """As generated, and once more for objects that exist where the path names one."""
    send_until_accepted(case, lambda: send(case, owner))
    if "{" in case.operation.path and case.method.lower() in METHODS:
        [name] = case.path_parameters
        for identity in objects_of(path_prefix(Route(case.operation.path, case.method)), owner):
            case.path_parameters[name] = identity
            send_until_accepted(case, lambda: send(case, owner))


def machine_of(owner: Owner) -> type[OpenAPIStateMachine]:
    """Sequences of calls: what one answers is what the next one asks about. Some objects exist from the start."""
    for prefix in FACTORIES:
        objects_of(prefix, owner)
    base: Any = document.as_state_machine()

    class Workflow(base):  # type: ignore[misc]
        def before_call(self, case: Case) -> None:
            make_key_fresh(case)

        def call(self, case: Case, **kwargs: Any) -> Response:
            return send_until_accepted(case, lambda: case.call(**kwargs))

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
    machine_of(owner).run(settings=settings(SETTINGS, max_examples=60, stateful_step_count=10))


@pytest.mark.long
def test_long_sequences_of_calls(owner: Owner):
    machine_of(owner).run(settings=settings(SETTINGS, max_examples=600, stateful_step_count=20, derandomize=False))
