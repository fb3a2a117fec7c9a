"""Answering a batch of transfers, each of which may have an idempotency key of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import orjson
from django.conf import settings

from accounting.api.serializers.transfers import TransferInput
from accounting.judging import TransferRequest
from accounting.representations import transfer_body
from accounting.services.transfers import make_transfers
from common.api.rendering import dumps
from common.clock import SystemClock
from common.errors import DomainError, IdempotencyConflict, Problem
from tenants import idempotency
from tenants.api.view import Call

_ALONE = ("POST", "/api/transfers")
"""What a transfer with a key would be if it were sent alone: both ways give the same answer under the same key."""


def answer_batch(call: Call) -> dict[str, Any]:
    """Post what has no answer yet; items of the answer in the order of the request.

    Raises what `make_transfers` raises, and `IdempotencyConflict` when the batch is atomic. `IntegrityError` when
    another has used one of the keys meanwhile.
    """
    given, atomic = call.data["transfers"], call.data.get("atomic", True)
    now = SystemClock().now()
    guards = {index: _guard(call, index) for index, one in enumerate(given) if "idempotency_key" in one}
    stored = idempotency.find_answers(list(guards.values()), now=now)
    items: dict[int, dict[str, Any]] = {}
    first: dict[str, int] = {}  # where a key stands first
    for index, guard in guards.items():
        known, before = stored.get(guard.key), first.setdefault(guard.key, index)
        same = guards[before].fingerprint == guard.fingerprint and (known is None or known.is_of(guard))
        if not same:
            refused = IdempotencyConflict(details=[_problem(index, IdempotencyConflict())])
            if atomic:
                raise refused
            items[index] = _refused(index, refused)
        elif known is not None:
            items[index] = _posted(index, orjson.loads(known.answer.body))
    repeated = {index: first[guard.key] for index, guard in guards.items() if first[guard.key] < index}
    todo = [index for index in range(len(given)) if index not in items and index not in repeated]
    bodies = call.body["transfers"]
    requests = [
        TransferRequest(**given[index], path=f"transfers[{index}]", spelt=TransferInput.spelt(bodies[index]))
        for index in todo
    ]
    if requests:
        outcomes = make_transfers(tenant_id=call.tenant_id, requests=requests, at=call.at, atomic=atomic)
        for index, outcome in zip(todo, outcomes, strict=True):
            if outcome.transfer is not None:
                items[index] = _posted(index, transfer_body(outcome.transfer))
            elif outcome.error is not None:
                items[index] = _refused(index, outcome.error)
    _keep({guards[index]: items[index]["transfer"] for index in todo if index in guards}, now=now)
    for index, before in repeated.items():
        items.setdefault(index, {**items[before], "index": index})
    return {"data": [items[index] for index in range(len(given))]}


def posted_batch(bodies: Sequence[bytes]) -> bytes:
    """The answer of a batch that was posted whole, from the bytes of its transfers."""
    items = (
        b'{"index":%d,"status":"posted","transfer":%b,"error":null}' % (index, body)
        for index, body in enumerate(bodies)
    )
    return b'{"data":[%b]}' % b",".join(items)


def _guard(call: Call, index: int) -> idempotency.Guard:
    asked = idempotency.fingerprint(*_ALONE, [], call.body["transfers"][index])
    return idempotency.Guard(call.tenant_id, call.data["transfers"][index]["idempotency_key"], asked)


def _keep(posted: dict[idempotency.Guard, dict[str, Any] | None], *, now: dt.datetime) -> None:
    """Store the answers of what was posted under a key, as if it had been sent alone."""
    answers = {
        guard: idempotency.StoredAnswer(201, dumps(body), f"{_ALONE[1]}/{body['id']}")
        for guard, body in posted.items()
        if body is not None
    }
    idempotency.store_answers(answers, expires_at=now + dt.timedelta(hours=settings.IDEMPOTENCY_KEY_HOURS))


def _posted(index: int, body: dict[str, Any]) -> dict[str, Any]:
    return {"index": index, "status": "posted", "transfer": body, "error": None}


def _refused(index: int, error: DomainError) -> dict[str, Any]:
    details = [one.as_dict() for one in error.details] or [_problem(index, error).as_dict()]
    shown = {"message": error.message, "code": error.code, "details": details}
    return {"index": index, "status": "refused", "transfer": None, "error": shown}


def _problem(index: int, error: DomainError) -> Problem:
    return Problem(f"transfers[{index}]", error.code, error.message)
