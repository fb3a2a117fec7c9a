"""The one statement and the ordinary functions write the same rows, events and answers, for one and for many."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import pytest
from django.db import IntegrityError, connection
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from accounting.judging import TransferRequest
from accounting.models import Account, JournalEntry
from accounting.posting import entry_digest, text_digest
from accounting.representations import transfer_body
from accounting.services.group_commit import write_together
from accounting.services.one_statement import Prepared, prepare_batch, prepare_transfer, write_transfers
from accounting.services.transfers import make_transfer
from common.api.rendering import dumps
from common.ids import new_id
from tenants.context import Actor, ActorType, Context
from tenants.idempotency import Guard
from tenants.identity import Caller
from tenants.models import IdempotencyKey, ServiceKey, Tenant
from tenants.scope import tenant_scope
from tenants.services.service_keys import create_service_key, revoke_service_key
from tenants.services.tenants import create_tenant
from tests.accounting.conftest import standing
from tests.conftest import AT

pytestmark = pytest.mark.django_db(transaction=True)
TABLES = (
    "accounting_journalentry", "accounting_journalline", "accounting_transfer", "accounting_balance", "events_event",
)  # fmt: skip
EXPIRES = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
_IDS = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b(acc|txn|ent)_[0-7][0-9a-hjkmnp-tv-z]{25}\b"
    r"|\\\\x(?:[0-9a-f]{32}|[0-9a-f]{64})\b"
)
TEXT = st.none() | st.sampled_from(["Top-up", 'He said "no"', "ä\\b"])
ASKED = st.lists(
    st.tuples(
        st.integers(1, 10**15), TEXT, st.dictionaries(st.sampled_from(["a", "ö"]), st.text("x'\\", max_size=3)),
        st.booleans(),
    ), min_size=1, max_size=4,
)  # fmt: skip


class Payer:
    """A tenant made for one way of paying, with the same accounts as the others."""

    number = 0

    def __init__(self) -> None:
        Payer.number += 1
        self.tenant: Tenant = create_tenant(slug=f"payer-{Payer.number}", name="Payer", at=AT)
        actor = Actor(ActorType.SERVICE, "key_01hqx3qgf2c8mhwy9s6zwmf3yh")
        self.context = Context(self.tenant.id, actor, "trace-1", "192.0.2.1")
        self.caller = Caller(actor, self.tenant.id, frozenset({"*"}))
        self.bank, self.wallet = self.account("unlimited"), self.account()

    def account(self, overdraft: str = "none", **fields: Any) -> Account:
        """A new one in EUR."""
        with tenant_scope(self.tenant.id):
            return Account.objects.create(
                tenant_id=self.tenant.id, currency="EUR", overdraft_policy=overdraft, created_at=AT, updated_at=AT,
                **fields,
            )  # fmt: skip

    def request(self, amount: int, description: str | None = None, metadata: Any = None, key: str | None = None) -> Any:
        """From the bank to the wallet."""
        return TransferRequest(
            self.bank.id, self.wallet.id, amount=amount, currency="EUR", description=description,
            metadata=metadata or {}, idempotency_key=key,
        )  # fmt: skip

    def prepared(self, request: TransferRequest, caller: Caller | None = None) -> Prepared:
        """Ready to be written."""
        key = request.idempotency_key
        made = prepare_transfer(
            context=self.context, caller=caller or self.caller, request=request, at=AT,
            guard=Guard(self.tenant.id, key, b"f" * 32) if key else None, key_expires_at=EXPIRES,
        )  # fmt: skip
        assert made is not None
        return made

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Whole rows in the order they were made."""
        with tenant_scope(self.tenant.id), connection.cursor() as cursor:
            cursor.execute(f"SELECT to_jsonb(t) FROM {table} t ORDER BY id")
            return [json.loads(row[0]) if isinstance(row[0], str) else row[0] for row in cursor.fetchall()]


def alike(rows: Any) -> Any:
    """Rows with ids, salts and digests replaced by their kind, and without what only a moment decides."""
    text = json.dumps([{name: value for name, value in row.items() if name != "xid"} for row in rows], sort_keys=True)
    return json.loads(_IDS.sub(r"\1", text))


