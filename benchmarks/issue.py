"""Issuing invoices over HTTP against the one-statement floor and against peers: goals 1, 2 and 3."""

from __future__ import annotations

import http.client
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import convstack, floor, load
from benchmarks.figures import Run, median
from benchmarks.peers import SILVER, NotInstallable
from benchmarks.stack import Stack
from benchmarks.workers import measure

TENANTS = 16
CLIENTS = 16
RESULTS = Path(__file__).parent / "results"
PATH = "/api/invoices"
COUNTED = {
    "documents": "SELECT count(*) FROM invoicing_invoice",
    "items": "SELECT count(*) FROM invoicing_invoiceitem",
    "outbox rows": "SELECT count(*) FROM events_event WHERE type LIKE 'invoice.%'",
    "audit rows": "SELECT count(*) FROM tenants_auditentry WHERE entity_type = 'invoice'",
    "idempotency keys": "SELECT count(*) FROM tenants_idempotencykey",
}
GAPS = """
SELECT count(*) FROM (
    SELECT tenant_id FROM invoicing_invoice GROUP BY tenant_id, series, year
    HAVING min(number) <> 1 OR max(number) <> count(*) OR count(DISTINCT number) <> count(*)
) AS broken
"""


@dataclass
class Goal:
    """One line of the summary."""

    name: str
    measured: float
    wanted: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        """Whether the figure is good enough."""
        return self.measured <= self.wanted if self.at_most else self.measured >= self.wanted

    def __str__(self) -> str:
        sign = "≤" if self.at_most else "≥"
        return f"{'met   ' if self.met else 'MISSED'}  {self.name}: {self.measured:.2f} (wanted {sign} {self.wanted:g})"


@dataclass
class Report:
    """Everything that was measured."""

    runs: dict[str, list[Run]] = field(default_factory=dict)
    numbers: dict[int, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)

    def add(self, run: Run) -> Run:
        """Keep and print a run."""
        self.runs.setdefault(run.name, []).append(run)
        cpu = "  ".join(f"{name} {value:.0f}" for name, value in run.cpu.items())
        say(
            f"  {run.name:<22}{run.rate:8.0f}/s   p50 {run.p50:6.1f}  p95 {run.p95:6.1f}  p99 {run.p99:6.1f} ms   "
            f"CPU µs: {cpu}   other work: {run.others:.2f} cores{f'   ERRORS {run.errors}' if run.errors else ''}"
        )
        return run

    def rate(self, name: str) -> float:
        """The median rate of a name's runs."""
        return median([run.rate for run in self.runs.get(name, [])])

    def p95(self, name: str) -> float:
        """The median p95 of a name's runs."""
        return median([run.p95 for run in self.runs.get(name, [])])

    def ratio(self, name: str, other: str) -> float:
        """The median of the ratios of runs that stood side by side."""
        pairs = zip(self.runs.get(name, []), self.runs.get(other, []), strict=False)
        return median([one.rate / two.rate for one, two in pairs if two.operations])


