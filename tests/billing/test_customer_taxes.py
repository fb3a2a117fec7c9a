"""Claims about tax numbers and certificates of customers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from billing import tax_ids
from billing.models import Customer
from billing.services.erasing import erase_customers
from billing.tax_ids import InvalidTaxId
from billing.tax_notes import CERTIFICATE, OUTSIDE, REVERSE_CHARGE, note_in
from common.ids import decode_id
from common.prefixes import CUSTOMER
from events.models import Event
from invoicing.services.anonymising import anonymise_customer
from tenants.models import AuditEntry, Tenant
from tenants.scope import tenant_scope
from tenants.services.erasure import remaining_traces
from tests.billing.catalogue import body, problems
from tests.clients import Api
from tests.conftest import AT
from tests.invoicing.anonymised import clocks, real

pytestmark = pytest.mark.django_db
EIN, ABN, GSTIN, VAT = "12-3456789", "51824753556", "27AAPFU0939F1ZV", "FR40303265045"
NUMBERS = [
    {"type": "eu_vat", "value": VAT}, {"type": "us_ein", "value": EIN}, {"type": "au_abn", "value": ABN},
    {"type": "in_gst", "value": GSTIN},
]  # fmt: skip
CERTIFIED: dict[str, Any] = {
    "certificate": "CA-551", "reason": "Resale", "country": "US", "region": "CA",
    "validFrom": "2026-01-01T00:00:00.000Z", "validUntil": "2027-01-01T00:00:00.000Z",
}  # fmt: skip


def created(api: Api, **fields: Any) -> Any:
    answer = api.post("/api/customers", fields)
    assert answer.status_code == 201, answer.content
    return body(answer)


def changed(api: Api, made: Any, **fields: Any) -> Any:
    answer = api.patch(f"/api/customers/{made['id']}", fields)
    assert answer.status_code == 200, answer.content
    return body(answer)


def number(kind: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "value": value}


# --- the API ----------------------------------------------------------------------------------------------------------


def test_numbers_and_certificate_are_shown_as_given(api: Api) -> None:
    made = created(api, taxIds=NUMBERS, taxExemption=CERTIFIED)
    assert (made["taxIds"], made["taxExemption"]) == (NUMBERS, CERTIFIED)
    assert (made["vatId"], made["vatStatus"]) == (VAT, "unverified")
    assert body(api.get(f"/api/customers/{made['id']}")) == made


def test_the_european_number_is_one_however_it_is_given(api: Api) -> None:
    made = created(api, vatId=VAT)
    assert made["taxIds"] == [number("eu_vat", VAT)]
    assert changed(api, made, taxIds=[number("eu_vat", "DE136695976")])["vatId"] == "DE136695976"
    assert changed(api, made, vatId=VAT)["taxIds"] == [number("eu_vat", VAT)]
    assert created(api, vatId=VAT, taxIds=[number("eu_vat", VAT)])["vatId"] == VAT
    both = changed(api, made, vatId="DE136695976", taxIds=[number("us_ein", EIN)])
    assert both["taxIds"] == [number("eu_vat", "DE136695976"), number("us_ein", EIN)]


def test_a_list_of_numbers_replaces_all_and_null_clears_all(api: Api) -> None:
    made = created(api, taxIds=NUMBERS)
    assert changed(api, made, name="Ada")["taxIds"] == NUMBERS
    left = changed(api, made, taxIds=NUMBERS[1:3])
    assert (left["taxIds"], left["vatId"], left["vatStatus"]) == (NUMBERS[1:3], None, None)
    empty: list[Any] = []
    for nothing in (None, empty):
        cleared = changed(api, created(api, taxIds=NUMBERS), taxIds=nothing)
        assert (cleared["taxIds"], cleared["vatId"]) == (None, None)
    assert changed(api, created(api, taxIds=NUMBERS), vatId=None)["taxIds"] == NUMBERS[1:]


def test_a_number_that_stays_keeps_what_is_known_about_it(api: Api, tenant: Tenant) -> None:
    made = created(api, taxIds=NUMBERS)
    with tenant_scope(tenant.id):
        Customer.objects.update(vat_status="valid")
    assert changed(api, made, taxIds=NUMBERS[:2])["vatStatus"] == "valid"
    assert changed(api, made, taxIds=[number("eu_vat", "DE136695976")])["vatStatus"] == "unverified"


def test_a_certificate_is_replaced_as_a_whole_and_null_clears_it(api: Api) -> None:
    made = created(api, taxExemption=CERTIFIED)
    rest = dict.fromkeys(("reason", "country", "region", "validFrom", "validUntil"))
    assert changed(api, made, taxExemption={"certificate": "X"})["taxExemption"] == {"certificate": "X", **rest}
    assert problems(api.patch(f"/api/customers/{made['id']}", {"taxExemption": {"reason": "r"}})) == {
        "taxExemption.certificate": "required"
    }
    assert changed(api, made, taxExemption=None)["taxExemption"] is None


@pytest.mark.parametrize(
    ("kind", "given", "stored"),
    [("au_abn", "51 824 753 556", ABN), ("in_gst", "27aapfu0939f1zv", GSTIN), ("us_ein", f" {EIN} ", EIN)],
)
def test_a_number_is_kept_as_it_is_written_officially(api: Api, kind: str, given: str, stored: str) -> None:
    assert created(api, taxIds=[number(kind, given)])["taxIds"] == [number(kind, stored)]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("us_ein", "123456789"), ("us_ein", "1-23456789"), ("us_ein", "12-345678"), ("us_ein", "12-34567890"),
     ("us_ein", "١٢-3456789"), ("au_abn", "51824753557"), ("au_abn", "5182475355"), ("au_abn", "15824753556"),
     ("in_gst", "27AAPFU0939F1ZW"), ("in_gst", "27AAPFU0939F1Z"), ("in_gst", "AAAAPFU0939F1ZV"),
     ("eu_vat", "!"), ("eu_vat", "x" * 65)],
)  # fmt: skip
def test_a_number_that_cannot_be_one_is_named(api: Api, kind: str, value: str) -> None:
    answer = api.post("/api/customers", {"taxIds": [number("us_ein", EIN), number(kind, value)]})
    assert problems(answer)["taxIds[1].value"] in ("invalid", "too_long")


def test_every_problem_is_listed_with_the_path_of_the_caller(api: Api) -> None:
    wrong = {
        "taxIds": [number("vat", "x"), {"type": "us_ein"}, number("au_abn", 5), {**number("us_ein", EIN), "a": 1}],
        "taxExemption": {"certificate": "", "country": "UK", "validFrom": "2026", "x": 1},
    }
    assert problems(api.post("/api/customers", wrong)) == {
        "taxIds[0].type": "invalid_choice", "taxIds[1].value": "required", "taxIds[2].value": "invalid",
        "taxIds[3].a": "unknown_field", "taxExemption.certificate": "required", "taxExemption.country": "invalid",
        "taxExemption.validFrom": "invalid_datetime", "taxExemption.x": "unknown_field",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"taxIds": [number("us_ein", EIN), number("us_ein", "98-7654321")]}, {"taxIds[1].type": "invalid"}),
        ({"vatId": "DE136695976", "taxIds": NUMBERS[:1]}, {"taxIds[0].value": "mutually_exclusive"}),
        ({"taxIds": [*NUMBERS, NUMBERS[1]]}, {"taxIds": "too_long"}),
        ({"taxIds": "x"}, {"taxIds": "invalid"}),
        ({"taxExemption": {"certificate": "c", "region": "CA"}}, {"taxExemption.country": "required"}),
        (
            {"taxExemption": CERTIFIED | {"validUntil": CERTIFIED["validFrom"]}},
            {"taxExemption.validUntil": "too_small"},
        ),
        ({"taxExemption": []}, {"taxExemption": "invalid"}),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused_and_nothing_written(
    api: Api, fields: dict[str, Any], expected: dict[str, str]
) -> None:
    assert problems(api.post("/api/customers", fields)) == expected
    made = created(api)
    assert problems(api.patch(f"/api/customers/{made['id']}", fields)) == expected
    assert body(api.get(f"/api/customers/{made['id']}")) == made


def test_a_change_raises_the_version_of_the_customer(api: Api, tenant: Tenant) -> None:
    made = created(api)

    def version() -> int:
        with tenant_scope(tenant.id):
            return Customer.objects.get().version

    before = version()
    changed(api, made, taxExemption=CERTIFIED)
    changed(api, made, taxIds=NUMBERS)
    changed(api, made, taxIds=NUMBERS, taxExemption=CERTIFIED)
    assert version() == before + 2


def test_the_event_of_a_new_customer_has_them(api: Api, tenant: Tenant) -> None:
    made = created(api, taxIds=NUMBERS, taxExemption=CERTIFIED)
    with tenant_scope(tenant.id):
        data = Event.objects.get(type="customer.created").data
    assert json.loads(data) == made


# --- erasing ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_numbers_and_certificate_are_erased_with_the_customer_and_from_its_trail(api: Api, tenant: Tenant) -> None:
    made = created(api, externalId="ada", taxIds=NUMBERS, taxExemption=CERTIFIED | {"reason": "Canary"})
    changed(api, made, taxExemption=CERTIFIED | {"certificate": "Canary-2"}, taxIds=NUMBERS[1:])
    anonymise_customer(tenant_id=tenant.id, customer_id=decode_id(CUSTOMER, made["id"]), actor="t", clocks=clocks())
    with tenant_scope(tenant.id):
        row = Customer.objects.get()
        assert (row.tax_ids, row.tax_exemption, row.vat_id) == (None, None, None)
        said = f"{list(AuditEntry.objects.values_list('before', 'after', 'reason'))} {list(Event.objects.values())}"
        assert AuditEntry.objects.filter(entity_type="customer").count() >= 2
        for word in (EIN, ABN, GSTIN, VAT, "Canary", "CA-551"):
            assert word not in said, word
        assert not any(remaining_traces(tenant_id=tenant.id, now=real()).values())
    shown = body(api.get(f"/api/customers/{made['id']}"))
    assert (shown["taxIds"], shown["taxExemption"]) == (None, None)


@pytest.mark.parametrize("column", ["tax_ids", "tax_exemption"])
def test_an_erased_customer_is_empty_by_the_database(api: Api, tenant: Tenant, column: str) -> None:
    made = created(api, taxIds=NUMBERS, taxExemption=CERTIFIED)
    with tenant_scope(tenant.id):
        assert erase_customers(customer_ids=[decode_id(CUSTOMER, made["id"])], at=AT)
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            Customer.objects.update(**{column: {"certificate": "x"}})
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'customer_erased_is_empty'"
            )
            assert f"({column} IS NULL)" in cursor.fetchone()[0]


def test_an_exemption_without_a_certificate_is_none(api: Api, tenant: Tenant) -> None:
    created(api)
    refused = pytest.raises(DatabaseError, match="customer_tax_exemption_has_certificate")
    with tenant_scope(tenant.id), refused, transaction.atomic():
        Customer.objects.update(tax_exemption={"reason": "x"})


# --- the numbers themselves -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [ABN, "83 914 571 673", "33 102 417 032", "53004085616"])
def test_published_abns_are_accepted(text: str) -> None:
    """The Register's own example, and those of the Tax Office, of Commonwealth bodies and companies."""
    assert tax_ids.au_abn(text) == text.replace(" ", "")


