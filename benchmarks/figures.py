"""What one run gives, and how runs are put together."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Run:
    """One measured window: operations per second, latencies in milliseconds, processor time per operation in µs."""

    name: str
    seconds: float
    operations: int
    errors: int
    p50: float
    p95: float
    p99: float
    cpu: dict[str, float] = field(default_factory=dict)  # µs per operation and group of processes
    others: float = 0.0  # cores that other work of the machine used meanwhile

    @property
    def rate(self) -> float:
        """Operations per second."""
        return self.operations / self.seconds

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        return {"rate": round(self.rate, 1), **asdict(self)}


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed (nearest rank); 0 of none."""
    if not sorted_values:
        return 0.0
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]


def run_of(name: str, seconds: float, latencies: list[float], errors: int) -> Run:
    """A run from its latencies in seconds."""
    ordered = sorted(latencies)
    p50, p95, p99 = (round(percentile(ordered, share) * 1000, 2) for share in (0.5, 0.95, 0.99))
    return Run(name, seconds, len(ordered), errors, p50, p95, p99)


def median(values: Sequence[float]) -> float:
    """The median; 0 of none."""
    return statistics.median(values) if values else 0.0
