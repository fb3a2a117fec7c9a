"""A VIES for the tests of VAT numbers, and customers with a number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.billing.vat.fake_vies import PATH, FakeVies
from tests.clients import Api

NUMBER, OTHER_NUMBER = "DE136695976", "FR40303265045"


@pytest.fixture
def vies(settings: Any) -> Iterator[FakeVies]:
    """A VIES that this installation asks."""
    made = FakeVies()
    settings.VIES_URL = made.url(PATH)
    settings.LEDGER_EGRESS_ALLOW = "127.0.0.1"
    yield made
    made.close()


@pytest.fixture
def customer_of() -> Callable[..., dict[str, Any]]:
    """Makes customers through the API: `customer_of(api, vatId=…)`."""

    def make(api: Api, **fields: Any) -> dict[str, Any]:
        answer = api.post("/api/customers", {"name": "Ada", "vatId": NUMBER, **fields})
        assert answer.status_code == 201, answer.content
        made: dict[str, Any] = answer.json()
        return made

    return make
