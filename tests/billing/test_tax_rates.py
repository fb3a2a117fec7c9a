"""Claims about tax rates in the database, and about the decision that is made from them."""

from __future__ import annotations

import ast
import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from billing.models import Customer, TaxRate
from billing.rating.decimals import scaled_text
from billing.services.customers import create_customer
from billing.services.tax_rates import create_tax_rate, update_tax_rate
from billing.tax_selectors import taxation_of
from common.ids import decode_id
from common.prefixes import INVOICE
from invoicing.models import Invoice
from tenants.models import SettingsSnapshot, Tenant, TenantSettings
from tenants.scope import tenant_scope
from tenants.services.settings import update_settings
from tests.architecture.test_rules import imported
from tests.clients import Api

pytestmark = pytest.mark.django_db
AT = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)


def rate(tenant: Tenant, country: str = "DE", percent: str = "19", **more: Any) -> TaxRate:
    given: dict[str, Any] = {"label": "MwSt.", "valid_from": AT - dt.timedelta(days=365)} | more
    return create_tax_rate(tenant_id=tenant.id, at=AT, country=country, rate=Decimal(percent), **given)


def address(country: str | None, region: str | None = None) -> dict[str, str | None]:
    return {**dict.fromkeys(("line1", "line2", "city", "postalCode")), "country": country, "region": region}


def at_home(tenant: Tenant, country: str | None = "DE", **more: Any) -> TenantSettings:
    where = address(country) if country else None
    return update_settings(tenant_id=tenant.id, at=AT, changes={"address": where, **more})


def customer(tenant: Tenant, country: str | None = None, region: str | None = None, **more: Any) -> Customer:
    where = address(country, region) if country else None
    return create_customer(tenant_id=tenant.id, at=AT, address=where, **more)


def decided(tenant: Tenant, buyer: Customer, tax_code: str | None = None, at: dt.datetime = AT) -> list[Any]:
    """Label, percent and category of each tax."""
    known = taxation_of(tenant_id=tenant.id, customer=buyer, settings=TenantSettings.objects.get(tenant_id=tenant.id))
    return [(one.label, scaled_text(one.rate), str(one.category)) for one in known.taxes_for(tax_code, at=at)]


def version(tenant: Tenant) -> int:
    return TenantSettings.objects.get(tenant_id=tenant.id).version


# --- the decision from stored rows ---------------------------------------------------------------------------------


def test_who_has_entered_nothing_is_taxed_by_the_settings(scope: Tenant) -> None:
    assert decided(scope, customer(scope)) == [("VAT", "0", "zero")]
    update_settings(tenant_id=scope.id, at=AT, changes={"tax_rate": 1950, "tax_label": "USt."})
    assert decided(scope, customer(scope)) == [("USt.", "19.5", "standard")]
    assert decided(scope, customer(scope, tax_exempt=True)) == [("USt.", "0", "exempt")]


def test_rates_customers_and_settings_are_read_into_the_decision(scope: Tenant) -> None:
    at_home(scope)
    rate(scope)
    rate(scope, percent="7", category="reduced")
    rate(scope, "CA", "5", label="GST")
    rate(scope, "FR", "20", label="TVA")
    assert decided(scope, customer(scope, "DE"), "reduced") == [("MwSt.", "7", "standard")]
    assert decided(scope, customer(scope, "FR")) == [("TVA", "20", "standard")]
    assert decided(scope, customer(scope, "AT")) == decided(scope, customer(scope)) == [("MwSt.", "19", "standard")]
    business = customer(scope, "FR", vat_id="FR40303265045")
    assert decided(scope, business) == [("TVA", "20", "standard")]
    Customer.objects.filter(id=business.id).update(vat_status="valid")
    business.refresh_from_db()
    assert decided(scope, business) == [("VAT", "0", "reverse_charge")]
    at_home(scope, "US")
    rate(scope, "CA", "9.975", label="QST", region="QC")
    assert decided(scope, customer(scope, "CA", "ca-qc")) == [("GST", "5", "standard"), ("QST", "9.975", "standard")]


