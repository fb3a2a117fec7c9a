"""Goal 9: callbacks per process, claim and result included, beside raw pycurl against the same sink."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.figures import median
from benchmarks.issue import say
from benchmarks.stack import Stack
from ledger_project.environment import BASE_DIR

GOAL_PER_SECOND = 2700
GOAL_OF_RAW = 0.2


def run(*, pairs: int, count: int) -> dict[str, Any]:
    """The report: every run, the medians, and the goal."""
    stack = Stack()
    sink = subprocess.Popen([sys.executable, "-m", "benchmarks.sink"], cwd=BASE_DIR, stdout=subprocess.PIPE, text=True)
    try:
        assert sink.stdout is not None
        port = int(sink.stdout.readline())
        stack.manage("migrate", "--no-input", "--verbosity", "0")
        plan = {"port": port, "sink": sink.pid, "postgres": stack.postgres_pid, "pairs": pairs, "count": count}
        with subprocess.Popen(
            [sys.executable, "-m", "benchmarks.callbacks_work", json.dumps(plan)],
            cwd=BASE_DIR, env=stack.environment | {"ENCRYPTION_KEY": "a1" * 32, "SECRET_KEY": "b" * 60},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as worker:  # fmt: skip
            assert worker.stdout is not None
            assert worker.stdin is not None
            assert worker.stdout.readline() == "warm\n"
            with psycopg.connect(stack.urls["databaseOwnerUrl"], autocommit=True) as owner:
                owner.execute("ANALYZE")
            worker.stdin.write("\n")
            worker.stdin.flush()
            found = json.loads(worker.stdout.readline())
    finally:
        sink.kill()
        sink.wait()
        stack.close()
    return report(found, pairs=pairs, count=count)


def report(found: dict[str, Any], *, pairs: int, count: int) -> dict[str, Any]:
    """Medians of the runs, and the ratio pair by pair."""
    raw = [one["rate"] for one in found["runs"] if one["name"] == "raw"]
    project = [one["rate"] for one in found["runs"] if one["name"] == "project"]
    ratio = median([ours / floor for ours, floor in zip(project, raw, strict=True)])
    rate = median(project)
    return {
        "goal": f"{GOAL_PER_SECOND} per second and process, or {GOAL_OF_RAW} of raw pycurl of the same run",
        "met": rate >= GOAL_PER_SECOND or ratio >= GOAL_OF_RAW,
        "perSecond": round(rate, 1),
        "rawPerSecond": round(median(raw), 1),
        "ofRaw": round(ratio, 3),
        "fanOutPerSecond": round(median(found["fanOutPerSecond"]), 1),
        "pairs": pairs,
        "count": count,
        "problems": [*found["problems"], *(f"{one['missing']} missing" for one in found["runs"] if one["missing"])],
        "runs": found["runs"],
    }


def summarise(found: dict[str, Any]) -> None:
    """The figures in words."""
    for one in found["runs"]:
        cpu = ", ".join(f"{group} {used}" for group, used in one["cpu"].items())
        say(f"{one['name']:<8} {one['rate']:>9,.0f}/s   µs each: {cpu}   other work {one['others']} cores")
    say(
        f"\ncallbacks {found['perSecond']:,.0f}/s, raw pycurl {found['rawPerSecond']:,.0f}/s, ratio {found['ofRaw']}; "
        f"fan-out {found['fanOutPerSecond']:,.0f} deliveries/s\ngoal 9 ({found['goal']}): "
        f"{'met' if found['met'] else 'MISSED'}"
    )
    for problem in found["problems"]:
        say(f"PROBLEM: {problem}")


def measure(*, pairs: int, count: int, output: Path | None) -> int:
    """Run, say and write down; the exit status, which a missed goal does not change."""
    found = run(pairs=pairs, count=count)
    summarise(found)
    if output is not None:
        output.parent.mkdir(exist_ok=True)
        output.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        say(f"\nwritten: {output}")
    return 1 if found["problems"] else 0
