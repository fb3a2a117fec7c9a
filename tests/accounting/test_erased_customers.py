"""Claims about the accounts of customers who are deleted or erased."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounting.models import Account, Hold, JournalEntry, Transfer
from accounting.posting import entry_digest
from accounting.services.erasing import mark_books_of
from billing.errors import CustomerHeld
from common.ids import decode_id
from common.prefixes import CUSTOMER
from invoicing.services.anonymising import anonymise_customer
from tenants.models import AuditEntry
from tenants.scope import tenant_scope
from tenants.services.erasure import count_traces, remaining_traces
from tests.accounting.calls import Books, brief, uuid_of
from tests.conftest import AT
from tests.invoicing.anonymised import clocks, real

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def customer(books):
    return books.made(books.api.post("/api/customers", {"name": "Ada"}))["id"]


@pytest.fixture
def account(books, customer):
    """The customer's account, with words on it."""
    return books.open(ownerType="customer", ownerId=customer, code="ada", metadata={"who": "Ada"})


def erase(books: Books, customer: str):
    return anonymise_customer(
        tenant_id=books.tenant.id, customer_id=decode_id(CUSTOMER, customer), actor="tests", clocks=clocks()
    )


def left(books: Books) -> dict[str, int]:
    with tenant_scope(books.tenant.id):
        remaining = remaining_traces(tenant_id=books.tenant.id, now=real())
    return {kind: count for kind, count in remaining.items() if count}


def with_words(books: Books, account: str) -> dict[str, str]:
    """A transfer, an entry, a hold and a reversal on the account, which is empty in the end; their ids."""
    source = books.source()
    transfer = books.move(source, account, 5, description="For Ada", metadata={"a": "Ada"}, idempotencyKey="ada-1")
    hold = books.made(books.hold(account, 5, metadata={"a": "Ada"}))
    books.act(f"holds/{hold['id']}", "release", {})
    books.act(f"transfers/{transfer['id']}", "void", {"reason": "Ada said so"})
    entry = books.made(books.entry((source, "debit", 5), (account, "credit", 5), description="For Ada"))
    books.act(f"entries/{entry['id']}", "reverse", {"reason": "Ada said so"})
    return {"transfer": transfer["id"], "hold": hold["id"], "entry": entry["id"]}


@pytest.mark.parametrize(
    ("overdraft", "kind", "reason"),
    [
        ("none", "balance", "1 account with a balance"),
        ("unlimited", "balance", "1 account with a balance"),
        ("none", "hold", "1 account with a balance, 1 account with active holds"),
        ("unlimited", "hold", "1 account with active holds"),
    ],
)
def test_a_customer_with_money_or_holds_is_neither_deleted_nor_erased(books, customer, overdraft, kind, reason):
    account = books.open(ownerType="customer", ownerId=customer, overdraft={"policy": overdraft})
    if kind == "balance" or overdraft == "none":
        books.move(books.source(), account, 5)
    if kind == "hold":
        books.hold(account, 5)
    answer = books.api.delete(f"/api/customers/{customer}")
    assert brief(answer) == (409, "customer_in_use")
    assert reason in answer.json()["message"]
    with pytest.raises(CustomerHeld, match=reason):
        erase(books, customer)
    assert books.api.get(f"/api/accounts/{account}").json()["status"] == "active"


def test_a_customer_whose_accounts_are_empty_is_deleted(books, customer, account):
    books.act(f"transfers/{books.move(books.source(), account, 5)['id']}", "void")
    assert books.api.delete(f"/api/customers/{customer}").status_code == 204