def test_a_certificate_is_read_with_its_window(scope: Tenant) -> None:
    at_home(scope, tax_rate=1900)
    until = "2026-03-01T12:00:00.001Z"
    held = {"certificate": "C-1", "reason": None, "country": "DE", "region": None, "validFrom": None}
    buyer = customer(scope, "DE", tax_exemption={**held, "validUntil": until})
    known = taxation_of(tenant_id=scope.id, customer=buyer, settings=TenantSettings.objects.get(tenant_id=scope.id))
    (tax,) = known.taxes_for(None, at=AT)
    assert (str(tax.category), known.certificate_at(AT)) == ("exempt", "C-1")
    # What is on a document can never be erased; the certificate can.
    assert "C-1" not in str(tax.reason)
    (tax,) = known.taxes_for(None, at=AT + dt.timedelta(milliseconds=1))
    assert (str(tax.category), known.certificate_at(AT + dt.timedelta(milliseconds=1))) == ("standard", None)


def test_a_rate_that_begins_later_is_owed_from_its_microsecond_on_and_nothing_is_read_again(scope: Tenant) -> None:
    at_home(scope)
    rate(scope, valid_until=AT)
    rate(scope, percent="20", valid_from=AT, valid_until=AT + MICROSECOND)
    buyer = customer(scope, "DE")
    known = taxation_of(tenant_id=scope.id, customer=buyer, settings=TenantSettings.objects.get(tenant_id=scope.id))
    found = [scaled_text(known.taxes_for(None, at=AT + MICROSECOND * step)[0].rate) for step in (-1, 0, 1)]
    assert found == ["19", "20", "0"]


def test_the_decision_costs_one_query_and_none_where_no_country_is_known(
    scope: Tenant, django_assert_num_queries: Any
) -> None:
    known, buyer, nobody = at_home(scope), customer(scope, "FR"), customer(scope)
    for country in ("DE", "FR"):
        rate(scope, country)
    with django_assert_num_queries(1):
        taxation_of(tenant_id=scope.id, customer=buyer, settings=known).taxes_for("books", at=AT)
    known.address = None
    with django_assert_num_queries(0):
        taxation_of(tenant_id=scope.id, customer=nobody, settings=known).taxes_for(None, at=AT)


