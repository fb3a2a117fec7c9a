"""Making transfers in one statement and one round trip, one or many of a tenant at once.

The ordinary way (`transfers.make_transfer`) reads the accounts and writes row after row. Here what never changes of an
account (its unit and its owner) comes from a cache in this process; what may change, its state and its balance, the
triggers decide. What the statement writes is what the ordinary way writes; a property test compares the two. Whatever
is not plain is left to the ordinary way, and so is every refusal: it says which comes first.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection

from accounting.enums import EntryKind, OwnerType, TransferStatus
from accounting.events import TRANSFER_POSTED
from accounting.judging import TransferRequest
from accounting.posting import EntryDraft, Source, credit, debit
from accounting.representations import posted_transfer
from accounting.services.transfers import SOURCE
from common.ids import encode_id, new_id
from common.prefixes import TRANSFER
from events.wakeup import nudge
from tenants.context import Context
from tenants.idempotency import Guard
from tenants.identity import Caller
from tenants.statement import HotStatement

_CACHE_SIZE: Final = 100_000

# The rows of idempotency keys stand in the order of their ids, so that two statements never wait in a circle.
_SQL: Final = f"""
WITH asked AS MATERIALIZED (
    SELECT r.*
    FROM json_to_recordset($3::json) AS r(
        id uuid, entry uuid, debit uuid, credit uuid, source uuid, target uuid, amount bigint, unit varchar,
        key varchar, at timestamptz, description text, meta jsonb, salt bytea, text bytea, digest bytea, event uuid,
        trace varchar, body text, guard uuid, asked bytea, expires timestamptz, location text
    )
    WHERE EXISTS (SELECT FROM tenants_tenant t WHERE t.id = $1::uuid AND t.status = 'active')
    AND NOT EXISTS (
        SELECT FROM json_to_recordset($2::json) AS c(id uuid, scopes varchar[])
        WHERE NOT EXISTS (
            SELECT FROM tenants_servicekey k
            WHERE k.id = c.id AND k.tenant_id = $1::uuid AND k.revoked_at IS NULL AND k.scopes = c.scopes
                AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
        )
    )
), entries AS (
    INSERT INTO accounting_journalentry (
        id, tenant_id, kind, source_type, source_id, line_count, description, metadata, salt, text_digest, digest,
        created_at
    )
    SELECT entry, $1::uuid, '{EntryKind.TRANSFER}', '{SOURCE}', id, 2, description, meta, salt, text, digest, at
    FROM asked
), lines AS (
    INSERT INTO accounting_journalline (id, tenant_id, entry_id, position, account_id, side, amount, created_at)
    SELECT side.id, $1::uuid, entry, side.position, side.account, side.name, amount, at
    FROM asked CROSS JOIN LATERAL (
        VALUES (debit, 0::smallint, source, 'debit'), (credit, 1::smallint, target, 'credit')
    ) AS side (id, position, account, name)
), transfers AS (
    INSERT INTO accounting_transfer (
        id, tenant_id, from_account_id, to_account_id, amount, currency, status, entry_id, idempotency_key, created_at,
        updated_at
    )
    SELECT id, $1::uuid, source, target, amount, unit, '{TransferStatus.POSTED}', entry, key, at, at FROM asked
), announced AS (
    INSERT INTO events_event (id, tenant_id, type, object_type, object_id, data, occurred_at, trace_id)
    SELECT event, $1::uuid, '{TRANSFER_POSTED}', 'transfer', id, body, at, trace FROM asked
), kept AS (
    INSERT INTO tenants_idempotencykey (id, tenant_id, key, fingerprint, status, body, location, expires_at)
    SELECT guard, $1::uuid, key, asked, 201, body, location, expires FROM asked WHERE guard IS NOT NULL
    UNION ALL
    SELECT k.guard, $1::uuid, k.key, k.asked, 201, k.body, NULL, k.expires
    FROM json_to_recordset($4::json) AS k(guard uuid, key varchar, asked bytea, body text, expires timestamptz)
    WHERE EXISTS (SELECT FROM asked)
    ORDER BY guard
)
SELECT count(*) FROM asked
"""  # noqa: S608 - constants of this app
_STATEMENT: Final = HotStatement("make_transfers", _SQL)

_FACTS: Final = HotStatement(
    "transfer_facts",
    "SELECT id, currency, owner_type FROM accounting_account WHERE tenant_id = $1::uuid AND id = ANY ($2::uuid[])",
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A transfer that is ready to be written, and its answer for when it has been."""

    context: Context
    row: dict[str, Any]
    key_id: UUID | None
    scopes: frozenset[str]
    body: bytes
    location: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer of several transfers together, to be kept under one key."""

    guard: Guard
    body: bytes
    expires_at: dt.datetime

    def row(self) -> dict[str, Any]:
        """As the statement takes it."""
        return {
            "guard": self.guard.id, "key": self.guard.key, "asked": _bytea(self.guard.fingerprint),
            "body": self.body.decode(), "expires": self.expires_at,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Account:
    """What never changes of an account."""

    currency: str
    reserved: bool


_cache: dict[tuple[UUID, UUID], _Account] = {}


def prepare_transfer(
    *, context: Context, caller: Caller, request: TransferRequest, at: dt.datetime, guard: Guard | None,
    key_expires_at: dt.datetime,
) -> Prepared | None:  # fmt: skip
    """Everything about a transfer but its writing; None where the ordinary way is needed, mostly to refuse it."""
    pair = (request.from_account_id, request.to_account_id)
    known = _known(context, pair)
    if pair[0] == pair[1] or len(known) < 2 or any(
        account.reserved or account.currency != request.currency for account in known
    ):  # fmt: skip
        return None
    transfer_id = new_id()
    draft = EntryDraft(
        lines=(debit(pair[0], request.amount), credit(pair[1], request.amount)), at=at, kind=EntryKind.TRANSFER,
        source=Source(SOURCE, transfer_id), description=request.description, metadata=request.metadata or None,
    )  # fmt: skip
    body = orjson.dumps(posted_transfer(transfer_id, draft.id, request, at))
    text = draft.text_digest()
    location = f"/api/transfers/{encode_id(TRANSFER, transfer_id)}"
    row = {
        "id": transfer_id, "entry": draft.id, "debit": new_id(), "credit": new_id(), "source": pair[0],
        "target": pair[1], "amount": request.amount, "unit": request.currency, "key": request.idempotency_key,
        "at": at, "digest": _bytea(draft.digest()), "event": new_id(), "trace": context.trace_id, "body": body.decode(),
    }  # fmt: skip
    if text is not None:
        row |= {"description": request.description, "salt": _bytea(draft.salt), "text": _bytea(text)}
        row["meta"] = dict(request.metadata) or None
    if guard is not None:
        row |= {
            "guard": guard.id, "asked": _bytea(guard.fingerprint), "expires": key_expires_at, "location": location
        }  # fmt: skip
    return Prepared(context, row, caller.key_id, caller.scopes, body, location)


def prepare_batch(
    *, context: Context, caller: Caller, requests: Sequence[TransferRequest], at: dt.datetime
) -> list[Prepared] | None:  # fmt: skip
    """Many transfers that are written all or none, without keys of their own; None where the ordinary way is needed.

    It is needed when an account both pays and is paid: then the order decides, which one statement does not know.
    """
    sources, targets = ({one.from_account_id for one in requests}, {one.to_account_id for one in requests})
    if sources & targets:
        return None
    _known(context, [*sources, *targets])
    made = []
    for request in requests:
        one = prepare_transfer(
            context=context, caller=caller, request=request, at=at, guard=None, key_expires_at=at
        )  # fmt: skip
        if one is None:
            return None
        made.append(one)
    return made


def write_transfers(prepared: Sequence[Prepared], *, kept: Kept | None = None) -> bool:
    """Write transfers of one tenant, all of them or nothing. False, and nothing, when one of the keys or the tenant
    may not do so any more. `kept` is an answer of all together.

    Raises `django.db.IntegrityError` and `DataError` for what the database refuses of any of them, and
    `OperationalError` when the outcome is unknown. The trail of audits names none of the callers: making a transfer
    is not recorded there.
    """
    context = prepared[0].context
    keys = {(one.key_id, one.scopes) for one in prepared if one.key_id is not None}
    callers = [{"id": key_id, "scopes": sorted(scopes)} for key_id, scopes in keys]
    with connection.wrap_database_errors:
        rows = _STATEMENT.run(
            context,
            [
                context.tenant_id, _json(callers), _json([one.row for one in prepared]),
                _json([kept.row()] if kept is not None else []),
            ],
        )  # fmt: skip
    if rows[0][0] == b"0":
        return False
    nudge()
    return True


def _known(context: Context, account_ids: Iterable[UUID]) -> list[_Account]:
    """What is known about the accounts; fewer when the tenant has not got one of them."""
    missing = [one for one in account_ids if (context.tenant_id, one) not in _cache]
    if missing:
        with connection.wrap_database_errors:
            rows = _FACTS.run(context, [context.tenant_id, "{" + ",".join(map(str, missing)) + "}"])
        if len(_cache) >= _CACHE_SIZE:
            _cache.clear()
        for name, currency, owner in rows:
            assert name is not None
            assert currency is not None
            _cache[context.tenant_id, UUID(name.decode())] = _Account(
                currency.decode(), owner == OwnerType.SYSTEM.value.encode()
            )
    found = (_cache.get((context.tenant_id, one)) for one in account_ids)
    return [one for one in found if one is not None]


def _bytea(value: bytes) -> str:
    return "\\x" + value.hex()


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