@pytest.mark.parametrize("text", [GSTIN, "29AAGCB7383J1Z4", "27AASCS2460H1Z0"])
def test_published_gstins_are_accepted(text: str) -> None:
    assert tax_ids.in_gst(text) == text


@given(place=st.integers(0, 10), by=st.integers(1, 9))
def test_an_abn_with_one_wrong_digit_is_refused(place: int, by: int) -> None:
    digit = str((int(ABN[place]) + by) % 10)
    with pytest.raises(InvalidTaxId):
        tax_ids.au_abn(ABN[:place] + digit + ABN[place + 1 :])


@given(place=st.sampled_from([0, 1, 7, 8, 9, 10, 14]), by=st.integers(1, 9))
def test_a_gstin_with_one_wrong_digit_is_refused(place: int, by: int) -> None:
    old = GSTIN[place]
    digit = str((int(old) + by) % 10) if old.isdigit() else str(by)
    with pytest.raises(InvalidTaxId):
        tax_ids.in_gst(GSTIN[:place] + digit + GSTIN[place + 1 :])


# --- notes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("note", [REVERSE_CHARGE, OUTSIDE, CERTIFICATE])
def test_notes_are_translated_where_we_have_them(note: str) -> None:
    said = {note_in(locale, note) for locale in ("en", "de", "fr")}
    assert len(said) == 3
    assert note_in("de-CH", note) == note_in("de", note)
    assert note_in("pt-BR", note) == note_in("en-GB", note) == note


def test_the_legal_words_are_there() -> None:
    """Directive 2006/112/EC, Article 226(11a), in the words of each language version."""
    words = {"en": "Reverse charge", "de": "Steuerschuldnerschaft des Leistungsempfängers", "fr": "Autoliquidation"}
    for language, expected in words.items():
        said = note_in(language, REVERSE_CHARGE) or ""
        assert said.startswith(expected)
        assert "196" in said
    assert note_in("de", None) is None
    assert note_in("de", "Something else") == "Something else"


def test_a_number_that_is_null_is_named(api: Api) -> None:
    answer = api.post("/api/customers", {"taxIds": [number("eu_vat", VAT), None]})
    assert (answer.status_code, answer.json()["details"][0]["path"]) == (400, "taxIds[1]")
