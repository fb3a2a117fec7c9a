"""Two at the same moment: the last of a grant is spent once, a wallet is made once, an end is posted once."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from accounting.models import Account, Grant, GrantUse, JournalEntry
from accounting.posting import EntryDraft, credit, debit
from accounting.services.posting import post_entries
from accounting.services.settling_grants import settle_due, settled_balance_of, tenants_with_due
from accounting.services.verifying_grants import grant_findings
from common.clock import SystemClock
from common.ids import decode_id, encode_id
from common.money import MAX_AMOUNT
from common.prefixes import ACCOUNT, GRANT
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.billing.test_credit_api import customer, grant, in_hours, made
from tests.clients import Api

pytestmark = pytest.mark.django_db(transaction=True)


def outcomes(answers: list[Any]) -> Counter[Any]:
    """Status and code of each."""
    return Counter((one.status_code, one.json().get("code")) for one in answers)


@pytest.fixture
def caller(api: Api) -> Callable[..., Callable[[], Any]]:
    """A call on a client of its own, for `at_once`."""

    def make(path: str, body: Any) -> Callable[[], Any]:
        return lambda: Api(dict(api.headers)).post(path, body)

    return make


def agreed(tenant: Tenant) -> bool:
    with tenant_scope(tenant.id):
        return list(grant_findings(tenant_id=tenant.id)) == []


def test_the_last_of_a_grant_is_spent_once(api: Api, tenant: Tenant, at_once: Any, caller: Any) -> None:
    body = made(grant(api, customer(api), 100))
    shop = made(api.post("/api/accounts", {"currency": "EUR"}))["id"]
    transfer = {"fromAccountId": body["accountId"], "toAccountId": shop, "amount": 60, "currency": "EUR"}
    seen = outcomes(at_once(*[caller("/api/transfers", transfer)] * 4))
    assert seen == {(201, None): 1, (422, "insufficient_funds"): 3}
    with tenant_scope(tenant.id):
        assert [use.amount for use in GrantUse.objects.all()] == [60]
    assert agreed(tenant)


def test_what_is_spent_while_it_is_revoked_is_spent_or_revoked_and_never_both(
    api: Api, tenant: Tenant, at_once: Any, caller: Any
) -> None:
    body = made(grant(api, customer(api), 100))
    shop = made(api.post("/api/accounts", {"currency": "EUR"}))["id"]
    transfer = {"fromAccountId": body["accountId"], "toAccountId": shop, "amount": 10, "currency": "EUR"}
    answers = at_once(
        *[caller("/api/transfers", transfer)] * 3, *[caller(f"/api/grants/{body['id']}/revoke", {"reason": "No"})] * 2
    )
    assert set(outcomes(answers)) <= {(201, None), (200, None), (422, "insufficient_funds")}
    with tenant_scope(tenant.id):
        assert Grant.objects.get().status == "revoked"
        assert JournalEntry.objects.filter(kind="grant.revoked").count() == 1
        assert sum(use.amount for use in GrantUse.objects.all()) == 100
    assert agreed(tenant)


def test_a_wallet_and_the_accounts_of_the_books_are_made_once(
    api: Api, tenant: Tenant, at_once: Any, caller: Any
) -> None:
    owner = customer(api)
    body = {"customerId": owner, "amount": 5, "currency": "EUR"}
    credit = caller(f"/api/customers/{owner}/credit", {"amount": 3, "reason": "Bonus"})
    assert outcomes(at_once(*[caller("/api/grants", body)] * 3, credit, credit)) == {(201, None): 5}
    with tenant_scope(tenant.id):
        assert Account.objects.filter(is_wallet=True).count() == 1
        codes = list(Account.objects.filter(owner_type="system").order_by("code").values_list("code", flat=True))
    assert codes == ["breakage:EUR", "customer_credit:EUR", "promotions:EUR"]


def test_an_end_is_posted_once_by_however_many_sweeps(api: Api, tenant: Tenant, at_once: Any) -> None:
    owner = customer(api)
    for number in range(5):
        made(grant(api, owner, 10 + number, expiresAt=in_hours(1)))
    late = SystemClock().now() + dt.timedelta(hours=2)
    assert tenants_with_due(at=late) == [tenant.id]
    assert sum(at_once(*[lambda: settle_due(tenant_id=tenant.id, at=late)] * 3)) == 5
    assert tenants_with_due(at=late) == []
    with tenant_scope(tenant.id):
        assert set(Grant.objects.values_list("status", flat=True)) == {"expired"}
        assert JournalEntry.objects.filter(kind="grant.expired").count() == 5
    assert agreed(tenant)


def test_a_grant_that_no_balance_has_room_for_waits_and_keeps_nobody_waiting(api: Api, tenant: Tenant) -> None:
    full = made(grant(api, customer(api), MAX_AMOUNT, effectiveAt=in_hours(1)))
    other = made(grant(api, customer(api), 10, expiresAt=in_hours(1)))
    wallet, late = decode_id(ACCOUNT, full["accountId"]), SystemClock().now() + dt.timedelta(hours=2)
    issuer = made(api.post("/api/accounts", {"currency": "EUR", "overdraft": {"policy": "unlimited"}}))["id"]
    pair = [debit(decode_id(ACCOUNT, issuer), MAX_AMOUNT), credit(wallet, MAX_AMOUNT)]
    times, rest = divmod(2**63 // MAX_AMOUNT, 50)
    with tenant_scope(tenant.id):
        drafts = [EntryDraft(lines=pair * many, at=SystemClock().now()) for many in (*[50] * times, rest)]
        post_entries(tenant_id=tenant.id, drafts=drafts)
    assert settle_due(tenant_id=tenant.id, at=late) == 1
    with tenant_scope(tenant.id):
        assert settled_balance_of(tenant_id=tenant.id, account_id=wallet, now=late).posted == 2**63 // 10**15 * 10**15
        assert {encode_id(GRANT, one.id): one.status for one in Grant.objects.all()} == {
            full["id"]: "scheduled", other["id"]: "expired",
        }  # fmt: skip
    moved = {"from": full["accountId"], "to": issuer, "amount": MAX_AMOUNT, "currency": "EUR"}
    assert api.post("/api/transfers", moved).status_code == 201
    assert settle_due(tenant_id=tenant.id, at=late) == 1
    assert agreed(tenant)