def say(text: str = "") -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class IssueBenchmark:
    """Floor, project and peers, one after the other in each round, on one cluster."""

    def __init__(self, stack: Stack, *, seconds: float, pairs: int) -> None:
        self.stack, self.seconds, self.pairs = stack, seconds, pairs
        self.report = Report()
        stack.manage("migrate", "--no-input", "--verbosity", "0")
        self.tenants = stack.output_of("benchmarks.seed", str(TENANTS + 1))
        self.floor_url, self.floor_tenants = floor.prepare(stack.urls["databaseOwnerUrl"], TENANTS)

    def warm_up(self, port: int, pid: int) -> None:
        """Fill the tables a little and gather their statistics, as autovacuum does in the first minute of a database.

        Plans that were made on empty tables know no better than to read all rows of a tenant.
        """
        # Long enough for each worker to have seen most customers, whose facts it remembers.
        seconds, self.seconds = self.seconds, 5 * self.seconds
        self.run_project("(warming up)", port, pid, self.tenants)
        self.seconds = seconds
        self.run_floor("(warming up)", TENANTS, CLIENTS)
        for url in (self.superuser_url, self.superuser_url.rpartition("/")[0] + f"/{floor.DATABASE}"):
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE")
        del self.report.runs["(warming up)"]

    @property
    def superuser_url(self) -> str:
        """Row-level security does not hold this one: it counts the rows of all tenants."""
        return self.stack.urls["databaseUrl"].replace("ledger_app@", "postgres@")

    def run_floor(self, name: str, tenants: int, connections: int) -> Run:
        """The floor with `connections` connections over `tenants` tenants."""
        plans = floor.plans(self.floor_url, self.floor_tenants[:tenants], connections)
        run, _ = measure(name, "benchmarks.floor", plans, seconds=self.seconds, roots=self.roots())
        return self.report.add(run)

    def run_project(self, name: str, port: int, pid: int, tenants: list[dict[str, Any]]) -> Run:
        """16 clients over the tenants; what they got is kept for the check of the numbers."""
        plans = load.plans(port, PATH, tenants, max(CLIENTS, len(tenants)))
        run, answers = measure(name, "benchmarks.load", plans, seconds=self.seconds, roots=self.roots(web=pid))
        first = self.tenants.index(tenants[0])
        for answer in answers:
            self.report.problems += answer["refusals"]
            for tenant, number in answer["numbers"]:
                self.report.numbers.setdefault(first + tenant, []).append(number)
        return self.report.add(run)

    def roots(self, **more: int) -> dict[str, int]:
        """The process trees whose time is counted."""
        return {"postgres": self.stack.postgres_pid, **more}

    def goals_1_and_2(self) -> None:
        """Interleaved pairs: spread over all tenants, then one hot tenant."""
        spread, hot = self.tenants[:TENANTS], self.tenants[TENANTS:]
        with self.stack.web() as (port, pid):
            self.warm_up(port, pid)
            for index in range(self.pairs):
                say(f"pair {index + 1} of {self.pairs}, load average {os.getloadavg()[0]:.1f}")
                steps: list[Callable[[], Run]] = [
                    lambda: self.run_floor("floor, spread", TENANTS, CLIENTS),
                    lambda: self.run_project("project, spread", port, pid, spread),
                    lambda: self.run_floor("floor, hot", 1, 4),
                    lambda: self.run_project("project, hot", port, pid, hot),
                ]
                # Every second round the other way about, so that a machine that gets slower favours nobody.
                for step in steps if index % 2 == 0 else steps[::-1]:
                    step()
            self.check_replay(port, spread[0])
        self.check_rows()
        report = self.report
        report.goals += [
            Goal("goal 1, spread: project / floor", report.ratio("project, spread", "floor, spread"), 0.35),
            Goal(
                "goal 1, spread: p95 project / p95 floor",
                median(
                    [
                        one.p95 / two.p95
                        for one, two in zip(report.runs["project, spread"], report.runs["floor, spread"], strict=True)
                    ]
                ),
                3,
                at_most=True,
            ),
            Goal("goal 2, hot tenant: project / floor at 4", report.ratio("project, hot", "floor, hot"), 0.45),
            Goal("goal 2, hot tenant: p95 in ms", report.p95("project, hot"), 40, at_most=True),
        ]

    def goal_3(self, *, with_silver: bool) -> None:
        """Peers: ConvStack's shape beside the project in pairs, then silver."""
        url = convstack.prepare(self.stack.urls["databaseOwnerUrl"])
        peers = [{"key": tenant["id"], "customers": tenant["customers"]} for tenant in self.tenants[:TENANTS]]
        with (
            self.stack.web() as (port, pid),
            self.stack.server(convstack.arguments, environment={"CONVSTACK_URL": url}) as (other, other_pid),
        ):
            for index in range(self.pairs):
                say(f"peers, pair {index + 1} of {self.pairs}, load average {os.getloadavg()[0]:.1f}")
                self.run_project("project, beside peers", port, pid, self.tenants[:TENANTS])
                plans = load.plans(other, "/", peers, CLIENTS)
                run, _ = measure(
                    "ConvStack's shape", "benchmarks.load", plans, seconds=self.seconds, roots=self.roots(web=other_pid)
                )
                self.report.add(run)
        self.report.goals.append(
            Goal(
                "goal 3: project / ConvStack's shape",
                self.report.ratio("project, beside peers", "ConvStack's shape"), 1.5,
            )
        )  # fmt: skip
        if with_silver:
            self.add_silver()

    def add_silver(self) -> None:
        """django-silver in an environment of its own, one provider and four."""
        try:
            python = SILVER.install()
        except NotInstallable as reason:
            self.report.notes["silver"] = str(reason)
            say(f"  django-silver was left out: {reason}")
            return
        url = SILVER.prepare(python, self.stack.urls["databaseOwnerUrl"])
        say("  django-silver, in its own environment")
        for name, providers in (("django-silver, 1 provider", 1), ("django-silver, 4 providers", 4)):
            for _ in range(self.pairs):
                plans = [{"url": url, "provider": index} for index in range(providers)]
                run, _ = measure(
                    name, SILVER.program, plans, seconds=self.seconds, roots=self.roots(), python=str(python)
                )
                self.report.add(run)
        best = max(self.report.rate("django-silver, 1 provider"), self.report.rate("django-silver, 4 providers"))
        if best:
            rate = self.report.rate("project, beside peers")
            self.report.goals.append(Goal("goal 3: project / the better of silver's", rate / best, 5))

    def check_replay(self, port: int, tenant: dict[str, Any]) -> None:
        """The same request twice is one invoice, byte for byte."""
        body = json.dumps(
            {"userId": tenant["customers"][0], "items": [{"description": "Once", "unitPrice": 100, "quantity": 1}]}
        )
        headers = {
            "Authorization": f"ServiceKey {tenant['key']}",
            "Content-Type": "application/json",
            "Idempotency-Key": "once",
        }
        answers = []
        for _ in range(2):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("POST", PATH, body, headers)
            response = connection.getresponse()
            answers.append((response.status, response.read(), response.headers.get("Idempotent-Replayed")))
            connection.close()
        first, second = answers
        self.report.numbers.setdefault(0, []).append(json.loads(first[1])["invoiceNumber"])
        if first[0] != 201 or second[:2] != first[:2] or (first[2], second[2]) != (None, "true"):
            self.report.problems.append(f"replay: {first} then {second}")

    def check_rows(self) -> None:
        """No gap, no duplicate, and everything that belongs to an invoice was written for each."""
        for tenant, numbers in self.report.numbers.items():
            taken = sorted(int(number.rpartition("-")[2]) for number in numbers)
            if taken != list(range(1, len(taken) + 1)):
                self.report.problems.append(f"tenant {tenant}: the numbers answered are not 1 to {len(taken)}")
        answered = sum(len(numbers) for numbers in self.report.numbers.values())
        with psycopg.connect(self.superuser_url) as connection:
            rows = {}
            for name, query in (*COUNTED.items(), ("broken series", GAPS)):
                row = connection.execute(query).fetchone()
                rows[name] = int(row[0]) if row else 0
            settings = {}
            for name in ("server_version", "fsync", "synchronous_commit", "wal_sync_method", "shared_buffers"):
                row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
                settings[name] = row[0] if row else None
        expected = {
            "documents": answered, "items": 3 * answered - 2, "outbox rows": 2 * answered, "audit rows": answered,
            "idempotency keys": answered, "broken series": 0,
        }  # fmt: skip
        if rows != expected:
            self.report.problems.append(f"rows: {rows}, expected {expected}")
        self.report.notes |= {"rows": rows, "postgres": settings}
        say(f"  checked {answered} invoices: {'no gap, nothing missing' if rows == expected else 'SEE BELOW'}")


