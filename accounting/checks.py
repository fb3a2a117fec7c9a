"""What `verify_books` proves. Each app registers its own part in `AppConfig.ready()`; those of the ledger come first.

    books_checks.register("receivables equal open invoices", check_receivables)

A check runs in the tenant's scope with `statement_timeout` off. It changes nothing, reads in batches, and compares what
changes while others work within one statement, because another statement is of another moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID

from tenants.registries import Registry

MAX_FINDINGS: Final = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: which check found it, where, and what differs."""

    check: str
    place: str
    problem: str


@dataclass(slots=True)
class Verdict:
    """What was checked (how many of what) and what was found; the first hundred are kept, `more` counts the others."""

    checked: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    more: int = 0

    @property
    def ok(self) -> bool:
        """Whether everything is as it must be."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class Notes:
    """What one check writes into the verdict."""

    check: str
    verdict: Verdict
    progress: Callable[[str], None] = lambda _: None

    def checked(self, count: int) -> None:
        """So many more things were looked at."""
        total = self.verdict.checked.get(self.check, 0) + count
        self.verdict.checked[self.check] = total
        if count:
            self.progress(f"{self.check}: {total:,}")

    def wrong(self, place: str, problem: str) -> None:
        """Something is wrong at `place`: an id that people can look up. `problem` says what differs."""
        if len(self.verdict.findings) < MAX_FINDINGS:
            self.verdict.findings.append(Finding(self.check, place, problem))
        else:
            self.verdict.more += 1

    def differs(self, place: str, what: str, found: object, expected: object) -> None:
        """`wrong`, when the two are not equal."""
        if found != expected:
            self.wrong(place, f"{what} is {found}, but should be {expected}")


class BooksCheck(Protocol):
    """One part of the proof."""

    def __call__(self, *, tenant_id: UUID, notes: Notes) -> None:
        """Look at everything of the tenant, count it, and note what is wrong."""


books_checks: Final[Registry[BooksCheck]] = Registry("check of the books")
