"""Claims about `/api/settings`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tenants.models import AuditEntry, Tenant, TenantSettings
from tenants.scope import tenant_scope
from tenants.selectors import get_settings
from tenants.services.settings import smtp_password
from tests.clients import Api

DEFAULTS = {
    "defaultCurrency": "EUR", "taxRate": 0, "taxLabel": "VAT", "dataRetentionDays": 2555, "allowSelfCancel": True,
    "timeZone": "UTC", "paymentTermsDays": 30, "legalName": "Example GmbH", "address": None, "vatId": None,
    "locale": "en", "prorationPolicy": "exact",
    "smtp": {"host": None, "port": 587, "user": None, "password": None, "passwordSet": False, "from": None},
    "paymentInstructions": None, "invoiceTexts": {}, "brandColor": None, "logo": None, "emailInvoices": True,
}  # fmt: skip

ADDRESS = {"line1": "Hauptstr. 1", "line2": None, "city": "Berlin", "region": None, "postalCode": "10115"}


def stored(tenant: Tenant) -> TenantSettings:
    with tenant_scope(tenant.id):
        return get_settings(tenant_id=tenant.id)


def test_settings_of_a_new_tenant_have_the_defaults_of_the_contract(api: Api) -> None:
    assert api.get("/api/settings").json() == DEFAULTS


def test_every_setting_can_be_changed_at_once_and_is_read_back(api: Api) -> None:
    change: dict[str, Any] = {
        "defaultCurrency": "JPY", "taxRate": 1900, "taxLabel": "MwSt", "dataRetentionDays": 3650,
        "allowSelfCancel": False, "timeZone": "Europe/Berlin", "paymentTermsDays": 14, "legalName": "Beispiel AG",
        "address": {**ADDRESS, "country": "DE"}, "vatId": "DE123456789", "locale": "de-AT", "prorationPolicy": "day",
        "smtp": {"host": "mail.example.com", "port": 465, "user": "u", "password": "p w", "from": "Bills <b@x.de>"},
        "paymentInstructions": "IBAN DE00\nBIC X", "brandColor": "#0a0b0c", "logo": None,
        "emailInvoices": False,
        "invoiceTexts": {"de": {"intro": "Hallo", "footer": "Unten", "paymentInstructions": "Bitte"}},
    }  # fmt: skip
    expected = {**change, "smtp": {**change["smtp"], "password": None, "passwordSet": True}}
    answer = api.patch("/api/settings", change)
    assert answer.status_code == 200, answer.content
    assert answer.json() == expected
    assert api.get("/api/settings").json() == expected


@pytest.mark.parametrize("name", ["legalName", "address", "vatId"])
def test_null_clears_what_may_be_empty(api: Api, name: str) -> None:
    api.patch("/api/settings", {"legalName": "x", "address": {"city": "Bonn"}, "vatId": "DE1"})
    assert api.patch("/api/settings", {name: None}).json()[name] is None


@pytest.mark.parametrize(
    "name",
    [
        "defaultCurrency",
        "taxRate",
        "taxLabel",
        "timeZone",
        "locale",
        "prorationPolicy",
        "allowSelfCancel",
        "emailInvoices",
    ],
)
def test_null_leaves_what_may_not_be_empty(api: Api, name: str) -> None:
    answer = api.patch("/api/settings", {name: None})
    assert answer.status_code == 200
    assert answer.json()[name] == DEFAULTS[name]


def test_an_address_without_any_part_is_no_address(api: Api) -> None:
    answer = api.patch("/api/settings", {"address": {}})
    assert (answer.status_code, answer.json()["address"]) == (200, None)
    answer = api.patch("/api/settings", {"address": {"city": None}})
    assert (answer.status_code, answer.json()["address"]) == (200, None)


def test_the_smtp_password_is_stored_encrypted_and_survives_a_change_beside_it(api: Api, tenant: Tenant) -> None:
    api.patch("/api/settings", {"smtp": {"host": "mail.example.com", "password": "s3cret"}})
    api.patch("/api/settings", {"smtp": {"port": 25}})
    row = stored(tenant)
    assert "s3cret" not in str(row.smtp_password_encrypted)
    assert (row.smtp_host, row.smtp_port, smtp_password(row)) == ("mail.example.com", 25, "s3cret")
    assert api.patch("/api/settings", {"smtp": {"password": None}}).json()["smtp"]["passwordSet"] is False
    assert api.patch("/api/settings", {"smtp": None}).json()["smtp"] == DEFAULTS["smtp"]


def test_without_encryption_key_a_password_is_refused_and_nothing_is_stored(
    api: Api, tenant: Tenant, settings: Any
) -> None:
    settings.ENCRYPTION_KEY = ""
    answer = api.patch("/api/settings", {"taxRate": 5, "smtp": {"password": "s3cret"}})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "ENCRYPTION_KEY" in answer.json()["message"]
    assert stored(tenant).tax_rate == 0


def test_a_change_to_the_same_values_moves_neither_version_nor_trail(api: Api, tenant: Tenant) -> None:
    api.patch("/api/settings", {"taxRate": 700, "smtp": {"password": "same"}})
    version = stored(tenant).version
    with tenant_scope(tenant.id):
        entries = AuditEntry.objects.count()
    assert api.patch("/api/settings", {"taxRate": 700, "smtp": {"password": "same"}}).status_code == 200
    assert stored(tenant).version == version
    with tenant_scope(tenant.id):
        assert AuditEntry.objects.count() == entries


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"unknown": 1}, "unknown", "unknown_field"),
        ({"smtp": {"unknown": 1}}, "smtp.unknown", "unknown_field"),
        ({"address": {"postal_code": "1"}}, "address.postal_code", "unknown_field"),
        ({"tax_rate": 1}, "tax_rate", "unknown_field"),
        ({"taxRate": -1}, "taxRate", "too_small"),
        ({"taxRate": 10_001}, "taxRate", "too_large"),
        ({"taxRate": "5"}, "taxRate", "invalid"),
        ({"taxRate": 5.0}, "taxRate", "invalid"),
        ({"taxRate": True}, "taxRate", "invalid"),
        ({"taxRate": 10**400}, "taxRate", "too_large"),
        ({"taxLabel": " "}, "taxLabel", "too_short"),
        ({"taxLabel": "x" * 51}, "taxLabel", "too_long"),
        ({"dataRetentionDays": 0}, "dataRetentionDays", "too_small"),
        ({"paymentTermsDays": 366}, "paymentTermsDays", "too_large"),
        ({"allowSelfCancel": 1}, "allowSelfCancel", "invalid"),
        ({"emailInvoices": "yes"}, "emailInvoices", "invalid"),
        ({"timeZone": "Mars/Olympus"}, "timeZone", "invalid"),
        ({"timeZone": "localtime"}, "timeZone", "invalid"),
        ({"timeZone": "../etc/passwd"}, "timeZone", "invalid"),
        ({"defaultCurrency": "eur"}, "defaultCurrency", "invalid_currency"),
        ({"defaultCurrency": "XAU"}, "defaultCurrency", "invalid_currency"),
        ({"locale": "xx"}, "locale", "invalid"),
        ({"locale": "de-XX"}, "locale", "invalid"),
        ({"locale": "DE"}, "locale", "invalid"),
        ({"locale": "de-"}, "locale", "invalid"),
        ({"locale": ["de"]}, "locale", "invalid"),
        ({"address": {"country": "UK"}}, "address.country", "invalid"),
        ({"address": {"country": "de"}}, "address.country", "invalid"),
        ({"address": "Berlin"}, "address", "invalid"),
        ({"address": [1]}, "address", "invalid"),
        ({"prorationPolicy": "hour"}, "prorationPolicy", "invalid_choice"),
        ({"prorationPolicy": ["exact"]}, "prorationPolicy", "invalid_choice"),
        ({"smtp": {"port": 0}}, "smtp.port", "too_small"),
        ({"smtp": {"host": "a b"}}, "smtp.host", "invalid"),
        ({"smtp": {"from": "nobody"}}, "smtp.from", "invalid"),
        ({"smtp": {"from": "x\r\nBcc: a@b.de"}}, "smtp.from", "invalid"),
        ({"smtp": {"passwordSet": True}}, "smtp.passwordSet", "unknown_field"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_path_and_changes_nothing(
    api: Api, change: dict[str, Any], path: str, code: str
) -> None:
    answer = api.patch("/api/settings", {"vatId": "DE1", **change})
    assert answer.status_code == 400, answer.content
    assert answer.json()["code"] == "validation_error"
    assert [(one["path"], one["code"]) for one in answer.json()["details"]] == [(path, code)]
    assert api.get("/api/settings").json() == DEFAULTS


def test_all_problems_are_listed_at_once(api: Api) -> None:
    answer = api.patch("/api/settings", {"taxRate": -1, "what": 1, "address": {"country": "XX", "line1": 5}})
    assert sorted(one["path"] for one in answer.json()["details"]) == [
        "address.country", "address.line1", "taxRate", "what",
    ]  # fmt: skip


def test_settings_of_another_tenant_are_neither_shown_nor_changed(api: Api, other_api: Api) -> None:
    other_api.patch("/api/settings", {"taxRate": 700})
    assert api.get("/api/settings").json() == DEFAULTS


def test_reading_takes_a_fixed_number_of_queries(api: Api, django_assert_num_queries: Callable[..., Any]) -> None:
    # The key; savepoint, former setting, setting, settings row, former setting back, release.
    with django_assert_num_queries(7):
        api.get("/api/settings")
