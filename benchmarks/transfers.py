"""Transfers over HTTP and without it against the one-statement floor: goal 7."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from typing import Any

import psycopg

from benchmarks import floor_transfers as floor
from benchmarks import load
from benchmarks.figures import Run
from benchmarks.issue import Goal, Report, say
from benchmarks.peers import HORDAK, NotInstallable
from benchmarks.stack import Stack
from benchmarks.workers import measure

PATH = "/api/transfers"
CLIENTS = 16
MANY = 16  # tenants, beside the one whose accounts are spread over
BATCH = 1000
BODIES = 400
READY = 2.5  # seconds for workers to start on a busy machine
HORDAKS_BEST = 900
"""Transfers per second of django-hordak at its best on such a machine, where it can't be measured beside Ledger."""
COUNTED = {
    "transfers": "SELECT count(*) FROM accounting_transfer",
    "entries": "SELECT count(*) FROM accounting_journalentry",
    "lines": "SELECT count(*) FROM accounting_journalline",
    "events": "SELECT count(*) FROM events_event WHERE type = 'transfer.posted'",
    "balances": """
        SELECT count(*) FROM accounting_balance b WHERE b.posted <> (
            SELECT sum(CASE l.side WHEN 'credit' THEN l.amount ELSE -l.amount END)
            FROM accounting_journalline l WHERE l.account_id = b.id
        )""",
}


