"""`python -m benchmarks issue`, `… transfers`, `… backoffice`, `… callbacks`, `… documents` and so on: README.md."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks import callbacks, documents, priced, rating
from benchmarks.issue import RESULTS, IssueBenchmark, Report, as_json, say, summarise
from benchmarks.stack import Stack
from benchmarks.transfers import TransfersBenchmark


def profile(sort: str | None) -> int:
    """Processor time per request, and with `sort` the functions that use it."""
    stack = Stack()
    try:
        stack.manage("migrate", "--no-input", "--verbosity", "0")
        tenants = stack.output_of("benchmarks.seed", "16")
        plan = json.dumps({"tenants": tenants, "postgres": stack.postgres_pid, "profile": sort})
        metrics = stack.home / "metrics"
        metrics.mkdir()
        environment = stack.environment | {"PROMETHEUS_MULTIPROC_DIR": str(metrics)}
        return subprocess.run(
            [sys.executable, "-m", "benchmarks.profile", plan], env=environment, check=False
        ).returncode
    finally:
        stack.close()


def visit_lists(count: int, output: Path) -> int:
    """Seed a tenant, then visit every list of the back office in it."""
    stack = Stack()
    try:
        stack.manage("migrate", "--no-input", "--verbosity", "0")
        stack.manage("seed_invoices", "--count", str(count), "--days", "1095")
        report = stack.output_of("benchmarks.backoffice", "seeded")
    finally:
        stack.close()
    for page in report["pages"]:
        say(f"{page['page']:28} {page['queries']:3} queries {page['median']:5} ms, {page['processor']:4} ms processor")
    output.parent.mkdir(exist_ok=True)
    output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    say(f"\nwritten: {output}")
    return 0


def read_statements(count: int, output: Path) -> int:
    """Balances and statements of an account with so many lines."""
    stack = Stack()
    try:
        stack.manage("migrate", "--no-input", "--verbosity", "0")
        report = stack.output_of("benchmarks.statements", str(count))
    finally:
        stack.close()
    for name, figures in report.items():
        if not isinstance(figures, dict):
            say(f"{name:40} {figures:,}")
            continue
        say(f"\n{name}")
        for what, took in figures.items():
            say(f"{what:40} median {took['median'] / 1000:6.1f} ms, slowest {took['slowest'] / 1000:6.1f} ms")
    output.parent.mkdir(exist_ok=True)
    output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    say(f"\nwritten: {output}")
    return 0


def main() -> int:
    """The exit status: 0 when nothing went wrong; a missed goal is a figure, not an error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    subjects = [
        "issue",
        "transfers",
        "backoffice",
        "callbacks",
        "documents",
        "rating",
        "priced",
        "statements",
        "profile",
    ]
    parser.add_argument("subject", choices=subjects)
    parser.add_argument("--quick", action="store_true", help="one short pair: does it run, is every number there")
    parser.add_argument("--pairs", type=int, default=5, help="pairs of floor and project (5)")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each run (4)")
    parser.add_argument("--no-peers", action="store_true", help="leave out what is not Ledger")
    parser.add_argument("--only-peers", action="store_true", help="goal 3 only")
    parser.add_argument("--output", type=Path, help="the results file (results/<subject>.json)")
    parser.add_argument(
        "--count",
        type=int,
        help="backoffice: invoices, statements: lines (1,000,000); callbacks: deliveries in each run (20,000)",
    )
    parser.add_argument("--sort", help="profile: print functions by this column of pstats (tottime, cumulative)")
    given = parser.parse_args()
    given.output = given.output or RESULTS / f"{given.subject}.json"
    if given.subject == "documents":
        return documents.run(pairs=1 if given.quick else given.pairs, quick=given.quick, output=given.output)
    if given.subject == "priced":
        return priced.run(given.output)
    if given.subject == "rating":
        return rating.run(runs=1 if given.quick else 5 * given.pairs, quick=given.quick, output=given.output)
    if given.subject == "callbacks":
        pairs, count = (1, 2000) if given.quick else (given.pairs, given.count or 20_000)
        return callbacks.measure(pairs=pairs, count=count, output=None if given.quick else given.output)
    if given.subject == "backoffice":
        return visit_lists(given.count or 1_000_000, given.output)
    if given.subject == "statements":
        return read_statements(20_000 if given.quick else given.count or 1_000_000, given.output)
    if given.subject == "profile":
        return profile(given.sort)
    pairs, seconds = (1, 1.0) if given.quick else (given.pairs, given.seconds)
    stack = Stack()
    try:
        report = run_pairs(stack, given, seconds=seconds, pairs=pairs)
    finally:
        stack.close()
    summarise(report)
    if not given.quick:
        given.output.parent.mkdir(exist_ok=True)
        given.output.write_text(
            json.dumps(as_json(report, seconds=seconds, pairs=pairs), indent=1, ensure_ascii=False) + "\n"
        )
        say(f"\nwritten: {given.output}")
    errors = sum(run.errors for runs in report.runs.values() for run in runs)
    return 1 if errors or report.problems else 0


def run_pairs(stack: Stack, given: argparse.Namespace, *, seconds: float, pairs: int) -> Report:
    """Everything of one subject on one stack."""
    if given.subject == "transfers":
        transfers = TransfersBenchmark(stack, seconds=seconds, pairs=pairs, peers=not (given.quick or given.no_peers))
        transfers.run()
        return transfers.report
    benchmark = IssueBenchmark(stack, seconds=seconds, pairs=pairs)
    if not given.only_peers:
        benchmark.goals_1_and_2()
    if not (given.quick or given.no_peers):
        benchmark.goal_3(with_silver=True)
    return benchmark.report


if __name__ == "__main__":
    sys.exit(main())
