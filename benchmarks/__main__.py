"""`python -m benchmarks issue` and `python -m benchmarks profile`: see README.md."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.issue import RESULTS, IssueBenchmark, as_json, say, summarise
from benchmarks.stack import Stack


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


def main() -> int:
    """The exit status: 0 when nothing went wrong; a missed goal is a figure, not an error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("subject", choices=["issue", "profile"])
    parser.add_argument("--quick", action="store_true", help="one short pair: does it run, is every number there")
    parser.add_argument("--pairs", type=int, default=5, help="pairs of floor and project (5)")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each run (4)")
    parser.add_argument("--no-peers", action="store_true", help="leave out goal 3")
    parser.add_argument("--only-peers", action="store_true", help="goal 3 only")
    parser.add_argument("--output", type=Path, default=RESULTS / "issue.json", help="the results file")
    parser.add_argument("--sort", help="profile: print functions by this column of pstats (tottime, cumulative)")
    given = parser.parse_args()
    if given.subject == "profile":
        return profile(given.sort)
    pairs, seconds = (1, 1.0) if given.quick else (given.pairs, given.seconds)
    stack = Stack()
    try:
        benchmark = IssueBenchmark(stack, seconds=seconds, pairs=pairs)
        if not given.only_peers:
            benchmark.goals_1_and_2()
        if not (given.quick or given.no_peers):
            benchmark.goal_3(with_silver=True)
    finally:
        stack.close()
    summarise(benchmark.report)
    if not given.quick:
        given.output.parent.mkdir(exist_ok=True)
        given.output.write_text(
            json.dumps(as_json(benchmark.report, seconds=seconds, pairs=pairs), indent=1, ensure_ascii=False) + "\n"
        )
        say(f"\nwritten: {given.output}")
    errors = sum(run.errors for runs in benchmark.report.runs.values() for run in runs)
    return 1 if errors or benchmark.report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