@settings(max_examples=20, phases=[Phase.explicit, Phase.generate])
@given(asked=ASKED)
def test_both_ways_write_the_same(db, asked):
    hot, ordinary = Payer(), Payer()
    keyed = [(amount, text, pairs, f"key-{n}" if key else None) for n, (amount, text, pairs, key) in enumerate(asked)]
    ready = [hot.prepared(hot.request(*one)) for one in keyed]
    assert write_transfers(ready)
    answers = []
    for one in keyed:
        with tenant_scope(ordinary.context):
            made = make_transfer(tenant_id=ordinary.tenant.id, request=ordinary.request(*one), at=AT)
            answers.append(json.loads(dumps(transfer_body(made))))
    assert alike([json.loads(one.body) for one in ready]) == alike(answers)
    for table in TABLES:
        assert alike(hot.rows(table)) == alike(ordinary.rows(table)), table
    with tenant_scope(hot.tenant.id):
        for row in JournalEntry.objects.all():
            lines = [(line.account_id, line.side, line.amount) for line in row.lines.order_by("position")]
            text = text_digest(bytes(row.salt), row.description, row.metadata) if row.salt else None
            assert (None if row.text_digest is None else bytes(row.text_digest)) == text
            assert bytes(row.digest) == entry_digest(
                id=row.id, kind=row.kind, source_type=row.source_type, source_id=row.source_id, batch_id=None,
                reverses=None, at=row.created_at, lines=lines, text=text, evidence=None,
            )  # fmt: skip
        kept = {one.key: one for one in IdempotencyKey.objects.all()}
    assert len(kept) == sum(key is not None for *_, key in keyed)
    for done, (*_, key) in zip(ready, keyed, strict=True):
        if key is not None:
            stored = kept[key]
            assert (stored.body.encode(), stored.location, stored.status) == (done.body, done.location, 201)
            assert (stored.expires_at, bytes(stored.fingerprint)) == (EXPIRES, b"f" * 32)


def test_what_is_refused_of_a_group_keeps_nobody_else_from_posting(db):
    payer = Payer()
    empty, suspended = payer.account(), payer.account(status="suspended")
    good = [payer.request(one, key=f"good-{one}") for one in (1, 2, 3)]
    bad = [
        TransferRequest(empty.id, payer.bank.id, amount=1, currency="EUR"),
        TransferRequest(payer.bank.id, suspended.id, amount=1, currency="EUR"),
        payer.request(4, key="good-1"),
    ]
    asked = [good[0], bad[0], bad[1], good[1], bad[2], good[2]]
    assert write_together([payer.prepared(one) for one in asked]) == [True, False, False, True, False, True]
    with tenant_scope(payer.tenant.id):
        assert standing(payer.wallet.id) == (6, 0)
        assert JournalEntry.objects.count() == 3


def test_a_transfer_that_spends_what_another_of_the_group_brings_is_posted_with_it(db):
    payer = Payer()
    spend = TransferRequest(payer.wallet.id, payer.bank.id, amount=5, currency="EUR")
    assert write_together([payer.prepared(payer.request(5)), payer.prepared(spend)]) == [True, True]
    with tenant_scope(payer.tenant.id):
        assert standing(payer.wallet.id) == (0, 0)


def test_a_revoked_key_stops_itself_and_nobody_else_of_the_group(db):
    payer = Payer()
    with tenant_scope(payer.tenant.id):
        keys: list[ServiceKey] = [
            create_service_key(tenant_id=payer.tenant.id, name=name, scopes=["*"], at=AT)[0] for name in "ab"
        ]
        revoke_service_key(tenant_id=payer.tenant.id, key_id=keys[0].id, at=AT)
    callers = [Caller(payer.context.actor, payer.tenant.id, frozenset({"*"}), key_id=key.id) for key in keys]
    ready = [payer.prepared(payer.request(1), caller) for caller in callers]
    assert write_together(ready) == [False, True]


def test_a_statement_is_written_whole_or_not_at_all(db):
    payer = Payer()
    empty = payer.account()
    spend = TransferRequest(empty.id, payer.bank.id, amount=1, currency="EUR")
    with pytest.raises(IntegrityError):
        write_transfers([payer.prepared(payer.request(5, key="k")), payer.prepared(spend)])
    with tenant_scope(payer.tenant.id):
        assert standing(payer.wallet.id) == (0, 0)
        assert IdempotencyKey.objects.count() == 0


@pytest.mark.parametrize("wrong", ["unit", "unknown", "reserved", "theirs"])
def test_what_the_ordinary_way_would_refuse_is_not_prepared(db, wrong):
    payer = Payer()
    target = {
        "unit": payer.wallet.id, "unknown": new_id(), "reserved": payer.account(owner_type="system").id,
        "theirs": Payer().wallet.id,
    }[wrong]  # fmt: skip
    request = TransferRequest(payer.bank.id, target, amount=1, currency="USD" if wrong == "unit" else "EUR")
    assert prepare_transfer(
        context=payer.context, caller=payer.caller, request=request, at=AT, guard=None, key_expires_at=EXPIRES
    ) is None  # fmt: skip


def test_a_batch_in_which_the_order_decides_is_not_prepared(db):
    payer = Payer()
    back = TransferRequest(payer.wallet.id, payer.bank.id, amount=5, currency="EUR")
    for order in ([payer.request(5), back], [back, payer.request(5)]):
        assert prepare_batch(context=payer.context, caller=payer.caller, requests=order, at=AT) is None
