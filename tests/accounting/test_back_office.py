"""Claims about the pages of the books: what is found, how amounts of own units look, what forms refuse."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounting.enums import OverdraftPolicy
from accounting.judging import TransferRequest
from accounting.models import Account, Grant
from accounting.services.accounts import Overdraft, open_account
from accounting.services.holds import place_hold
from accounting.services.transfers import make_transfer
from accounting.services.units import create_unit
from common.api.fields import read_instant
from common.ids import encode_id, new_id
from common.prefixes import ACCOUNT, HOLD, TRANSFER
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tenants.services.settings import update_settings
from tests.conftest import AT
from tests.tenants.backoffice.conftest import _no_second_factor, browser_of, make_member  # noqa: F401
from tests.tenants.backoffice.pressing import press, text_of

pytestmark = pytest.mark.django_db
ACCOUNTS, TRANSFERS, HOLDS = (f"/admin/accounting/{name}/" for name in ("account", "transfer", "hold"))


@pytest.fixture
def browser(tenant: Tenant, browser_of: Callable[..., Client]) -> Client:  # noqa: F811
    return browser_of(tenant)


@pytest.fixture
def accounts(tenant: Tenant) -> tuple[Account, Account]:
    """An issuer of credits with two decimals, and a wallet that has got 12.50 of them."""
    with tenant_scope(tenant.id):
        create_unit(tenant_id=tenant.id, code="CREDITS", exponent=2, at=AT)
        unbounded = Overdraft(OverdraftPolicy.UNLIMITED)
        issuer = open_account(tenant_id=tenant.id, currency="CREDITS", at=AT, code="issuer", overdraft=unbounded)
        wallet = open_account(tenant_id=tenant.id, currency="CREDITS", at=AT)
        move = TransferRequest(issuer.id, wallet.id, amount=1_250, currency="CREDITS")
        make_transfer(tenant_id=tenant.id, request=move, at=AT)
    return issuer, wallet


def test_transfers_are_found_by_their_id_and_by_either_account(browser: Client, accounts, tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        other = open_account(tenant_id=tenant.id, currency="CREDITS", at=AT, code="other")
        move = TransferRequest(accounts[0].id, other.id, amount=300, currency="CREDITS")
        made = make_transfer(tenant_id=tenant.id, request=move, at=AT)
    both = ("12.50 CREDITS", "3.00 CREDITS")
    for term, shown in (
        (encode_id(ACCOUNT, accounts[0].id), both),
        (encode_id(ACCOUNT, other.id), both[1:]),
        (encode_id(TRANSFER, made.id), both[1:]),
        (encode_id(ACCOUNT, new_id()), ()),
        ("issuer", ()),
    ):
        text = text_of(browser.get(TRANSFERS, {"q": term}))
        assert [one for one in both if one in text] == list(shown), term


def test_a_hold_is_found_by_its_account_and_shown_in_its_unit(browser: Client, accounts, tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        made = place_hold(tenant_id=tenant.id, account_id=accounts[1].id, amount=5, currency="CREDITS", at=AT)
    for term, found in ((encode_id(ACCOUNT, accounts[1].id), True), (encode_id(ACCOUNT, accounts[0].id), False)):
        assert ("0.05 CREDITS" in text_of(browser.get(HOLDS, {"q": term}))) is found
    assert "0.05 CREDITS" in text_of(browser.get(HOLDS, {"q": encode_id(HOLD, made.id)}))


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Niue"])
def test_the_last_moment_that_callers_may_name_is_shown_in_every_zone(browser: Client, accounts, tenant, zone) -> None:
    last = read_instant("9999-12-30T23:59:59.999Z", zone=None)
    with tenant_scope(tenant.id):
        update_settings(tenant_id=tenant.id, changes={"time_zone": zone}, at=AT)
        place_hold(
            tenant_id=tenant.id, account_id=accounts[1].id, amount=5, currency="CREDITS", expires_at=last, at=AT
        )  # fmt: skip
    assert "9999" in text_of(browser.get(HOLDS))


def test_an_amount_is_entered_in_the_unit_of_the_account(browser: Client, accounts, tenant: Tenant) -> None:
    issuer, wallet = accounts
    at = f"{ACCOUNTS}{issuer.id}/do/transfer/"
    answer = press(browser, at, to_account=encode_id(ACCOUNT, wallet.id), amount="0.255")
    assert "CREDITS has 2 decimal places." in text_of(answer)
    answer = press(browser, at, to_account=encode_id(ACCOUNT, new_id()), amount="1")
    assert "There is no such account." in text_of(answer)
    answer = press(browser, at, to_account=encode_id(ACCOUNT, wallet.id), amount="0.25")
    assert "The transfer has been posted." in text_of(answer)
    assert "12.75 CREDITS" in text_of(browser.get(f"{ACCOUNTS}{wallet.id}/change/"))


def test_credit_that_would_have_expired_is_refused_at_its_field(browser: Client, accounts, tenant: Tenant) -> None:
    at = f"{ACCOUNTS}{accounts[1].id}/do/grant/"
    given = {"amount": "5", "source": "promotional", "priority": "50"}
    answer = press(browser, at, **given, expires_at="2020-01-01T00:00")
    assert "This must be later than now." in text_of(answer)
    with tenant_scope(tenant.id):
        assert not Grant.objects.exists()
    assert "The credit has been granted." in text_of(press(browser, at, **given))
