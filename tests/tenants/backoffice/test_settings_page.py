"""Claims about editing settings: the API's rules, one version at a time, a password that never comes out."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from tenants.models import Tenant
from tenants.scope import tenant_scope
from tenants.selectors import get_settings
from tenants.services.settings import smtp_password, update_settings
from tests.conftest import AT
from tests.tenants.backoffice.test_buttons import hidden, press

pytestmark = pytest.mark.django_db
PAGE = "/admin/tenants/tenantsettings/"
BILLING = {
    "default_currency": "chf", "tax_rate": "8.1", "tax_label": "MWST", "payment_terms_days": "10",
    "proration_policy": "day", "time_zone": "Europe/Zurich", "locale": "de-CH", "data_retention_days": "3650",
}  # fmt: skip


def row(tenant: Tenant) -> Any:
    with tenant_scope(tenant.id):
        return get_settings(tenant_id=tenant.id)


def button(tenant: Tenant, name: str) -> str:
    return f"{PAGE}{row(tenant).pk}/do/{name}/"


def test_the_list_of_settings_is_the_one_there_is(tenant: Tenant, browser: Client) -> None:
    assert browser.get(PAGE)["Location"] == f"{PAGE}{row(tenant).pk}/change/"


def test_billing_is_changed_and_audited(tenant: Tenant, browser: Client) -> None:
    assert press(browser, button(tenant, "edit_billing"), **BILLING).status_code == 302
    saved = row(tenant)
    assert (saved.default_currency, saved.tax_rate, saved.time_zone) == ("CHF", 810, "Europe/Zurich")
    assert (saved.locale, saved.allow_self_cancel, saved.data_retention_days) == ("de-CH", False, 3650)
    assert "settings.updated" in browser.get(f"{PAGE}{saved.pk}/change/").content.decode()


def test_what_the_api_refuses_is_refused_at_its_field(tenant: Tenant, browser: Client) -> None:
    before = row(tenant).version
    for name, value, said in (("locale", "xx-YY", "Expected a language"), ("default_currency", "XXQ", "currenc")):
        answer = press(browser, button(tenant, "edit_billing"), **(BILLING | {name: value}))
        assert answer.status_code == 400
        page = answer.content.decode()
        assert said in page
        assert "Please look at the fields below" in page
    assert row(tenant).version == before


def test_who_comes_second_is_told_and_overwrites_nothing(tenant: Tenant, browser: Client) -> None:
    path = button(tenant, "edit_billing")
    opened = hidden(browser, path)
    with tenant_scope(tenant.id):
        update_settings(tenant_id=tenant.id, changes={"tax_label": "GST"}, at=AT)
    answer = browser.post(path, {**opened, **BILLING})
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Somebody else has changed this" in page
    assert 'value="GST"' in page
    assert row(tenant).tax_label == "GST"


def test_the_password_of_the_mail_server_never_comes_out(tenant: Tenant, browser: Client) -> None:
    path = button(tenant, "edit_mail")
    server = {"smtp_host": "mail.example.com", "smtp_port": "587", "smtp_user": "ada", "smtp_from": "a@example.com"}
    press(browser, path, **server, smtp_password="hunter2 hunter2")
    assert smtp_password(row(tenant)) == "hunter2 hunter2"
    for page in (path, f"{PAGE}{row(tenant).pk}/change/"):
        assert "hunter2" not in browser.get(page).content.decode()
    press(browser, path, **(server | {"smtp_user": "grace"}))
    assert (row(tenant).smtp_user, smtp_password(row(tenant))) == ("grace", "hunter2 hunter2")
    press(browser, path, **server, forget_password="on")
    assert smtp_password(row(tenant)) is None


def test_an_address_is_replaced_as_a_whole(tenant: Tenant, browser: Client) -> None:
    path = button(tenant, "edit_company")
    press(browser, path, legal_name="Acme GmbH", address_line1="Ring 1", address_city="Bonn", address_country="DE")
    assert row(tenant).address["city"] == "Bonn"
    press(browser, path, legal_name="Acme GmbH")
    assert row(tenant).address is None


def test_texts_of_documents_are_changed_and_those_of_other_languages_stay(tenant: Tenant, browser: Client) -> None:
    with tenant_scope(tenant.id):
        update_settings(tenant_id=tenant.id, changes={"invoice_texts": {"it": {"intro": "Ciao"}}}, at=AT)
    answer = press(
        browser, button(tenant, "edit_documents"), brand_color="#1F4E79", payment_instructions="IBAN DE00",
        de_intro="Guten Tag\nund danke", en_footer="Thank you",
    )  # fmt: skip
    assert answer.status_code == 302
    saved = row(tenant)
    assert (saved.brand_color, saved.payment_instructions) == ("#1f4e79", "IBAN DE00")
    assert saved.invoice_texts["it"] == {"intro": "Ciao"}
    assert saved.invoice_texts["en"] == {"footer": "Thank you"}
    assert saved.invoice_texts["de"]["intro"].splitlines() == ["Guten Tag", "und danke"]


def test_a_logo_is_a_picture_or_refused(tenant: Tenant, browser: Client) -> None:
    path = button(tenant, "edit_documents")
    picture = BytesIO()
    Image.new("RGB", (40, 20), "navy").save(picture, "PNG")
    for content, status in ((b"<svg onload=alert(1)>", 422), (picture.getvalue(), 302)):
        assert press(browser, path, logo=SimpleUploadedFile("logo.png", content)).status_code == status
        assert (row(tenant).logo_id is not None) is (status == 302)
    press(browser, path)
    assert row(tenant).logo_id is not None
    press(browser, path, remove_logo="on")
    assert row(tenant).logo_id is None
