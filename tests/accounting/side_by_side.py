"""What is the same in every test of the books beside a model: operations one after the other and at once, and how many.

`bin/test --operations 100000` drives more of them.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from typing import Any, Final, Protocol, Self
from uuid import UUID

from django.db import connection, connections
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from accounting.services.verifying import verify_books
from tenants.scope import tenant_scope

OPERATIONS: Final = int(os.environ.get("LEDGER_OPERATIONS") or 5_000)
PATIENCE_SECONDS: Final = max(300, OPERATIONS // 10)
STEPS: Final = 25
AT_ONCE: Final = 4
DONE: Final = "done"
# What is drawn must not depend on who has won a race: Hypothesis repeats beginnings, and would find other choices.
SEEDS: Final = st.integers(0, 2**32 - 1)

# What holds after every commit, whatever others do meanwhile: one statement, hence one moment.
_UNSOUND: Final = """
WITH lines AS (
    SELECT a.id, a.currency, a.type, COALESCE(sum(CASE l.side WHEN 'debit' THEN l.amount ELSE -l.amount END), 0) AS net
    FROM accounting_account a
    LEFT JOIN accounting_journalline l ON l.tenant_id = a.tenant_id AND l.account_id = a.id
    GROUP BY a.id, a.currency, a.type
)
SELECT 'the sum is not zero: ' || currency FROM lines GROUP BY currency HAVING sum(net) <> 0
UNION ALL
SELECT 'below its limit: ' || id FROM accounting_balance WHERE posted - held < floor
UNION ALL
SELECT 'not what its lines say: ' || b.id FROM accounting_balance b JOIN lines USING (id)
WHERE b.posted <> CASE WHEN lines.type IN ('asset', 'expense') THEN net ELSE -net END
UNION ALL
SELECT 'more granted than there is: ' || b.id FROM accounting_balance b
JOIN accounting_grant g ON g.tenant_id = b.tenant_id AND g.account_id = b.id AND g.status = 'active'
GROUP BY b.id, b.posted HAVING sum(g.remaining) > b.posted
"""


class Modelled(Protocol):
    """The books in memory."""

    def after(self, operation: Any) -> tuple[Self, set[str]]:
        """The books afterwards, and what may be answered: `{DONE}`, or the reasons, and then nothing has changed."""


class Driven(Protocol):
    """The books in the database."""

    tenant_id: UUID

    def run(self, operation: Any) -> str:
        """`DONE`, or the reason of the refusal. Whatever is not a refusal of the books is raised."""

    def standing(self) -> Any:
        """Everything that now stands there."""

    def compare(self, model: Any, standing: Any) -> None:
        """Raise `AssertionError` where what stands there is not what the model says."""


class SideBySide(RuleBasedStateMachine):
    """A tenant's books beside their model. Subclasses make both, and say what is asked of them."""

    make_tenant: Any
    pool: ThreadPoolExecutor
    seen: Counter[tuple[str, str]]
    driver: Any
    model: Any
    explained = False

    def ask(self, dice: Random, *, alone: bool) -> Any:
        """Something to do with what there is, `alone` or together with others; often it will be refused."""
        raise NotImplementedError

    @rule(seed=SEEDS)
    def one(self, seed: int) -> None:
        """One operation: its answer is the model's, and so is everything that then stands."""
        asked = self.ask(Random(seed), alone=True)
        self._explain([asked], [self._run(asked)])

    @rule(seeds=st.lists(SEEDS, min_size=2, max_size=AT_ONCE))
    def at_once(self, seeds: list[int]) -> None:
        """Several at once: there is an order in which the model gives the same answers and the same books."""
        asked = [self.ask(Random(seed), alone=False) for seed in seeds]
        ready = threading.Barrier(len(asked))

        def run(operation: Any) -> str:
            ready.wait()
            return self._run(operation)

        self._explain(asked, list(self.pool.map(run, asked)))

    def teardown(self) -> None:
        """In the end the whole proof passes."""
        if self.explained:
            with tenant_scope(self.driver.tenant_id):
                assert verify_books(tenant_id=self.driver.tenant_id).findings == []

    def _run(self, operation: Any) -> str:
        answer: str = self.driver.run(operation)
        with tenant_scope(self.driver.tenant_id), connection.cursor() as cursor:
            cursor.execute(_UNSOUND)
            assert cursor.fetchall() == [], operation
        return answer

    def _explain(self, asked: list[Any], answers: list[str]) -> None:
        for operation, answer in zip(asked, answers, strict=True):
            self.seen[type(operation).__name__, answer] += 1
        self.explained = False
        standing, problems = self.driver.standing(), []
        for order in itertools.permutations(range(len(asked))):
            then, fits = self.model, True
            for index in order:
                then, expected = then.after(asked[index])
                if answers[index] not in expected:
                    problems.append(f"{asked[index]}: {answers[index]}, expected {expected}")
                    fits = False
                    break
            if fits:
                try:
                    self.driver.compare(then, standing)
                except AssertionError as differs:
                    problems.append(str(differs))
                    continue
                self.model, self.explained = then, True
                return
        raise AssertionError(f"no order explains {list(zip(asked, answers, strict=True))}: {problems}")


def drive(machine: type[SideBySide], make_tenant: Any) -> Counter[tuple[str, str]]:
    """Drive `OPERATIONS` of them; how often each kind of operation had each answer."""
    seen: Counter[tuple[str, str]] = Counter()
    # About half of the steps are one operation, the others three on average.
    examples = max(5, OPERATIONS // (2 * STEPS))
    # A race that was lost once may be won in the next run: nothing is gained by making an example smaller.
    how = settings(max_examples=examples, stateful_step_count=STEPS, phases=[Phase.generate])
    with _threads() as pool:
        own = {"make_tenant": staticmethod(make_tenant), "pool": pool, "seen": seen}
        while seen.total() < OPERATIONS:
            run_state_machine_as_test(type(machine.__name__, (machine,), own), settings=how)
    return seen


@contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    """Threads that keep their connections to the end."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield threads
        together = threading.Barrier(AT_ONCE)

        def close(_: int) -> None:
            together.wait()
            connections.close_all()

        list(threads.map(close, range(AT_ONCE)))