def test_erasing_a_customer_takes_the_words_closes_the_accounts_and_keeps_the_amounts(books, customer, account):
    ids = with_words(books, account)
    before = {kind: books.api.get(f"/api/{path}/{ids[kind]}").json() for kind, path in PATHS.items()}
    with tenant_scope(books.tenant.id):
        found = count_traces(tenant_id=books.tenant.id, ids=[decode_id(CUSTOMER, customer)])
    assert found["accounts"] == 1
    erase(books, customer)
    after = {kind: books.api.get(f"/api/{path}/{ids[kind]}").json() for kind, path in PATHS.items()}
    wordless: dict[str, Any] = {"description": None, "metadata": {}}
    assert after["transfer"] == before["transfer"] | wordless | {"idempotencyKey": None}
    assert after["entry"] == before["entry"] | wordless
    assert after["hold"] == before["hold"] | {"metadata": {}}
    closed = books.api.get(f"/api/accounts/{account}").json()
    assert (closed["status"], closed["code"], closed["metadata"]) == ("closed", None, {})
    with tenant_scope(books.tenant.id):
        assert not Transfer.objects.exclude(void_reason__in=["erased"]).exists()
        told = AuditEntry.objects.exclude(entity_type="tenant").values_list("before", "after", "reason")
        assert "Ada" not in str(list(told))
    assert left(books) == {}


PATHS = {"transfer": "transfers", "entry": "entries", "hold": "holds"}


def test_the_digest_of_an_erased_entry_still_follows_from_what_is_stored(books, customer, account):
    ids = with_words(books, account)
    erase(books, customer)
    with tenant_scope(books.tenant.id):
        row = JournalEntry.objects.get(id=decode_id("ent", ids["entry"]))
        lines = [(line.account_id, line.side, line.amount) for line in row.lines.order_by("position")]
        assert row.salt is None
        assert bytes(row.digest) == entry_digest(
            id=row.id, kind=row.kind, source_type=row.source_type, source_id=row.source_id, batch_id=row.batch_id,
            reverses=row.reverses_id, at=row.created_at, lines=lines, text=bytes(row.text_digest or b""), evidence=None,
        )  # fmt: skip


def test_what_others_wrote_and_erasing_again_change_nothing(books, customer, account):
    other = books.open(metadata={"who": "Grace"}, code="grace")
    theirs = books.move(books.source(), other, 5, description="For Grace")
    with_words(books, account)
    for _ in range(2):
        erase(books, customer)
    assert books.api.get(f"/api/transfers/{theirs['id']}").json() == theirs
    assert books.api.get(f"/api/accounts/{other}").json()["code"] == "grace"


def test_an_account_that_was_closed_before_is_emptied_too(books, customer, account):
    books.act(f"accounts/{account}", "close")
    erase(books, customer)
    with tenant_scope(books.tenant.id):
        row = Account.objects.get(id=uuid_of(account))
        assert (row.code, row.metadata) == (None, {})
    assert left(books) == {}


def test_of_a_deleted_customer_the_words_go_and_money_that_came_late_keeps_its_account_open(books, customer, account):
    assert books.api.delete(f"/api/customers/{customer}").status_code == 204
    late = books.move(books.source(), account, 5, description="For Ada")
    erase(books, customer)
    found = books.api.get(f"/api/accounts/{account}").json()
    assert (found["status"], found["code"], found["metadata"]) == ("active", None, {})
    assert books.api.get(f"/api/transfers/{late['id']}").json()["description"] is None
    assert books.standing(account) == (5, 0)
    assert left(books) == {}


def test_only_marked_customers_have_their_books_marked(books, customer, account):
    with tenant_scope(books.tenant.id):
        assert mark_books_of(customer_ids=[decode_id(CUSTOMER, customer)], at=AT) == []


def test_nobody_but_an_eraser_takes_words_away(books, account):
    with_words(books, account)
    with tenant_scope(books.tenant.id):
        for rows, change in (
            (Account.objects.filter(code="ada"), {"code": None, "metadata": {}}),
            (Hold.objects.all(), {"metadata": {}}),
            (Transfer.objects.all(), {"idempotency_key": None, "void_reason": "erased"}),
        ):
            with pytest.raises(IntegrityError), transaction.atomic():
                rows.update(**change)
