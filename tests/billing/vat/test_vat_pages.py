"""Claims about the page of a customer, and about the operators' command."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from billing.models import VatCheck, VatVerification
from billing.tasks import verify_vat_numbers
from common.ids import decode_id
from common.prefixes import CUSTOMER
from tenants.enums import Role
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.billing.test_back_office import customer_button, customer_page
from tests.billing.vat.conftest import OTHER_NUMBER
from tests.billing.vat.fake_vies import IDENTIFIER, FakeVies, raw, refusal, verdict
from tests.clients import Api
from tests.tenants.backoffice.pressing import buttons_on, press, text_of

pytestmark = pytest.mark.django_db
CustomerOf = Callable[..., dict[str, Any]]


@pytest.fixture
def browser(tenant: Tenant, browser_of: Callable[..., Client]) -> Client:
    return browser_of(tenant)


def test_the_button_asks_nobody_itself_and_the_sweep_does_what_it_wanted(
    api: Api, tenant: Tenant, browser: Client, vies: FakeVies, customer_of: CustomerOf
) -> None:
    api.patch("/api/settings", {"vatId": "DE811907980"})
    customer = customer_of(api)
    vies.usual = refusal("MS_UNAVAILABLE")
    assert verify_vat_numbers() == 1
    assert "vies ms unavailable" in text_of(browser.get(customer_page(customer)))
    vies.usual = verdict(valid=True, name="<b>Nordlicht</b>")
    assert "will be checked with VIES" in text_of(press(browser, customer_button(customer, "check_vat")))
    assert len(vies.received) == 1
    assert verify_vat_numbers() == 1
    page = browser.get(customer_page(customer))
    assert "<b>Nordlicht</b>" not in page.content.decode()
    for expected in ("Checks of the VAT number", IDENTIFIER, "VIES", "Valid"):
        assert expected in text_of(page)


@pytest.mark.parametrize(
    ("number", "said"),
    [("DE136695978", "check digits are wrong"), ("CHE-116.281.710", "not one of the European Union")],
)
def test_the_button_says_at_once_what_nobody_has_to_be_asked(
    api: Api, tenant: Tenant, browser: Client, vies: FakeVies, customer_of: CustomerOf, number: str, said: str
) -> None:
    customer = customer_of(api, vatId=number)
    with tenant_scope(tenant.id):
        before = VatCheck.objects.count()
    assert said in text_of(press(browser, customer_button(customer, "check_vat")))
    assert vies.received == []
    with tenant_scope(tenant.id):
        assert (VatCheck.objects.count(), VatVerification.objects.count()) == (before + 1, 0)


def test_only_who_may_write_customers_sees_the_button_and_only_with_a_number(
    api: Api, tenant: Tenant, browser: Client, browser_of: Callable[..., Client], customer_of: CustomerOf
) -> None:
    customer, without = customer_of(api), customer_of(api, vatId=None, externalId="b")
    assert "check_vat" in buttons_on(browser.get(customer_page(customer)))
    assert "check_vat" not in buttons_on(browser.get(customer_page(without)))
    reader = browser_of(tenant, role=Role.READ_ONLY)
    assert "check_vat" not in buttons_on(reader.get(customer_page(customer)))


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    out = io.StringIO()
    try:
        call_command("verify_vat", *arguments, "--json", stdout=out, stderr=io.StringIO())
    except SystemExit as end:
        return int(end.code or 0), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def test_the_command_verifies_what_is_unverified(
    api: Api, tenant: Tenant, other_tenant: Tenant, vies: FakeVies, customer_of: CustomerOf
) -> None:
    vies.special["40303265045"] = verdict(valid=False)
    customer_of(api)
    customer_of(api, vatId=OTHER_NUMBER, externalId="b")
    customer_of(api, vatId="CHE-116.281.710", externalId="c")
    with tenant_scope(tenant.id):
        VatVerification.objects.all().delete()  # as for customers from before numbers were verified
    status, said = run("--tenant", tenant.slug)
    assert status == 0
    assert said["tenants"][0] | {"tenantId": ""} == {
        "tenant": tenant.slug, "tenantId": "", "ok": True, "valid": 1, "invalid": 1, "unverified": 0, "outage": False,
    }  # fmt: skip
    assert run("--tenant", tenant.slug)[1]["tenants"][0]["valid"] == 0, "nothing is left to verify"
    assert len(vies.received) == 2


def test_the_command_stops_at_an_outage_and_says_so(
    api: Api, tenant: Tenant, vies: FakeVies, customer_of: CustomerOf
) -> None:
    vies.usual = raw(b"", 503)
    customer_of(api)
    customer_of(api, externalId="b")
    status, said = run("--tenant", tenant.slug)
    assert (status, said["ok"], said["tenants"][0]["outage"], len(vies.received)) == (1, False, True, 1)


def test_the_command_verifies_one_customer_whatever_is_known(
    api: Api, tenant: Tenant, other_api: Api, vies: FakeVies, customer_of: CustomerOf
) -> None:
    customer, other = customer_of(api), customer_of(other_api)
    for _ in range(2):
        assert run("--tenant", tenant.slug, "--customer", customer["id"])[1]["tenants"][0]["valid"] == 1
    assert len(vies.received) == 2
    for wrong in (["--customer", customer["id"]], ["--tenant", tenant.slug, "--customer", other["id"]]):
        with pytest.raises(CommandError):
            call_command("verify_vat", *wrong)
    with pytest.raises(CommandError, match="cst_"):
        call_command("verify_vat", "--tenant", tenant.slug, "--customer", "x")
    assert decode_id(CUSTOMER, customer["id"])
