"""What tests of the books share: a tenant's scope, accounts, and ways to post and look."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounting.models import Account, Balance
from accounting.posting import EntryDraft, Posting, credit, debit
from accounting.services import one_statement
from accounting.services.posting import post_entries
from tenants.models import Tenant
from tests.accounting.calls import Books
from tests.clients import Api
from tests.conftest import AT

FRAME = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT", "SELECT current_setting", "SELECT set_config")
"""How statements begin that are no queries of a page."""


@pytest.fixture
def books(tenant: Tenant, api: Api) -> Books:
    """Calls of the tenant's sibling service."""
    return Books(tenant, api)


@pytest.fixture
def account(scope: Tenant) -> Callable[..., Account]:
    """Makes accounts of the tenant: `account("EUR", type="asset", overdraft="limit", limit=500)`."""

    def make(
        currency: str = "EUR", *, overdraft: str = "none", limit: int | None = None, **fields: Any
    ) -> Account:  # fmt: skip
        return Account.objects.create(
            tenant_id=scope.id, currency=currency, overdraft_policy=overdraft, overdraft_limit=limit, created_at=AT,
            updated_at=AT, **fields,
        )  # fmt: skip

    return make


@pytest.fixture
def post(scope: Tenant) -> Callable[..., EntryDraft]:
    """Posts one entry: `post(debit(a, 5), credit(b, 5))`."""

    def run(*lines: Posting, at: dt.datetime = AT, **fields: Any) -> EntryDraft:
        draft = EntryDraft(lines=lines, at=at, **fields)
        post_entries(tenant_id=scope.id, drafts=[draft])
        return draft

    return run


@pytest.fixture
def move(post: Callable[..., EntryDraft]) -> Callable[..., EntryDraft]:
    """Posts a movement: `move(a, b, 5)` debits `a` and credits `b`."""

    def run(source: Account, target: Account, amount: int, **fields: Any) -> EntryDraft:
        return post(debit(source.id, amount), credit(target.id, amount), **fields)

    return run


def standing(account_id: UUID) -> tuple[int, int] | None:
    """Posted and held of an account that keeps a balance; None of one that keeps none."""
    row = Balance.objects.filter(account_id=account_id).first()
    return (row.posted, row.held) if row else None


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """The hot path remembers accounts per process; those of flushed tenants never come back, but memory would grow."""
    yield
    one_statement._cache.clear()


@pytest.fixture
def queries_of() -> Callable[[Callable[[], Any]], int]:
    """How many queries a call takes, without the frame of transactions, once everything is warm."""

    def count(call: Callable[[], Any]) -> int:
        call()
        with CaptureQueriesContext(connection) as asked:
            call()
        return sum(not one["sql"].startswith(FRAME) for one in asked)

    return count