def test_other_tenants_rates_do_not_count(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(other_tenant.id):
        rate(other_tenant, percent="99")
    with tenant_scope(tenant.id):
        at_home(tenant)
        assert decided(tenant, customer(tenant, "DE")) == [("VAT", "0", "zero")]


# --- what is cached is refused --------------------------------------------------------------------------------------


def test_making_and_changing_a_rate_raises_the_version_of_the_settings_and_nothing_else(scope: Tenant) -> None:
    before = TenantSettings.objects.values().get(tenant_id=scope.id)
    made = rate(scope)
    assert version(scope) == before["version"] + 1
    update_tax_rate(tenant_id=scope.id, rate_id=made.id, at=AT, changes={"label": "USt."})
    update_tax_rate(tenant_id=scope.id, rate_id=made.id, at=AT, changes={"label": "USt.", "valid_until": None})
    assert version(scope) == before["version"] + 2
    TaxRate.objects.update(label="by hand")
    after = TenantSettings.objects.values().get(tenant_id=scope.id)
    assert after == before | {"version": before["version"] + 3}
    assert SettingsSnapshot.objects.filter(tenant_id=scope.id, version=after["version"]).exists()


def test_a_refused_rate_raises_nothing(api: Api, tenant: Tenant) -> None:
    given = {"country": "DE", "rate": "19", "label": "MwSt.", "validFrom": "2020-01-01T00:00:00Z"}
    api.post("/api/tax-rates", given)
    with tenant_scope(tenant.id):
        before = version(tenant)
    assert api.post("/api/tax-rates", given).status_code == 409
    with tenant_scope(tenant.id):
        assert version(tenant) == before


@pytest.mark.django_db(transaction=True)
def test_what_the_hot_path_remembers_is_refused_after_a_change_of_rates(api: Api, tenant: Tenant) -> None:
    def issued() -> int | None:
        asked = {"userId": "ada", "items": [{"description": "A", "unitPrice": 100}]}
        answer = api.post("/api/invoices", asked)
        assert answer.status_code == 201, answer.content
        with tenant_scope(tenant.id):
            return Invoice.objects.get(id=decode_id(INVOICE, answer.json()["id"])).settings_version

    assert issued() == issued()
    with tenant_scope(tenant.id):
        before = version(tenant)
        made = rate(tenant)
    assert issued() == before + 1
    with tenant_scope(tenant.id):
        update_tax_rate(tenant_id=tenant.id, rate_id=made.id, at=AT, changes={"label": "USt."})
    assert issued() == before + 2


# --- the database says no --------------------------------------------------------------------------------------------


def execute(statement: str, *values: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.mark.parametrize(
    "change",
    ["rate = 20", "country = 'AT'", "region = 'BY'", "category = 'books'", "valid_from = now()", "created_at = now()",
     "id = gen_random_uuid()"],
)  # fmt: skip
def test_the_database_keeps_what_a_rate_says(scope: Tenant, change: str) -> None:
    rate(scope)
    with pytest.raises(DatabaseError, match="only its label and its end"):
        execute(f"UPDATE billing_taxrate SET {change}")
    with pytest.raises(DatabaseError, match="never deleted"):
        execute("DELETE FROM billing_taxrate")


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"country": "de"}, "tax_rate_country_shape"), ({"country": "D"}, "tax_rate_country_shape"),
        ({"region": ""}, "tax_rate_region_not_empty"), ({"category": "Books"}, "tax_rate_category_shape"),
        ({"category": ""}, "tax_rate_category_shape"), ({"rate": Decimal("100.000001")}, "tax_rate_range"),
        ({"rate": Decimal("-0.000001")}, "tax_rate_range"), ({"label": ""}, "tax_rate_label_not_empty"),
        ({"valid_until": AT - MICROSECOND}, "tax_rate_window_is_one"),
        ({"country": "FR", "valid_from": AT - dt.timedelta(days=9)}, "tax_rate_windows_apart"),
        ({"country": "FR", "valid_from": AT - dt.timedelta(days=9), "valid_until": AT + MICROSECOND},
         "tax_rate_windows_apart"),
    ],
)  # fmt: skip
def test_the_database_refuses_what_makes_no_sense(scope: Tenant, columns: dict[str, Any], constraint: str) -> None:
    base = {
        "tenant_id": scope.id, "country": "DE", "rate": Decimal(19), "label": "VAT", "valid_from": AT,
        "created_at": AT, "updated_at": AT,
    }  # fmt: skip
    TaxRate.objects.create(**base | {"country": "FR"})
    with pytest.raises(DatabaseError, match=constraint), transaction.atomic():
        TaxRate.objects.create(**base | columns)
    TaxRate.objects.create(**base | {"country": "FR", "valid_from": AT - dt.timedelta(days=9), "valid_until": AT})


@pytest.mark.django_db(transaction=True)
def test_rates_that_are_written_at_once_without_the_service_do_not_overlap_either(
    tenant: Tenant, at_once: Callable[..., list[Any]]
) -> None:
    def write() -> str:
        with tenant_scope(tenant.id):
            TaxRate.objects.create(
                tenant_id=tenant.id, country="DE", rate=Decimal(19), label="VAT", valid_from=AT, created_at=AT,
                updated_at=AT,
            )  # fmt: skip
        return "written"

    found = at_once(*[write] * 4)
    assert [one for one in found if one == "written"] == ["written"]
    with tenant_scope(tenant.id):
        assert TaxRate.objects.count() == 1


# --- purity -----------------------------------------------------------------------------------------------------------


def test_the_decision_asks_nobody() -> None:
    """No framework, no clock, no other app."""
    allowed = {
        "__future__", "billing", "billing.rating.decimals", "billing.rating.lines", "collections.abc", "dataclasses",
        "datetime", "re", "typing",
    }  # fmt: skip
    for name in ("taxation", "tax_notes", "tax_ids"):
        tree = ast.parse((Path(settings.BASE_DIR) / f"billing/{name}.py").read_text())
        found = {module for node in ast.walk(tree) for module in imported(node)}
        assert found <= allowed | {"billing.tax_notes"}, name
