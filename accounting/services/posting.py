"""Writing entries: all of them with their lines in one statement, which the database posts or refuses as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import orjson
import psycopg
from django.db import DataError, IntegrityError, connection

from accounting.errors import (
    AccountBounded,
    AccountSuspended,
    AmountTooLarge,
    InsufficientFunds,
    NotAWallet,
    PostingToClosed,
    UnbalancedEntry,
)
from accounting.models.account import BALANCE_WITHIN_LIMIT
from accounting.models.grant import GRANTS_COVERED
from accounting.posting import EntryDraft
from common.constraints import violated_constraint
from common.errors import DomainError, NotFound
from common.ids import new_id

ENTRY_ROWS: Final = """
INSERT INTO accounting_journalentry (
    id, tenant_id, kind, source_type, source_id, batch_id, reverses_id, line_count, description, metadata, salt,
    text_digest, evidence, digest, created_at
)
SELECT e.id, {tenant}, e.kind, e.source_type, e.source_id, e.batch_id, e.reverses_id, e.line_count, e.description,
    e.metadata, e.salt, e.text_digest, e.evidence, e.digest, e.created_at
"""
LINE_ROWS: Final = """
INSERT INTO accounting_journalline (id, tenant_id, entry_id, position, account_id, side, amount, created_at)
SELECT l.id, {tenant}, l.entry_id, l.position, l.account_id, l.side, l.amount, l.created_at
"""
POSTING: Final = (
    "entries AS ("
    + ENTRY_ROWS.format(tenant="%s::uuid")
    + """
FROM unnest(
    %s::uuid[], %s::varchar[], %s::varchar[], %s::uuid[], %s::varchar[], %s::uuid[], %s::smallint[], %s::text[],
    %s::jsonb[], %s::bytea[], %s::bytea[], %s::bytea[], %s::bytea[], %s::timestamptz[]
) AS e (
    id, kind, source_type, source_id, batch_id, reverses_id, line_count, description, metadata, salt, text_digest,
    evidence, digest, created_at
)
), lines AS ("""
    + LINE_ROWS.format(tenant="%s::uuid")
    + """
FROM unnest(
    %s::uuid[], %s::uuid[], %s::smallint[], %s::uuid[], %s::varchar[], %s::bigint[], %s::timestamptz[]
) AS l (id, entry_id, position, account_id, side, amount, created_at)
)"""
)
"""Entries and lines as two parts of a WITH, for statements that write more than them. See `posting_parameters`."""

_REFUSALS: Final[dict[str, type[DomainError]]] = {
    BALANCE_WITHIN_LIMIT: InsufficientFunds,
    "line_account": NotFound,
    "line_account_suspended": AccountSuspended,
    "line_account_closed": PostingToClosed,
    "entry_balanced": UnbalancedEntry,
    GRANTS_COVERED: InsufficientFunds,
    "grant_on_wallet": NotAWallet,
    "account_grants_bounded": AccountBounded,
    "account_wallet_is_owed": AccountBounded,
}


def post_entries(*, tenant_id: UUID, drafts: Sequence[EntryDraft]) -> None:
    """Write entries and lines, and move the balances of their accounts, all of it or nothing.

    The database refuses; the transaction is lost then. Raises `NotFound` (an account), `AccountSuspended`,
    `PostingToClosed`, `UnbalancedEntry`, `InsufficientFunds`, `AmountTooLarge`, and `IntegrityError` for an entry that
    exists already (`ENTRY_FACT_UNIQUE`, `ENTRY_BATCH_UNIQUE`, `ENTRY_REVERSED_ONCE`). Needs the tenant's scope.
    """
    if not drafts:
        return
    with refusals(), connection.cursor() as cursor:
        cursor.execute(f"WITH {POSTING} SELECT", posting_parameters(tenant_id, drafts))


def posting_parameters(tenant_id: UUID, drafts: Sequence[EntryDraft]) -> list[Any]:
    """What `POSTING` takes, in its order."""
    lines = [(draft, position, line) for draft in drafts for position, line in enumerate(draft.lines)]
    entries = (
        [draft.id for draft in drafts],
        [str(draft.kind) for draft in drafts],
        [draft.source.type if draft.source else None for draft in drafts],
        [draft.source.id if draft.source else None for draft in drafts],
        [draft.batch_id for draft in drafts],
        [draft.reverses for draft in drafts],
        [len(draft.lines) for draft in drafts],
        [draft.description for draft in drafts],
        [orjson.dumps(dict(draft.metadata)).decode() if draft.metadata else None for draft in drafts],
        [draft.salt if draft.has_text else None for draft in drafts],
        [draft.text_digest() for draft in drafts],
        [draft.evidence for draft in drafts],
        [draft.digest() for draft in drafts],
        [draft.at for draft in drafts],
    )
    sides = (
        [new_id() for _ in lines],
        [draft.id for draft, _, _ in lines],
        [position for _, position, _ in lines],
        [line.account_id for _, _, line in lines],
        [str(line.side) for _, _, line in lines],
        [line.amount for _, _, line in lines],
        [draft.at for draft, _, _ in lines],
    )
    return [tenant_id, *entries, tenant_id, *sides]


@contextmanager
def refusals() -> Iterator[None]:
    """What the database refuses inside the block, as the errors that callers see."""
    try:
        yield
    except IntegrityError as refused:
        known = _REFUSALS.get(violated_constraint(refused) or "")
        if known is None:
            raise
        raise known() from refused
    except DataError as refused:
        if isinstance(refused.__cause__, psycopg.errors.NumericValueOutOfRange):
            raise AmountTooLarge() from refused
        raise