def summarise(report: Report) -> None:
    """The medians side by side."""
    say("\nmedians")
    for name, runs in report.runs.items():
        cpu = {group: median([run.cpu.get(group, 0) for run in runs]) for group in runs[0].cpu}
        text = "  ".join(f"{group} {value:.0f}" for group, value in cpu.items())
        others = median([run.others for run in runs])
        say(
            f"  {name:<28}{report.rate(name):8.0f}/s   p95 {report.p95(name):6.1f} ms   CPU µs per operation: {text}   "
            f"(other work {others:.2f} cores)"
        )
    say()
    for goal in report.goals:
        say(f"  {goal}")
    errors = sum(run.errors for runs in report.runs.values() for run in runs)
    say(f"  errors: {errors}")
    for problem in report.problems[:10]:
        say(f"  PROBLEM {problem}")


def as_json(report: Report, *, seconds: float, pairs: int) -> dict[str, Any]:
    """The results file."""
    return {
        "at": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime()),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        "seconds": seconds,
        "pairs": pairs,
        "medians": {
            name: {
                "rate": round(report.rate(name), 1),
                "p95": report.p95(name),
                "others": median([run.others for run in runs]),
            }
            for name, runs in report.runs.items()
        },
        "goals": [
            {"name": goal.name, "measured": round(goal.measured, 3), "wanted": goal.wanted, "met": goal.met}
            for goal in report.goals
        ],
        "problems": report.problems,
        **report.notes,
        "runs": {name: [run.as_json() for run in runs] for name, runs in report.runs.items()},
    }
