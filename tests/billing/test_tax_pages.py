"""Claims about the pages of tax rates, and about taxes on that of a customer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from common.ids import decode_id
from common.prefixes import CUSTOMER, TAX_RATE
from tenants.enums import Role
from tenants.models import Tenant
from tests.billing.catalogue import Catalogue
from tests.clients import Api
from tests.tenants.backoffice.pressing import buttons_on, press, text_of

pytestmark = pytest.mark.django_db
RATES, CUSTOMERS = "/admin/billing/taxrate/", "/admin/billing/customer/"
GIVEN = {"country": "DE", "rate": "19.00", "label": "MwSt.", "valid_from": "2021-01-01T00:00"}


@pytest.fixture
def browser(tenant: Tenant, browser_of: Callable[..., Client]) -> Client:
    return browser_of(tenant)


def latest(api: Api, path: str = "/api/tax-rates") -> Any:
    return api.get(path).json()["data"][0]


def page(made: Any) -> str:
    return f"{RATES}{decode_id(TAX_RATE, made['id'])}/"


def test_a_rate_is_made_renamed_and_ended(api: Api, browser: Client) -> None:
    api.patch("/api/settings", {"timeZone": "Europe/Berlin"})
    answer = press(browser, f"{RATES}do/create/", **GIVEN)
    assert "MwSt., DE, standard has been created." in text_of(answer)
    made = latest(api)
    assert (made["rate"], made["category"], made["region"]) == ("19", "standard", None)
    assert (made["validFrom"], made["validUntil"]) == ("2020-12-31T23:00:00.000Z", None)
    said = text_of(browser.get(RATES))
    for expected in ("Germany", "19 %", "MwSt."):
        assert expected in said, expected
    press(browser, f"{page(made)}do/edit/", label="USt.", valid_until="2100-01-01T00:00")
    shown = latest(api)
    assert (shown["label"], shown["validUntil"]) == ("USt.", "2099-12-31T23:00:00.000Z")
    press(browser, f"{page(made)}do/edit/", valid_until="")
    assert press(browser, f"{page(made)}do/end/").status_code == 200
    assert latest(api)["validUntil"] is not None
    assert "end" not in buttons_on(browser.get(f"{page(made)}change/"))
    late = press(browser, f"{page(made)}do/edit/", valid_until="")
    assert (late.status_code, "has ended" in text_of(late)) == (409, True)


def test_one_that_has_not_begun_is_withdrawn(api: Api, browser: Client) -> None:
    press(browser, f"{RATES}do/create/", **GIVEN | {"valid_from": "2100-01-01T00:00", "region": "by"})
    made = latest(api)
    assert made["region"] == "BY"
    press(browser, f"{page(made)}do/end/")
    assert latest(api)["validUntil"] == made["validFrom"]
    assert "Withdrawn" in text_of(browser.get(RATES))


def test_a_new_name_leaves_the_end_as_it_is_to_the_millisecond(api: Api, browser: Client) -> None:
    body = {"country": "DE", "rate": "19", "label": "VAT", "validFrom": "2021-01-01T00:00:00Z"}
    end = "2100-01-01T00:00:12.345Z"
    made = Catalogue(api).create("/api/tax-rates", body | {"validUntil": end})
    press(browser, f"{page(made)}do/edit/", label="USt.")
    assert (latest(api)["label"], latest(api)["validUntil"]) == ("USt.", end)


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"rate": "100.5"}, 422, "At most 100."), ({"rate": "-1"}, 422, "At least 0."),
        ({"rate": "much"}, 422, "Expected a decimal string"), ({"rate": "0.0000001"}, 422, "At most 6 decimal places."),
        ({"country": ""}, 422, "This field is required."), ({"country": "XX"}, 422, "Select a valid choice."),
        ({"category": "Books"}, 422, "Expected a lower-case word"),
        ({"valid_until": "2021-01-01T00:00"}, 400, "Must be after validFrom."),
    ],
)  # fmt: skip
def test_a_wrong_value_is_said_at_its_field(
    api: Api, browser: Client, fields: dict[str, str], status: int, said: str
) -> None:
    answer = press(browser, f"{RATES}do/create/", **GIVEN | fields)
    assert (answer.status_code, said in text_of(answer)) == (status, True)
    assert api.get("/api/tax-rates").json()["data"] == []


def test_an_overlap_is_said(browser: Client) -> None:
    press(browser, f"{RATES}do/create/", **GIVEN)
    answer = press(browser, f"{RATES}do/create/", **GIVEN)
    assert (answer.status_code, "in force in this time" in text_of(answer)) == (409, True)


def test_rates_are_found_by_id_country_and_category(api: Api, browser: Client) -> None:
    press(browser, f"{RATES}do/create/", **GIVEN)
    german = latest(api)
    press(browser, f"{RATES}do/create/", **GIVEN | {"country": "FR", "label": "TVA", "category": "books"})
    for query, found in (
        ({"q": german["id"]}, "MwSt."), ({"q": "de"}, "MwSt."), ({"q": "books"}, "TVA"), ({"country": "FR"}, "TVA"),
    ):  # fmt: skip
        said = text_of(browser.get(RATES, query))
        assert [one for one in ("MwSt.", "TVA") if one in said] == [found], query


@pytest.mark.parametrize(("role", "may"), [(Role.READ_ONLY, False), (Role.MEMBER, True), (Role.ADMIN, True)])
def test_who_may_write_the_catalogue_changes_rates(
    api: Api, tenant: Tenant, browser_of: Callable[..., Client], role: Role, may: bool
) -> None:
    body = {"country": "DE", "rate": "19", "label": "VAT", "validFrom": "2021-01-01T00:00:00Z"}
    made = Catalogue(api).create("/api/tax-rates", body)
    browser = browser_of(tenant, role=role)
    assert "19 %" in text_of(browser.get(f"{page(made)}change/"))
    assert ({"edit", "end"} <= buttons_on(browser.get(f"{page(made)}change/"))) is may
    assert (browser.get(f"{page(made)}do/edit/").status_code == 200) is may


# --- customers --------------------------------------------------------------------------------------------------------


def customer_page(made: Any) -> str:
    return f"{CUSTOMERS}{decode_id(CUSTOMER, made['id'])}/"


def test_a_customer_gets_numbers_and_a_certificate(api: Api, browser: Client) -> None:
    given = {
        "external_id": "u", "vat_id": "FR40303265045", "us_ein": "12-3456789", "au_abn": "51 824 753 556",
        "certificate": "CA-551", "exemption_reason": "Resale", "exemption_country": "US", "exemption_region": "CA",
        "exempt_from": "2026-01-01T00:00", "exempt_until": "2027-01-01T00:00",
    }  # fmt: skip
    assert press(browser, f"{CUSTOMERS}do/create/", **given).status_code == 200
    made = latest(api, "/api/customers")
    assert [(one["type"], one["value"]) for one in made["taxIds"]] == [
        ("eu_vat", "FR40303265045"), ("us_ein", "12-3456789"), ("au_abn", "51824753556"),
    ]  # fmt: skip
    assert made["taxExemption"] == {
        "certificate": "CA-551", "reason": "Resale", "country": "US", "region": "CA",
        "validFrom": "2026-01-01T00:00:00.000Z", "validUntil": "2027-01-01T00:00:00.000Z",
    }  # fmt: skip
    said = text_of(browser.get(f"{customer_page(made)}change/"))
    for expected in ("US EIN 12-3456789", "By certificate CA-551", "In US-CA", "Resale"):
        assert expected in said, expected
    press(browser, f"{customer_page(made)}do/edit/", au_abn="", name="Ada")
    left = latest(api, "/api/customers")
    assert [one["type"] for one in left["taxIds"]] == ["eu_vat", "us_ein"]
    assert (left["name"], left["taxExemption"]) == ("Ada", made["taxExemption"])
    fields = ("certificate", "exemption_reason", "exemption_country", "exemption_region", "exempt_from", "exempt_until")
    press(browser, f"{customer_page(made)}do/edit/", **dict.fromkeys(fields, ""))
    assert latest(api, "/api/customers")["taxExemption"] is None


def test_an_edit_of_something_else_leaves_the_certificate_as_it_was(api: Api, browser: Client) -> None:
    held = {"certificate": "C", "validFrom": "2026-01-01T00:00:59.999Z", "validUntil": "2026-01-02T00:00:00.001Z"}
    made = api.post("/api/customers", {"externalId": "u", "taxExemption": held}).json()
    press(browser, f"{customer_page(made)}do/edit/", name="Ada")
    after = latest(api, "/api/customers")
    assert (after["name"], after["taxExemption"]) == ("Ada", made["taxExemption"])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"us_ein": "123"}, "Expected an EIN"), ({"au_abn": "51824753557"}, "check digits"),
        ({"in_gst": "27AAPFU0939F1ZW"}, "check character"), ({"exemption_reason": "r"}, "This field is required."),
        ({"certificate": "c", "exemption_region": "CA"}, "A region is one of a country."),
        ({"certificate": "c", "exempt_from": "2026-01-01T00:00", "exempt_until": "2026-01-01T00:00"}, "Must be later."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_taxes_is_said_at_the_field(
    api: Api, browser: Client, fields: dict[str, str], said: str
) -> None:
    answer = press(browser, f"{CUSTOMERS}do/create/", external_id="u", **fields)
    assert (answer.status_code, said in text_of(answer)) == (422, True)
    assert api.get("/api/customers").json()["data"] == []