class TransfersBenchmark:
    """Floor and project, one after the other in each round, on one cluster."""

    def __init__(self, stack: Stack, *, seconds: float, pairs: int, peers: bool = True) -> None:
        self.stack, self.seconds, self.pairs = stack, seconds, pairs
        self.report = Report()
        self.ids: list[str] = []
        self.dice = random.Random()
        stack.manage("migrate", "--no-input", "--verbosity", "0")
        [self.tenant] = stack.output_of("benchmarks.seed_transfers", "1", str(floor.ACCOUNTS))
        self.tenants = stack.output_of("benchmarks.seed_transfers", str(MANY), "50")
        self.seeded = floor.ACCOUNTS + MANY * 50
        self.without_http = 0
        self.floor_url, self.floor_accounts = floor.prepare(stack.urls["databaseOwnerUrl"])
        self.hordak: dict[str, str] | None = self.prepare_hordak() if peers else None

    def run(self) -> None:
        """Interleaved pairs of everything, then what was written is counted."""
        with self.stack.web() as (port, pid):
            self.warm_up(port, pid)
            for index in range(self.pairs):
                say(f"pair {index + 1} of {self.pairs}, load average {os.getloadavg()[0]:.1f}")
                steps: list[Callable[[], Any]] = [
                    lambda: self.floor("floor, spread, 16", 16),
                    lambda: self.project("project, spread", port, pid),
                    lambda: self.project("project, 16 tenants", port, pid, tenants=True),
                    lambda: self.floor("floor, spread, 4", 4),
                    lambda: self.service("service, one statement", "at once"),
                    lambda: self.peer("django-hordak", 2),
                    lambda: self.peer("django-hordak, 4 processes", 4),
                    lambda: self.service("service, ordinary", "ordinary"),
                    lambda: self.floor("floor, hot, 16", 16, hot=True),
                    lambda: self.project("project, hot", port, pid, hot=True),
                    lambda: self.floor("floor, hot, 4", 4, hot=True),
                    lambda: self.floor("floor, hot, 4, in 50s", 4, hot=True, batch=50),
                    lambda: self.project("project, in 1,000s", port, pid, batch=BATCH),
                ]
                # Every second round the other way about, so that a machine that gets slower favours nobody.
                for step in steps if index % 2 == 0 else steps[::-1]:
                    step()
        self.check_rows()
        report = self.report
        report.goals += [
            Goal("spread: project / floor at 16", report.ratio("project, spread", "floor, spread, 16"), 0.35),
            Goal("spread: p95 in ms", report.p95("project, spread"), 60, at_most=True),
            Goal("hot account: project / floor at 16", report.ratio("project, hot", "floor, hot, 16"), 2),
            Goal("hot account: p95 in ms", report.p95("project, hot"), 60, at_most=True),
            Goal("in batches of 1,000, per second", report.rate("project, in 1,000s"), 10_000),
            Goal("without HTTP / django-hordak", report.rate("service, one statement") / self.hordaks_best(), 1.5),
        ]

    def warm_up(self, port: int, pid: int) -> None:
        """Fill the tables a little and gather their statistics, as autovacuum does in the first minute."""
        seconds, self.seconds = self.seconds, 2 * self.seconds
        self.project("(warming up)", port, pid)
        self.project("(warming up)", port, pid, tenants=True)
        self.floor("(warming up)", 16)
        self.seconds = seconds
        for url in (self.superuser_url, self.superuser_url.rpartition("/")[0] + f"/{floor.DATABASE}"):
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE")
        del self.report.runs["(warming up)"]

    @property
    def superuser_url(self) -> str:
        """Row-level security does not hold this one: it counts the rows of all tenants."""
        return self.stack.urls["databaseUrl"].replace("ledger_app@", "postgres@")

    def floor(self, name: str, connections: int, *, hot: bool = False, batch: int = 1) -> Run:
        """The floor."""
        plans = floor.plans(self.floor_url, self.floor_accounts, connections, hot=hot, batch=batch)
        run, _ = measure(
            name, "benchmarks.floor_transfers", plans, seconds=self.seconds, roots=self.roots(), ready=READY
        )  # fmt: skip
        return self.report.add(run)

    def project(
        self, name: str, port: int, pid: int, *, hot: bool = False, tenants: bool = False, batch: int = 1
    ) -> Run:
        """16 clients, two with batches; what they got is kept, to be found in the tables."""
        path = PATH if batch == 1 else f"{PATH}/batch"
        owners = self.tenants if tenants else [self.tenant]
        seats = [
            {"key": owner["key"], "bodies": self.bodies(owner["accounts"], hot=hot, batch=batch)} for owner in owners
        ]
        plans = load.plans(port, path, seats, CLIENTS if batch == 1 else 2)
        plans = [{**plan, "named": '"id":"'} for plan in plans]
        run, answers = measure(
            name, "benchmarks.load", plans, seconds=self.seconds, roots=self.roots(web=pid), ready=READY
        )  # fmt: skip
        for answer in answers:
            self.report.problems += answer["refusals"]
            self.ids += [made for _, made in answer["numbers"]]
            self.without_http += (batch - 1) * len(answer["numbers"])
        if batch > 1:
            run.operations *= batch
            run.cpu = {group: round(value / batch, 1) for group, value in run.cpu.items()}
        return self.report.add(run)

    def bodies(self, accounts: list[str], *, hot: bool, batch: int) -> list[str]:
        """Plain transfers, or batches of them."""
        made = []
        for _ in range(BODIES if batch == 1 else 2):
            transfers = []
            for _ in range(batch):
                source, target = self.dice.sample(accounts[1:], 2)
                if batch > 1:
                    # An account that both pays and is paid makes the order decide, and the batch goes the ordinary way.
                    half = len(accounts) // 2
                    source, target = self.dice.choice(accounts[1:half]), self.dice.choice(accounts[half:])
                transfers.append(
                    {
                        "fromAccountId": accounts[0] if hot else source, "toAccountId": target,
                        "amount": self.dice.randint(1, 1000), "currency": "EUR",
                    }
                )  # fmt: skip
            made.append(json.dumps(transfers[0] if batch == 1 else {"transfers": transfers}))
        return made

    def service(self, name: str, way: str) -> Run:
        """Two processes without HTTP; Django takes long to start on a busy machine."""
        plan = {"tenant": self.tenant["id"], "ids": self.tenant["ids"], "way": way}
        before = self.count(COUNTED["transfers"])
        run, _ = measure(
            name, "benchmarks.transfers_service", [plan] * 2, seconds=self.seconds, roots=self.roots(),
            environment=self.stack.environment, ready=15.0,
        )  # fmt: skip
        self.without_http += self.count(COUNTED["transfers"]) - before
        return self.report.add(run)

    def prepare_hordak(self) -> dict[str, str] | None:
        """django-hordak in an environment of its own: its Python and its database. None where it can't be installed."""
        try:
            python = HORDAK.install()
        except NotInstallable as reason:
            self.report.notes["hordak"] = str(reason)
            say(f"  django-hordak was left out: {reason}")
            return None
        return {"python": str(python), "url": HORDAK.prepare(python, self.stack.urls["databaseOwnerUrl"])}

    def peer(self, name: str, processes: int) -> None:
        """django-hordak through its models, without HTTP, keys, limits and events."""
        if self.hordak is None:
            return
        plans = [{"url": self.hordak["url"]}] * processes
        run, _ = measure(
            name, HORDAK.program, plans, seconds=self.seconds, roots=self.roots(), python=self.hordak["python"],
            ready=15.0,
        )  # fmt: skip
        self.report.add(run)

    def hordaks_best(self) -> float:
        """Its transfers per second: of this run, or what others have seen."""
        if self.hordak is None:
            return HORDAKS_BEST
        return max(self.report.rate("django-hordak"), self.report.rate("django-hordak, 4 processes"))

    def roots(self, **more: int) -> dict[str, int]:
        """The process trees whose time is counted."""
        return {"postgres": self.stack.postgres_pid, **more}

    def count(self, query: str) -> int:
        """One number, over all tenants."""
        with psycopg.connect(self.superuser_url) as connection:
            row = connection.execute(query.encode()).fetchone()
            return int(row[0]) if row else 0

    def check_rows(self) -> None:
        """Every transfer that was answered is there, once, with all that belongs to it, and the balances agree."""
        rows = {name: self.count(query) for name, query in COUNTED.items()}
        made = len(self.ids) + self.without_http + self.seeded
        expected = {"transfers": made, "entries": made, "lines": 2 * made, "events": made, "balances": 0}
        if rows != expected or len(set(self.ids)) != len(self.ids):
            self.report.problems.append(f"rows: {rows}, expected {expected}")
        self.report.notes["rows"] = rows
        say(f"  checked {made} transfers: {'nothing lost, nothing twice' if rows == expected else 'SEE BELOW'}")
