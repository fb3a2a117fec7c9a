"""Claims about `/api/grants` and `/api/customers/{id}/credit`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from accounting.models import Account, JournalEntry
from accounting.services.settling_grants import settle_due
from common.clock import SystemClock
from common.ids import encode_id, new_id
from common.prefixes import ACCOUNT, CUSTOMER, GRANT
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.billing.conftest import FRAME_QUERIES
from tests.clients import Api

pytestmark = pytest.mark.django_db
FIELDS = {
    "id", "object", "accountId", "amount", "remaining", "currency", "source", "priority", "status", "effectiveAt",
    "expiresAt", "rollover", "rolledFromId", "metadata", "createdAt", "updatedAt",
}  # fmt: skip


def made(answer: Any, status: int = 201) -> Any:
    """The body of an answer that must have this status."""
    assert answer.status_code == status, answer.content
    return answer.json()


def refusal(answer: Any) -> tuple[int, str, list[tuple[str, str]]]:
    """Status, code, and path and code of each problem."""
    body = answer.json()
    return answer.status_code, body["code"], [(one["path"], one["code"]) for one in body.get("details", [])]


def in_hours(hours: int) -> str:
    return (SystemClock().now() + dt.timedelta(hours=hours)).isoformat()


def customer(api: Api, **fields: Any) -> str:
    return str(made(api.post("/api/customers", fields))["id"])


def grant(api: Api, owner: str, amount: int = 100, **fields: Any) -> Any:
    return api.post("/api/grants", {"customerId": owner, "amount": amount, "currency": "EUR", **fields})


def owed(api: Api, owner: str) -> int:
    return int(made(api.get(f"/api/customers/{owner}"), 200)["balance"])


@pytest.fixture
def shop(api: Api) -> str:
    """An account to spend at."""
    return str(made(api.post("/api/accounts", {"currency": "EUR"}))["id"])


@pytest.fixture
def pay(api: Api, shop: str) -> Callable[[str, int], Any]:
    """A transfer from an account to the shop."""

    def run(account: str, amount: int) -> Any:
        body = {"fromAccountId": account, "toAccountId": shop, "amount": amount, "currency": "EUR"}
        return api.post("/api/transfers", body)

    return run


def test_a_grant_shows_every_field_and_its_defaults(api: Api) -> None:
    body = made(grant(api, customer(api)))
    assert body.keys() == FIELDS
    shown = {name: body[name] for name in ("object", "amount", "remaining", "source", "priority", "status")}
    assert shown == {
        "object": "grant", "amount": 100, "remaining": 100, "source": "promotional", "priority": 50, "status": "active",
    }  # fmt: skip
    assert (body["effectiveAt"], body["expiresAt"], body["rollover"]) == (body["createdAt"], None, None)


def test_everything_given_is_shown(api: Api) -> None:
    given: dict[str, Any] = {
        "source": "purchased", "priority": 3, "effectiveAt": in_hours(1), "expiresAt": in_hours(2),
        "rollover": {"min": 0, "max": 50}, "metadata": {"campaign": "spring"},
    }  # fmt: skip
    body = made(grant(api, customer(api), **given))
    assert body["status"] == "scheduled"
    assert {name: body[name] for name in ("source", "priority", "rollover", "metadata")} == {
        name: given[name] for name in ("source", "priority", "rollover", "metadata")
    }


def test_a_customer_has_one_wallet_per_unit(api: Api) -> None:
    made(api.post("/api/units", {"code": "CREDITS", "exponent": 0}))
    owner = customer(api)
    euros = {made(grant(api, owner))["accountId"], made(grant(api, owner))["accountId"]}
    points = {made(grant(api, owner, currency="CREDITS"))["accountId"]}
    assert (len(euros), len(points), euros & points) == (1, 1, set())
    account = made(api.get(f"/api/accounts/{euros.pop()}"), 200)
    assert (account["ownerId"], account["type"], account["overdraft"]["policy"]) == (owner, "liability", "none")


def test_a_grant_is_spent_by_transfers_and_what_is_left_is_revoked_once(api: Api, pay: Any) -> None:
    body = made(grant(api, customer(api)))
    made(pay(body["accountId"], 60))
    first = made(api.post(f"/api/grants/{body['id']}/revoke", {"reason": "Mistake"}), 200)
    again = made(api.post(f"/api/grants/{body['id']}/revoke", {"reason": "Again"}), 200)
    assert (first, first["status"], first["remaining"]) == (again, "revoked", 0)
    assert refusal(pay(body["accountId"], 1))[:2] == (422, "insufficient_funds")


def test_a_used_grant_is_not_revoked(api: Api, pay: Any) -> None:
    body = made(grant(api, customer(api)))
    made(pay(body["accountId"], 100))
    assert refusal(api.post(f"/api/grants/{body['id']}/revoke", {"reason": "No"}))[:2] == (409, "grant_not_active")


def test_lists_are_narrowed_by_customer_account_and_status(api: Api) -> None:
    one, two = customer(api), customer(api)
    first, second = made(grant(api, one)), made(grant(api, two, effectiveAt=in_hours(1)))
    for query, expected in (
        ("", [second, first]), (f"?customerId={one}", [first]), (f"?accountId={second['accountId']}", [second]),
        ("?status=scheduled", [second]), ("?status=active,scheduled", [second, first]), ("?status=used", []),
    ):  # fmt: skip
        assert made(api.get(f"/api/grants{query}"), 200)["data"] == expected, query


@pytest.mark.parametrize(
    ("fields", "path", "code"),
    [
        ({"amount": 0}, "amount", "too_small"),
        ({"amount": -1}, "amount", "too_small"),
        ({"priority": 256}, "priority", "too_large"),
        ({"source": "stolen"}, "source", "invalid_choice"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt", "too_small"),
        ({"rollover": {"min": 1, "max": 2}}, "expiresAt", "required"),
        ({"rollover": {"min": 3, "max": 2}, "expiresAt": "2999-01-01T00:00:00Z"}, "rollover.max", "too_small"),
        ({"accountId": encode_id(ACCOUNT, new_id())}, "accountId", "mutually_exclusive"),
        ({"customerId": None}, "customerId", "required"),
        ({"colour": "red"}, "colour", "unknown_field"),
    ],
)
def test_wrong_fields_are_refused_by_name(api: Api, fields: dict[str, Any], path: str, code: str) -> None:
    answer = api.post("/api/grants", {"customerId": customer(api), "amount": 1, "currency": "EUR", **fields})
    assert refusal(answer) == (400, "validation_error", [(path, code)])


def test_an_end_before_the_beginning_is_refused(api: Api) -> None:
    answer = grant(api, customer(api), effectiveAt=in_hours(2), expiresAt=in_hours(1))
    assert refusal(answer) == (400, "validation_error", [("expiresAt", "too_small")])


def test_what_does_not_exist_or_is_another_tenants_is_not_found(api: Api, other_api: Api) -> None:
    theirs = made(grant(other_api, customer(other_api)))
    assert refusal(grant(api, customer(other_api))) == (404, "not_found", [("customerId", "not_found")])
    body = {"accountId": theirs["accountId"], "amount": 1, "currency": "EUR"}
    assert refusal(api.post("/api/grants", body)) == (404, "not_found", [("accountId", "not_found")])
    for identity in (theirs["id"], encode_id(GRANT, new_id())):
        assert api.post(f"/api/grants/{identity}/revoke", {"reason": "No"}).status_code == 404
    assert made(api.get("/api/grants"), 200)["data"] == []


def test_units_and_accounts_that_take_no_grants_are_refused(api: Api, shop: str) -> None:
    owner = customer(api)
    assert refusal(grant(api, owner, currency="POINTS"))[:2] == (422, "unknown_unit")
    asset = made(api.post("/api/accounts", {"currency": "EUR", "type": "asset"}))["id"]
    body = {"accountId": asset, "amount": 1, "currency": "EUR"}
    assert refusal(api.post("/api/grants", body))[:2] == (422, "account_not_a_wallet")
    wrong = {"accountId": shop, "amount": 1, "currency": "USD"}
    assert refusal(api.post("/api/grants", wrong))[:2] == (422, "currency_mismatch")
    wallet = made(grant(api, owner))["accountId"]
    change = {"overdraft": {"policy": "limit", "limit": 5}}
    assert refusal(api.patch(f"/api/accounts/{wallet}", change))[:2] == (409, "account_bounded")
    made(api.post(f"/api/accounts/{wallet}/suspend", {"reason": "Dispute"}), 200)
    assert refusal(grant(api, owner))[:2] == (422, "account_suspended")


def test_the_wallet_of_a_customer_is_never_without_bound(api: Api, pay: Any) -> None:
    body = made(grant(api, customer(api)))
    made(pay(body["accountId"], 100))
    change = {"overdraft": {"policy": "unlimited"}}
    assert refusal(api.patch(f"/api/accounts/{body['accountId']}", change))[:2] == (409, "account_bounded")


def test_credit_of_a_customer_is_given_and_taken_back(api: Api, tenant: Tenant) -> None:
    owner = customer(api)
    transfer = made(api.post(f"/api/customers/{owner}/credit", {"amount": 500, "reason": "Goodwill"}))
    assert (transfer["object"], transfer["amount"], transfer["currency"]) == ("transfer", 500, "EUR")
    assert (transfer["description"], owed(api, owner)) == ("Goodwill", -500)
    back = made(api.post(f"/api/customers/{owner}/credit", {"amount": -200, "reason": "Mistake"}))
    assert (back["fromAccountId"], back["toAccountId"]) == (transfer["toAccountId"], transfer["fromAccountId"])
    assert (back["amount"], owed(api, owner)) == (200, -300)
    answer = api.post(f"/api/customers/{owner}/credit", {"amount": -301, "reason": "Greed"})
    assert (refusal(answer)[:2], owed(api, owner)) == ((422, "insufficient_funds"), -300)
    with tenant_scope(tenant.id):
        assert Account.objects.get(owner_type="system").code == "customer_credit:EUR"


def test_credit_is_in_the_currency_given_else_the_customers_else_the_tenants(api: Api) -> None:
    swiss, anybody = customer(api, currency="CHF"), customer(api)
    for owner, fields, currency in ((swiss, {}, "CHF"), (anybody, {}, "EUR"), (anybody, {"currency": "USD"}, "USD")):
        answer = api.post(f"/api/customers/{owner}/credit", {"amount": 7, "reason": "Bonus", **fields})
        assert made(answer)["currency"] == currency
    assert (owed(api, swiss), owed(api, anybody)) == (-7, -7)
    assert [one["balance"] for one in made(api.get("/api/customers"), 200)["data"]] == [-7, -7]


@pytest.mark.parametrize(
    ("fields", "path", "code"),
    [
        ({"amount": 0, "reason": "No"}, "amount", "invalid"),
        ({"amount": 5}, "reason", "required"),
        ({"reason": "No"}, "amount", "required"),
        ({"amount": 10**15 + 1, "reason": "No"}, "amount", "too_large"),
        ({"amount": -(10**15) - 1, "reason": "No"}, "amount", "too_small"),
    ],
)
def test_wrong_credit_is_refused_by_name(api: Api, fields: dict[str, Any], path: str, code: str) -> None:
    answer = api.post(f"/api/customers/{customer(api)}/credit", fields)
    assert refusal(answer) == (400, "validation_error", [(path, code)])


def test_credit_for_nobody_or_another_tenants_customer_is_not_found(api: Api, other_api: Api) -> None:
    for owner in (encode_id(CUSTOMER, new_id()), customer(other_api)):
        answer = api.post(f"/api/customers/{owner}/credit", {"amount": 1, "reason": "No"})
        assert answer.status_code == 404


def test_a_customer_with_credit_or_with_a_grant_to_come_is_in_use(api: Api) -> None:
    owner = customer(api)
    body = made(grant(api, owner, effectiveAt=in_hours(1)))
    assert refusal(api.delete(f"/api/customers/{owner}"))[:2] == (409, "customer_in_use")
    made(api.post(f"/api/grants/{body['id']}/revoke", {"reason": "No"}), 200)
    assert api.delete(f"/api/customers/{owner}").status_code == 204


def test_a_repeated_key_grants_once(api: Api, tenant: Tenant) -> None:
    body = {"customerId": customer(api), "amount": 5, "currency": "EUR"}
    first, again = api.post("/api/grants", body, key="k"), api.post("/api/grants", body, key="k")
    assert made(first) == made(again)
    with tenant_scope(tenant.id):
        assert JournalEntry.objects.count() == 1


def test_scopes_are_those_of_accounts(tenant: Tenant, api: Api, api_of: Callable[..., Api]) -> None:
    owner, reader = customer(api), api_of(tenant, "accounts:read", "customers:write")
    assert reader.get("/api/grants").status_code == 200
    assert grant(reader, owner).status_code == 403
    assert reader.post(f"/api/customers/{owner}/credit", {"amount": 1, "reason": "No"}).status_code == 403


def test_lists_cost_the_same_for_one_row_and_for_many(api: Api, django_assert_num_queries: Any) -> None:
    for size in (1, 20):
        for _ in range(size):
            made(grant(api, customer(api)))
        for path in ("/api/grants?limit=100", "/api/customers?limit=100"):
            with django_assert_num_queries(FRAME_QUERIES + 2):  # grants that are due, the page
                api.get(path)


def test_the_sweep_finds_nothing_to_do_for_grants_that_are_not_due(api: Api, tenant: Tenant) -> None:
    made(grant(api, customer(api), effectiveAt=in_hours(1)))
    assert settle_due(tenant_id=tenant.id, at=SystemClock().now()) == 0
    assert settle_due(tenant_id=tenant.id, at=SystemClock().now() + dt.timedelta(hours=1)) == 1


def test_what_is_read_is_what_time_has_made_of_it(api: Api, time_machine: Any) -> None:
    """Nobody waits for the sweep: what has ended is not shown as credit, and what has begun is."""
    time_machine.move_to("2026-03-01T12:00:00Z")
    owner = customer(api)
    ends = in_hours(1)
    account = made(grant(api, owner, 70, expiresAt=ends))["accountId"]
    made(grant(api, owner, 5, effectiveAt=in_hours(2)))

    def balance(query: str = "") -> int:
        return int(made(api.get(f"/api/accounts/{account}/balance{query}"), 200)["available"])

    def shown() -> list[tuple[str, int]]:
        rows = made(api.get(f"/api/grants?customerId={owner}"), 200)["data"]
        return [(row["status"], row["remaining"]) for row in rows]

    assert (balance(), owed(api, owner), shown()) == (70, -70, [("scheduled", 5), ("active", 70)])
    time_machine.shift(dt.timedelta(hours=1, minutes=1))
    assert balance() == 0
    assert balance(f"?at={ends.replace('+00:00', 'Z')}") == 70
    time_machine.shift(dt.timedelta(hours=1))
    assert shown() == [("active", 5), ("expired", 0)]
    made(grant(api, owner, 8, expiresAt=in_hours(1)))
    assert owed(api, owner) == -13
    time_machine.shift(dt.timedelta(hours=1))
    assert owed(api, owner) == -5
    assert [row["balance"] for row in made(api.get("/api/customers"), 200)["data"]] == [-5]
