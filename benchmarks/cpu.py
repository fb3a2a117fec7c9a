"""Processor time of groups of processes, from /proc: the steadier figure on a machine that others use, too."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """Seconds of processor time used so far: by each named group, by the machine, and how many cores it has."""

    groups: dict[str, float]
    machine: float

    def since(self, before: Usage) -> Usage:
        """What was used after `before`."""
        # A child that ends while it is being counted can be missed once.
        groups = {name: max(0.0, used - before.groups.get(name, 0.0)) for name, used in self.groups.items()}
        return Usage(groups, self.machine - before.machine)


def usage(roots: dict[str, int]) -> Usage:
    """The time of each root process with all that descend from it, those that have ended and were reaped included."""
    children = _children()
    groups = {name: sum(_time_of(pid) for pid in _family(pid, children)) for name, pid in roots.items()}
    return Usage(groups, _machine())


def _family(root: int, children: dict[int, list[int]]) -> Iterable[int]:
    yield root
    for child in children.get(root, []):
        yield from _family(child, children)


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(folder.name))
        if fields:
            found.setdefault(int(fields[1]), []).append(int(folder.name))
    return found


def _time_of(pid: int) -> float:
    fields = _stat(pid)
    # utime, stime, cutime, cstime: a reaped child's time stands in its parent's.
    return sum(int(fields[index]) for index in (11, 12, 13, 14)) / _TICKS if fields else 0.0


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may contain anything: state, parent, …"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _machine() -> float:
    """Seconds in which the cores were not idle."""
    fields = [int(value) for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen = fields
    return (user + nice + system + interrupts + soft_interrupts + stolen) / _TICKS
