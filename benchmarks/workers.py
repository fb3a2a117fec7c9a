"""Starting load in processes of their own and collecting what they measured.

A worker reads one JSON plan, gets ready, and works between two instants of the monotonic clock, which all processes of
a machine share. What happens before `start` warms up and is not counted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

from benchmarks.cpu import Usage, usage
from benchmarks.figures import Run, run_of

READY_SECONDS = 1.0  # to import, connect and prepare; Django takes longer
WARM_SECONDS = 0.7


def measure(
    name: str, module: str, plans: list[dict[str, Any]], *, seconds: float, roots: dict[str, int],
    python: str = sys.executable, environment: dict[str, str] | None = None,
    ready: float = READY_SECONDS,
) -> tuple[Run, list[dict[str, Any]]]:  # fmt: skip
    """Run one worker of `module` per plan for `seconds`; the figures, and everything the workers returned.

    `roots` names the process trees whose processor time is counted, beside the workers' own ("client").
    """
    begin = time.monotonic() + ready
    start, end = begin + WARM_SECONDS, begin + WARM_SECONDS + seconds
    processes = [
        subprocess.Popen(
            [python, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Benchmarks are started with `-m` from the checkout.
            env=os.environ | (environment or {}) | {"PYTHONPATH": os.getcwd()},
        )
        for _ in plans
    ]
    for process, plan in zip(processes, plans, strict=True):
        assert process.stdin is not None
        process.stdin.write(json.dumps({**plan, "begin": begin, "start": start, "end": end}))
        process.stdin.close()
        process.stdin = None
    all_roots = roots | {f"client {index}": process.pid for index, process in enumerate(processes)}
    time.sleep(max(0.0, start - time.monotonic()))
    before, before_at = usage(all_roots), time.monotonic()
    time.sleep(max(0.0, end - time.monotonic()))
    used, elapsed = usage(all_roots).since(before), time.monotonic() - before_at
    answers = []
    for process in processes:
        output, _ = process.communicate(timeout=60)
        if process.returncode != 0:
            raise SystemExit(f"{module} failed with status {process.returncode}")
        answers.append(json.loads(output))
    latencies = [latency for answer in answers for latency in answer["latencies"]]
    run = run_of(name, seconds, latencies, sum(answer["errors"] for answer in answers))
    _add_cpu(run, used, elapsed)
    return run, answers


def _add_cpu(run: Run, used: Usage, elapsed: float) -> None:
    groups: dict[str, float] = {}
    for name, value in used.groups.items():
        group = "client" if name.startswith("client ") else name
        groups[group] = groups.get(group, 0.0) + value
    share = run.seconds / elapsed / max(1, run.operations)
    run.cpu = {name: round(value * share * 1e6, 1) for name, value in groups.items()}
    run.others = round(max(0.0, used.machine - sum(used.groups.values())) / elapsed, 2)


def plan_of_worker() -> dict[str, Any]:
    """The plan that a worker was given."""
    return dict(json.load(sys.stdin))


def answer_of_worker(**answer: Any) -> None:
    """Give the answer back."""
    json.dump(answer, sys.stdout)


def dealt_out(things: list[Any], count: int) -> list[list[Any]]:
    """`things` dealt out to `count` hands."""
    return [things[index::count] for index in range(count)]
