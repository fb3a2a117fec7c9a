"""Claims about the proof: it passes over good books, and names whatever was altered behind its back."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from accounting.checks import books_checks
from accounting.models import Account, Checkpoint, Hold, Seal, SealedEntry, Transfer
from accounting.posting import EntryDraft, credit, debit
from common.ids import encode_id
from common.prefixes import ACCOUNT, HOLD, JOURNAL_ENTRY, TRANSFER
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.accounting.test_sealer import Books, altered
from tests.conftest import AT

pytestmark = pytest.mark.django_db(transaction=True)


class Rich(Books):
    """Books with one of each kind: sealed and unsealed entries, bounded accounts, transfers, holds, checkpoints."""

    def __init__(self, tenant: Tenant) -> None:
        super().__init__(tenant)
        with tenant_scope(tenant.id):
            self.wallet, self.shop, self.empty = (
                Account.objects.create(
                    tenant_id=tenant.id, currency="EUR", overdraft_policy="limit", overdraft_limit=10, created_at=AT,
                    updated_at=AT,
                )
                for _ in range(3)
            )  # fmt: skip
        self.worded = EntryDraft(
            lines=[debit(self.a.id, 100), credit(self.wallet.id, 100)], at=AT, description="Ada's bonus",
            metadata={"b": "2", "a": "1"}, batch_id="b-1",
        )  # fmt: skip
        self.post(self.worded)
        self.moved = self.transfer(7)
        self.captured = self.transfer(5)
        self.undone = self.transfer(3)
        self.void(self.undone)
        with tenant_scope(tenant.id):
            values = {
                "tenant_id": tenant.id, "account": self.wallet, "currency": "EUR", "expires_at": AT, "created_at": AT,
                "updated_at": AT,
            }  # fmt: skip
            self.held = Hold.objects.create(amount=20, **values)
            done = Hold.objects.create(amount=5, **values)
            done.status, done.captured, done.transfer = "captured", 5, self.captured
            done.save()
            self.done = done
        for _ in range(3):
            self.seal(batch=2, checkpoint_every=1)
        self.last = self.draft(1)
        self.post(self.last)

    def transfer(self, amount: int) -> Transfer:
        lines = [debit(self.wallet.id, amount), credit(self.shop.id, amount)]
        draft = EntryDraft(lines=lines, at=AT, kind="transfer")
        self.post(draft)
        with tenant_scope(self.tenant.id):
            return Transfer.objects.create(
                tenant_id=self.tenant.id, from_account_id=self.wallet.id, to_account_id=self.shop.id, amount=amount,
                currency="EUR", entry_id=draft.id, created_at=AT, updated_at=AT,
            )  # fmt: skip

    def void(self, transfer: Transfer) -> None:
        lines = [credit(self.wallet.id, transfer.amount), debit(self.shop.id, transfer.amount)]
        draft = EntryDraft(lines=lines, at=AT, kind="reversal", reverses=transfer.entry_id)
        self.post(draft)
        with tenant_scope(self.tenant.id):
            transfer.status, transfer.void_entry_id, transfer.void_reason = "voided", draft.id, "a mistake"
            transfer.save()

    def alter(self, table: str, sql: str, *values: Any) -> None:
        """Behind the back of everything: as the owner, without triggers."""
        with altered(self.tenant, table) as cursor:
            cursor.execute(sql, values)
            assert cursor.rowcount > 0

    def verify(self) -> dict[str, Any]:
        out = StringIO()
        status = 0
        try:
            call_command("verify_books", tenant=self.tenant.slug, json=True, stdout=out, stderr=StringIO())
        except SystemExit as ended:
            status = int(str(ended.code))
        found: dict[str, Any] = json.loads(out.getvalue())
        assert status == (0 if found["ok"] else 1)
        result: dict[str, Any] = found["tenants"][0]
        return result

    def findings(self) -> set[tuple[str, str]]:
        return {(one["place"], one["problem"]) for one in self.verify()["findings"]}


@pytest.fixture
def rich(tenant: Tenant) -> Rich:
    return Rich(tenant)


def test_good_books_pass_and_everything_was_looked_at(rich):
    result = rich.verify()
    assert result == {
        "tenant": rich.tenant.slug, "tenantId": result["tenantId"], "ok": True, "findings": [], "moreFindings": 0,
        "checked": {
            "entries": 6, "units": 1, "balances": 5, "transfers": 3, "captured holds": 1, "checkpoints": 10,
            "seals": 3,
        } | {name: count for name, count in result["checked"].items() if name not in OWN},
    }  # fmt: skip


OWN = {"entries", "units", "balances", "transfers", "captured holds", "checkpoints", "seals"}


def test_a_tenant_without_anything_passes(tenant):
    assert Rich.verify(Books(tenant))["ok"]  # type: ignore[arg-type]


def test_erased_texts_are_no_finding(rich):
    rich.alter(
        "accounting_journalentry",
        "UPDATE accounting_journalentry SET description = NULL, metadata = NULL, salt = NULL WHERE id = %s",
        rich.worded.id,
    )
    assert rich.findings() == set()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("description = 'Eve''s bonus'", "digest of its description"),
        ("description = NULL", "digest of its description"),
        ("metadata = '{}'", "digest of its description"),
        ("salt = '\\x00'", "digest of its description"),
        ("salt = NULL", "written later"),
        ("text_digest = sha256('')", "digest"),
        ("digest = sha256('')", "digest"),
        ("evidence = sha256('')", "digest"),
        ("kind = 'other'", "digest"),
        ("batch_id = 'b-2'", "digest"),
        ("source_type = 'invoice', source_id = id", "digest"),
        ("reverses_id = id", "digest"),
        ("created_at = created_at + interval '1 second'", "digest"),
        ("line_count = 3", "number of its lines is 2, but should be 3"),
    ],
)
def test_an_altered_entry_is_named(rich, change, said):
    rich.alter("accounting_journalentry", f"UPDATE accounting_journalentry SET {change} WHERE id = %s", rich.worded.id)
    found = rich.findings()
    assert [
        problem for place, problem in found if place == encode_id(JOURNAL_ENTRY, rich.worded.id) and said in problem
    ]


def test_a_text_that_was_added_later_is_named(rich):
    rich.alter(
        "accounting_journalentry", "UPDATE accounting_journalentry SET description = 'x' WHERE id = %s", rich.last.id
    )
    place = encode_id(JOURNAL_ENTRY, rich.last.id)
    assert rich.findings() == {(place, "its description or metadata were written later")}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("amount = amount + 1", "the sum of its debits in EUR is 100, but should be 101"),
        ("side = 'debit'", "the sum of its debits in EUR is 200, but should be 0"),
        ("account_id = '{empty}'", "digest"),
        ("account_id = gen_random_uuid()", "names an account that does not exist"),
        ("created_at = created_at - interval '1 day'", "line 1 has another time"),
        ("position = 2", "not numbered from 0"),
    ],
)
def test_an_altered_line_is_named_with_its_entry_and_its_account(rich, change, said):
    rich.alter(
        "accounting_journalline",
        f"UPDATE accounting_journalline SET {change.format(empty=rich.empty.id)} WHERE entry_id = %s AND position = 1",
        rich.worded.id,
    )
    found = rich.findings()
    assert [
        problem for place, problem in found if place == encode_id(JOURNAL_ENTRY, rich.worded.id) and said in problem
    ]
    if "amount" in change or "side" in change:
        places = {place for place, _ in found}
        assert {encode_id(ACCOUNT, rich.wallet.id), "EUR"} <= places
        assert ("EUR", "the sum of all debits is 119, but should be 120") in found or "side" in change


def test_a_line_that_is_gone_is_named(rich):
    rich.alter(
        "accounting_journalline",
        "DELETE FROM accounting_journalline WHERE entry_id = %s AND position = 0",
        rich.worded.id,
    )
    found = rich.findings()
    place = encode_id(JOURNAL_ENTRY, rich.worded.id)
    assert (place, "the number of its lines is 1, but should be 2") in found


def test_a_whole_entry_that_is_gone_is_named_by_its_seal(rich):
    rich.alter("accounting_journalline", "DELETE FROM accounting_journalline WHERE entry_id = %s", rich.worded.id)
    with altered(rich.tenant, "accounting_journalentry") as cursor:
        cursor.execute("ALTER TABLE accounting_sealedentry DROP CONSTRAINT sealed_entry_entry")
        cursor.execute("DELETE FROM accounting_journalentry WHERE id = %s", [rich.worded.id])
    try:
        found = rich.findings()
    finally:
        with altered(rich.tenant, "accounting_sealedentry") as cursor:
            cursor.execute("DELETE FROM accounting_sealedentry WHERE id = %s", [rich.worded.id])
            cursor.execute(
                "ALTER TABLE accounting_sealedentry ADD CONSTRAINT sealed_entry_entry FOREIGN KEY (tenant_id, id) "
                "REFERENCES accounting_journalentry (tenant_id, id) NOT DEFERRABLE"
            )
    assert ("seal 1", f"the sealed entry {encode_id(JOURNAL_ENTRY, rich.worded.id)} is gone") in found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("posted = posted + 1", "its posted balance is 89, but should be 88"),
        ("held = held - 1", "what is held on it is 19, but should be 20"),
        ("floor = floor - 1", "its floor is -11, but should be -10"),
    ],
)
def test_an_altered_balance_is_named_with_the_difference(rich, change, said):
    rich.alter("accounting_balance", f"UPDATE accounting_balance SET {change} WHERE id = %s", rich.wallet.id)
    assert rich.findings() == {(encode_id(ACCOUNT, rich.wallet.id), said)}


def test_a_balance_that_is_gone_or_too_many_is_named(rich):
    rich.alter("accounting_balance", "DELETE FROM accounting_balance WHERE id = %s", rich.wallet.id)
    rich.alter(
        "accounting_balance",
        "INSERT INTO accounting_balance (id, tenant_id, posted, held, floor) VALUES (%s, %s, -101, 0, -1000)",
        rich.a.id, rich.tenant.id,
    )  # fmt: skip
    found = rich.findings()
    assert (encode_id(ACCOUNT, rich.wallet.id), "its balance is gone") in found
    assert (encode_id(ACCOUNT, rich.a.id), "the account keeps a balance without a bound") in found


def test_an_account_below_its_limit_is_named(rich):
    rich.alter("accounting_account", "UPDATE accounting_account SET overdraft_limit = 0 WHERE id = %s", rich.wallet.id)
    rich.alter("accounting_hold", "UPDATE accounting_hold SET amount = 89 WHERE id = %s", rich.held.id)
    with altered(rich.tenant, "accounting_balance") as cursor:
        cursor.execute("UPDATE accounting_balance SET held = 89, posted = 88 WHERE id = %s", [rich.wallet.id])
    found = rich.findings()
    place = encode_id(ACCOUNT, rich.wallet.id)
    assert (place, "it stands below its limit: posted 88, held 89, floor 0") in found


def test_a_closed_account_that_is_not_empty_is_named(rich):
    rich.alter("accounting_account", "UPDATE accounting_account SET status = 'closed' WHERE id = %s", rich.wallet.id)
    said = "the account is closed and not empty: posted 88, held 20"
    assert rich.findings() == {(encode_id(ACCOUNT, rich.wallet.id), said)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("amount = 8", "it says 8 EUR, but its entry moved: debit 7 EUR, credit 7 EUR"),
        ("currency = 'USD'", "it says 7 USD, but its entry moved: debit 7 EUR, credit 7 EUR"),
        ("from_account_id = to_account_id, to_account_id = from_account_id", "it says 7 EUR, but its entry moved"),
        ("entry_id = '{worded}'", "it says 7 EUR, but its entry moved: debit 100 EUR, credit 100 EUR"),
        (
            "status = 'voided', void_reason = 'x', void_entry_id = entry_id",
            "it is voided, but what undid it is not its reverse: debit 7 EUR, credit 7 EUR",
        ),
    ],
)
def test_an_altered_transfer_is_named(rich, change, said):
    rich.alter(
        "accounting_transfer",
        f"UPDATE accounting_transfer SET {change.format(worded=rich.worded.id)} WHERE id = %s",
        rich.moved.id,
    )
    found = rich.findings()
    assert [1 for place, problem in found if place == encode_id(TRANSFER, rich.moved.id) and problem.startswith(said)]


def test_a_transfer_that_is_gone_is_named_by_its_entry(rich):
    rich.alter("accounting_transfer", "DELETE FROM accounting_transfer WHERE id = %s", rich.moved.id)
    place = encode_id(JOURNAL_ENTRY, rich.moved.entry_id)
    assert rich.findings() == {(place, "the transfer that this entry was posted for is gone")}


def test_altered_holds_are_named(rich):
    rich.alter("accounting_hold", "UPDATE accounting_hold SET captured = 4 WHERE id = %s", rich.done.id)
    rich.alter("accounting_hold", "UPDATE accounting_hold SET amount = 21 WHERE id = %s", rich.held.id)
    assert rich.findings() == {
        (encode_id(HOLD, rich.done.id), "it says that 4 EUR were captured, but it moved 5 EUR"),
        (encode_id(ACCOUNT, rich.wallet.id), "what is held on it is 20, but should be 21"),
    }


@pytest.mark.parametrize("change", ["balance = balance + 1", "line_id = gen_random_uuid()"])
def test_an_altered_checkpoint_is_named(rich, change):
    with tenant_scope(rich.tenant.id):
        point = Checkpoint.objects.filter(account=rich.wallet).order_by("line_at", "line_id")[1]
    rich.alter("accounting_checkpoint", f"UPDATE accounting_checkpoint SET {change} WHERE id = %s", point.id)
    [(place, problem)] = rich.findings()
    assert place == encode_id(ACCOUNT, rich.wallet.id)
    assert problem.startswith("the checkpoint of 2026-03-01T12:00:00.000Z")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("root = sha256('')", "its root is"),
        ("head = sha256('')", "its head is"),
        ("previous_head = sha256('')", "the head before it is"),
        ("entry_count = 3", "the number of its leaves is 2, but should be 3"),
    ],
)
def test_an_altered_seal_is_named(rich, change, said):
    rich.alter("accounting_seal", f"UPDATE accounting_seal SET {change} WHERE number = 2")
    assert [1 for place, problem in rich.findings() if place == "seal 2" and problem.startswith(said)]


def test_leaves_that_changed_places_are_named(rich):
    rich.alter("accounting_sealedentry", "UPDATE accounting_sealedentry SET position = position + 5 WHERE position = 0")
    rich.alter("accounting_sealedentry", "UPDATE accounting_sealedentry SET position = 0 WHERE position = 1")
    rich.alter("accounting_sealedentry", "UPDATE accounting_sealedentry SET position = 1 WHERE position = 5")
    found = rich.findings()
    assert {place for place, problem in found if problem.startswith("its root")} == {"seal 1", "seal 2"}


def test_an_entry_that_lost_its_leaf_is_named(rich):
    rich.alter("accounting_sealedentry", "DELETE FROM accounting_sealedentry WHERE id = %s", rich.worded.id)
    found = rich.findings()
    place = encode_id(JOURNAL_ENTRY, rich.worded.id)
    assert (place, "the seals went past this entry without covering it") in found
    assert ("seal 1", "the number of its leaves is 1, but should be 2") in found


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_seal_that_is_gone_is_named(rich, number):
    with tenant_scope(rich.tenant.id):
        seal = Seal.objects.get(number=number)
        leaves = list(SealedEntry.objects.filter(seal=seal).values_list("entry_id", flat=True))
    rich.alter("accounting_sealedentry", "DELETE FROM accounting_sealedentry WHERE seal_id = %s", seal.id)
    rich.alter("accounting_seal", "DELETE FROM accounting_seal WHERE number = %s", number)
    found = rich.findings()
    assert {encode_id(JOURNAL_ENTRY, leaf) for leaf in leaves} <= {place for place, _ in found}
    if number < 3:
        assert (f"seal {number + 1}", f"seals {number} to {number} are missing") in found


def test_an_entry_that_nobody_sealed_in_the_cluster_before_is_named(rich):
    """Its transaction seems to lie in the future: the sealer has looked at all of these already."""
    rich.alter(
        "accounting_journalentry",
        "UPDATE accounting_journalentry SET xid = xid + 1000000000 WHERE id = %s",
        rich.last.id,
    )
    place = encode_id(JOURNAL_ENTRY, rich.last.id)
    assert rich.findings() == {(place, "the seals went past this entry without covering it")}


def test_of_many_findings_the_first_hundred_are_named(rich, tenant):
    rich.post(*[rich.draft(1) for _ in range(120)])
    rich.alter("accounting_journalentry", "UPDATE accounting_journalentry SET digest = sha256('')")
    result = rich.verify()
    assert (len(result["findings"]), result["moreFindings"] > 20) == (100, True)


def test_a_check_of_a_higher_app_is_run_and_its_findings_are_shown(rich):
    def check(*, tenant_id: Any, notes: Any) -> None:
        assert tenant_id == rich.tenant.id
        notes.checked(2)
        notes.differs("inv_1", "what is open", 5, 7)

    books_checks.register("tests", check)
    try:
        result = rich.verify()
    finally:
        books_checks.unregister("tests")
    assert result["checked"]["tests"] == 2
    assert result["findings"] == [{"check": "tests", "place": "inv_1", "problem": "what is open is 5, but should be 7"}]


def test_in_words_it_says_where_and_by_how_much(rich):
    rich.alter("accounting_balance", "UPDATE accounting_balance SET posted = posted + 1 WHERE id = %s", rich.wallet.id)
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("verify_books", tenant=rich.tenant.slug, stdout=out, stderr=StringIO())
    place = encode_id(ACCOUNT, rich.wallet.id)
    assert f"balances, {place}: its posted balance is 89, but should be 88" in out.getvalue()
    assert "entries 6" in out.getvalue()
