"""What the tests of invoices share: callers that act as a sibling service, and a clean memory of the hot path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from invoicing.services import one_statement
from tenants.models import Tenant
from tests.clients import Api
from tests.invoicing.documents import Invoices


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """The hot path remembers facts per process; ids of flushed tenants never come back, but memory would grow."""
    yield
    one_statement._facts.clear()


@pytest.fixture
def invoices(tenant: Tenant, api: Api) -> Invoices:
    """The invoices of `tenant` as a sibling service handles them."""
    return Invoices(tenant, api)


@pytest.fixture
def other_invoices(other_tenant: Tenant, other_api: Api) -> Invoices:
    """Those of another tenant."""
    return Invoices(other_tenant, other_api)


@pytest.fixture
def settings_of(tenant: Tenant, api: Api) -> Callable[..., dict[str, Any]]:
    """Changes the settings over the API: `settings_of(taxRate=1900)`."""

    def change(**values: Any) -> dict[str, Any]:
        answer = api.patch("/api/settings", values)
        assert answer.status_code == 200, answer.content
        changed: dict[str, Any] = answer.json()
        return changed

    return change
