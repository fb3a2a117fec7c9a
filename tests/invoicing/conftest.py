"""What the tests of invoices share: callers that act as a sibling service, and a clean memory of the hot path."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from invoicing.services import one_statement
from invoicing.services.recognising import recognise_revenue
from tenants.models import Tenant
from tests.clients import Api
from tests.invoicing.documents import Invoices
from tests.tenants.backoffice.conftest import _no_second_factor, browser_of, make_member  # noqa: F401

QUARTER = {"periodStart": "2026-01-01T00:00:00Z", "periodEnd": "2026-04-01T00:00:00Z"}


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


@pytest.fixture
def year(invoices: Invoices, settings_of: Callable[..., Any], time_machine: Any) -> dict[str, dict[str, Any]]:
    """January: three invoices with 10 % of tax, one of which is paid in February and one is for three months."""
    settings_of(taxRate=1000, timeZone="Europe/Berlin", paymentTermsDays=14)
    time_machine.move_to("2026-01-05T10:00:00Z", tick=False)
    made = {"open": invoices.make(1_000), "paid": invoices.make(2_000), "served": invoices.make(9_000, **QUARTER)}
    made["yen"] = invoices.make(500, currency="JPY", userId="user-2")
    time_machine.move_to("2026-02-10T10:00:00Z", tick=False)
    assert invoices.act(made["paid"], "mark-paid").status_code == 200
    recognise_revenue(tenant_id=invoices.tenant.id, at=dt.datetime(2026, 2, 10, tzinfo=dt.UTC))
    return made


@pytest.fixture
def price(invoices: Invoices) -> Callable[..., str]:
    """Makes a price of a new product."""

    def make(**terms: Any) -> str:
        product = invoices.api.post("/api/products", {"name": "Calls", "type": "one_time"}).json()
        made = invoices.api.post("/api/prices", {"productId": product["id"], "currency": "EUR", **terms})
        assert made.status_code == 201, made.json()
        return str(made.json()["id"])

    return make
