"""Claims about the places of a web process: so many write at once, and who waits holds no connection."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import connection, connections

from tenants.context import system_context
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tenants.statement import HotStatement
from tenants.writers import Writers, writers
from tests.clients import Api
from tests.tenants.test_connection_state import terminate

BACKEND = HotStatement("test_backend", "SELECT pg_backend_pid(), current_setting('ledger.tenant_id') WHERE $1::int = 1")
SLEEP = HotStatement("test_sleep", "SELECT pg_backend_pid() FROM pg_sleep($1::float8)")


@pytest.fixture
def bound() -> Iterator[Writers]:
    """Two places, as in a web process."""
    writers.bound(2)
    yield writers
    writers.unbound()


@pytest.mark.django_db(transaction=True)
def test_many_threads_share_two_connections_and_open_none_of_their_own(tenant: Tenant, bound: Writers) -> None:
    context = system_context(tenant.id, "test")
    seen: set[Any] = set()
    own: list[Any] = []

    def run() -> None:
        for _ in range(5):
            seen.add(SLEEP.run(context, ["0.002"])[0][0])
        own.append(connection.connection)
        connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(seen) == 2
    assert own == [None] * 8


@pytest.mark.django_db(transaction=True)
def test_a_lent_connection_carries_nothing_from_one_tenant_to_the_next(
    tenant: Tenant, other_tenant: Tenant, bound: Writers
) -> None:
    for one in (tenant, other_tenant, tenant):
        assert BACKEND.run(system_context(one.id, "test"), [1])[0][1] == str(one.id).encode()


@pytest.mark.django_db(transaction=True)
def test_a_lent_connection_that_the_server_closed_is_replaced(tenant: Tenant, bound: Writers) -> None:
    context = system_context(tenant.id, "test")
    [[pid, _]] = BACKEND.run(context, [1])
    assert pid is not None
    terminate(int(pid))
    assert BACKEND.run(context, [1])[0][0] != pid


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction_a_hot_statement_takes_part_in_it(tenant: Tenant, bound: Writers) -> None:
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert BACKEND.run(system_context(tenant.id, "test"), [1])[0][0] == str(cursor.fetchone()[0]).encode()


@pytest.mark.parametrize("how", ["turn", "lend"])
def test_a_third_waits_until_one_of_two_is_done(how: str) -> None:
    places, inside, entered, leave = Writers(), [], threading.Semaphore(0), threading.Event()
    places.bound(2)

    def enter() -> AbstractContextManager[Any]:
        return places.turn() if how == "turn" else places.lend()

    def run(number: int) -> None:
        with enter():
            inside.append(number)
            entered.release()
            leave.wait(10)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    assert entered.acquire(timeout=10)
    assert entered.acquire(timeout=10)
    assert not entered.acquire(timeout=0.2)
    assert len(inside) == 2
    leave.set()
    for thread in threads:
        thread.join(10)
    assert len(inside) == 3


@pytest.mark.django_db(transaction=True)
def test_a_mutation_takes_a_place_and_a_read_takes_none(api: Api, bound: Writers) -> None:
    bound.bound(1)
    done: list[int] = []

    def post() -> None:
        done.append(api.post("/api/customers", {"name": "Ada"}).status_code)
        connections.close_all()

    with bound.turn():
        thread = threading.Thread(target=post)
        thread.start()
        assert api.get("/api/customers").status_code == 200
        thread.join(0.3)
        assert done == []
    thread.join(30)
    assert done == [201]
