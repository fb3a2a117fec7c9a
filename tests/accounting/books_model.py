"""The books in memory, as simple as they can be said: what each operation does, or why it is refused."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from uuid import UUID

from accounting.posting import natural
from tests.accounting.side_by_side import DONE


@dataclass
class Book:
    """An account. `floor` is None without a bound; amounts are from the account's own point of view."""

    id: UUID
    unit: str
    type: str
    floor: int | None
    status: str = "active"
    posted: int = 0
    held: int = 0

    @property
    def overdrawn(self) -> bool:
        """Whether less is there than may be."""
        return self.floor is not None and self.posted - self.held < self.floor


@dataclass(frozen=True)
class Line:
    """One side of an entry."""

    account: UUID
    side: str
    amount: int


@dataclass(frozen=True)
class Enter:
    """Post an entry of any lines."""

    id: UUID
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Move:
    """Transfer an amount."""

    id: UUID
    source: UUID
    target: UUID
    amount: int


@dataclass(frozen=True)
class Void:
    """Take a transfer back."""

    transfer: UUID
    entry: UUID


@dataclass(frozen=True)
class Reserve:
    """Hold an amount."""

    id: UUID
    account: UUID
    amount: int


@dataclass(frozen=True)
class Capture:
    """Spend what is held, or less of it; the rest is free again."""

    hold: UUID
    transfer: UUID
    target: UUID
    amount: int


@dataclass(frozen=True)
class Free:
    """Release a hold, or let it expire."""

    hold: UUID
    status: str


@dataclass(frozen=True)
class Status:
    """Suspend, activate or close an account."""

    account: UUID
    status: str


@dataclass(frozen=True)
class Overdraft:
    """Another floor for an account; None: none."""

    account: UUID
    floor: int | None


Operation = Enter | Move | Void | Reserve | Capture | Free | Status | Overdraft


@dataclass
class Model:
    """Everything that stands in the books."""

    books: dict[UUID, Book] = field(default_factory=dict)
    entries: dict[UUID, tuple[Line, ...]] = field(default_factory=dict)
    transfers: dict[UUID, tuple[Move, str]] = field(default_factory=dict)
    holds: dict[UUID, tuple[Reserve, str]] = field(default_factory=dict)

    def after(self, operation: Operation) -> tuple[Model, set[str]]:
        """The books afterwards, and what may be answered: `{DONE}`, or every reason that applies, and then nothing has
        changed.
        """
        books = {name: copy.copy(book) for name, book in self.books.items()}
        then = Model(books, dict(self.entries), dict(self.transfers), dict(self.holds))
        reasons: set[str] = getattr(then, "_" + type(operation).__name__.lower())(operation)
        return (self, reasons) if reasons else (then, {DONE})

    def _post(self, entry: UUID, lines: tuple[Line, ...]) -> set[str]:
        reasons = {"inactive" for line in lines if self.books[line.account].status != "active"}
        sums: dict[str, int] = {}
        for line in lines:
            book = self.books[line.account]
            sums[book.unit] = sums.get(book.unit, 0) + (line.amount if line.side == "debit" else -line.amount)
            book.posted += natural(book.type, line.side, line.amount)
        reasons |= {"unbalanced" for total in sums.values() if total}
        reasons |= {"funds" for line in lines if self.books[line.account].overdrawn}
        self.entries[entry] = lines
        return reasons

    def _enter(self, asked: Enter) -> set[str]:
        return self._post(asked.id, asked.lines)

    def _move(self, asked: Move) -> set[str]:
        self.transfers[asked.id] = (asked, "posted")
        return self._post(asked.id, lines_of(asked))

    def _void(self, asked: Void) -> set[str]:
        transfer, status = self.transfers[asked.transfer]
        if status != "posted":
            return {"again"}
        self.transfers[asked.transfer] = (transfer, "voided")
        return self._post(asked.entry, lines_of(Move(transfer.id, transfer.target, transfer.source, transfer.amount)))

    def _reserve(self, asked: Reserve) -> set[str]:
        book = self.books[asked.account]
        book.held += asked.amount
        self.holds[asked.id] = (asked, "active")
        return ({"inactive"} if book.status != "active" else set()) | ({"funds"} if book.overdrawn else set())

    def _capture(self, asked: Capture) -> set[str]:
        reasons = self._end(asked.hold, "captured")
        hold, _ = self.holds[asked.hold]
        if asked.amount > hold.amount:
            reasons.add("too much")
        return reasons | self._move(Move(asked.transfer, hold.account, asked.target, asked.amount))

    def _free(self, asked: Free) -> set[str]:
        return self._end(asked.hold, asked.status)

    def _end(self, hold_id: UUID, status: str) -> set[str]:
        hold, before = self.holds[hold_id]
        if before != "active":
            return {"ended"}
        self.books[hold.account].held -= hold.amount
        self.holds[hold_id] = (hold, status)
        return set()

    def _status(self, asked: Status) -> set[str]:
        book = self.books[asked.account]
        if book.status == "closed":
            return set() if asked.status == "closed" else {"closed"}
        book.status = asked.status
        return {"not empty"} if asked.status == "closed" and (book.posted or book.held) else set()

    def _overdraft(self, asked: Overdraft) -> set[str]:
        book = self.books[asked.account]
        if book.status == "closed":
            return set() if book.floor == asked.floor else {"closed"}
        book.floor = asked.floor
        return {"funds"} if book.overdrawn else set()


def lines_of(move: Move) -> tuple[Line, ...]:
    """A transfer debits its source and credits its target."""
    return (Line(move.source, "debit", move.amount), Line(move.target, "credit", move.amount))
