"""Claims about the page of exchange rates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from common.ids import decode_id
from common.prefixes import EXCHANGE_RATE
from tenants.enums import Role
from tenants.models import Tenant
from tests.billing.catalogue import body
from tests.clients import Api
from tests.tenants.backoffice.pressing import buttons_on, press, tables_on, text_of

pytestmark = pytest.mark.django_db
LIST = "/admin/billing/exchangerate/"
GIVEN = {"from": "USD", "to": "EUR", "rate": "0.9213", "validFrom": "2026-01-01T00:00:00Z", "source": "ECB"}
FORM = {"from_currency": "USD", "to_currency": "EUR", "rate": "0.9213", "valid_from": "2026-01-01T00:00"}


@pytest.fixture
def browser(tenant: Tenant, browser_of: Callable[..., Client]) -> Client:
    return browser_of(tenant)


def created(api: Api, **fields: Any) -> Any:
    answer = api.post("/api/exchange-rates", GIVEN | fields)
    assert answer.status_code == 201, answer.content
    return body(answer)


def rates(api: Api) -> list[Any]:
    found: list[Any] = api.get("/api/exchange-rates").json()["data"]
    return found


def page(made: Any) -> str:
    return f"{LIST}{decode_id(EXCHANGE_RATE, made['id'])}/change/"


def test_a_rate_is_recorded_and_read(api: Api, browser: Client) -> None:
    answer = press(browser, f"{LIST}do/create/", **FORM, source="European Central Bank")
    assert "1 USD = 0.9213 EUR has been recorded." in text_of(answer)
    (made,) = rates(api)
    assert {name: made[name] for name in ("from", "to", "rate", "validFrom", "source")} == {
        "from": "USD", "to": "EUR", "rate": "0.9213", "validFrom": "2026-01-01T00:00:00.000Z",
        "source": "European Central Bank",
    }  # fmt: skip
    for said in (text_of(browser.get(LIST)), text_of(browser.get(page(made)))):
        assert "1 USD = 0.9213 EUR" in said
        assert "European Central Bank" in said
    assert buttons_on(browser.get(page(made))) == set()


def test_the_form_begins_now(api: Api, browser: Client) -> None:
    given = {name: value for name, value in FORM.items() if name != "valid_from"}
    assert press(browser, f"{LIST}do/create/", **given).status_code == 200
    (made,) = rates(api)
    assert made["validFrom"][:10] == made["createdAt"][:10]
    assert made["source"] is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"to_currency": "USD"}, "Expected another currency."), ({"rate": "0"}, "At least 0.000000000001."),
        ({"rate": "0,92"}, "Expected a decimal string"), ({"rate": "0.1234567890123"}, "At most 12 decimal places."),
        ({"rate": "9999999999"}, "At most 1000000000."), ({"valid_from": "yesterday"}, "Enter a valid date/time."),
        ({"rate": ""}, "This field is required."),
    ],
    ids=["one currency", "nothing", "comma", "places", "size", "day", "empty"],
)  # fmt: skip
def test_what_is_wrong_stands_at_the_field(api: Api, browser: Client, fields: dict[str, str], said: str) -> None:
    answer = press(browser, f"{LIST}do/create/", **(FORM | fields))
    assert (answer.status_code, said in text_of(answer)) == (422, True)
    assert rates(api) == []


def test_a_second_rate_from_the_same_instant_is_refused(api: Api, browser: Client) -> None:
    made = created(api)
    answer = press(browser, f"{LIST}do/create/", **FORM)
    assert (answer.status_code, "A correction begins later." in text_of(answer)) == (409, True)
    assert rates(api) == [made]


def test_a_rate_says_whether_it_counts_and_shows_its_siblings(api: Api, browser: Client) -> None:
    old, new = created(api, validFrom="2025-01-01T00:00:00Z", rate="0.9"), created(api)
    ahead = created(api, validFrom="2100-01-01T00:00:00Z", rate="1.1")
    created(api, to="GBP", rate="0.8")
    for made, state in ((old, "Followed by another"), (new, "In force"), (ahead, "Yet to begin")):
        assert state in text_of(browser.get(page(made))), state
    table = tables_on(browser.get(page(new)))[0]
    assert [row[0] for row in table[1:]] == ["1 USD = 1.1 EUR", "1 USD = 0.9 EUR"]


def test_lists_are_filtered_and_searched_by_currencies(api: Api, browser: Client) -> None:
    made = created(api, rate="0.9")
    created(api, validFrom="2025-01-01T00:00:00Z", rate="0.7")
    created(api, rate="1.1", **{"from": "EUR", "to": "USD"})
    created(api, rate="1.2", to="GBP", validFrom="2100-01-01T00:00:00Z")
    euros, old = "1 USD = 0.9 EUR", "1 USD = 0.7 EUR"
    dollars, ahead = "1 EUR = 1.1 USD", "1 USD = 1.2 GBP"

    def found(**query: str) -> set[str]:
        said = text_of(browser.get(LIST, query))
        return {text for text in (euros, old, dollars, ahead) if text in said}

    assert found() == {euros, old, dollars, ahead}
    assert found(**{"from": "usd"}) == {euros, old, ahead}
    assert found(to="USD") == {dollars}
    assert found(state="in_force") == {euros, dollars}
    assert found(state="ahead") == {ahead}
    assert found(begins_until="2025-12-31") == {old}
    assert found(q="USD EUR") == found(q="usd/eur") == {euros, old}
    assert found(q="GBP") == {ahead}
    assert found(q=made["id"]) == {euros}
    assert found(q="anything else") == set()


@pytest.mark.parametrize(
    ("role", "offered"), [(Role.OWNER, True), (Role.ADMIN, True), (Role.MEMBER, True), (Role.READ_ONLY, False)], ids=str
)
def test_who_may_write_the_catalogue_may_record_rates(
    api: Api, tenant: Tenant, browser_of: Callable[..., Client], role: Role, offered: bool
) -> None:
    browser = browser_of(tenant, role=role)
    assert ("create" in buttons_on(browser.get(LIST))) is offered
    assert (browser.get(f"{LIST}do/create/").status_code == 200) is offered
    assert (browser.post(f"{LIST}do/create/", FORM).status_code == 403) is not offered


def test_the_rates_of_another_tenant_are_not_there(api: Api, other_api: Api, browser: Client) -> None:
    made = created(other_api, source="Elsewhere")
    assert "Elsewhere" not in text_of(browser.get(LIST))
    assert "Elsewhere" not in text_of(browser.get(page(made), follow=True))


def test_a_list_costs_the_same_for_one_rate_and_for_many(api: Api, browser: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert "1 USD = 0.9213 EUR" in text_of(browser.get(LIST, {"state": "in_force"}))
        return len(captured)

    created(api)
    queries()  # what is looked up once
    one = queries()
    for target in ("GBP", "CHF", "JPY", "SEK"):
        created(api, to=target)
    assert queries() == one < 15
