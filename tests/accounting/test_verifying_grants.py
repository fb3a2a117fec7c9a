"""What the proof of grants finds when the superuser has been at the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from accounting.models import Account
from accounting.services.grants import revoke_grant, settle_accounts
from accounting.services.transfers import void_transfer
from accounting.services.verifying_grants import grant_findings
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.accounting.granted import after, granted, spend
from tests.conftest import AT, owner_connection

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def meddle() -> Iterator[Callable[..., None]]:
    """Statements of the owner, whom no trigger stops; row-level security is told the tenant."""
    owner: psycopg.Connection[Any] = owner_connection()

    def run(tenant: Tenant, table: str, sql: str, *values: Any) -> None:
        owner.execute("SELECT set_config('ledger.tenant_id', %s, false)", [str(tenant.id)])
        owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        try:
            assert owner.execute(sql, values).rowcount > 0
        finally:
            owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")

    yield run
    owner.close()


def history(tenant: Tenant) -> tuple[Account, Any]:
    """A wallet on which everything has happened that can; and a grant of which 6 of 10 are left."""
    fields = {"tenant_id": tenant.id, "currency": "EUR", "created_at": AT, "updated_at": AT}
    wallet = Account.objects.create(**fields)
    shop = Account.objects.create(**fields, overdraft_policy="unlimited")
    granted(wallet, 10, expires_at=after(1), priority=0)
    void_transfer(
        tenant_id=tenant.id, transfer_id=spend(wallet, shop, 8).id, reason="No", at=AT
    )  # fmt: skip
    settle_accounts(tenant_id=tenant.id, account_ids=[wallet.id], at=after(1))
    for effective in (AT, after(9)):
        gone = granted(wallet, 10, effective_at=effective)
        revoke_grant(tenant_id=tenant.id, grant_id=gone.id, reason="No", at=after(1))
    kept = granted(wallet, 10)
    spend(wallet, shop, 4, at=after(1))
    return wallet, kept


def rules(tenant: Tenant) -> set[str]:
    with tenant_scope(tenant.id):
        return {one.rule for one in grant_findings(tenant_id=tenant.id)}


@pytest.mark.parametrize(
    ("table", "sql", "found"),
    [
        ("accounting_grant", "UPDATE {} SET remaining = remaining + 1 WHERE id = %s", {
            "grants_within_balance", "grant_explained_by_uses",
        }),
        ("accounting_grant", "UPDATE {} SET remaining = remaining - 1 WHERE id = %s", {"grant_explained_by_uses"}),
        ("accounting_grant", "UPDATE {} SET amount = amount + 1, remaining = remaining + 1 WHERE id = %s", {
            "grants_within_balance", "grant_posted_once",
        }),
        ("accounting_grantuse", "UPDATE {} SET position = 1 - position WHERE grant_id = %s", {
            "grant_use_has_its_line",
        }),
        ("accounting_grantuse", "UPDATE {} SET amount = amount + 1 WHERE grant_id = %s", {
            "grant_explained_by_uses", "grant_use_has_its_line", "grant_uses_within_line",
        }),
        ("accounting_grantuse", "DELETE FROM {} WHERE grant_id = %s", {"grant_explained_by_uses"}),
    ],
)  # fmt: skip
def test_what_was_altered_behind_the_back_is_found(tenant, meddle, table, sql, found):
    with tenant_scope(tenant.id):
        _, kept = history(tenant)
    assert rules(tenant) == set()
    meddle(tenant, table, sql.format(table), kept.id)
    assert rules(tenant) == found


def test_a_finding_names_the_object_and_both_amounts(tenant, meddle):
    with tenant_scope(tenant.id):
        wallet, kept = history(tenant)
    meddle(tenant, "accounting_grant", "UPDATE accounting_grant SET remaining = remaining + 1 WHERE id = %s", kept.id)
    with tenant_scope(tenant.id):
        found = {one.rule: one for one in grant_findings(tenant_id=tenant.id)}
    covered, explained = found["grants_within_balance"], found["grant_explained_by_uses"]
    assert (covered.object_id, covered.expected, covered.found) == (wallet.id, 7, 6)
    assert (explained.object_id, explained.expected, explained.found) == (kept.id, 3, 4)
