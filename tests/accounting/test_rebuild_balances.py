"""Claims about rebuilding: balances come back from the journal, and from nowhere else, while others go on working."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from io import StringIO
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from accounting.balances import balance_of
from accounting.models import Balance, Checkpoint, Hold
from accounting.posting import EntryDraft, credit, debit
from accounting.services.rebuilding import compare_balances, swap_balances
from common.ids import encode_id
from common.prefixes import ACCOUNT
from tenants.scope import tenant_scope
from tests.accounting.conftest import standing
from tests.accounting.test_sealer import altered
from tests.accounting.test_verify_books import Rich
from tests.conftest import AT, owner_connection

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rich(tenant):
    return Rich(tenant)


def rebuild(rich: Rich, **options: Any) -> dict[str, Any]:
    out = StringIO()
    with suppress(SystemExit):
        call_command("rebuild_balances", tenant=rich.tenant.slug, json=True, stdout=out, stderr=StringIO(), **options)
    result: dict[str, Any] = json.loads(out.getvalue())["tenants"][0]
    return result


def wrong(rich: Rich) -> None:
    rich.alter(
        "accounting_balance",
        "UPDATE accounting_balance SET posted = 999, held = 1, floor = -77 WHERE id = %s",
        rich.wallet.id,
    )
    rich.alter("accounting_balance", "DELETE FROM accounting_balance WHERE id = %s", rich.shop.id)
    rich.alter(
        "accounting_balance",
        "INSERT INTO accounting_balance (id, tenant_id, posted, held, floor) VALUES (%s, %s, 0, 0, 0)",
        rich.a.id, rich.tenant.id,
    )  # fmt: skip


def test_good_balances_are_left_alone(rich):
    assert rebuild(rich) == {**rebuild(rich), "ok": True, "accounts": 5, "differences": []}


def test_what_differs_is_replayed_from_the_journal(rich):
    wrong(rich)
    result = rebuild(rich)
    found = {one.pop("account"): one for one in result["differences"]}
    assert found == {
        encode_id(ACCOUNT, rich.wallet.id): {
            "kept": {"posted": 999, "held": 1, "floor": -77}, "replayed": {"posted": 88, "held": 20, "floor": -10},
            "swapped": True,
        },
        encode_id(ACCOUNT, rich.shop.id): {
            "kept": None, "replayed": {"posted": 12, "held": 0, "floor": -10}, "swapped": True,
        },
        encode_id(ACCOUNT, rich.a.id): {
            "kept": {"posted": 0, "held": 0, "floor": 0}, "replayed": None, "swapped": True,
        },
    }  # fmt: skip
    assert result["ok"]
    assert rich.verify()["ok"]
    assert rebuild(rich)["differences"] == []


def test_checkpoints_are_replayed_as_well_since_unbounded_balances_begin_at_them(rich):
    """One is off, and one names a line that is not there."""
    with tenant_scope(rich.tenant.id):
        right = balance_of(tenant_id=rich.tenant.id, account_id=rich.a.id)
        off = Checkpoint.objects.get(account=rich.a)
        lost = Checkpoint.objects.filter(account=rich.wallet).order_by("line_at", "line_id")[0]
    rich.alter(
        "accounting_checkpoint", "UPDATE accounting_checkpoint SET balance = balance + 7 WHERE id = %s", off.id
    )  # fmt: skip
    rich.alter(
        "accounting_checkpoint", "UPDATE accounting_checkpoint SET line_id = %s WHERE id = %s", UUID(int=1), lost.id
    )  # fmt: skip
    assert not rich.verify()["ok"]
    dry = rebuild(rich, dry_run=True)
    assert (dry["ok"], {one["swapped"] for one in dry["checkpoints"]}) == (False, {False})
    result = rebuild(rich)
    assert result["ok"]
    assert {(one["kept"], one["replayed"], one["swapped"]) for one in result["checkpoints"]} == {
        (off.balance + 7, off.balance, True), (lost.balance, None, True),
    }  # fmt: skip
    assert rich.verify()["ok"]
    assert rebuild(rich)["checkpoints"] == []
    with tenant_scope(rich.tenant.id):
        assert balance_of(tenant_id=rich.tenant.id, account_id=rich.a.id) == right


def test_a_dry_run_changes_nothing(rich):
    wrong(rich)
    result = rebuild(rich, dry_run=True)
    assert (result["ok"], {one["swapped"] for one in result["differences"]}) == (False, {False})
    with tenant_scope(rich.tenant.id):
        assert standing(rich.wallet.id) == (999, 1)


def test_an_account_that_the_journal_overdraws_is_left_and_named(rich):
    wrong(rich)
    rich.alter("accounting_hold", "UPDATE accounting_hold SET amount = 500 WHERE id = %s", rich.held.id)
    result = rebuild(rich)
    assert not result["ok"]
    left = [one["account"] for one in result["differences"] if not one["swapped"]]
    assert left == [encode_id(ACCOUNT, rich.wallet.id)]
    with tenant_scope(rich.tenant.id):
        assert (standing(rich.wallet.id), standing(rich.shop.id)) == ((999, 1), (12, 0))


def test_in_words_it_says_what_was_and_what_is(rich):
    wrong(rich)
    out = StringIO()
    call_command("rebuild_balances", tenant=rich.tenant.slug, stdout=out, stderr=StringIO())
    said = f"{encode_id(ACCOUNT, rich.shop.id)}: kept none; replayed posted 12, held 0, floor -10; put right"
    assert said in out.getvalue()


def test_of_another_tenant_nothing_is_touched(rich, other_tenant):
    wrong(rich)
    with tenant_scope(other_tenant.id):
        found = compare_balances(tenant_id=other_tenant.id)
        assert (found.accounts, found.differences) == (0, [])
        with connection.cursor() as cursor:
            cursor.execute("SELECT accounting_rebuild_balances(%s::uuid[])", [[rich.wallet.id, rich.shop.id]])
    with tenant_scope(rich.tenant.id):
        assert standing(rich.wallet.id) == (999, 1)


@pytest.mark.parametrize(
    "change", ["posted = posted + 1", "held = held + 1", "floor = floor - 1", "id = gen_random_uuid()"]
)
def test_neither_the_application_nor_the_owner_writes_a_balance_of_their_own(rich, change):
    sql = f"UPDATE accounting_balance SET {change} WHERE id = %s"
    with tenant_scope(rich.tenant.id), pytest.raises(IntegrityError), transaction.atomic():
        connection.cursor().execute(sql, [rich.wallet.id])
    with owner_connection() as owner, owner.transaction(force_rollback=True):
        owner.execute("SELECT set_config('ledger.tenant_id', %s, true)", [str(rich.tenant.id)])
        with pytest.raises(psycopg.errors.RestrictViolation):
            owner.execute(sql, [rich.wallet.id])


def test_the_owner_neither_deletes_nor_adds_one(rich):
    statements = [
        ("DELETE FROM accounting_balance WHERE id = %s", [rich.wallet.id]),
        (
            "INSERT INTO accounting_balance (id, tenant_id, posted, held, floor) VALUES (%s, %s, -101, 0, -1000)",
            [rich.a.id, rich.tenant.id],
        ),
    ]
    for sql, values in statements:
        with owner_connection() as owner, owner.transaction(force_rollback=True):
            owner.execute("SELECT set_config('ledger.tenant_id', %s, true)", [str(rich.tenant.id)])
            with pytest.raises(psycopg.errors.RestrictViolation):
                owner.execute(sql, values)


def test_balances_are_right_when_others_post_and_hold_meanwhile(rich):
    stop, failed = threading.Event(), []

    def post() -> None:
        lines = [debit(rich.a.id, 1), credit(rich.wallet.id, 1)]
        rich.post(EntryDraft(lines=lines, at=AT))

    def hold() -> None:
        with tenant_scope(rich.tenant.id):
            made = Hold.objects.create(
                tenant_id=rich.tenant.id, account=rich.wallet, amount=1, currency="EUR", expires_at=AT, created_at=AT,
                updated_at=AT,
            )  # fmt: skip
        with tenant_scope(rich.tenant.id):
            made.status = "released"
            made.save()

    def keep(work: Any) -> None:
        try:
            while not stop.is_set():
                work()
        except Exception as problem:
            failed.append(problem)
        finally:
            connection.close()

    for _ in range(4):
        with altered(rich.tenant, "accounting_balance") as cursor:
            cursor.execute("UPDATE accounting_balance SET posted = posted + 5 WHERE id = %s", [rich.wallet.id])
        stop.clear()
        threads = [threading.Thread(target=keep, args=(work,)) for work in (post, post, hold)]
        for thread in threads:
            thread.start()
        try:
            with tenant_scope(rich.tenant.id):
                found = compare_balances(tenant_id=rich.tenant.id)
            assert [one.account_id for one in found.differences] == [rich.wallet.id]
            with tenant_scope(rich.tenant.id):
                swap_balances(tenant_id=rich.tenant.id, differences=found.differences)
            for _ in range(10):
                with tenant_scope(rich.tenant.id):
                    assert compare_balances(tenant_id=rich.tenant.id).differences == []
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)
    assert failed == []
    assert rich.verify()["ok"]
    with tenant_scope(rich.tenant.id):
        assert Balance.objects.filter(account=rich.wallet).get().posted > 88
