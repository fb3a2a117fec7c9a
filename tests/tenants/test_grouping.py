"""Claims about group commit: what waits is done together, in its order, and each gets its own result."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from uuid import UUID

import pytest

from common.ids import new_id
from tenants.grouping import Grouping

TENANT = new_id()


class Bench:
    """Work that stands still until it is let go, and remembers its groups."""

    def __init__(self, size: int = 64) -> None:
        self.groups: list[list[int]] = []
        self.go = threading.Event()
        self.begun = threading.Event()
        self.grouping: Grouping[int, int] = Grouping(self.work, size=size)
        self.results: dict[int, object] = {}

    def work(self, items: Sequence[int]) -> list[int]:
        self.groups.append(list(items))
        self.begun.set()
        assert self.go.wait(10)
        if 13 in items:
            raise ValueError("unlucky")
        return [item * 10 for item in items]

    def ask(self, *items: int, tenant: UUID = TENANT) -> list[threading.Thread]:
        def one(item: int) -> None:
            try:
                self.results[item] = self.grouping.do(tenant, item)
            except ValueError as error:
                self.results[item] = str(error)

        threads = []
        for item in items:
            thread = threading.Thread(target=one, args=(item,))
            thread.start()
            threads.append(thread)
            time.sleep(0.02)  # so that they queue in this order
        return threads


def test_one_alone_waits_for_nobody():
    bench = Bench()
    bench.go.set()
    assert bench.grouping.do(TENANT, 7) == 70
    assert bench.groups == [[7]]


def test_what_queues_while_another_works_is_done_together_and_each_gets_its_own():
    bench = Bench()
    threads = bench.ask(1)
    assert bench.begun.wait(10)
    threads += bench.ask(2, 3, 4)
    bench.go.set()
    for thread in threads:
        thread.join(10)
    assert bench.groups == [[1], [2, 3, 4]]
    assert bench.results == {1: 10, 2: 20, 3: 30, 4: 40}


def test_a_group_has_an_upper_size():
    bench = Bench(size=2)
    threads = bench.ask(1, 2, 3, 4)
    bench.go.set()
    for thread in threads:
        thread.join(10)
    assert bench.groups == [[1], [2, 3], [4]]
    assert bench.results == {1: 10, 2: 20, 3: 30, 4: 40}


def test_tenants_do_not_wait_for_each_other():
    bench = Bench()
    threads = bench.ask(1) + bench.ask(2, tenant=new_id())
    assert bench.groups == [[1], [2]]
    bench.go.set()
    for thread in threads:
        thread.join(10)
    assert bench.results == {1: 10, 2: 20}


def test_an_error_reaches_everybody_in_the_group_and_nobody_after_it():
    bench = Bench()
    threads = bench.ask(1)
    assert bench.begun.wait(10)
    threads += bench.ask(2, 13)
    bench.go.set()
    for thread in threads:
        thread.join(10)
    assert bench.results == {1: 10, 2: "unlucky", 13: "unlucky"}
    assert bench.grouping.do(TENANT, 5) == 50


@pytest.mark.parametrize("threads", [16])
def test_nobody_is_forgotten_in_a_crowd(threads):
    grouping: Grouping[int, int] = Grouping(lambda items: [item + 1 for item in items], size=4)
    seen: list[int] = []

    def many(start: int) -> None:
        for item in range(start, start + 300):
            seen.append(grouping.do(TENANT, item))

    crowd = [threading.Thread(target=many, args=(index * 1000,)) for index in range(threads)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join(30)
    assert sorted(seen) == sorted(index * 1000 + one + 1 for index in range(threads) for one in range(300))
