"""Claims about what the catalogue rests on: its tables of states, and prices that come back as they were."""

from __future__ import annotations

import re
from itertools import count
from typing import Any

import pytest
from django.conf import settings
from hypothesis import given

from billing.models import Price
from billing.price_terms import SHARED, TERMS, changed_terms, definition_from
from billing.rating.errors import InvalidPrice
from billing.rating.prices import price_data, price_from
from billing.services.products import create_product
from billing.sql_catalogue import VERSION_GUARD
from billing.transitions import PLAN_VERSION
from tenants.models import Tenant
from tests.billing.rating.strategies import prices
from tests.conftest import AT

_numbers = count(1)


def test_the_trigger_of_versions_knows_the_transitions_of_the_table() -> None:
    found = set(re.findall(r"'(\w+)>(\w+)'", VERSION_GUARD))
    assert found == {(source.value, target.value) for (source, _), target in PLAN_VERSION.transitions.items()}


def test_the_diagram_of_versions_is_that_of_their_transitions() -> None:
    page = (settings.BASE_DIR / "docs/architecture.md").read_text()
    assert f"```mermaid\n{PLAN_VERSION.to_mermaid()}```" in page


@pytest.mark.django_db
@given(data=prices())
def test_any_price_comes_back_from_the_database_as_the_engine_knew_it(scope: Tenant, data: dict[str, Any]) -> None:
    price = price_from(data)
    product = create_product(tenant_id=scope.id, at=AT, name=f"P{next(_numbers)}", type="recurring")
    row = Price.objects.create(
        tenant_id=scope.id, product_id=product.id, currency=price.currency, definition=price_data(price),
        created_at=AT, updated_at=AT,
    )  # fmt: skip
    row.refresh_from_db()
    assert row.rated == price
    assert row.definition == price_data(price)


@given(data=prices())
def test_a_price_that_is_changed_in_nothing_stays_what_it_is(data: dict[str, Any]) -> None:
    stored = price_data(price_from(data))
    counted = bool(stored["metered"])
    terms = changed_terms(stored, {}, counted=counted)
    assert set(terms) <= set(TERMS)
    assert definition_from(terms, counted=counted) == stored


def test_a_new_model_leaves_nothing_of_the_old() -> None:
    stored = price_data(price_from({"currency": "EUR", "model": "package", "unitAmount": 1, "packageSize": 5}))
    terms = changed_terms(stored, {"model": "percentage", "rate": "5"}, counted=False)
    assert set(terms) - set(SHARED) == {"rate"}
    assert definition_from(terms, counted=False)["billing"] == "arrears"


def test_what_callers_cannot_say_is_said_of_the_feature() -> None:
    with pytest.raises(InvalidPrice) as refused:
        definition_from({"currency": "EUR", "model": "flat", "unitAmount": 1}, counted=True)
    assert [problem.path for problem in refused.value.details] == ["featureId"]
