"""Transfers without HTTP: the services, on one connection per process. A worker of `benchmarks.workers`."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import django

from benchmarks.workers import answer_of_worker, plan_of_worker


def main() -> None:
    """The worker: transfers of one tenant until the plan ends."""
    plan = plan_of_worker()
    django.setup()
    pay = _way(plan)
    dice = random.Random()
    accounts = [UUID(one) for one in plan["ids"]]
    latencies: list[float] = []
    time.sleep(max(0.0, plan["begin"] - time.monotonic()))
    while (asked_at := time.monotonic()) < plan["end"]:
        source, target = dice.sample(accounts, 2)
        pay(source, target, dice.randint(1, 1000))
        answered_at = time.monotonic()
        if asked_at >= plan["start"] and answered_at <= plan["end"]:
            latencies.append(answered_at - asked_at)
    answer_of_worker(latencies=latencies, errors=0)


def _way(plan: dict[str, Any]) -> Callable[[UUID, UUID, int], None]:
    """The ordinary service in a transaction, or the one statement; both announce, both check."""
    from accounting.judging import TransferRequest
    from accounting.services.one_statement import prepare_transfer, write_transfers
    from accounting.services.transfers import make_transfer
    from common.clock import SystemClock
    from common.ids import new_id
    from tenants.context import system_context
    from tenants.idempotency import Guard
    from tenants.identity import Caller
    from tenants.scope import tenant_scope

    tenant_id = UUID(plan["tenant"])
    context = system_context(tenant_id, "benchmark")
    caller = Caller(context.actor, tenant_id, frozenset({"*"}))
    clock = SystemClock()

    def ordinary(source: UUID, target: UUID, amount: int) -> None:
        with tenant_scope(context):
            make_transfer(tenant_id=tenant_id, request=TransferRequest(source, target, amount, "EUR"), at=clock.now())

    def at_once(source: UUID, target: UUID, amount: int) -> None:
        at, key = clock.now(), str(new_id())
        request = TransferRequest(source, target, amount, "EUR", idempotency_key=key)
        made = prepare_transfer(
            context=context, caller=caller, request=request, at=at, guard=Guard(tenant_id, key, b"f" * 32),
            key_expires_at=at,
        )  # fmt: skip
        assert made is not None
        assert write_transfers([made])

    return ordinary if plan["way"] == "ordinary" else at_once


if __name__ == "__main__":
    main()
