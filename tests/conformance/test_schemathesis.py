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
from tests.conformance.objects import FACTORIES, PARTS, Owner, objects_of, one_object_of, path_prefix
from tests.conftest import RANDOM

# What a request that the document forbids may be answered with. A logo beyond its `maxLength` can make the body too
# large.
REFUSALS = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429"]
CONFIG = {
    "checks": {
        # The document cannot say everything: `AAA` looks like a currency, two fields may exclude each other.
        "positive_data_acceptance": {"enabled": False},
        # test_identity.py does it for every route.
        "ignored_auth": {"enabled": False},
        "negative_data_rejection": {"expected-statuses": REFUSALS},
    },
    "generation": {"mode": "all", "with-security-parameters": False, "allow-x00": False},
}
SETTINGS = settings(
    deadline=None,
    derandomize=not RANDOM,
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


@pytest.fixture
def make_owner(
    transactional_db: None, make_tenant: Callable[[], Tenant], api_of: Callable[[Tenant], Api]
) -> Callable[[], Owner]:
    """Makes tenants like `owner`."""

    def make() -> Owner:
        tenant = make_tenant()
        return Owner(tenant, api_of(tenant))

    return make


def takes_key(case: Case[Any]) -> bool:
    """Whether the call has an effect that must not happen twice: what only computes takes no key."""
    return any(one.get("name") == KEY for one in case.operation.definition.raw.get("parameters", []))


def send(case: Case[Any], owner: Owner) -> Response:
    """Send a generated request as the owner and hold the answer against the document; what succeeded is replayed."""
    make_key_fresh(case)
    response = case.call_and_validate(headers=owner.api.headers)
    if takes_key(case) and KEY in (case.headers or {}) and response.status_code < 300:
        again = case.call(headers=owner.api.headers)
        assert (again.status_code, again.content) == (response.status_code, response.content)
        assert again.headers["idempotent-replayed"] == ["true"]
    return response


# What to put in place of a value that the document allows and the service refuses; anything else is left out.
BETTER = {"invalid_currency": "EUR", "invalid_datetime": "2026-05-01T00:00:00Z", "required": "ada"}


def send_until_accepted(case: Case[Any], ask: Callable[[], Response]) -> Response:
    """Send a request; when it was meant to be right, again with each field that `details` names set right."""
    meant_right = case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
    response = ask()
    for _ in range(5 if meant_right and isinstance(case.body, dict) else 0):
        problems = response.json().get("details", []) if response.status_code in (400, 404) else []
        body = copy.deepcopy(case.body)
        if not problems or not all(set_right(body, one["path"], one["code"]) for one in problems):
            break
        case.body = body
        response = ask()
    return response


def set_right(body: Any, path: str, code: str) -> bool:
    """Give the field at `path`, as in `items[0].unitPrice`, a value that will do. False when there is no such field."""
    *before, last = [int(name) if name.isdigit() else name for name in re.findall(r"[^.\[\]]+", path)]
    try:
        for name in before:
            body = body[name]
        if code in BETTER:
            body[last] = BETTER[code]
        elif isinstance(body[last], float) and body[last].is_integer():
            body[last] = int(body[last])  # JSON Schema takes 5.0 for an integer; we do not
        elif isinstance(body[last], str) and code == "invalid":
            body[last] = "ada"
        else:
            del body[last]
    except (KeyError, IndexError, TypeError):
        return False
    return True


def make_key_fresh(case: Case[Any]) -> None:
    """Generated keys are often the same, and would show nothing but conflicts; keys that are refused stay."""
    key = case.headers.get(KEY) if case.headers else None
    if isinstance(key, str) and re.fullmatch(r"[\x20-\x7e]{1,255}", key.strip()):
        case.headers[KEY] = f"{key.strip()[:200]}-{new_id()}"


def main_parameter(case: Case[Any]) -> str:
    """The parameter of the path that names the object; those that name a part of it are set to one that exists."""
    case.path_parameters.update({name: value for name, value in PARTS.items() if name in case.path_parameters})
    [name] = set(case.path_parameters) - set(PARTS)
    return name


def explore(case: Case[Any], owner: Owner) -> None:
    """As generated, and once more for an object that exists where the path names one."""
    send_until_accepted(case, lambda: send(case, owner))
    if "{" in case.operation.path and case.method.lower() in METHODS:
        name = main_parameter(case)
        for identity in one_object_of(path_prefix(Route(case.operation.path, case.method)), owner):
            case.path_parameters[name] = identity
            send_until_accepted(case, lambda: send(case, owner))


def machine_of(make_owner: Callable[[], Owner]) -> type[OpenAPIStateMachine]:
    """Sequences of calls: what one answers is what the next one asks about. Each sequence has a tenant of its own."""
    base: Any = document.as_state_machine()

    class Workflow(base):  # type: ignore[misc]
        def setup(self) -> None:
            self.owner = make_owner()
            self.known = {prefix: objects_of(prefix, self.owner) for prefix in FACTORIES}
            self.steps = 0

        def before_call(self, case: Case[Any]) -> None:
            make_key_fresh(case)
            self.steps += 1
            if "{" in case.operation.path:
                # A sequence may start at an operation with a random id, which would end it.
                name = main_parameter(case)
                known = self.known[path_prefix(Route(case.operation.path, case.method))]
                if str(case.path_parameters[name]) not in known:
                    case.path_parameters[name] = known[self.steps % len(known)]

        def call(self, case: Case[Any], **kwargs: Any) -> Response:
            response = send_until_accepted(case, lambda: case.call(**kwargs))
            # A batch has no id, and a unit is asked for by none.
            created = response.json().get("id") if response.status_code == 201 else None
            if created and created.rpartition("_")[0] in self.known:
                self.known[created.rpartition("_")[0]].append(created)
            return response

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            return {"headers": self.owner.api.headers}

    return Workflow


@document.parametrize()
@settings(SETTINGS, max_examples=10)
def test_answers_are_those_of_the_document(case: Case[Any], owner: Owner):
    explore(case, owner)


@pytest.mark.long
@pytest.mark.timeout(900)
@document.parametrize()
@settings(SETTINGS, max_examples=100)
def test_answers_are_those_of_the_document_at_length(case: Case[Any], owner: Owner):
    explore(case, owner)


def test_sequences_of_calls(make_owner: Callable[[], Owner]):
    machine_of(make_owner).run(settings=settings(SETTINGS, max_examples=25, stateful_step_count=10))


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_long_sequences_of_calls(make_owner: Callable[[], Owner]):
    machine_of(make_owner).run(settings=settings(SETTINGS, max_examples=300, stateful_step_count=20))
