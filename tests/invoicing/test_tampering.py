"""Whatever the superuser alters behind Ledger's back, `verify_books` fails and names the place.

One tenant has lived through everything. Each case is what no trigger stops; afterwards the rows are put back. How a
finding is worded is claimed beside each check; here it is that nothing is missed.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from django.core.management import call_command

from accounting.models import Account, JournalEntry, Seal
from accounting.services.grants import revoke_grant
from accounting.services.holds import capture_hold, place_hold, release_hold
from accounting.services.sealing import seal_tenant
from accounting.services.settling_grants import settle_due
from accounting.services.transfers import void_transfer
from billing.models import Payment
from common import prefixes
from common.ids import encode_id
from invoicing.models import PaymentAllocation, Recognition
from invoicing.services.recognising import recognise_revenue
from tenants.scope import tenant_scope
from tests.accounting.elsewhere import wait_for_other_databases
from tests.accounting.granted import after, granted, spend
from tests.conftest import AT, superuser_connection
from tests.invoicing.documents import Invoices, uuid_of

pytestmark = pytest.mark.django_db(transaction=True)
REASON = {"reason": "Because"}
PERIOD = {"periodStart": "2026-01-01T00:00:00Z", "periodEnd": "2026-04-01T00:00:00Z"}

# What is altered, how, and where that must show. Words in braces are objects of the story.
CASES: Final = [
    # Entries and their lines.
    ("UPDATE accounting_journalline SET amount = amount + 1 WHERE entry_id = '{entry}' AND position = 0", "entry"),
    ("UPDATE accounting_journalline SET amount = amount + 1 WHERE entry_id = '{entry}'", "entry"),
    ("UPDATE accounting_journalline SET side = 'credit' WHERE entry_id = '{entry}' AND position = 0", "entry"),
    ("UPDATE accounting_journalline SET side = CASE side WHEN 'debit' THEN 'credit' ELSE 'debit' END "
     "WHERE entry_id = '{entry}'", "entry"),
    ("UPDATE accounting_journalline SET account_id = '{shop}' WHERE entry_id = '{entry}' AND position = 0", "entry"),
    ("UPDATE accounting_journalline SET position = 7 WHERE entry_id = '{entry}' AND position = 0", "entry"),
    ("UPDATE accounting_journalline SET created_at = created_at + interval '1 s' WHERE entry_id = '{entry}'", "entry"),
    ("UPDATE accounting_journalline SET entry_id = '{last}', position = 2 WHERE entry_id = '{entry}' AND position = 0",
     "entry"),
    ("DELETE FROM accounting_journalline WHERE entry_id = '{entry}' AND position = 0", "entry"),
    ("DELETE FROM accounting_journalline WHERE entry_id = '{entry}'", "entry"),
    ("INSERT INTO accounting_journalline (id, tenant_id, entry_id, position, account_id, side, amount, created_at) "
     "SELECT gen_random_uuid(), tenant_id, entry_id, position + 2, account_id, side, amount, created_at "
     "FROM accounting_journalline WHERE entry_id = '{entry}'", "entry"),
    *[(f"UPDATE accounting_journalentry SET {change} WHERE id = '{{entry}}'", "entry") for change in (
        "kind = 'other'", "source_id = gen_random_uuid()", "batch_id = 'b'", "reverses_id = '{last}'",
        "line_count = 3", "description = 'Another'", "description = NULL", "salt = '\\x00'", "text_digest = sha256('')",
        "evidence = sha256('')", "digest = sha256('')", "created_at = created_at + interval '1 s'",
    )],
    ("DELETE FROM accounting_journalentry WHERE id = '{entry}'", "its seal"),
    ("DELETE FROM accounting_journalline WHERE entry_id = '{entry}'; "
     "DELETE FROM accounting_journalentry WHERE id = '{entry}'", "its seal"),
    ("DELETE FROM accounting_journalline WHERE entry_id = '{last}'; "
     "DELETE FROM accounting_journalentry WHERE id = '{last}'", "other"),
    # Balances and accounts.
    ("UPDATE accounting_balance SET posted = posted + 1 WHERE id = '{wallet}'", "wallet"),
    ("UPDATE accounting_balance SET held = held - 1 WHERE id = '{wallet}'", "wallet"),
    ("UPDATE accounting_balance SET floor = floor - 1 WHERE id = '{wallet}'", "wallet"),
    ("DELETE FROM accounting_balance WHERE id = '{wallet}'", "wallet"),
    ("INSERT INTO accounting_balance (id, tenant_id, posted, held, floor) "
     "SELECT '{shop}', tenant_id, 0, 0, -1000 FROM accounting_balance WHERE id = '{wallet}'", "shop"),
    ("UPDATE accounting_account SET overdraft_policy = 'limit', overdraft_limit = 5 WHERE id = '{wallet}'", "wallet"),
    ("UPDATE accounting_account SET overdraft_policy = 'unlimited' WHERE id = '{wallet}'", "wallet"),
    ("UPDATE accounting_account SET type = 'asset' WHERE id = '{wallet}'", "wallet"),
    ("UPDATE accounting_account SET status = 'closed' WHERE id = '{wallet}'", "wallet"),
    ("UPDATE accounting_account SET currency = 'USD' WHERE id = '{wallet}'", "moved"),
    ("UPDATE accounting_account SET code = 'till' WHERE code = 'cash:EUR'", "cash:EUR"),
    ("DELETE FROM accounting_account WHERE id = '{wallet}'", "wallet"),
    # Transfers and holds.
    ("UPDATE accounting_transfer SET amount = amount + 1 WHERE id = '{moved}'", "moved"),
    ("UPDATE accounting_transfer SET currency = 'USD' WHERE id = '{moved}'", "moved"),
    ("UPDATE accounting_transfer SET from_account_id = to_account_id, to_account_id = from_account_id "
     "WHERE id = '{moved}'", "moved"),
    ("UPDATE accounting_transfer SET entry_id = '{entry of open}' WHERE id = '{moved}'", "moved"),
    ("UPDATE accounting_transfer SET status = 'voided', void_entry_id = entry_id, void_reason = 'x' "
     "WHERE id = '{moved}'", "moved"),
    ("UPDATE accounting_transfer SET status = 'posted', void_entry_id = NULL, void_reason = NULL "
     "WHERE id = '{undone}'", "undone"),
    ("DELETE FROM accounting_transfer WHERE id = '{moved}'", "entry"),
    ("UPDATE accounting_hold SET amount = amount + 1 WHERE id = '{held}'", "wallet"),
    ("UPDATE accounting_hold SET account_id = '{other}' WHERE id = '{held}'", "wallet"),
    ("UPDATE accounting_hold SET status = 'released' WHERE id = '{held}'", "wallet"),
    ("UPDATE accounting_hold SET status = 'active' WHERE id = '{freed}'", "wallet"),
    ("DELETE FROM accounting_hold WHERE id = '{held}'", "wallet"),
    ("UPDATE accounting_hold SET captured = captured - 1 WHERE id = '{captured}'", "captured"),
    ("UPDATE accounting_hold SET transfer_id = '{moved}' WHERE id = '{captured}'", "captured"),
    # Grants.
    ("UPDATE accounting_grant SET remaining = remaining + 1 WHERE id = '{granted}'", "granted"),
    ("UPDATE accounting_grant SET remaining = remaining - 1 WHERE id = '{granted}'", "granted"),
    ("UPDATE accounting_grant SET amount = amount + 1, remaining = remaining + 1 WHERE id = '{granted}'", "granted"),
    ("UPDATE accounting_grant SET status = 'used', remaining = 0 WHERE id = '{granted}'", "granted"),
    ("UPDATE accounting_grant SET status = 'active', remaining = 1 WHERE id = '{expired}'", "expired"),
    ("UPDATE accounting_grant SET status = 'active' WHERE id = '{scheduled}'", "scheduled"),
    ("UPDATE accounting_grant SET account_id = '{other}' WHERE id = '{granted}'", "granted"),
    ("DELETE FROM accounting_grant WHERE id = '{granted}'", "granted"),
    ("UPDATE accounting_grantuse SET amount = amount + 1 WHERE grant_id = '{granted}'", "granted"),
    ("UPDATE accounting_grantuse SET grant_id = '{expired}' WHERE grant_id = '{granted}'", "granted"),
    ("DELETE FROM accounting_grantuse WHERE grant_id = '{granted}'", "granted"),
    # Seals and checkpoints.
    *[(f"UPDATE accounting_seal SET {change} WHERE number = 2", "seal 2") for change in (
        "root = sha256('')", "head = sha256('')", "previous_head = sha256('')", "entry_count = entry_count + 1",
    )],
    ("UPDATE accounting_seal SET number = 99 WHERE number = 2", "seal 99"),
    ("DELETE FROM accounting_seal WHERE number = 2", "seal 3"),
    ("DELETE FROM accounting_seal WHERE number = {newest}; "
     "DELETE FROM accounting_sealedentry WHERE seal_id = '{newest seal}'", "sealed last"),
    ("UPDATE accounting_sealedentry SET position = position + 100 WHERE id = '{entry}'", "its seal"),
    ("UPDATE accounting_sealedentry SET seal_id = '{newest seal}', position = 99 WHERE id = '{entry}'", "its seal"),
    ("DELETE FROM accounting_sealedentry WHERE id = '{entry}'", "entry"),
    ("UPDATE accounting_checkpoint SET balance = balance + 1 WHERE account_id = '{wallet}'", "wallet"),
    ("UPDATE accounting_checkpoint SET line_id = gen_random_uuid() WHERE account_id = '{wallet}'", "wallet"),
    # What the entries of billing are about.
    *[(f"UPDATE invoicing_invoice SET {change} WHERE id = '{{open}}'", "open") for change in (
        "total = total + 1, subtotal = subtotal + 1", "tax = tax - 1, subtotal = subtotal + 1", "currency = 'USD'",
        "chain_hash = content_digest", "amount_paid = 5", "amount_paid = total", "status = 'paid', paid_at = now()",
        "status = 'void', voided_at = now(), void_reason = 'x'", "status = 'uncollectible'",
    )],
    ("UPDATE invoicing_invoice SET amount_credited = total WHERE id = '{open}'", "receivables:EUR"),
    *[(f"UPDATE invoicing_invoice SET {change} WHERE id = '{{paid}}'", "paid") for change in (
        "amount_paid = amount_paid - 1", "status = 'pending', paid_at = NULL", "status = 'uncollectible'",
    )],
    ("UPDATE invoicing_invoice SET status = 'pending' WHERE id = '{void}'", "void"),
    ("UPDATE invoicing_invoice SET status = 'pending' WHERE id = '{lost}'", "lost"),
    ("DELETE FROM invoicing_invoice WHERE id = '{open}'", "entry of open"),
    ("UPDATE billing_payment SET amount = amount + 1 WHERE id = '{payment}'", "payment"),
    ("UPDATE billing_payment SET currency = 'USD' WHERE id = '{payment}'", "payment"),
    ("UPDATE billing_payment SET status = 'failed' WHERE id = '{payment}'", "payment"),
    ("DELETE FROM billing_payment WHERE id = '{payment}'", "entry of payment"),
    ("UPDATE invoicing_paymentallocation SET amount = amount + 1 WHERE id = '{allocation}'", "paid"),
    ("DELETE FROM invoicing_paymentallocation WHERE id = '{allocation}'", "paid"),
    ("UPDATE invoicing_recognition SET amount = amount + 1 WHERE id = '{recognised}'", "served"),
    ("UPDATE invoicing_recognition SET amount = amount + 1 WHERE id = '{waiting}'", "served"),
    ("UPDATE invoicing_recognition SET status = 'scheduled', entry_id = NULL WHERE id = '{recognised}'", "served"),
    ("UPDATE invoicing_recognition SET status = 'recognised', entry_id = '{last}' WHERE id = '{waiting}'", "served"),
    ("UPDATE invoicing_recognition SET status = 'cancelled' WHERE id = '{waiting}'", "served"),
    ("UPDATE invoicing_recognition SET status = 'scheduled' WHERE id = '{cancelled}'", "withdrawn"),
    ("DELETE FROM invoicing_recognition WHERE id = '{waiting}'", "served"),
]  # fmt: skip


class Story:
    """A tenant that has one of each kind, under names: `ids` as the database has them, `shown` as people see them."""

    def __init__(self, invoices: Invoices, clock: Any) -> None:
        self.tenant, self.invoices = invoices.tenant, invoices
        self.ids: dict[str, Any] = {}
        self.shown: dict[str, str] = {}
        self._bill(clock)
        with tenant_scope(self.tenant.id):
            self._move()
        settle_due(tenant_id=self.tenant.id, at=after(2))
        wait_for_other_databases()
        while seal_tenant(tenant_id=self.tenant.id, now=AT, batch=10, checkpoint_every=1):
            pass
        with tenant_scope(self.tenant.id):
            spend(self.other, self.shop, 1, at=after(3))
            self._look()

    def name(self, name: str, prefix: str, row_id: UUID) -> None:
        """Remember an object."""
        self.ids[name], self.shown[name] = row_id, encode_id(prefix, row_id)

    def _bill(self, clock: Any) -> None:
        clock.move_to("2026-01-05T10:00:00Z", tick=False)
        make = self.invoices.make
        made = {name: make(10_000) for name in ("open", "paid", "void", "lost")}
        made |= {name: make(9_000, **PERIOD) for name in ("served", "withdrawn")}
        recognise_revenue(tenant_id=self.tenant.id, at=dt.datetime(2026, 2, 1, tzinfo=dt.UTC))
        clock.move_to("2026-02-05T10:00:00Z", tick=False)
        for name, verb, body in (
            ("paid", "mark-paid", {}), ("void", "void", REASON), ("lost", "mark-uncollectible", REASON),
            ("withdrawn", "void", REASON),
        ):  # fmt: skip
            assert self.invoices.act(made[name], verb, body).status_code == 200
        for name, invoice in made.items():
            self.name(name, prefixes.INVOICE, uuid_of(invoice))

    def _move(self) -> None:
        tenant_id = self.tenant.id
        fields = {"tenant_id": tenant_id, "currency": "EUR", "created_at": AT, "updated_at": AT}
        wallet, other = (Account.objects.create(**fields) for _ in range(2))
        self.shop, self.other = Account.objects.create(**fields, overdraft_policy="unlimited"), other
        for name, account in (("wallet", wallet), ("other", other), ("shop", self.shop)):
            self.name(name, prefixes.ACCOUNT, account.id)
        for account in (wallet, other):
            spend(self.shop, account, 100)
        terms: dict[str, dict[str, Any]] = {
            "granted": {}, "expired": {"expires_at": after(1), "priority": 90}, "revoked": {"priority": 99},
            "scheduled": {"effective_at": after(99)},
        }  # fmt: skip
        for name, one in terms.items():
            self.name(name, prefixes.GRANT, granted(wallet, 50, **one).id)
        revoke_grant(tenant_id=tenant_id, grant_id=self.ids["revoked"], reason="No", at=AT)
        self.name("moved", prefixes.TRANSFER, spend(wallet, other, 4, description="For Ada").id)
        self.name("undone", prefixes.TRANSFER, spend(wallet, other, 3).id)
        void_transfer(tenant_id=tenant_id, transfer_id=self.ids["undone"], reason="No", at=AT)
        for name in ("held", "captured", "freed"):
            hold = place_hold(tenant_id=tenant_id, account_id=wallet.id, amount=5, currency="EUR", at=AT)
            self.name(name, prefixes.HOLD, hold.id)
        capture_hold(tenant_id=tenant_id, hold_id=self.ids["captured"], to_account_id=other.id, at=AT)
        release_hold(tenant_id=tenant_id, hold_id=self.ids["freed"], at=AT)

    def _look(self) -> None:
        """Names for what the services wrote on their way."""
        entries = JournalEntry.objects.order_by("id")
        payment = Payment.objects.get()
        self.name("payment", prefixes.PAYMENT, payment.id)
        self.name("entry of payment", prefixes.JOURNAL_ENTRY, entries.get(source_id=payment.id).id)
        self.name("entry of open", prefixes.JOURNAL_ENTRY, entries.get(source_id=self.ids["open"]).id)
        self.name("entry", prefixes.JOURNAL_ENTRY, entries.get(source_id=self.ids["moved"]).id)
        self.name("last", prefixes.JOURNAL_ENTRY, entries.reverse()[0].id)
        self.shown["its seal"] = f"seal {entries.get(id=self.ids['entry']).sealed.seal.number}"
        self.ids["allocation"] = PaymentAllocation.objects.get().id
        months = Recognition.objects.order_by("month")
        self.ids["recognised"], self.ids["waiting"] = months.filter(invoice_id=self.ids["served"])[:2].values_list(
            "id", flat=True
        )
        self.ids["cancelled"] = months.filter(invoice_id=self.ids["withdrawn"]).reverse()[0].id
        newest = Seal.objects.order_by("number").last()
        assert newest is not None
        self.ids["newest"], self.ids["newest seal"] = newest.number, newest.id
        self.name("sealed last", prefixes.JOURNAL_ENTRY, entries.filter(sealed__seal=newest)[0].id)

    @contextmanager
    def altered(self, superuser: psycopg.Connection[Any], statements: str) -> Iterator[None]:
        """The rows after the statements; what they were comes back."""
        tables = set(re.findall(r"(?:UPDATE|DELETE FROM|INSERT INTO) (\w+)", statements))
        with superuser.transaction():
            for table in tables:
                superuser.execute(f"CREATE TEMP TABLE saved_{table} AS TABLE {table}")
            for statement in statements.split("; "):
                assert superuser.execute(statement).rowcount > 0, statement
        yield
        with superuser.transaction():
            for table in tables:
                superuser.execute(f"DELETE FROM {table}")
                superuser.execute(f"INSERT INTO {table} TABLE saved_{table}")
                superuser.execute(f"DROP TABLE saved_{table}")

    def verify(self) -> list[dict[str, str]]:
        """The findings of the command, whose status says whether there are any."""
        out, status = StringIO(), 0
        try:
            call_command("verify_books", tenant=self.tenant.slug, json=True, stdout=out, stderr=StringIO())
        except SystemExit as ended:
            status = int(str(ended.code))
        findings: list[dict[str, str]] = json.loads(out.getvalue())["tenants"][0]["findings"]
        assert status == (1 if findings else 0)
        return findings


@pytest.fixture
def story(invoices: Invoices, settings_of: Any, time_machine: Any) -> Story:
    settings_of(taxRate=1900, timeZone="UTC")
    return Story(invoices, time_machine)


def test_whatever_is_altered_behind_its_back_is_found_and_named(story: Story):
    missed: dict[str, Any] = {}
    with superuser_connection() as superuser:
        superuser.execute("SET session_replication_role = replica")
        assert story.verify() == []
        for statements, place in CASES:
            said = re.sub(r"\{([a-z ]+)\}", lambda word: str(story.ids[word[1]]), statements)
            with story.altered(superuser, said):
                found = story.verify()
            if not any(one["place"] == story.shown.get(place, place) for one in found):
                missed[statements] = (place, found)
        assert story.verify() == []
    assert missed == {}
