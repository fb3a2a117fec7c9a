"""Any operations of the kernel in any order, one by one and at once: the books stay those of a simple model."""

from __future__ import annotations

from random import Random
from typing import get_args

import pytest
from hypothesis.stateful import initialize

from common.ids import new_id
from tests.accounting.books_driver import Driver
from tests.accounting.books_model import (
    Book,
    Capture,
    Enter,
    Free,
    Line,
    Model,
    Move,
    Operation,
    Overdraft,
    Reserve,
    Status,
    Void,
)
from tests.accounting.side_by_side import DONE, PATIENCE_SECONDS, SEEDS, SideBySide, drive

UNITS = ("EUR", "EUR", "CREDITS")
FLOORS = (None, 0, -40)
TYPES = ("liability", "liability", "asset", "income", "expense", "equity")


def something(dice: Random, model: Model) -> Operation:
    """Something to do with what there is; often it will be refused."""
    kinds = ["move"] * 6 + ["enter", "reserve", "reserve", "status", "overdraft"]
    kinds += ["void"] * bool(model.transfers) + ["capture", "capture", "free"] * bool(model.holds)
    kind = dice.choice(kinds)
    account = dice.choice([*model.books])
    others = [one for one in model.books.values() if one.id != account]
    # Mostly in the same unit: what is refused for its unit alone says little.
    near = [one.id for one in others if one.unit == model.books[account].unit]
    target = dice.choice(near * 4 + [one.id for one in others])
    amount = dice.randint(1, 60)
    if kind == "move":
        return Move(new_id(), account, target if target in near else dice.choice(near), amount)
    if kind == "enter":
        pairs = [(account, target), *((dice.choice([*model.books]), dice.choice([*model.books])) for _ in range(2))]
        lines = [
            line
            for one, two in pairs[: dice.randint(1, 3)]
            for line in (Line(one, "debit", amount), Line(two, "credit", amount))
        ]
        return Enter(new_id(), tuple(lines))
    if kind == "reserve":
        return Reserve(new_id(), account, amount)
    if kind == "status":
        return Status(account, dice.choice(["active", "active", "active", "suspended", "closed"]))
    if kind == "overdraft":
        return Overdraft(account, dice.choice(FLOORS))
    if kind == "void":
        return Void(dice.choice([*model.transfers]), new_id())
    active = [name for name, (_, status) in model.holds.items() if status == "active"]
    hold = dice.choice(active * 3 + list(model.holds))
    if kind == "free":
        return Free(hold, dice.choice(["released", "expired"]))
    held = model.holds[hold][0]
    unit = model.books[held.account].unit
    to = dice.choice([one.id for one in model.books.values() if one.unit == unit and one.id != held.account])
    return Capture(hold, new_id(), to, dice.choice([held.amount, max(1, held.amount // 2), held.amount + 1]))


class Books(SideBySide):
    """Accounts of every type and bound, in two units."""

    driver: Driver
    model: Model

    @initialize(seed=SEEDS)
    def open(self, seed: int) -> None:
        """Six accounts, two in each of three groups, so that everybody has somebody to pay."""
        dice = Random(seed)
        self.driver, self.model = Driver(self.make_tenant().id), Model()
        for index in range(6):
            # Without one that may be overdrawn there would never be anything to spend.
            floor = None if index < 2 else dice.choice(FLOORS)
            book = Book(new_id(), UNITS[index % 3], dice.choice(TYPES), floor)
            self.driver.open(book)
            self.model.books[book.id] = book

    def ask(self, dice: Random, *, alone: bool) -> Operation:
        """The same alone and together."""
        return something(dice, self.model)


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(PATIENCE_SECONDS)
def test_whatever_is_done_the_books_are_those_of_the_model(make_tenant):
    seen = drive(Books, make_tenant)
    done = {kind for kind, answer in seen if answer == DONE}
    assert done == {kind.__name__ for kind in get_args(Operation)}, seen
    assert {"funds", "inactive", "unbalanced", "ended", "again"} <= {answer for _, answer in seen}, seen
