"""Claims about leases."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from tenants.leases import HeldLease, claim_lease, lease, release_lease, under_lease
from tenants.models import Lease
from tenants.tasks import purge_idempotency_keys

pytestmark = pytest.mark.django_db


def test_one_holder_at_a_time() -> None:
    with lease("sweep", seconds=60) as first:
        assert first
        with lease("sweep", seconds=60) as second:
            assert not second
            assert not second.renew()
        with lease("other", seconds=60) as elsewhere:
            assert elsewhere
        assert first.renew(), "another's refusal takes nothing away"
    with lease("sweep", seconds=60) as third:
        assert third


def test_a_lease_that_ran_out_is_free_and_its_former_holder_learns_so() -> None:
    first = claim_lease("sweep", seconds=0.05)
    time.sleep(0.1)
    second = claim_lease("sweep", seconds=60)
    assert second
    assert not first.renew()
    release_lease(first)
    assert second.renew(), "the former holder releases nothing of the new one's"


def test_a_lease_that_ran_out_is_not_renewed_even_when_nobody_took_it() -> None:
    held = claim_lease("sweep", seconds=0.05)
    time.sleep(0.1)
    assert not held.renew()


def test_an_error_in_the_block_gives_the_lease_back() -> None:
    with pytest.raises(RuntimeError), lease("sweep", seconds=60):
        raise RuntimeError
    assert not Lease.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_exactly_one_gets_it() -> None:
    won: list[bool] = []
    ready = threading.Barrier(6)

    def claim() -> None:
        try:
            ready.wait(10)
            won.append(bool(claim_lease("sweep", seconds=60)))
        finally:
            connection.close()

    threads = [threading.Thread(target=claim) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(won) == [False] * 5 + [True]


def test_a_sweep_does_nothing_while_another_runs() -> None:
    with lease("tenants.tasks.purge_idempotency_keys", seconds=60):
        assert purge_idempotency_keys() is None


def test_the_sweep_of_a_killed_holder_is_taken_over_when_the_lease_ends() -> None:
    claim_lease("tenants.tasks.purge_idempotency_keys", seconds=0.2)
    assert purge_idempotency_keys() is None
    time.sleep(0.3)
    assert purge_idempotency_keys() == 0


def test_long_work_keeps_its_lease_by_renewing_it_after_the_heartbeat(settings: Any) -> None:
    settings.JOB_LEASE_SECONDS, settings.JOB_HEARTBEAT_SECONDS = 0.5, 0.1
    seen: list[bool] = []

    @under_lease
    def sweep(held: HeldLease) -> None:
        for _ in range(8):
            time.sleep(0.1)
            seen.append(held.keep() and not claim_lease(held.name))

    sweep()
    assert seen == [True] * 8


def test_between_two_heartbeats_the_database_is_not_asked(django_assert_num_queries: Callable[..., Any]) -> None:
    held = claim_lease("sweep")
    with django_assert_num_queries(0):
        assert held.keep()


def test_who_lost_the_lease_is_told_at_the_next_heartbeat(settings: Any) -> None:
    settings.JOB_HEARTBEAT_SECONDS = 0.01
    held = claim_lease("sweep", seconds=0.05)
    time.sleep(0.1)
    assert claim_lease("sweep")
    assert not held.keep()
