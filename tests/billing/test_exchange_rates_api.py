"""Claims about `/api/exchange-rates`, about which rate is in force, and about what the database refuses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from billing.exchange import exchange_rate, exchange_rates
from billing.models import ExchangeRate
from billing.services.exchange_rates import record_exchange_rate
from tenants.models import AuditEntry, Tenant
from tenants.scope import tenant_scope
from tests.billing.catalogue import body, problems, refusal
from tests.billing.conftest import FRAME_QUERIES
from tests.clients import Api
from tests.conftest import AT

pytestmark = pytest.mark.django_db
PATH = "/api/exchange-rates"
GIVEN: dict[str, Any] = {
    "from": "USD", "to": "EUR", "rate": "0.9213", "validFrom": "2026-01-01T00:00:00.000Z", "source": "ECB",
}  # fmt: skip
NEW_YEAR = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
MILLISECOND = dt.timedelta(milliseconds=1)


def created(api: Api, **fields: Any) -> Any:
    answer = api.post(PATH, GIVEN | fields)
    assert answer.status_code == 201, answer.content
    return body(answer)


def listed(api: Api, query: str = "") -> list[Any]:
    answer = api.get(f"{PATH}?{query}")
    assert answer.status_code == 200, answer.content
    found: list[Any] = body(answer)["data"]
    return found


def recorded(tenant: Tenant, rate: str, *, source: str = "USD", target: str = "EUR", after: int = 0) -> ExchangeRate:
    """A rate that begins some days after the new year."""
    return record_exchange_rate(
        tenant_id=tenant.id, at=AT, from_currency=source, to_currency=target, rate=Decimal(rate),
        valid_from=NEW_YEAR + dt.timedelta(days=after),
    )  # fmt: skip


# --- recording ----------------------------------------------------------------------------------------------------


def test_every_field_given_is_shown(api: Api) -> None:
    made = created(api)
    assert {name: made[name] for name in GIVEN} == GIVEN
    assert set(made) == {"id", "object", "from", "to", "rate", "validFrom", "source", "createdAt"}
    assert (made["object"], made["id"][:4]) == ("exchangeRate", "fxr_")
    assert listed(api) == [made]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("0.921300000000", "0.9213"), (150, "150"), ("1.0", "1"), ("0.000000000001", "0.000000000001"),
        (1_000_000_000, "1000000000"), ("999999999.999999999999", "999999999.999999999999"), ("0089500", "89500"),
    ],
    ids=str,
)  # fmt: skip
def test_a_rate_is_kept_to_its_last_place(api: Api, given: Any, shown: str) -> None:
    assert created(api, rate=given)["rate"] == listed(api)[0]["rate"] == shown


@pytest.mark.parametrize(
    ("rate", "code"),
    [
        (0, "too_small"), ("-1", "too_small"), ("0.0000000000001", "too_long"), ("1000000000.1", "too_large"),
        (0.9213, "invalid"), ("1e3", "invalid"), ("", "invalid"), (True, "invalid"), ("NaN", "invalid"),
        ("9" * 40, "invalid"), (10**29, "too_large"), (None, "required"), ([1], "invalid"), ("٣", "invalid"),
    ],
    ids=str,
)  # fmt: skip
def test_a_rate_is_a_decimal_above_0_within_reason(api: Api, rate: Any, code: str) -> None:
    assert problems(api.post(PATH, GIVEN | {"rate": rate})) == {"rate": code}
    assert listed(api) == []


def test_every_problem_is_listed_at_once(api: Api) -> None:
    wrong = {"from": "usd", "to": "XAU", "rate": "x", "validFrom": "2026-01-01", "source": "a" * 256, "base": "EUR"}
    assert problems(api.post(PATH, wrong)) == {
        "from": "invalid_currency", "to": "invalid_currency", "rate": "invalid", "validFrom": "invalid_datetime",
        "source": "too_long", "base": "unknown_field",
    }  # fmt: skip
    missing = dict.fromkeys(("from", "to", "rate", "validFrom"), "required")
    assert problems(api.post(PATH, {})) == missing
    assert problems(api.post(PATH, GIVEN | {"source": "a\nb"})) == {"source": "invalid"}


def test_a_currency_has_no_rate_to_itself(api: Api) -> None:
    assert problems(api.post(PATH, GIVEN | {"to": "USD"})) == {"to": "invalid"}
    assert listed(api) == []


def test_the_source_need_not_be_given(api: Api) -> None:
    made = body(api.post(PATH, {name: value for name, value in GIVEN.items() if name != "source"}))
    assert made["source"] is None
    assert problems(api.post(PATH, GIVEN | {"source": " "})) == {"source": "too_short"}


def test_two_currencies_have_one_rate_from_an_instant_on(api: Api, other_api: Api) -> None:
    first = created(api)
    for again in ({}, {"rate": "0.5"}, {"validFrom": "2026-01-01T01:00:00+01:00"}):
        answer = api.post(PATH, GIVEN | again)
        assert problems(answer, 409) == {"validFrom": "already_exists"}
        assert refusal(answer) == (409, "already_exists")
    assert listed(api) == [first]
    created(api, validFrom="2026-01-01T00:00:00.001Z")
    created(api, **{"from": "EUR", "to": "USD"})
    created(api, to="GBP")
    created(other_api)


@pytest.mark.django_db(transaction=True)
def test_of_two_rates_from_one_instant_at_once_one_wins(api: Api, at_once: Callable[..., list[Any]]) -> None:
    answers = at_once(*[lambda: api.post(PATH, GIVEN).status_code] * 3)
    assert sorted(answers) == [201, 409, 409]
    assert len(listed(api)) == 1


def test_the_same_request_twice_records_one_rate(api: Api) -> None:
    answers = [api.post(PATH, GIVEN, key="rates of today") for _ in range(2)]
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert len(listed(api)) == 1


def test_a_rate_that_is_recorded_enters_the_trail(api: Api, tenant: Tenant) -> None:
    created(api)
    with tenant_scope(tenant.id):
        assert AuditEntry.objects.filter(action="exchangeRate.created").count() == 1


# --- lists --------------------------------------------------------------------------------------------------------


def test_lists_are_newest_first_and_filtered_by_the_two_currencies(api: Api, other_api: Api) -> None:
    one, two, three = created(api), created(api, to="GBP"), created(api, **{"from": "EUR", "to": "USD"})
    created(other_api)
    assert listed(api) == [three, two, one]
    assert listed(api, "from=USD") == [two, one]
    assert listed(api, "to=USD") == [three]
    assert listed(api, "from=USD&to=EUR") == [one]
    assert listed(api, "from=JPY") == []
    assert problems(api.get(f"{PATH}?from=usd&to=X&at=yesterday&base=EUR")) == {
        "from": "invalid_currency", "to": "invalid_currency", "at": "invalid_datetime", "base": "unknown_parameter",
    }  # fmt: skip


def test_at_an_instant_each_two_currencies_have_their_latest_rate(api: Api, other_api: Api) -> None:
    old = created(api, validFrom="2025-06-01T00:00:00Z")
    ahead = created(api, validFrom="2026-02-01T00:00:00Z")
    new = created(api)
    pounds = created(api, to="GBP", validFrom="2025-12-31T00:00:00Z")
    created(other_api, validFrom="2026-01-15T00:00:00Z")
    assert listed(api, "at=2025-05-31T23:59:59.999Z") == []
    assert listed(api, "at=2025-06-01T00:00:00Z") == [old]
    assert listed(api, "at=2025-12-31T23:59:59.999Z") == [pounds, old]
    assert listed(api, "at=2026-01-01T01:00:00+01:00") == [pounds, new]
    assert listed(api, "at=2026-02-01T00:00:00Z&to=EUR") == [ahead]


# --- which rate counts --------------------------------------------------------------------------------------------


def test_a_rate_counts_from_its_first_instant_until_the_next_begins(scope: Tenant) -> None:
    later, first = recorded(scope, "0.95", after=10), recorded(scope, "0.92")

    def found(at: dt.datetime) -> ExchangeRate | None:
        return exchange_rate(tenant_id=scope.id, source="USD", target="EUR", at=at)

    assert found(NEW_YEAR - MILLISECOND) is None
    assert found(NEW_YEAR) == first
    assert found(later.valid_from - MILLISECOND) == first
    assert found(later.valid_from) == found(later.valid_from + dt.timedelta(days=3650)) == later


def test_a_rate_that_comes_late_counts_for_the_past_too(scope: Tenant) -> None:
    recorded(scope, "0.92")
    corrected = recorded(scope, "0.93", after=1)
    at = NEW_YEAR + dt.timedelta(days=2)
    assert exchange_rate(tenant_id=scope.id, source="USD", target="EUR", at=at) == corrected


def test_the_other_direction_does_not_count(scope: Tenant) -> None:
    recorded(scope, "0.92")
    assert exchange_rate(tenant_id=scope.id, source="EUR", target="USD", at=NEW_YEAR) is None


def test_nor_does_the_way_over_a_third_currency(scope: Tenant) -> None:
    recorded(scope, "0.92")
    recorded(scope, "0.85", source="EUR", target="GBP")
    assert exchange_rate(tenant_id=scope.id, source="USD", target="GBP", at=NEW_YEAR) is None


def test_the_rates_of_another_tenant_do_not_count(scope: Tenant, other_tenant: Tenant) -> None:
    recorded(scope, "0.92")
    with tenant_scope(other_tenant.id):
        assert exchange_rate(tenant_id=other_tenant.id, source="USD", target="EUR", at=NEW_YEAR) is None
        assert exchange_rate(tenant_id=scope.id, source="USD", target="EUR", at=NEW_YEAR) is None


def test_the_rates_of_many_pairs_come_in_one_query(scope: Tenant, django_assert_num_queries: Any) -> None:
    for after in range(5):
        recorded(scope, f"0.9{after}", after=after)
        recorded(scope, f"15{after}", target="JPY", after=after)
    recorded(scope, "1.08", source="EUR", target="USD")
    pairs = [("USD", "EUR"), ("USD", "JPY"), ("USD", "EUR"), ("EUR", "USD"), ("GBP", "EUR"), ("EUR", "EUR")]
    at = NEW_YEAR + dt.timedelta(days=3)
    with django_assert_num_queries(1):
        found = exchange_rates(tenant_id=scope.id, pairs=pairs, at=at)
        shown = {pair: (format(one.rate.normalize(), "f"), one.valid_from) for pair, one in found.items()}
    assert shown == {("USD", "EUR"): ("0.93", at), ("USD", "JPY"): ("153", at), ("EUR", "USD"): ("1.08", NEW_YEAR)}
    with django_assert_num_queries(0):
        assert exchange_rates(tenant_id=scope.id, pairs=[], at=at) == {}


def test_a_long_history_is_not_read_to_find_the_rate_in_force(scope: Tenant) -> None:
    ExchangeRate.objects.bulk_create(
        ExchangeRate(
            tenant_id=scope.id, from_currency="USD", to_currency=target, rate=Decimal(1), created_at=AT,
            valid_from=NEW_YEAR + dt.timedelta(days=day),
        )
        for target in ("EUR", "GBP", "JPY")
        for day in range(2000)
    )  # fmt: skip
    pairs = [("USD", "EUR"), ("USD", "GBP")]
    plans: list[str] = []
    with connection.execute_wrapper(_explained(plans)):
        found = exchange_rates(tenant_id=scope.id, pairs=pairs, at=NEW_YEAR + dt.timedelta(days=1500, hours=5))
    assert {one.valid_from for one in found.values()} == {NEW_YEAR + dt.timedelta(days=1500)}
    (plan,) = plans
    assert "Index Scan Backward using exchange_rate_unique" in plan


def _explained(plans: list[str]) -> Callable[..., Any]:
    """Notes the plan of each statement before it runs."""

    def run(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        with context["connection"].cursor() as cursor:
            cursor.cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {sql}", params)
            plans.append("\n".join(row[0] for row in cursor.cursor.fetchall()))
        return execute(sql, params, many, context)

    return run


# --- scopes, costs, the database ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("granted", "method"), [("catalogue:read", "POST"), ("catalogue:write", "GET"), ("products:write", "POST")]
)
def test_each_route_needs_its_scope(tenant: Tenant, api_of: Any, granted: str, method: str) -> None:
    assert refusal(api_of(tenant, granted).request(method, PATH, GIVEN)) == (403, "insufficient_scope")


def test_each_route_costs_a_known_number_of_queries(api: Api, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(FRAME_QUERIES + 3):  # a savepoint around the unique instant
        api.post(PATH, GIVEN)
    with django_assert_num_queries(FRAME_QUERIES + 1):
        api.get(PATH)
    with django_assert_num_queries(FRAME_QUERIES + 1):
        api.get(f"{PATH}?from=USD&to=EUR&at=2026-06-01T00:00:00Z")


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"rate": Decimal(0)}, "exchange_rate_range"), ({"rate": Decimal(-1)}, "exchange_rate_range"),
        ({"rate": Decimal("1000000000.000000000001")}, "exchange_rate_range"),
        ({"to_currency": "USD"}, "exchange_rate_of_two_currencies"),
        ({"from_currency": "usd"}, "exchange_rate_currency_shape"), ({"to_currency": "E1"}, "exchange_rate_currency"),
        ({"source": ""}, "exchange_rate_source_not_empty"), ({"valid_from": NEW_YEAR}, "exchange_rate_unique"),
    ],
    ids=str,
)  # fmt: skip
def test_the_database_refuses_what_makes_no_sense(scope: Tenant, columns: dict[str, Any], constraint: str) -> None:
    recorded(scope, "0.9213")
    base = {
        "tenant_id": scope.id, "from_currency": "USD", "to_currency": "EUR", "rate": Decimal(1), "valid_from": AT,
        "created_at": AT,
    }  # fmt: skip
    with pytest.raises(DatabaseError, match=constraint), transaction.atomic():
        ExchangeRate.objects.create(**(base | columns))
    ExchangeRate.objects.create(**base)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE billing_exchangerate SET rate = 2", "UPDATE billing_exchangerate SET source = NULL",
        "UPDATE billing_exchangerate SET valid_from = now()", "DELETE FROM billing_exchangerate",
    ],
)  # fmt: skip
def test_a_rate_is_never_changed_or_deleted(scope: Tenant, statement: str) -> None:
    recorded(scope, "0.9213")
    refused = pytest.raises(DatabaseError, match="never changed or deleted")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert ExchangeRate.objects.get().rate == Decimal("0.9213")
